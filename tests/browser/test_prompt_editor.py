"""Step 2: write the prompt and see it rendered."""

import pandas as pd
import pytest
from playwright.sync_api import expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import wire_panel
from tests.browser.panel_page import PanelPage
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

import outboard
from outboard.workspace import Workspace

ROWS = pd.DataFrame({"instruction": ["Where?", "When?"], "due date": ["today", "never"]})


@pytest.fixture
def panel(workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook) -> PanelPage:
    """A panel with two rows chosen."""
    notebook = open_notebook(wire_panel(server, outboard.create_datasource(ROWS, name="rows")))
    notebook.run_all()
    return notebook.panel()


def test_prompt_is_written_with_completion_and_chips_and_shown_for_each_row(
    panel: PanelPage, server: OpenAIServer, shoot: Camera
) -> None:
    editor = panel.part("prompt-template")
    editor.fill("")
    names = panel.root.get_by_role("listbox", name="Names")
    editor.press_sequentially("\n\n{")  # at the start of a line, where a caret has no box
    expect(names).to_be_in_viewport()
    line, listed = editor.bounding_box(), names.bounding_box()
    assert line is not None
    assert listed is not None
    assert line["y"] + 3 * 18 <= listed["y"] <= line["y"] + 4 * 18
    editor.fill("")
    editor.press_sequentially("Q: {ins")
    expect(names).to_contain_text("instruction")
    shoot("completion")
    editor.press("Enter")
    editor.press_sequentially(" by ")
    panel.part("prompt-chip-due date").click()
    expect(editor).to_have_value("Q: {instruction} by {due date}")

    preview = panel.part("prompt-preview")
    expect(preview).to_contain_text("Q: Where? by today")
    panel.part("preview-next").click()
    expect(preview).to_contain_text("Q: When? by never")
    expect(preview).to_contain_text("token")

    expect(panel.part("preview-next")).to_be_disabled()
    editor.press("ControlOrMeta+z")  # what the chip typed is undone like any typing
    expect(editor).to_have_value("Q: {instruction} by ")
    assert server.seen.requests == 0  # no model was called


def test_unknown_name_is_mended_and_pasted_json_made_literal(
    panel: PanelPage, shoot: Camera
) -> None:
    editor = panel.part("prompt-template")

    editor.fill("{instructoin}")
    panel.part("fix-rename").click()
    expect(editor).to_have_value("{instruction}")
    expect(panel.part("prompt-preview")).to_contain_text("Where?")

    editor.fill('Answer {instruction} as {"answer": "..."}')
    expect(panel.part("fix-braces")).to_be_visible()
    shoot("json")
    panel.part("fix-braces").click()

    expect(editor).to_have_value('Answer {instruction} as {{"answer": "..."}}')
    expect(panel.part("preview-prompt")).to_have_text('Answer Where? as {"answer": "..."}')
    wait_until(lambda: panel.part("problem").count() == 0)
