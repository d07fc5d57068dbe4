"""Commits responses in groups, holding back whoever outruns the disk."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from outboard.errors import WorkspaceError
from outboard.lease import LEASE_S
from outboard.store.responses import ResponseRecord, ResponseTable

logger = logging.getLogger(__name__)

#: Longest time that an answer waits in memory, in seconds, and the most that wait.
GROUP_S = 0.1
GROUP_ROWS = 500

#: Seconds between the attempts to commit while the disk is full or locked.
_PATIENCE_S = (0.5, 1.0, 2.0, 4.0)
#: Seconds over which the rate of rows is taken.
_RATE_WINDOW_S = 10.0


class Journal:
    """The one writer of a job's responses.

    Parameters
    ----------
    responses : ResponseTable
        Where they go.
    job_seq, worker
        Whose they are; a commit under a lost lease raises `LeaseLostError` from `run`.
    executor : concurrent.futures.Executor
        Runs the commits, off the event loop.
    clock : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        responses: ResponseTable,
        job_seq: int,
        worker: str,
        *,
        executor: Executor,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._responses = responses
        self._job_seq = job_seq
        self._worker = worker
        self._executor = executor
        self._clock = clock
        self._waiting: list[ResponseRecord] = []
        self._something = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._rate = _Rate()

    async def append(self, record: ResponseRecord) -> None:
        """Hand over one response; waits while too many are not yet on disk."""
        while len(self._waiting) >= GROUP_ROWS:
            self._room.clear()
            await self._room.wait()
        self._waiting.append(record)
        self._something.set()
        if len(self._waiting) >= GROUP_ROWS:
            self._full.set()

    async def run(self) -> None:
        """Commit until cancelled: every 100 ms, or as soon as 500 rows wait.

        Raises
        ------
        LeaseLostError
            If another worker has the job by now.
        WorkspaceError
            If the database cannot be written, even after some patience.
        """
        while True:
            await self._something.wait()
            try:
                async with asyncio.timeout(GROUP_S):
                    await self._full.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Commit what waits. On failure it still waits, so that a later flush can save it."""
        group = self._waiting
        if not group:
            return
        self._waiting = []
        self._something.clear()
        self._full.clear()
        self._room.set()
        # A commit once begun is finished, whatever happens to this task: a group that was
        # written must not be taken for one that waits.
        commit = asyncio.ensure_future(self._commit(group))
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.wait([commit])
            raise
        finally:
            if not commit.done() or commit.cancelled() or commit.exception():
                self._waiting = group + self._waiting

    async def _commit(self, group: list[ResponseRecord]) -> None:
        loop = asyncio.get_running_loop()
        for patience_s in (*_PATIENCE_S, None):
            try:
                await loop.run_in_executor(self._executor, self._write, group)
            except WorkspaceError as fault:
                if patience_s is None:
                    raise
                logger.warning("%s Trying again in %g s.", fault, patience_s)
                await asyncio.sleep(patience_s)
            else:
                return

    def _write(self, group: list[ResponseRecord]) -> None:
        now = self._clock()
        self._responses.commit(
            self._job_seq,
            self._worker,
            group,
            rows_per_s=self._rate.count(len(group), now),
            expires_at=now + LEASE_S,
        )


class _Rate:
    """Rows per second over the last few seconds."""

    def __init__(self) -> None:
        self._commits: deque[tuple[float, int]] = deque()

    def count(self, n_rows: int, now: float) -> float | None:
        self._commits.append((now, n_rows))
        while now - self._commits[0][0] > _RATE_WINDOW_S:
            self._commits.popleft()
        began, first = self._commits[0]
        if now <= began:
            return None
        return (sum(n for _, n in self._commits) - first) / (now - began)
