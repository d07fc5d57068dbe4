"""A whole run without a mouse."""

from playwright.sync_api import expect
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import wire_panel
from tests.browser.panel_page import PanelPage
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer, answer_to

from outboard.workspace import Workspace

FOCUSED = """root => {
  const active = document.activeElement
  return root.contains(active) ? active.dataset.testid ?? '' : null
}"""
#: More stops than any way through the panel has.
MOST_STOPS = 150


def tab_to(panel: PanelPage, name: str, key: str = "Tab") -> None:
    """Go from stop to stop until this part has the focus."""
    for _ in range(MOST_STOPS):
        if panel.root.evaluate(FOCUSED) == name:
            return
        panel.page.keyboard.press(key)
    raise AssertionError(f"{key} never came to {name!r}")


def test_choose_write_run_and_read_with_the_keyboard_alone(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    uid = datasource_of(questions(4))
    notebook = open_notebook(wire_panel(server))
    notebook.run_all()
    panel, keyboard = notebook.panel(), notebook.page.keyboard
    panel.part("model-provider").focus()

    tab_to(panel, f"datasource-{uid}")
    keyboard.press("Space")
    tab_to(panel, "prompt-template")
    keyboard.press("ControlOrMeta+a")
    keyboard.type("Tell {inst")
    expect(panel.root.get_by_role("listbox", name="Names")).to_be_visible()
    keyboard.press("Enter")
    keyboard.type(" now")
    expect(panel.part("prompt-template")).to_have_value("Tell {instruction} now")
    expect(panel.part("run")).to_be_enabled()
    tab_to(panel, "run")
    keyboard.press("Enter")
    panel.wait_for_status("succeeded")
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "5")

    tab_to(panel, "results-filter")
    for _ in range(MOST_STOPS):
        keyboard.press("Tab")
        if panel.page.evaluate("() => document.activeElement.role") == "gridcell":
            break
    keyboard.press("ArrowDown")
    keyboard.press("Enter")

    expect(panel.part("row-detail")).to_contain_text(answer_to("Tell What is 1? now"))
    keyboard.press("Escape")
    expect(panel.part("row-detail")).to_have_count(0)
    assert panel.page.evaluate("() => document.activeElement.role") == "gridcell"
