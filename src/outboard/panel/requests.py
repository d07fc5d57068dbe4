"""Takes the requests of one panel, each of which gets one reply."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from outboard.errors import ConfigError, OutboardError
from outboard.panel.lanes import lane_of
from outboard.panel.messages import Abort, parse_request
from outboard.panel.replies import ErrorItem, error_item
from outboard.panel.sendable import sendable
from outboard.panel.waiting import GivenUpError, waited_for
from outboard.preflight import code_of

logger = logging.getLogger(__name__)

#: Requests of which only the newest counts: an older one that waits is given up for it.
_NEWEST_COUNTS = frozenset({"preview", "preflight"})

_ABORTED: ErrorItem = {
    "code": "aborted",
    "message": "The request was given up.",
    "hint": "",
    "field": None,
}


class Answer(NamedTuple):
    """What a request is answered with."""

    payload: Mapping[str, Any]
    #: Rows as an Arrow IPC stream.
    buffer: bytes | None = None


Send = Callable[[dict[str, Any], Sequence[bytes]], None]


@dataclass(eq=False)
class _Ticket:
    id: str
    kind: str
    started: bool = False


class Requests:
    """The requests of one panel that are not answered yet.

    Parameters
    ----------
    answer : callable
        Answers the payload of a request. Runs on threads of `lanes`, several at a time.
    send : callable
        Takes a reply with its buffers.
    """

    def __init__(self, answer: Callable[[BaseModel], Answer], send: Send) -> None:
        self._answer = answer
        self._send = send
        self._lock = threading.RLock()
        self._open: dict[str, _Ticket] = {}

    def receive(self, message: object) -> None:
        """Take a message from the browser, from whatever thread; returns at once."""
        match message:
            case {"id": str() as key, "type": kind, **rest}:
                payload = rest.get("payload")
            case _:
                logger.warning("A panel got a message that is no request.")
                return
        ticket = _Ticket(key, str(kind))
        with self._lock:
            if key in self._open:
                logger.warning("A panel got a second request with the id of one that is open.")
                return
            older = [
                each
                for each in self._open.values()
                if each.kind == ticket.kind and kind in _NEWEST_COUNTS and not each.started
            ]
            self._open[key] = ticket
        for each in older:
            self._fail(each, _ABORTED)
        try:
            request = parse_request(kind, sendable(payload))
        except (ConfigError, RecursionError) as fault:
            told = (
                fault if isinstance(fault, ConfigError) else ConfigError("It is nested too deeply.")
            )
            self._fail(ticket, error_item(told, "bad_request"))
            return
        if isinstance(request, Abort):
            self._abort(ticket, request)
        else:
            lane_of(ticket.kind).put(lambda: self._work(ticket, request))

    def close(self) -> None:
        """Answer nothing more."""
        with self._lock:
            self._open.clear()

    def _abort(self, ticket: _Ticket, abort: Abort) -> None:
        with self._lock:
            self._open.pop(ticket.id, None)
            named = self._open.get(abort.request)
        if named is not None:
            self._fail(named, _ABORTED)

    def _work(self, ticket: _Ticket, request: BaseModel) -> None:
        with self._lock:
            if self._open.get(ticket.id) is not ticket:
                return
            ticket.started = True
        try:
            with waited_for(lambda: self._open.get(ticket.id) is ticket):
                answer = self._answer(request)
        except GivenUpError:
            return  # answered so already
        except OutboardError as fault:
            self._fail(ticket, error_item(fault, code_of(type(fault))))
        except Exception as fault:
            logger.exception("A panel's request %r failed.", ticket.kind)
            message = (
                f"Something unexpected happened ({type(fault).__name__}). "
                "The kernel's log has the details."
            )
            self._fail(ticket, {"code": "internal", "message": message, "hint": "", "field": None})
        else:
            buffers = [] if answer.buffer is None else [answer.buffer]
            reply = {"id": ticket.id, "ok": True, "payload": dict(answer.payload)}
            self._reply(ticket, reply, buffers)

    def _fail(self, ticket: _Ticket, error: ErrorItem) -> None:
        self._reply(ticket, {"id": ticket.id, "ok": False, "error": dict(error)}, [])

    def _reply(self, ticket: _Ticket, reply: dict[str, Any], buffers: Sequence[bytes]) -> None:
        with self._lock:
            if self._open.get(ticket.id) is not ticket:
                return  # given up meanwhile, and answered so
            del self._open[ticket.id]
        try:
            self._send(sendable(reply), buffers)
        except Exception:
            logger.exception("The reply to a panel's request %r could not be sent.", ticket.kind)
