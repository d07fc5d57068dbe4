"""An answer that comes in pieces, put together as if it had come in one."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import orjson

from outboard.errors import InvocationError
from outboard.providers import OnText
from outboard.providers.chat_completion import text_of

_BLANK = b"\xef\xbb\xbf \r\n\t"  # a byte order mark is none, either
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")
_DONE = b"[DONE]"


class _Form(Enum):
    """How the pieces come."""

    #: Nothing has come that tells.
    UNKNOWN = auto()
    #: As server-sent events.
    EVENTS = auto()
    #: As JSON, a line each.
    LINES = auto()
    #: Not in pieces: the server does not stream.
    WHOLE = auto()


class StreamedAnswer:
    """Reads the chunks of chat completions, and the tokens of TGI and LMI.

    They may come as server-sent events or as lines of JSON, cut anywhere. What is neither is
    taken for an answer in one piece, as of servers that do not stream.

    Parameters
    ----------
    on_text : callable
        Called with each piece of text.

    References
    ----------
    WHATWG HTML, "Server-sent events". An event here is one line: no model server sends more.
    """

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._form = _Form.UNKNOWN
        self._unread = bytearray()
        self._texts: list[str] = []
        #: The choice, or the generation, as far as it is told beside its text.
        self._choice: dict[str, Any] | None = None
        self._generation: dict[str, Any] | None = None
        self._usage: object = None
        #: What takes the place of an answer, e.g. an error.
        self._instead: bytes | None = None
        #: What is none of all this, should nothing else come.
        self._unknown: bytes | None = None
        self._done = False

    def take(self, data: bytes) -> bool:
        """Read on. Return True once nothing more is wanted."""
        self._unread += data
        if self._form is _Form.UNKNOWN:
            self._form = _form_of(self._unread)
        if self._form in (_Form.EVENTS, _Form.LINES) and b"\n" in data:
            *lines, self._unread = self._unread.split(b"\n")
            for line in lines:
                self._read_line(bytes(line))
        return self._done or self._instead is not None

    def body(self) -> bytes:
        """Return the body of the same answer in one piece; to be called at the end of it all.

        Raises
        ------
        InvocationError
            Code incomplete_response if the end of the answer is missing.
        """
        if self._form in (_Form.UNKNOWN, _Form.WHOLE):
            return bytes(self._unread)
        # The last line may have no end, or be cut off: then there is no JSON in it.
        if (last := self._payload(bytes(self._unread))) and (last == _DONE or _parsed(last)):
            self._read_line(bytes(self._unread))
        if self._instead is not None:
            return self._instead
        text = "".join(self._texts)
        if self._generation is not None and self._generation.keys() & {"details", "generated_text"}:
            return _dumped({"generated_text": text} | self._generation)
        choice = self._choice
        if choice is not None and (self._done or choice["finish_reason"] is not None):
            message = {"role": "assistant", "content": text}
            return _dumped({"choices": [choice | {"message": message}], "usage": self._usage})
        if choice is None and self._generation is None and self._unknown is not None:
            return self._unknown
        raise InvocationError("The answer ends before it is complete.", code="incomplete_response")

    def _read_line(self, line: bytes) -> None:
        payload = self._payload(line)
        if not payload or self._done or self._instead is not None:
            return
        if payload == _DONE:
            self._done = True
            return
        event = _parsed(payload)
        if not isinstance(event, dict):
            self._instead = payload
        elif event.get("error"):
            self._instead = _dumped({k: v for k, v in event.items() if k != "choices"})
        elif isinstance(token := event.get("token"), dict):
            self._take_token(token, event)
        elif "choices" in event:
            self._take_chunk(event)
        elif {"message", "detail", "generated_text", "generation"} & event.keys():
            self._instead = payload
        else:
            self._unknown = payload

    def _payload(self, line: bytes) -> bytes:
        line = line.strip(_BLANK)
        if self._form is _Form.LINES:
            return line
        # Older llama.cpp has a field of its own for errors.
        name, _, value = line.partition(b":")
        return value.strip(_BLANK) if name in (b"data", b"error") else b""

    def _take_chunk(self, chunk: Mapping[str, Any]) -> None:
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk["choices"] or ():
            if not isinstance(choice, dict) or choice.get("index"):
                continue  # only one was asked for
            if self._choice is None:
                self._choice = {"finish_reason": None}
            if (reason := choice.get("finish_reason")) is not None:
                self._choice["finish_reason"] = reason
            if "error" in choice:
                self._choice["error"] = choice["error"]
            self._add(_text_in(choice, first=not self._texts))

    def _take_token(self, token: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        if self._generation is None:
            self._generation = {}
        if not token.get("special"):  # an end-of-text token is no part of the text
            self._add(token.get("text"))
        for name in ("generated_text", "details"):
            if event.get(name) is not None:
                self._generation[name] = event[name]

    def _add(self, text: object) -> None:
        if isinstance(text, str) and text:
            self._texts.append(text)
            self._on_text(text)


def _form_of(start: bytearray) -> _Form:
    """Return how the pieces come, as far as the start of the answer tells."""
    text = bytes(start[:16]).lstrip(_BLANK)
    if text.startswith(_FIELDS):
        return _Form.EVENTS
    if any(field.startswith(text) for field in _FIELDS):
        return _Form.UNKNOWN
    if not text.startswith(b"{"):
        return _Form.WHOLE
    line, end, _ = bytes(start).lstrip(_BLANK).partition(b"\n")
    if not end:
        return _Form.UNKNOWN
    match _parsed(line):
        case {"token": {}} | {"choices": [{"delta": _}, *_]}:
            return _Form.LINES
        case _:
            return _Form.WHOLE


def _text_in(choice: Mapping[str, Any], *, first: bool) -> str | None:
    """Return the text that a choice adds to the answer."""
    delta = choice.get("delta")
    if delta is None and first:
        delta = choice.get("message")  # all of it, in one event
    if isinstance(delta, Mapping):
        return text_of(delta, None)
    text = choice.get("text")  # the older completions
    return text if isinstance(text, str) else None


def _parsed(payload: bytes) -> Any:  # noqa: ANN401 - whatever a server sends
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None


def _dumped(payload: Mapping[str, Any]) -> bytes:
    return orjson.dumps(payload)
