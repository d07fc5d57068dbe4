"""A lock between processes that a killed one cannot leave behind."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_S = 0.1


@contextlib.contextmanager
def only_one_process(lock: Path, *, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Run the block in one process and thread at a time; the others wait for their turn.

    Parameters
    ----------
    lock : Path
        An empty file, created if missing, that stays.
    while_waiting : callable
        Called several times a second while waiting. What it raises ends the wait.
    """
    with lock.open("ab") as file:
        while not _try_lock(file.fileno()):
            while_waiting()
            time.sleep(_POLL_S)
        yield  # closing the file, or the process's death, frees the lock


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
