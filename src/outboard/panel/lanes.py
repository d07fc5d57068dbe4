"""Threads that work requests off, urgent ones apart from slow ones."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

logger = logging.getLogger(__name__)

Work = Callable[[], None]


class Lane:
    """A few threads with a queue in front of them.

    They are started when there is work, and never keep the process alive.

    Parameters
    ----------
    name : str
        Goes into the threads' names.
    n_threads : int
        How much is done at a time, at most.
    """

    def __init__(self, name: str, n_threads: int) -> None:
        self._name = name
        self._n_threads = n_threads
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        #: Threads without work, less the work that waits for one.
        self._spare = 0

    def put(self, work: Work) -> None:
        """Do some work soon, in the order in which it came."""
        with self._lock:
            self._spare -= 1
            if self._spare < 0 and self._started < self._n_threads:
                self._started += 1
                self._spare += 1
                name = f"outboard-panel-{self._name}-{self._started}"
                threading.Thread(target=self._run, name=name, daemon=True).start()
        self._queue.put(work)

    def _run(self) -> None:
        while True:
            work = self._queue.get()
            try:
                work()
            except Exception:
                logger.exception("Work of a panel failed.")
            del work  # it would keep its panel alive until there is more to do
            with self._lock:
                self._spare += 1


#: The lanes of this process, for all its panels. Stopping a job waits for nothing.
URGENT = Lane("urgent", 2)
STARTING = Lane("starting", 2)
READING = Lane("reading", 3)
PROMPTS = Lane("prompts", 2)
DETAIL = Lane("detail", 2)
PREVIEW = Lane("preview", 2)
SLOW = Lane("slow", 2)

_LANES = {
    "cancel": URGENT,
    "watch": URGENT,
    "describe": URGENT,
    "launch": STARTING,
    "resume": STARTING,
    "retry_failed": STARTING,
    "prompts": PROMPTS,
    "row": DETAIL,
    "preview": PREVIEW,
    "preflight": SLOW,
    "register": SLOW,
    "export": SLOW,
}


def lane_of(kind: str) -> Lane:
    """Return where requests of a type are worked off."""
    return _LANES.get(kind, READING)
