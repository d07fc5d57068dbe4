"""What a worker reads of its job or writes about it, off the event loop."""

import asyncio
import logging
import time
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from outboard.errors import OutboardError, WorkspaceError
from outboard.growing_answers import GrowingAnswers
from outboard.job_status import JobStatus
from outboard.journal import Journal
from outboard.lease import LEASE_S
from outboard.store import Store
from outboard.store.jobs import JobRecord

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class ClaimedJob:
    """A job in the hands of the worker that claimed it.

    Everything goes through one thread: it happens in the order of the calls. What asks
    for the lease returns False or None once another worker has the job.

    Parameters
    ----------
    store : Store
        Where the job is.
    record : JobRecord
        As claimed, with the worker's name in its lease.
    """

    def __init__(self, store: Store, record: JobRecord) -> None:
        assert record.lease is not None
        assert record.lease.worker is not None
        self.record = record
        self._store = store
        self._worker: str = record.lease.worker
        self._thread = ThreadPoolExecutor(1, "database")

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.id

    def journal(self) -> Journal:
        """Return a journal for the job's responses."""
        return Journal(self._store.responses, self.record.seq, self._worker, executor=self._thread)

    def growing_answers(self) -> GrowingAnswers:
        """Return what shows the job's answers while they grow."""
        return GrowingAnswers(self._store.partials, self.record.seq, executor=self._thread)

    async def settled(self) -> "array[int]":
        """Return the ordinals that need no request in this round."""
        return await self._do(self._store.responses.settled, self.record.seq, self.record.round)

    async def status(self) -> JobStatus | None:
        """Return what is written for the job now; None if the lease is lost."""
        return await self._do(self._store.jobs.stored_status, self.record.seq, self._worker)

    async def renew(self) -> JobStatus | None:
        """Prolong the lease, and return the status as `status` does."""
        expires_at = time.time() + LEASE_S
        return await self._do(self._store.jobs.renew, self.record.seq, self._worker, expires_at)

    async def begin_running(self) -> bool:
        """Write that rows are being sent; False if the job was cancelled or lost meanwhile."""
        begun = await self._do(self._store.jobs.begin_running, self.record.seq, self._worker)
        if begun:
            self.note("status", str(JobStatus.RUNNING))
        return begun

    async def finish(self, status: JobStatus, error: OutboardError | None) -> bool:
        """Write how the run ended; False if its status does not allow that, or it is lost."""
        jobs, seq = self._store.jobs, self.record.seq
        finished = await self._do(jobs.finish, seq, self._worker, status, error)
        if finished:
            self.note("status", str(status) if error is None else error.message)
        return finished

    async def abandon(self) -> None:
        """Leave the job as it is, interrupted."""
        await self._do(self._store.jobs.abandon, self.record.seq, self._worker)

    async def counts(self) -> JobRecord:
        """Return the record with its counters as they are now."""
        record = await self._do(self._store.jobs.get_by_seq, self.record.seq)
        assert record is not None
        return record

    async def commonest_fault(self) -> dict[str, Any]:
        """Return the code that most rows failed with, how many those are, and one message."""
        faults = await self._do(self._store.responses.faults, self.record.seq, 1)
        return faults[0]

    def note(self, kind: str, message: str, data: dict[str, Any] | None = None) -> None:
        """Add an event to the job's history, soon; from whatever thread."""
        self._thread.submit(self._add_event, kind, message, data)

    def _add_event(self, kind: str, message: str, data: dict[str, Any] | None) -> None:
        try:
            self._store.events.add(self.record.seq, kind, message, data)
        except WorkspaceError as fault:
            logger.warning("Not in the history: %s %r (%s)", kind, message, fault)

    async def _do(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(work, *arguments))
