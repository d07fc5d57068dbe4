"""Waits for something to come true, in tests."""

import threading
import time
from collections.abc import Callable

_POLL_S = 0.005


def wait_until(holds: Callable[[], object], *, timeout_s: float = 30.0) -> float:
    """Block until `holds()` is true, and return the seconds that took.

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
        never.wait(_POLL_S)
    return time.monotonic() - began
