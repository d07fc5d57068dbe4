"""The process that executes one job: ``python -m outboard.worker WORKSPACE JOB_ID``."""

import asyncio
import logging
import os
import signal
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from random import Random

from outboard import providers
from outboard.breaker import Breaker
from outboard.budget import Budget
from outboard.claimed_job import ClaimedJob
from outboard.concurrency import ConcurrencyLimit
from outboard.detached import take_arguments
from outboard.disk_reserve import DiskReserve
from outboard.errors import JobFailedError, OutboardError, WorkspaceError
from outboard.job_status import JobStatus
from outboard.lease import lease_for_this_process
from outboard.process_log import start_logging
from outboard.provider_session import ProviderSession
from outboard.providers import JobContext, Provider
from outboard.row_feed import RowFeed
from outboard.runner import Runner
from outboard.selection import Selection
from outboard.store.jobs import JobRecord
from outboard.store.responses import LeaseLostError
from outboard.watcher.launch import start_watcher
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

#: How often the worker looks whether it is to stop, and renews its lease, in seconds.
_WATCH_S = 0.1
_RENEW_S = 2.0


class _Stop(Enum):
    """Why a run ends before its last row."""

    #: Somebody asked for it.
    CANCELLED = auto()
    #: The process is to end.
    TERMINATED = auto()
    #: The job is in other hands.
    LOST = auto()


class _StoppedError(Exception):
    """The run was told to end early."""


class Worker:
    """Executes one claimed job from opening its provider to writing how it ended.

    Parameters
    ----------
    workspace : Workspace
        Where the job lives.
    record : JobRecord
        As claimed, with this worker's name in its lease.
    """

    def __init__(self, workspace: Workspace, record: JobRecord) -> None:
        self._workspace = workspace
        self._record = record
        self._job = ClaimedJob(workspace.store, record)
        self._reader = ThreadPoolExecutor(1, "rows")
        self._reserve = DiskReserve(workspace.path)
        self._stop: _Stop | None = None

    async def execute(self) -> None:
        """Run the job, and record how it ended.

        Raises
        ------
        WorkspaceError
            If that cannot be recorded. The job is then interrupted.
        """
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(self._work())
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self._end, work, _Stop.TERMINATED)
        watch = asyncio.create_task(self._watch(work))
        status, error = await self._outcome(work)
        watch.cancel()
        self._reserve.release()
        if status is not None:
            await self._finish(status, error)
        elif self._stop is _Stop.LOST:
            self._say_lost()
        else:
            await self._job.abandon()

    async def _outcome(
        self, work: asyncio.Task[None]
    ) -> tuple[JobStatus | None, OutboardError | None]:
        try:
            await work
            return await self._verdict()
        except (asyncio.CancelledError, _StoppedError):
            # Without a reason of ours, the event loop itself was told to end.
            cancelled = self._stop is _Stop.CANCELLED
            return (JobStatus.CANCELLED if cancelled else None), None
        except LeaseLostError:
            self._stop = _Stop.LOST
            return None, None
        except OutboardError as error:
            logger.error("Job %s failed: %s", self._job.id, error)
            return JobStatus.FAILED, error
        except Exception as error:
            logger.exception("Job %s failed on a fault of outboard itself", self._job.id)
            return JobStatus.FAILED, JobFailedError(
                f"Job {self._job.id} stopped on a fault inside outboard "
                f"({type(error).__name__}: {error}). Its log tells more; resume() goes on with "
                "the rows that are left.",
                job_id=self._job.id,
            )

    async def _verdict(self) -> tuple[JobStatus, OutboardError | None]:
        counts = await self._job.counts()
        if counts.failed == 0 or counts.succeeded > 0:
            return JobStatus.SUCCEEDED, None
        worst = await self._job.commonest_fault()
        return JobStatus.FAILED, JobFailedError(
            f"Not one row of job {self._job.id} succeeded: {worst['n_rows']} of {counts.failed} "
            f"failed with {worst['code']!r}, e.g.: {worst['message']} "
            f"Mend that, then call get_job({self._job.id!r}).retry_failed().",
            job_id=self._job.id,
        )

    async def _finish(self, status: JobStatus, error: OutboardError | None) -> None:
        finished = await self._job.finish(status, error)
        if not finished:  # a request to cancel came in at the last moment
            finished = await self._job.finish(JobStatus.CANCELLED, None)
        if not finished:
            self._say_lost()

    def _say_lost(self) -> None:
        logger.warning("Job %s is in other hands by now; nothing more was written", self._job.id)

    async def _work(self) -> None:
        if self._record.stored_status is JobStatus.CANCELLING:
            self._stop = _Stop.CANCELLED
            raise _StoppedError
        self._job.note("status", str(JobStatus.DEPLOYING))
        await self._watch_what_is_left()
        rows = await self._rows_left()
        try:
            # Looked at before anything is paid for: the table may be gone, or all be done.
            if await rows.empty():
                await self._begin_running()
            else:
                await self._serve(rows)
        finally:
            rows.close()

    async def _watch_what_is_left(self) -> None:
        """Have the endpoint of an earlier run deleted, should this one not take it over."""
        # Its watcher may have ended with the machine.
        unclosed = self._workspace.store.endpoints.unclosed
        if await asyncio.to_thread(unclosed, self._job.id):
            await asyncio.to_thread(start_watcher, self._workspace, self._job.id)

    async def _rows_left(self) -> RowFeed:
        loop = asyncio.get_running_loop()
        settled, selection = await asyncio.gather(
            self._job.settled(), loop.run_in_executor(self._reader, self._select)
        )
        return RowFeed(selection.rows(settled), self._reader)

    def _select(self) -> Selection:
        x_uids = self._workspace.store.jobs.x_uids(self._record.seq)
        with self._workspace:  # a thread of its own starts without a current workspace
            return Selection.of_call(self._record.call, x_uids)

    async def _serve(self, rows: RowFeed) -> None:
        call = self._record.call
        provider = providers.create(
            call.served_by,
            call.model_name,
            generation=call.generation_config,
            deployment=call.deployment_config,
            assets_dir=self._workspace.assets_dir,
            job=JobContext(
                job_id=self._job.id,
                ledger=self._workspace.store.endpoints,
                start_watcher=partial(start_watcher, self._workspace, self._job.id),
            ),
        )
        budget = Budget(
            call.deployment_config.max_cost_usd,
            job_id=self._job.id,
            ledger=self._workspace.store.endpoints,
        )
        session = ProviderSession(provider, self._job)
        try:
            async with budget.enforced():
                await session.open(call.deployment_config.startup_timeout_s)
                await self._begin_running()
                await self._run_rows(provider, rows)
        finally:
            await session.close()

    async def _begin_running(self) -> None:
        if not await self._job.begin_running():
            # Cancelled or lost: which of them, `_finish` finds out.
            self._stop = self._stop or _Stop.CANCELLED
            raise _StoppedError

    async def _run_rows(self, provider: Provider, rows: RowFeed) -> None:
        journal = self._job.journal()
        growing = self._job.growing_answers() if self._record.trial else None
        wanted = self._record.call.deployment_config.max_concurrency
        runner = Runner(
            provider=provider,
            journal=journal,
            limit=ConcurrencyLimit(wanted or provider.limits.max_concurrency),
            breaker=Breaker(self._job.id),
            round=self._record.round,
            warn=partial(self._warn, "throttled"),
            rng=Random(),  # noqa: S311 - spreads retries, guards nothing
            growing=growing,
        )
        tasks = [asyncio.create_task(runner.run(rows)), asyncio.create_task(journal.run())]
        if growing is not None:
            tasks.append(asyncio.create_task(growing.run()))
        try:
            # A journal that cannot write ends the run, and the other way round.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            lost = [end for end in ended if isinstance(end, LeaseLostError)]
            self._reserve.release()
            if not lost:
                await journal.flush()
        for end in (*lost, *ended):
            if isinstance(end, Exception):
                raise end

    def _warn(self, kind: str, message: str) -> None:
        logger.warning("%s", message)
        self._job.note(kind, message)

    async def _watch(self, work: asyncio.Task[None]) -> None:
        """Renew the lease, and end the run when somebody else says so."""
        renewed_at = time.monotonic()
        said = ""
        while True:
            await asyncio.sleep(_WATCH_S)
            try:
                if time.monotonic() - renewed_at >= _RENEW_S:
                    status = await self._job.renew()
                    renewed_at = time.monotonic()
                else:
                    status = await self._job.status()
            except WorkspaceError as fault:  # the journal decides when to give up
                if fault.message != said:
                    logger.warning("The lease of job %s is not renewed: %s", self._job.id, fault)
                    said = fault.message
                continue
            if status is None:
                self._end(work, _Stop.LOST)
            elif status is JobStatus.CANCELLING:
                self._end(work, _Stop.CANCELLED)

    def _end(self, work: asyncio.Task[None], reason: _Stop) -> None:
        """End the run: finished rows are written, the rest is left for `resume`."""
        if self._stop is None:  # once: a second cancellation would cut short the clean-up
            self._stop = reason
            work.cancel()


def claim(workspace: Workspace, job_id: str) -> JobRecord | None:
    """Take a queued job for this process, or return None if it is not to be had."""
    lease = lease_for_this_process(worker=f"{os.getpid()}-{uuid.uuid4().hex}", now=time.time())
    return workspace.store.jobs.claim(job_id, lease)


def main(arguments: list[str]) -> int:
    """Execute the job named on the command line; the exit status is 0 if its end was recorded."""
    start_logging()
    home, job_id = take_arguments(arguments)
    workspace = Workspace(home)
    try:
        job = claim(workspace, job_id)
        if job is None:
            logger.warning("Job %s is not waiting for a worker", job_id)
            return 1
        with workspace:
            _event_loop_run(Worker(workspace, job))
    except WorkspaceError as error:
        logger.error("Job %s is left as it is: %s", job_id, error)
        return 1
    return 0


def _event_loop_run(worker: Worker) -> None:
    try:
        import uvloop
    except ImportError:  # Windows
        asyncio.run(worker.execute())
    else:
        uvloop.run(worker.execute())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
