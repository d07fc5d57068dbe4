"""Reads the rows that are left ahead of the requests."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import islice

from outboard.selection import Row

#: Rows rendered ahead of the requests.
_AHEAD_ROWS = 500


class RowFeed:
    """Hands out rows one at a time, while the next ones are read in another thread.

    Used from one event loop, by any number of tasks. Reading begins at once.

    Parameters
    ----------
    rows : iterator of Row
        The rows. Only used in `executor`.
    executor : concurrent.futures.Executor
        Reads and renders. One thread: the iterator is used by no two at a time.
    """

    def __init__(self, rows: Iterator[Row], executor: Executor) -> None:
        self._rows = rows
        self._executor = executor
        self._ready: list[Row] = []
        self._ended = False
        self._lock = asyncio.Lock()
        self._ahead = self._read()

    async def empty(self) -> bool:
        """Return whether there is no row, or no more; as `next`, but takes none."""
        if not self._ready:
            await self._fill()
        return not self._ready

    async def next(self) -> Row | None:
        """Return the next row, or None at the end.

        Raises
        ------
        DatasourceError
            If the rows cannot be read.
        """
        while not self._ready and not self._ended:
            await self._fill()
        return self._ready.pop() if self._ready else None

    def close(self) -> None:
        """Forget what is being read."""
        if not self._ahead.cancel() and not self._ahead.cancelled():
            self._ahead.exception()  # looked at, so that nobody misses it

    async def _fill(self) -> None:
        async with self._lock:
            if self._ready or self._ended:
                return  # somebody else has done it
            # Shielded: whoever is cancelled here must not take the others' rows along.
            rows = await asyncio.shield(self._ahead)
            if not rows:
                self._ended = True
                return
            rows.reverse()  # taken from the end, where it costs nothing
            self._ready = rows
            self._ahead = self._read()

    def _read(self) -> asyncio.Future[list[Row]]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._executor, lambda: list(islice(self._rows, _AHEAD_ROWS)))
