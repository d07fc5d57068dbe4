"""The process that executes one job: ``python -m outboard.worker WORKSPACE JOB_ID``."""

import asyncio
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from random import Random
from typing import TypeVar

from outboard import providers
from outboard.breaker import Breaker
from outboard.concurrency import ConcurrencyLimit
from outboard.errors import JobFailedError, OutboardError
from outboard.job_status import JobStatus
from outboard.journal import Journal
from outboard.lease import LEASE_S, lease_for_this_process
from outboard.providers import Provider, ProviderEvent
from outboard.runner import Runner
from outboard.selection import Selection
from outboard.store.jobs import JobRecord
from outboard.store.responses import LeaseLostError
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

#: How often the worker looks whether it is to stop, and renews its lease, in seconds.
_WATCH_S = 0.1
_RENEW_S = 2.0
#: How long a provider may take to clean up when the job stops, in seconds.
_CLOSE_TIMEOUT_S = 60.0

_Result = TypeVar("_Result")


class _StoppedError(Exception):
    """The run was told to end early."""


class Worker:
    """Executes one claimed job from opening its provider to writing how it ended.

    Parameters
    ----------
    workspace : Workspace
        Where the job lives.
    job : JobRecord
        As claimed, with this worker's name in its lease.
    """

    def __init__(self, workspace: Workspace, job: JobRecord) -> None:
        assert job.lease is not None
        assert job.lease.worker is not None
        self._workspace = workspace
        self._store = workspace.store
        self._job = job
        self._name: str = job.lease.worker
        # One thread for the database keeps its writes in order; one reads rows.
        self._database = ThreadPoolExecutor(1, "database")
        self._reader = ThreadPoolExecutor(1, "rows")
        self._terminated = False
        self._lost = False

    async def execute(self) -> None:
        """Run the job, and record how it ended."""
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(self._work())
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self._terminate, work)
        watch = asyncio.create_task(self._watch(work))
        try:
            status, error = await self._outcome(work)
        finally:
            watch.cancel()
        if self._lost:
            logger.warning(
                "Job %s is in other hands by now; nothing more was written", self._job.id
            )
        elif status is None:
            await self._in_database(self._store.jobs.abandon, self._job.seq, self._name)
        else:
            await self._finish(status, error)

    async def _outcome(
        self, work: asyncio.Task[None]
    ) -> tuple[JobStatus | None, OutboardError | None]:
        try:
            await work
        except (asyncio.CancelledError, _StoppedError):
            return (None if self._terminated else JobStatus.CANCELLED), None
        except LeaseLostError:
            self._lost = True
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
        return self._verdict()

    def _verdict(self) -> tuple[JobStatus, OutboardError | None]:
        job = self._store.jobs.get(self._job.id)
        assert job is not None
        if job.failed == 0 or job.succeeded > 0:
            return JobStatus.SUCCEEDED, None
        worst = self._store.responses.faults(job.seq, limit=1)[0]
        return JobStatus.FAILED, JobFailedError(
            f"Not one of the {job.failed} rows of job {job.id} succeeded; {worst['n_rows']} failed "
            f"with {worst['code']!r}, e.g.: {worst['message']} "
            f"Mend that, then call get_job({job.id!r}).retry_failed().",
            job_id=job.id,
        )

    async def _finish(self, status: JobStatus, error: OutboardError | None) -> None:
        jobs, seq = self._store.jobs, self._job.seq
        finished = await self._in_database(jobs.finish, seq, self._name, status, error)
        if not finished:  # a request to cancel came in at the last moment
            status, error = JobStatus.CANCELLED, None
            await self._in_database(jobs.finish, seq, self._name, status, error)
        await self._in_database(
            self._store.events.add, seq, "status", str(status) if error is None else error.message
        )

    async def _work(self) -> None:
        call = self._job.call
        await self._tell("status", "deploying")
        provider = providers.create(
            call.served_by,
            call.model_name,
            generation=call.generation_config,
            deployment=call.deployment_config,
            assets_dir=self._workspace.assets_dir,
        )
        try:
            await self._open(provider, call.deployment_config.startup_timeout_s)
            if not await self._in_database(
                self._store.jobs.begin_running, self._job.seq, self._name
            ):
                raise _StoppedError
            await self._tell("status", "running")
            await self._run_rows(provider)
        finally:
            await self._close(provider)

    async def _open(self, provider: Provider, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()

        def report(event: ProviderEvent) -> None:
            add = partial(
                self._store.events.add, self._job.seq, event.kind, event.message, event.data
            )
            # Providers report from whatever thread they work in.
            loop.call_soon_threadsafe(self._database.submit, add)

        try:
            async with asyncio.timeout(timeout_s):
                await provider.open(report)
        except TimeoutError:
            raise JobFailedError(
                f"The model of job {self._job.id} was not ready within {timeout_s:g} s. "
                "Raise startup_timeout_s in deployment_config, or see the job's events.",
                job_id=self._job.id,
            ) from None

    async def _run_rows(self, provider: Provider) -> None:
        seq = self._job.seq
        loop = asyncio.get_running_loop()
        settled, selection = await asyncio.gather(
            self._in_database(self._store.responses.settled, seq, self._job.round),
            loop.run_in_executor(self._reader, self._select),
        )
        journal = Journal(self._store.responses, seq, self._name, executor=self._database)
        wanted = self._job.call.deployment_config.max_concurrency
        runner = Runner(
            provider=provider,
            journal=journal,
            limit=ConcurrencyLimit(wanted or provider.limits.max_concurrency),
            breaker=Breaker(self._job.id),
            round=self._job.round,
            executor=self._reader,
            warn=partial(self._warn, "throttled"),
            rng=Random(),  # noqa: S311 - spreads retries, guards nothing
        )
        run = asyncio.create_task(runner.run(selection.rows(settled)))
        write = asyncio.create_task(journal.run())
        try:
            # A journal that cannot write ends the run, and the other way round.
            await asyncio.wait([run, write], return_when=asyncio.FIRST_COMPLETED)
        finally:
            run.cancel()
            write.cancel()
            ended = await asyncio.gather(run, write, return_exceptions=True)
            lost = [end for end in ended if isinstance(end, LeaseLostError)]
            if not lost:
                await journal.flush()
        for end in (*lost, *ended):
            if isinstance(end, Exception):
                raise end

    def _select(self) -> Selection:
        x_uids = self._store.jobs.x_uids(self._job.seq)
        with self._workspace:  # a thread of its own starts without a current workspace
            return Selection.of_call(self._job.call, x_uids)

    async def _close(self, provider: Provider) -> None:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await provider.close()
        except TimeoutError:
            logger.warning("The provider took more than %g s to close", _CLOSE_TIMEOUT_S)

    async def _watch(self, work: asyncio.Task[None]) -> None:
        jobs, seq = self._store.jobs, self._job.seq
        renewed_at = time.monotonic()
        asked = False
        while True:
            await asyncio.sleep(_WATCH_S)
            if time.monotonic() - renewed_at >= _RENEW_S:
                renewed_at = time.monotonic()
                expires_at = time.time() + LEASE_S
                status = await self._in_database(jobs.renew, seq, self._name, expires_at)
            else:
                status = await self._in_database(jobs.stored_status, seq, self._name)
            self._lost = status is None
            if not asked and (self._lost or status is JobStatus.CANCELLING):
                asked = True
                work.cancel()

    def _terminate(self, work: asyncio.Task[None]) -> None:
        """Stop on a signal: finished rows are written, the rest is left for `resume`."""
        self._terminated = True
        work.cancel()

    def _warn(self, kind: str, message: str) -> None:
        logger.warning("%s", message)
        self._database.submit(self._store.events.add, self._job.seq, kind, message)

    async def _tell(self, kind: str, message: str) -> None:
        await self._in_database(self._store.events.add, self._job.seq, kind, message)

    async def _in_database(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, partial(work, *arguments))


def claim(workspace: Workspace, job_id: str) -> JobRecord | None:
    """Take a queued job for this process, or return None if it is not to be had."""
    lease = lease_for_this_process(worker=f"{os.getpid()}-{uuid.uuid4().hex}", now=time.time())
    return workspace.store.jobs.claim(job_id, lease)


def main(arguments: list[str]) -> int:
    """Execute the job named on the command line; the exit status is 0 once it is claimed."""
    logging.basicConfig(
        level=os.environ.get("OUTBOARD_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    home, job_id = arguments
    workspace = Workspace(home)
    job = claim(workspace, job_id)
    if job is None:
        logger.warning("Job %s is not waiting for a worker", job_id)
        return 1
    with workspace:
        _event_loop_run(Worker(workspace, job))
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
