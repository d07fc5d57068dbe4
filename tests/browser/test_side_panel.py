"""The panel in JupyterLab's side bar."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import Lab
from tests.browser.panel_code import wire_panel
from tests.browser.panel_page import PanelPage
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer

from outboard.workspace import Workspace

TAB = ".jp-SideBar.jp-mod-right .lm-TabBar-tab[data-id='outboard-side-panel']"


class SideBar:
    """The side bar with the panel in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tab = page.locator(TAB)
        self.element = page.locator("#outboard-side-panel")

    def open(self) -> None:
        """Click on the icon, unless the panel is in sight."""
        if not self.element.is_visible():
            self.tab.click()
        expect(self.element).to_be_visible()

    @property
    def panel(self) -> PanelPage:
        """The panel that is in sight, once it is there."""
        panel = PanelPage(self.element.locator("[data-testid=outboard-panel]:visible"))
        panel.wait_until_ready()
        return panel

    def says(self, title: str) -> Locator:
        """Wait for words in place of the panel."""
        notice = self.element.locator(".outboard-side-notice")
        expect(notice.get_by_role("heading")).to_have_text(title)
        return notice


@pytest.fixture
def side_bar(lab: Lab) -> Iterator[SideBar]:
    side_bar = SideBar(lab.page)
    yield side_bar
    if side_bar.element.is_visible():
        side_bar.tab.click()


def test_icon_opens_the_panel_that_the_cell_shows(
    workspace: Workspace,
    server: OpenAIServer,
    open_notebook: OpenNotebook,
    side_bar: SideBar,
    shoot: Camera,
) -> None:
    notebook = open_notebook(wire_panel(server, datasource_of(questions(5))))
    notebook.run_all()
    cell = notebook.panel()

    side_bar.open()
    side = side_bar.panel
    side.write_prompt("Side: {instruction}")
    expect(cell.part("prompt-template")).to_have_value("Side: {instruction}")
    side.run()

    for panel in (cell, side):
        panel.wait_for_status("succeeded")
        expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "6")
    shoot("shown")
    assert notebook.kernel_value("panel.as_python()").count("Side: ") == 1
