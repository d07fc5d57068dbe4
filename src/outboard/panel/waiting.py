"""Whether anybody still waits for the answer that a thread works on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class GivenUpError(Exception):
    """Nobody waits for this answer any more."""


_waits: ContextVar[Callable[[], bool]] = ContextVar("outboard_panel_waits")


@contextmanager
def waited_for(waits: Callable[[], bool]) -> Iterator[None]:
    """Work inside on an answer that is in vain once `waits` returns False."""
    token = _waits.set(waits)
    try:
        yield
    finally:
        _waits.reset(token)


def anybody_waits() -> bool:
    """Return False once the answer that this thread works on has been given up."""
    waits = _waits.get(None)
    return waits is None or waits()
