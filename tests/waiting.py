"""Waits for something to come true, in tests."""

import threading
import time
from collections.abc import Callable

_POLL_S = 0.005


def wait_until(
    holds: Callable[[], object], *, timeout_s: float = 30.0, poll_s: float = _POLL_S
) -> float:
    """Block until `holds()` is true, and return the seconds that took.

    `poll_s` is the time between two looks: longer for those that cost something.

    Raises
    ------
    TimeoutError
        If it is not by then.
    """
    began = time.monotonic()
    never = threading.Event()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(f"not within {timeout_s:g} s")
        never.wait(poll_s)
    return time.monotonic() - began
