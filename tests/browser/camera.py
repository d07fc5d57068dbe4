"""Pictures of the page that outlive the test."""

from pathlib import Path

from playwright.sync_api import Locator, Page

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"


class Camera:
    """Takes pictures for one test.

    Parameters
    ----------
    page : Page
        What is in the picture if nothing else is named.
    test : str
        What the names of the files begin with.
    """

    def __init__(self, page: Page, test: str) -> None:
        self._page = page
        self._test = test
        for earlier in ARTIFACTS.glob(f"{test}.*.png"):
            earlier.unlink()

    def __call__(self, name: str, of: Page | Locator | None = None) -> Path:
        """Keep a picture under a name, and return its path."""
        path = ARTIFACTS / f"{self._test}.{name.replace(' ', '-')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        (of or self._page).screenshot(path=path, animations="disabled")
        return path
