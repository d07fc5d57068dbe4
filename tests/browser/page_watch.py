"""What a page complains of, and whom it talks to."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request, WebSocket

#: Schemes that bring nothing from outside the page.
LOCAL = {"data", "blob", "about"}
#: The host's own words for what was on its way to a kernel when that went: a keystroke at the end
#: of a test, its own looks at a kernel that is started again. None of our requests is among them.
TOO_LATE = re.compile(
    r"Could not send widget sync message Error: Cannot send"
    r"|Canceled future for (debug|kernel_info|create_subshell)_request"
)


@dataclass
class PageWatch:
    """Errors and requests of a page since the last `clear`."""

    origin: str
    errors: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Listen to everything that the page does from now on."""
        page.on("console", self._on_console)
        page.on("pageerror", self._on_page_error)
        page.on("request", self._on_request)
        page.on("websocket", self._on_websocket)

    def clear(self) -> None:
        """Forget what was before."""
        self.errors.clear()
        self.urls.clear()

    @property
    def foreign_urls(self) -> list[str]:
        """Every address that is not of the page's own server."""
        own = urlsplit(self.origin).netloc
        parts = [(url, urlsplit(url)) for url in self.urls]
        return [url for url, part in parts if part.scheme not in LOCAL and part.netloc != own]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not TOO_LATE.search(message.text):
            self.errors.append(f"console: {message.text} ({message.location.get('url')})")

    def _on_page_error(self, error: Error) -> None:
        if not TOO_LATE.search(error.message):
            self.errors.append(f"uncaught: {error.message}\n{error.stack}")

    def _on_request(self, request: Request) -> None:
        self.urls.append(request.url)

    def _on_websocket(self, socket: WebSocket) -> None:
        self.urls.append(socket.url)
