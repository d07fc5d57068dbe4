"""Commits responses in groups, holding back whoever outruns the disk."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from outboard.errors import WorkspaceError
from outboard.lease import LEASE_S
from outboard.store.responses import ResponseRecord, ResponseTable

logger = logging.getLogger(__name__)

#: Longest time that an answer waits for its commit to begin, in seconds, and how many
#: waiting ones let it begin at once.
GROUP_S = 0.1
GROUP_ROWS = 500
#: Answers that are not on disk at which senders are held back: one group on its way there,
#: one behind it.
MOST_WAITING = 2 * GROUP_ROWS

#: Seconds between the attempts to commit while the disk is full. Together they are shorter
#: than a lease: its worker must be able to say what happened.
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
        Whose they are.
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
        self._waiting: list[ResponseRecord] = []  # everything that is not on disk
        self._something = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._rate = _Rate()

    async def append(self, record: ResponseRecord) -> None:
        """Hand over one response; returns once there is room for another.

        The record is taken at once: who is cancelled in the wait loses nothing.
        """
        self._waiting.append(record)
        self._something.set()
        if len(self._waiting) >= GROUP_ROWS:
            self._full.set()
        while len(self._waiting) >= MOST_WAITING:
            self._room.clear()
            await self._room.wait()

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
            await self._flush_patiently()

    async def flush(self) -> None:
        """Commit what waits. On failure it still waits, so that a later flush can save it.

        Raises
        ------
        LeaseLostError, WorkspaceError
            As `run` does, without its patience.
        """
        group = tuple(self._waiting)
        self._something.clear()
        self._full.clear()
        if not group:
            return
        loop = asyncio.get_running_loop()
        commit = loop.run_in_executor(self._executor, self._commit, group)
        # In a callback, at the very end of the commit: whatever happens to this task, what
        # was written must not be taken for something that waits.
        commit.add_done_callback(partial(self._forget, len(group)))
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.wait([commit])
            raise

    async def _flush_patiently(self) -> None:
        for patience_s in _PATIENCE_S:
            try:
                await self.flush()
            except WorkspaceError as fault:
                logger.warning("%s Trying again in %g s.", fault, patience_s)
                await asyncio.sleep(patience_s)
            else:
                return
        await self.flush()

    def _forget(self, n_rows: int, commit: asyncio.Future[None]) -> None:
        if commit.exception() is None:
            del self._waiting[:n_rows]
            self._room.set()

    def _commit(self, group: tuple[ResponseRecord, ...]) -> None:
        now = self._clock()
        self._responses.commit(
            self._job_seq,
            self._worker,
            group,
            rows_per_s=self._rate.with_commit(len(group), now),
            expires_at=now + LEASE_S,
        )
        self._rate.count(len(group), now)


class _Rate:
    """Rows per second over the last few seconds."""

    def __init__(self) -> None:
        self._commits: deque[tuple[float, int]] = deque()

    def with_commit(self, n_rows: int, now: float) -> float | None:
        """Return the rate as it is once this commit has been made."""
        if not self._commits or now <= self._commits[0][0]:
            return None
        # The rows of the first commit came before the time that is measured.
        counted = sum(n for _, n in self._commits) - self._commits[0][1] + n_rows
        return counted / (now - self._commits[0][0])

    def count(self, n_rows: int, now: float) -> None:
        """Count a commit that was made."""
        self._commits.append((now, n_rows))
        # One older commit stays, lest rows that take longer than the window have no rate.
        while len(self._commits) > 1 and now - self._commits[1][0] > _RATE_WINDOW_S:
            self._commits.popleft()
