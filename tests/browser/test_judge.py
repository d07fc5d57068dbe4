"""Step 7: judge the answers."""

import re

import pytest
from playwright.sync_api import expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_page import PanelPage
from tests.job_runs import datasource_of, launch, questions
from tests.openai_server import OpenAIServer, answer_to
from tests.waiting import wait_until

from outboard.workspace import Workspace

PROMPTS = [*questions(200), "Wrong?<fault:400>", "Wrong, too?<fault:400>"]


@pytest.fixture
def panel(workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook) -> PanelPage:
    """A panel on a finished job of 202 rows, of which two have failed."""
    job = launch(server, datasource_of(PROMPTS))
    job.wait(60)
    notebook = open_notebook(f"outboard.InferencePanel(job={job.id!r})")
    notebook.run_all()
    panel = notebook.panel()
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "203")
    return panel


def test_table_is_filtered_sorted_and_searched(panel: PanelPage, shoot: Camera) -> None:
    table = panel.part("results-table")

    panel.part("results-filter-failed").click()
    expect(table).to_have_attribute("aria-rowcount", "3")
    expect(table.get_by_role("gridcell", name="failed")).to_have_count(2)
    shoot("failed-only")
    panel.part("results-filter-failed").click()
    expect(table).to_have_attribute("aria-rowcount", "203")

    wanted = answer_to(PROMPTS[150])
    panel.field("results-filter").fill(wanted.upper()[:20])
    expect(table).to_have_attribute("aria-rowcount", "2")
    expect(table).to_contain_text("doc::150")
    panel.field("results-filter").fill("")

    header = table.get_by_role("columnheader", name=re.compile("x_uid"))
    header.click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    header.click()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(table.locator("[aria-rowindex='2']")).to_contain_text("doc::201")
    shoot("sorted")


def test_row_is_read_in_full_and_copied_with_the_keyboard(panel: PanelPage, shoot: Camera) -> None:
    table = panel.part("results-table")
    table.locator("[aria-rowindex='2'] [role=gridcell]").first.click()
    detail = panel.part("row-detail")
    expect(detail).to_contain_text(PROMPTS[0])
    expect(detail).to_contain_text(answer_to(PROMPTS[0]))
    shoot("detail")

    panel.page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    panel.page.keyboard.press("ControlOrMeta+End")
    expect(table.locator("[aria-rowindex='203']")).to_be_visible()
    panel.page.keyboard.press("Enter")
    expect(detail).to_contain_text("Wrong, too?")
    panel.page.keyboard.press("Escape")
    panel.page.keyboard.press("ControlOrMeta+Home")
    panel.page.keyboard.press("ArrowDown")
    panel.page.keyboard.press("ControlOrMeta+c")
    wait_until(lambda: panel.clipboard == "doc::1", poll_s=0.05)
    panel.page.keyboard.press("ControlOrMeta+Shift+c")
    wait_until(lambda: answer_to(PROMPTS[1]) in panel.clipboard, poll_s=0.05)


def test_columns_are_hidden_moved_and_resized(panel: PanelPage) -> None:
    table = panel.part("results-table")
    titles = [each.strip() for each in table.get_by_role("columnheader").all_inner_texts()]
    second = table.get_by_role("columnheader").nth(1)

    panel.root.get_by_role("button", name="Columns").click()
    panel.root.get_by_role("button", name=f"Move {titles[1]} left").click()
    expect(table.get_by_role("columnheader").first).to_contain_text(titles[1])
    panel.root.get_by_role("checkbox", name=titles[0], exact=True).uncheck()
    expect(second).not_to_contain_text(titles[0])
    panel.page.keyboard.press("Escape")

    width = "header => header.getBoundingClientRect().width"
    first = table.get_by_role("columnheader").first
    before = first.evaluate(width)
    first.click()
    panel.page.keyboard.press("Shift+ArrowRight")
    wait_until(lambda: first.evaluate(width) > before, poll_s=0.05)
