"""The distribution's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def chromium_path() -> str:
    """Return which browser to start: `CHROMIUM` names one.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(
            "There is no Chromium on the PATH. Install it (sudo apt-get install chromium), or "
            "name one: CHROMIUM=/path/to/chromium"
        )
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser without a window, and close it at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path())
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":  # make asks whether there is one
    chromium_path()
