"""The browser's side of panels in tests: their messages without a browser."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import comm
from comm.base_comm import BaseComm
from tests.waiting import wait_until

from outboard.panel import InferencePanel


class Frontend(BaseComm):
    """What a browser would know of one panel, and say to it."""

    def __init__(self, **opening: Any) -> None:
        #: The traits as they are in the browser.
        self.traits: dict[str, Any] = {}
        #: Custom messages that came, with their buffers.
        self.received: list[tuple[dict[str, Any], list[bytes]]] = []
        self.closed = False
        super().__init__(**opening)

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        # As Jupyter sends it.
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        match msg_type, data:
            case "comm_open", {"state": state}:
                self.traits |= state
            case "comm_msg", {"method": "update", "state": state}:
                self.traits |= state
            case "comm_msg", {"method": "custom", "content": content}:
                self.received.append((content, [bytes(each) for each in buffers or ()]))
            case "comm_close", _:
                self.closed = True

    def set(self, **traits: Any) -> None:
        """Change traits, as a user does."""
        self.traits |= traits
        self._deliver({"method": "update", "state": traits, "buffer_paths": []})

    def post(self, kind: Any, payload: Any = None, *, key: Any = None) -> str:
        """Send a request, and return its id."""
        key = uuid.uuid4().hex if key is None else key
        self.send_custom({"id": key, "type": kind, "payload": {} if payload is None else payload})
        return str(key)

    def send_custom(self, content: Any) -> None:
        """Send a message of any shape."""
        self._deliver({"method": "custom", "content": content})

    def replies(self, key: str) -> list[dict[str, Any]]:
        """Return the replies to a request that have come."""
        return [content for content, _ in self.received if content.get("id") == key]

    def reply(self, key: str, *, timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait for the reply to a request."""
        wait_until(lambda: self.replies(key), timeout_s=timeout_s)
        return self.replies(key)[0]

    def ask(self, kind: str, **payload: Any) -> Any:
        """Send a request, and return the payload of its reply."""
        reply = self.reply(self.post(kind, payload))
        assert reply["ok"], reply
        return reply["payload"]

    def fault(self, kind: str, **payload: Any) -> dict[str, Any]:
        """Send a request that fails, and return its error."""
        reply = self.reply(self.post(kind, payload))
        assert not reply["ok"], reply
        error: dict[str, Any] = reply["error"]
        return error

    def buffer(self, key: str) -> bytes:
        """Return the buffer beside the reply to a request."""
        (found,) = (buffers for content, buffers in self.received if content.get("id") == key)
        return found[0]

    def wait_for_job(self, **values: Any) -> dict[str, Any]:
        """Wait until the trait `job` has these values, and return it."""

        def has_them() -> bool:
            job = self.traits["job"]
            return job is not None and values.items() <= job.items()

        wait_until(has_them, timeout_s=60)
        job: dict[str, Any] = self.traits["job"]
        return job

    @property
    def beats(self) -> list[int]:
        """The signs of life that came."""
        return [content["seq"] for content, _ in self.received if content.get("type") == "beat"]

    def _deliver(self, data: dict[str, Any]) -> None:
        self.handle_msg({"content": {"comm_id": self.comm_id, "data": data}, "buffers": []})


@contextmanager
def browsers() -> Iterator[None]:
    """Give every panel made inside a `Frontend`, and close the panels at the end."""
    before = comm.create_comm
    comm.create_comm = Frontend
    try:
        yield
    finally:
        comm.create_comm = before
        InferencePanel.close_all()


def frontend_of(panel: InferencePanel) -> Frontend:
    """Return the browser's side of a panel."""
    assert isinstance(panel.comm, Frontend)
    return panel.comm
