"""The panel in JupyterLab's side bar, as a user works with it."""

from playwright.sync_api import Locator, Page, expect
from tests.browser.panel_page import PanelPage

#: CONTRACT 4.
TAB = "[data-id='outboard-side-panel']"
ELEMENT = "#outboard-side-panel"


class SideBar:
    """The icon, and what it opens."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tab = page.locator(f".jp-SideBar.jp-mod-right .lm-TabBar-tab{TAB}")
        self.element = page.locator(ELEMENT)
        self.title = self.element.locator(".outboard-side-title")
        self.notice = self.element.locator(".outboard-side-notice")

    def open(self) -> None:
        """Click on the icon, unless the panel is in sight."""
        if not self.element.is_visible():
            self.tab.click()
        expect(self.element).to_be_visible()

    def close(self) -> None:
        """Click on the icon if the panel is in sight."""
        if self.element.is_visible():
            self.tab.click()
        expect(self.element).to_be_hidden()

    @property
    def panel(self) -> PanelPage:
        """The panel that is in sight, once it is there."""
        panel = PanelPage(self.element.locator("[data-testid=outboard-panel]:visible"))
        panel.wait_until_ready()
        return panel

    def says(self, title: str) -> None:
        """Wait for words in place of the panel."""
        expect(self.notice.get_by_role("heading")).to_have_text(title)

    def button(self, label: str) -> Locator:
        """Return a button around the panel."""
        buttons = self.element.locator(".outboard-side-header, .outboard-side-notice")
        return buttons.get_by_role("button", name=label, exact=True)
