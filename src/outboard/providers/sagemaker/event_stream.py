"""The frames in which SageMaker sends what a container streams."""

from collections.abc import Callable

import orjson
from botocore.eventstream import EventStreamBuffer, EventStreamMessage, ParserError

from outboard.errors import InvocationError
from outboard.providers.server_error import one_line

_CODES = {
    "ModelInvocationTimeExceeded": "timeout",
    "StreamBroken": "incomplete_response",
    "ModelStreamError": "model_error",
    "InternalStreamFailure": "server_error",
}
_WHAT_HAPPENED = {
    "timeout": "The model took longer for its answer than SageMaker grants",
    "incomplete_response": "The answer broke off",
    "model_error": "The model failed in the middle of its answer",
    "server_error": "SageMaker failed in the middle of an answer",
}


class EventStream:
    """Takes frames apart as they come, and hands on what the container sent.

    Parameters
    ----------
    take : callable
        Called with each part of the container's answer. True from it ends the stream.
    """

    def __init__(self, take: Callable[[bytes], bool]) -> None:
        self._take = take
        self._buffer = EventStreamBuffer()

    def take(self, data: bytes) -> bool:
        """Read on. Return True once nothing more is wanted.

        Raises
        ------
        InvocationError
            If a frame says that the stream failed, or is none.
        """
        self._buffer.add_data(data)
        try:
            return any(self._hand_on(frame) for frame in self._buffer)
        except ParserError as fault:
            raise InvocationError(
                f"SageMaker's answer cannot be taken apart: {one_line(str(fault))}.",
                code="invalid_response",
            ) from fault

    def _hand_on(self, frame: EventStreamMessage) -> bool:
        kind = frame.headers.get(":exception-type") or frame.headers.get(":error-code")
        if kind is not None:
            raise _failure(str(kind), frame)
        return self._take(frame.payload)


def _failure(kind: str, frame: EventStreamMessage) -> InvocationError:
    try:
        told = orjson.loads(frame.payload)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        told = {"Message": frame.headers.get(":error-message")}
    names = (told.get("ErrorCode"), kind)
    code = next((_CODES[name] for name in names if name in _CODES), "server_error")
    said = one_line(str(told.get("Message") or ""))
    return InvocationError(
        f"{_WHAT_HAPPENED[code]} ({kind}){f': {said}' if said else ''}.", code=code
    )
