"""A provider is closed to the end, whatever the run around it meets."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from tests.job_runs import datasource_of

from outboard.call import InferenceCall
from outboard.claimed_job import ClaimedJob
from outboard.config import FinetuningProvider
from outboard.errors import JobFailedError, ProviderError
from outboard.lease import lease_for_this_process
from outboard.provider_session import ProviderSession
from outboard.providers import Limits, OnText, ProviderEvent, Report, Request, Response
from outboard.workspace import Workspace

Closing = Callable[[Report], Awaitable[None]]


class SlowModel:
    """A provider that opens and closes as a test says."""

    def __init__(self, closing: Closing, *, opens: bool = True) -> None:
        self._closing = closing
        self._opens = opens
        self._report: Report = lambda event: None
        self.is_closed = False

    @property
    def hosting(self) -> None:
        return

    @property
    def limits(self) -> Limits:
        return Limits(max_concurrency=1)

    async def check(self) -> None: ...

    async def open(self, report: Report) -> None:
        self._report = report
        if not self._opens:
            await asyncio.Event().wait()

    async def close(self) -> None:
        await self._closing(self._report)
        self.is_closed = True

    async def count_tokens(self, text: str) -> int | None:
        return None

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        raise NotImplementedError


@pytest.fixture
def job(workspace: Workspace) -> ClaimedJob:
    call = InferenceCall(
        model_name="m",
        provider=FinetuningProvider.OPENAI,
        datasource_uids=(datasource_of(["Hello?"]),),
    )
    lease = lease_for_this_process(worker="w", now=time.time())
    jobs = workspace.store.jobs
    jobs.add("job-1", call, launch_token="t", x_uids=None, total=1, lease=lease)
    record = jobs.claim("job-1", lease)
    assert record is not None
    return ClaimedJob(workspace.store, record)


def history(workspace: Workspace, job: ClaimedJob) -> list[str]:
    asyncio.run(job.status())  # what is noted before it, is written by then
    return [event.message for event in workspace.store.events.after(job.record.seq, 0)]


def test_a_cancelled_run_closes_its_provider_to_the_end(
    workspace: Workspace, job: ClaimedJob
) -> None:
    deleted = asyncio.Event()

    async def delete(report: Report) -> None:
        await deleted.wait()

    model = SlowModel(delete)

    async def run() -> None:
        closing = asyncio.create_task(ProviderSession(model, job).close())
        for _ in range(3):
            await asyncio.sleep(0)
            closing.cancel()
        assert not closing.done()
        deleted.set()
        with pytest.raises(asyncio.CancelledError):
            await closing

    asyncio.run(run())

    assert model.is_closed


def test_a_provider_that_tells_how_far_it_is_gets_all_the_time_it_needs(
    workspace: Workspace, job: ClaimedJob
) -> None:
    async def delete(report: Report) -> None:
        for _ in range(13):
            report(ProviderEvent(kind="deleting", message="still at it"))
            await asyncio.sleep(0.1)

    model = SlowModel(delete)

    async def run() -> None:
        session = ProviderSession(model, job, silence_s=1.0)
        await session.open(5)
        await session.close()

    asyncio.run(run())

    assert model.is_closed
    assert set(history(workspace, job)) == {"still at it"}


def test_a_provider_that_falls_silent_is_given_up(workspace: Workspace, job: ClaimedJob) -> None:
    async def hang(report: Report) -> None:
        await asyncio.Event().wait()

    model = SlowModel(hang)

    asyncio.run(ProviderSession(model, job, silence_s=0.02).close())

    assert not model.is_closed
    assert history(workspace, job) == ["The provider was silent for 0.02 s while closing."]


def test_a_provider_that_cannot_be_closed_is_told_of(workspace: Workspace, job: ClaimedJob) -> None:
    async def break_down(report: Report) -> None:
        raise ProviderError("It does not let go.")

    asyncio.run(ProviderSession(SlowModel(break_down), job).close())

    assert history(workspace, job) == ["The provider could not be closed: It does not let go."]


def test_a_model_that_takes_too_long_fails_the_job(workspace: Workspace, job: ClaimedJob) -> None:
    async def nothing(report: Report) -> None: ...

    session = ProviderSession(SlowModel(nothing, opens=False), job)

    with pytest.raises(JobFailedError, match=r"was not ready within 0\.02 s.*startup_timeout_s"):
        asyncio.run(session.open(0.02))
