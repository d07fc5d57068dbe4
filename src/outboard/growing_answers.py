"""Shows the answers of a trial while they grow."""

import asyncio
import logging
from concurrent.futures import Executor
from functools import partial

from outboard.errors import WorkspaceError
from outboard.providers import OnText
from outboard.selection import Row
from outboard.store.partials import MOST_CHARS, PartialTable

logger = logging.getLogger(__name__)

#: Least time between two writes, in seconds.
INTERVAL_S = 0.1


class GrowingAnswers:
    """Gathers the pieces of answers on the event loop, and writes them now and then.

    At most one write is under way, so that commits of whole answers wait for one at most. What
    cannot be written is not shown: a trial does not fail for that.

    Parameters
    ----------
    partials : PartialTable
        Where the answers so far go.
    job_seq : int
        Whose they are.
    executor : concurrent.futures.Executor
        Runs the writes, one after the other with the commits of the journal.
    """

    def __init__(self, partials: PartialTable, job_seq: int, *, executor: Executor) -> None:
        self._partials = partials
        self._job_seq = job_seq
        self._executor = executor
        self._texts: dict[tuple[int, int], str] = {}
        self._grown: set[tuple[int, int]] = set()
        self._something = asyncio.Event()

    def begin(self, row: Row) -> OnText:
        """Start the answer of a row, from nothing; return what takes its pieces."""
        key = (row.ordinal, row.row_uid)
        if self._texts.get(key):  # of an attempt that failed
            self._set(key, "")
        return partial(self._add, key)

    def end(self, row: Row) -> None:
        """Write no more of a row. What is written goes with the commit of its response."""
        key = (row.ordinal, row.row_uid)
        self._texts.pop(key, None)
        self._grown.discard(key)

    async def run(self) -> None:
        """Write what has grown until cancelled, ten times a second at most."""
        loop = asyncio.get_running_loop()
        while True:
            await self._something.wait()
            self._something.clear()
            texts = {key: self._texts[key] for key in self._grown}
            self._grown.clear()
            if texts:
                await loop.run_in_executor(self._executor, self._write, texts)
                await asyncio.sleep(INTERVAL_S)

    def _add(self, key: tuple[int, int], piece: str) -> None:
        self._set(key, (self._texts.get(key, "") + piece)[-MOST_CHARS:])

    def _set(self, key: tuple[int, int], text: str) -> None:
        self._texts[key] = text
        self._grown.add(key)
        self._something.set()

    def _write(self, texts: dict[tuple[int, int], str]) -> None:
        # UTF-8 holds no lone surrogates, which a server may send.
        storable = {key: text.encode(errors="replace").decode() for key, text in texts.items()}
        try:
            self._partials.replace(self._job_seq, storable)
        except WorkspaceError as fault:
            logger.warning("Growing answers are not shown: %s", fault)
