"""Text from models, tables and errors that would like to be more than text."""

import pandas as pd
from playwright.sync_api import expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.recorded_jobs import answered, failed, record_job

import outboard
from outboard.selection import Row
from outboard.store.responses import ResponseRecord
from outboard.workspace import Workspace

MARKUP = (
    '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'
    '</textarea></pre><svg onload=window.owned=1><a href="javascript:window.owned=1">x</a>'
    "<style>*{display:none!important}</style>"
)
CONTROLS = (
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.invalid\x07link \u202egnp.exe\u2066 \x00\x08 \ufeff"
)
LONG = "long " * 1_000_000
COLUMN = '<img src=x onerror="window.owned=1"> "col" \u202e\x1b[31m'
#: The editor shows what was typed into it, letter for letter.
TEXT_BUT_THE_EDITORS = """root => [...root.querySelectorAll('*')]
  .filter(element => !element.closest('.ob-highlight') && element.children.length === 0)
  .map(element => element.textContent).join('\\n')"""

#: What a keyboard cannot type, a paste can.
TYPE = """(field, text) => {
  field.value = text
  field.dispatchEvent(new Event('input', { bubbles: true }))
}"""


def hostile_answer(row: Row) -> ResponseRecord:
    texts = [MARKUP, CONTROLS, LONG, "\ud800 lone \udfff".encode("utf-8", "replace").decode()]
    place = row.row_uid % 5
    if place == 4:
        return failed(row, "<b>code</b>", MARKUP + CONTROLS, attempts=1)
    return answered(row, texts[place])


def test_hostile_texts_stay_texts_and_break_nothing(
    workspace: Workspace, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    rows = [MARKUP, CONTROLS, "plain", "{0.__class__}", MARKUP]
    frame = pd.DataFrame({"instruction": rows, COLUMN: [CONTROLS] * 5, "response": [MARKUP] * 5})
    uid = outboard.create_datasource(frame, name=MARKUP[:100])
    job = record_job(uid, answer=hostile_answer)
    notebook = open_notebook(f"panel = outboard.InferencePanel(job={job.id!r})\npanel")
    notebook.run_all()
    panel = notebook.panel()
    table = panel.part("results-table")
    expect(table).to_have_attribute("aria-rowcount", "6")

    expect(table).to_contain_text("<img src=x onerror=")
    for place in range(5):
        cell = table.locator(f"[aria-rowindex='{place + 2}'] [role=gridcell]").first
        cell.click()
        expect(panel.part("row-detail")).to_contain_text(f"doc::{place}")
        expect(panel.part("row-detail")).to_have_attribute("aria-busy", "false")
        shoot(f"row {place}")
    panel.part("prompt-template").evaluate(TYPE, "{instruction} \ud800 alone")
    expect(panel.part("prompt-preview")).to_contain_text("\ufffd alone")
    panel.write_prompt(MARKUP + "{instruction} {" + COLUMN + "} {<b>x</b>}")
    expect(panel.part("prompt-preview")).to_contain_text("<img src=x")
    panel.field("model-name").fill(MARKUP)
    expect(panel.part("problem").first).to_contain_text("<")
    panel.unfold("History")
    expect(panel.part(f"job-{job.id}")).to_be_visible()
    shoot("all")

    assert panel.page.evaluate("() => window.owned ?? null") is None
    for tag in ("img", "script", "style", "a[href]", "iframe", "svg[onload]"):
        assert panel.root.locator(tag).count() == 0, tag
    raw = panel.root.evaluate(TEXT_BUT_THE_EDITORS)
    assert "\x1b" not in raw
    assert "\x00" not in raw
    # One cell of the table or the detail may not hold megabytes.
    assert len(raw) < 3_000_000
