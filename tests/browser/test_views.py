"""Several views of a panel, several panels in a notebook."""

import time

from playwright.sync_api import expect
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import wire_panel
from tests.browser.panel_page import PanelPage
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer

from outboard.workspace import Workspace

TWENTY = """
from IPython.display import display
panels = [model.panel([{uid}], deployment_config={{"base_url": {base_url!r}}}) for _ in range(19)]
display(*panels)
"""


def test_two_views_of_one_panel_stay_in_step(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    uid = datasource_of(questions(5))
    notebook = open_notebook(wire_panel(server, uid), "panel")
    notebook.run_all()
    first, second = notebook.panel(0), notebook.panel(1)

    first.write_prompt("One {instruction}")
    expect(second.part("prompt-template")).to_have_value("One {instruction}")
    second.field("generation-max_new_tokens").fill("9")
    expect(first.field("generation-max_new_tokens")).to_have_value("9")
    first.run()

    for panel in (first, second):
        panel.wait_for_status("succeeded")
        expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "6")


def seconds_until_rendered(panel: PanelPage) -> float:
    """Return the shortest of three times from typing to the rendered prompt."""
    took = []
    for word in ("One", "Two", "Three"):
        began = time.monotonic()
        panel.write_prompt(f"{word} {{instruction}}")
        expect(panel.part("preview-prompt")).to_have_text(f"{word} What is 0?")
        took.append(time.monotonic() - began)
    return min(took)


def test_twenty_panels_do_not_slow_each_other(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    uid = datasource_of(questions(5))
    notebook = open_notebook(
        wire_panel(server, uid), TWENTY.format(uid=uid, base_url=server.base_url)
    )
    notebook.run_cell(0)
    notebook.run_cell(1)
    first = notebook.panel(0)
    alone = seconds_until_rendered(first)
    notebook.run_cell(2)
    last = notebook.panel(19)

    among_twenty = seconds_until_rendered(last)
    first.run()
    first.wait_for_status("succeeded")

    assert among_twenty < 3 * alone + 0.5
