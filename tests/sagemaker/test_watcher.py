"""The watcher: what it deletes, what it leaves, what it survives."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.awsfake.deploying import deploy
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of, log_of, signal_worker, wait_for_end_of, watchers_of
from tests.recorded_jobs import record_job
from tests.sagemaker.own_endpoint import VirtualTime, planned
from tests.waiting import wait_until

from outboard import ExternalModel, get_job
from outboard.detached import start_detached
from outboard.errors import JobFailedError
from outboard.job import Job, JobStatus
from outboard.launcher import log_path
from outboard.lease import lease_for_this_process
from outboard.ledger import EntryState
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.pace import SPEED_VARIABLE
from outboard.watcher.launch import start_watcher
from outboard.watcher.watch import GRACE_S, Watcher
from outboard.workspace import Workspace

NAME = "outboard-x"


class Watched:
    """A job with an endpoint in service, and its watcher in virtual time."""

    def __init__(self, home: Workspace, fake: AwsFake, aws: Aws, **changes: Any) -> None:
        datasource_of(["Hello?"])
        self.home = home
        self.fake = fake
        self.aws = aws
        self.job = record_job(1, status=JobStatus.RUNNING, lease_s=3_600)
        self.ledger = home.store.endpoints
        self.ledger.plan(planned(NAME, job_id=self.job.id, **changes))
        deploy(aws.sagemaker, NAME)
        fake.advance(300)
        self.time = VirtualTime(fake)

    def opened(self) -> "Watched":
        self.ledger.opened(NAME, time.time())
        return self

    @property
    def state(self) -> EntryState:
        entry = self.ledger.get(NAME)
        assert entry is not None
        return entry.state

    def watcher(self) -> Watcher:
        return Watcher(self.home, self.job.id, connect=lambda: self.aws, pace=self.time.pace())

    def interrupt(self) -> None:
        """Let the worker be gone without a word."""
        record = self.home.store.jobs.get(self.job.id)
        assert record is not None
        assert record.lease is not None
        assert record.lease.worker is not None
        self.home.store.jobs.abandon(record.seq, record.lease.worker)

    def end(self, status: JobStatus = JobStatus.FAILED) -> None:
        record = self.home.store.jobs.get(self.job.id)
        assert record is not None
        assert record.lease is not None
        assert record.lease.worker is not None
        assert self.home.store.jobs.finish(record.seq, record.lease.worker, status)

    def messages(self) -> list[str]:
        return [f"{event.kind}: {event.message}" for event in self.job.events()]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.time.run(work)

    async def watch_for(self, seconds: float) -> None:
        """Let a watcher watch for some time."""
        watching = asyncio.create_task(self.watcher().run())
        await self.time.sleep(seconds)
        assert not watching.done()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


# What it deletes, and when


def test_the_endpoint_of_a_killed_worker_goes_after_a_grace_period(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.interrupt()

    async def watch() -> None:
        await watched.watch_for(GRACE_S - 20)
        assert watched.state is EntryState.OPEN
        await watched.watcher().run()

    watched.run(watch())

    assert watched.state is EntryState.CLOSED
    fake.assert_nothing_left()
    assert any("Nobody works with endpoint 'outboard-x'" in text for text in watched.messages())
    assert watched.messages()[-1] == "deleted: Endpoint 'outboard-x' is deleted"


def test_a_live_job_keeps_its_endpoint(workspace: Workspace, fake: AwsFake, aws: Aws) -> None:
    watched = Watched(workspace, fake, aws).opened()

    watched.run(watched.watch_for(10 * GRACE_S))

    assert watched.state is EntryState.OPEN
    fake.remove_endpoint(NAME)


@pytest.mark.parametrize("state", ["planned", "open", "closing"])
def test_what_an_ended_run_left_goes_at_once(
    workspace: Workspace, fake: AwsFake, aws: Aws, state: str
) -> None:
    watched = Watched(workspace, fake, aws, keep=state != "open")
    if state != "planned":
        watched.opened()
    if state == "closing":
        watched.ledger.closing(NAME, 0)
    watched.end()
    before = watched.time.pace().now()

    watched.run(watched.watcher().run())

    assert watched.state is EntryState.CLOSED
    assert watched.time.pace().now() - before < GRACE_S
    fake.assert_nothing_left()


def test_a_deleted_job_leaves_nothing(workspace: Workspace, fake: AwsFake, aws: Aws) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watcher = Watcher(workspace, "job-gone", connect=lambda: aws, pace=watched.time.pace())
    watched.ledger.closed(NAME, 0)
    watched.ledger.plan(planned("outboard-y", job_id="job-gone"))
    deploy(aws.sagemaker, "outboard-y")
    fake.advance(300)

    watched.run(watcher.run())

    assert fake.resources()["endpoints"] == [NAME]
    fake.remove_endpoint(NAME)


def test_a_kept_endpoint_is_left_until_it_expires(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws, keep=True).opened()
    watched.end()

    watched.run(watched.watch_for(10 * GRACE_S))

    assert watched.state is EntryState.OPEN
    fake.remove_endpoint(NAME)


@pytest.mark.parametrize("keep", [True, False])
def test_an_expired_endpoint_goes_although_its_job_lives(
    workspace: Workspace, fake: AwsFake, aws: Aws, keep: bool
) -> None:
    watched = Watched(workspace, fake, aws, keep=keep, expires_at=time.time() - 60).opened()

    async def watch() -> None:
        watching = asyncio.create_task(watched.watcher().run())
        while watched.state is not EntryState.CLOSED:
            await watched.time.sleep(1)
        assert not watching.done()
        watched.end()
        await watching

    watched.run(watch())

    fake.assert_nothing_left()


def test_a_resume_within_the_grace_period_keeps_the_endpoint(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.interrupt()

    async def watch() -> None:
        watching = asyncio.create_task(watched.watcher().run())
        await watched.time.sleep(GRACE_S - 30)
        record = workspace.store.jobs.get(watched.job.id)
        assert record is not None
        lease = lease_for_this_process(worker=None, now=time.time())
        assert workspace.store.jobs.requeue(record, lease, retry_failed=False)
        await watched.time.sleep(5 * GRACE_S)
        assert watched.state is EntryState.OPEN
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    watched.run(watch())

    fake.remove_endpoint(NAME)


def test_an_endpoint_taken_over_since_the_last_look_is_left(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    entry = watched.ledger.get(NAME)
    assert entry is not None
    watched.ledger.adopt(NAME)

    watched.run(watched.watcher()._delete(entry))

    assert watched.state is EntryState.OPEN
    fake.remove_endpoint(NAME)


def test_two_watchers_do_no_harm(workspace: Workspace, fake: AwsFake, aws: Aws) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.end()

    async def watch() -> None:
        await asyncio.gather(watched.watcher().run(), watched.watcher().run())

    watched.run(watch())

    assert watched.state is EntryState.CLOSED
    fake.assert_nothing_left()


# What it survives


def test_it_tries_on_until_somebody_may_delete_the_endpoint(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.end()
    fake.deny("sagemaker:DeleteEndpoint")

    async def watch() -> None:
        watching = asyncio.create_task(watched.watcher().run())
        await watched.time.sleep(3_600)
        assert not watching.done()
        fake.allow("sagemaker:DeleteEndpoint")
        await watching

    watched.run(watch())

    told = [text for text in watched.messages() if text.startswith("warning: ")]
    assert len(told) == 1, "once, however often it fails"
    assert "could not be deleted and still costs $7.09/h; trying on: AWS does not" in told[0]
    fake.assert_nothing_left()


def test_it_gets_over_a_fault_that_nobody_thought_of(
    workspace: Workspace, fake: AwsFake, aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.end()
    faults = [RuntimeError("the keys are stale")]

    def connect() -> Aws:
        if faults:
            raise faults.pop()
        return aws

    watcher = Watcher(workspace, watched.job.id, connect=connect, pace=watched.time.pace())
    watched.run(watcher.run())

    assert "the keys are stale" in caplog.text
    fake.assert_nothing_left()


def test_it_waits_for_a_workspace_that_cannot_be_read(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.end()
    database = workspace.path / "outboard.db"
    fresh = Workspace(workspace.path)

    async def watch() -> None:
        hidden = database.rename(database.with_suffix(".hidden"))
        database.write_bytes(b"not a database, " * 1_000)
        watcher = Watcher(fresh, watched.job.id, connect=lambda: aws, pace=watched.time.pace())
        watching = asyncio.create_task(watcher.run())
        await watched.time.sleep(60)
        assert not watching.done()
        hidden.rename(database)
        await watching

    watched.run(watch())

    assert watched.state is EntryState.CLOSED


# The process


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, fake: AwsFake) -> None:
    """Time passes with every look at an endpoint, and hardly any between two looks."""
    monkeypatch.setenv(SPEED_VARIABLE, "200")
    fake.training_job("tuned")
    fake.plan(creating_s=60, deleting_s=40, step_s=20)


def launch(**deployment: Any) -> Job:
    """Start a job that has an endpoint of its own."""
    uid = datasource_of([f"What is {n}?" for n in range(200)])
    settings = {"max_concurrency": 1} | deployment
    job_id = ExternalModel("tuned").inference([uid], deployment_config=settings, sync=False)
    return get_job(job_id)


@pytest.mark.usefixtures("quick")
def test_the_watcher_outlives_its_worker_and_the_terminal(
    workspace: Workspace, fake: AwsFake
) -> None:
    fake.plan(creating_s=60, deleting_s=40, step_s=20, latency_s=3_600)
    job = launch()
    wait_until(lambda: job.status is JobStatus.RUNNING)
    (watcher,) = watchers_of(job.id)
    assert watcher.pid == os.getsid(watcher.pid)

    for number in (signal.SIGINT, signal.SIGHUP):
        watcher.send_signal(number)
    wait_for_end_of(signal_worker(job, signal.SIGKILL))
    wait_until(lambda: workspace.store.endpoints.unclosed() == [])
    wait_until(lambda: not watcher.is_running())

    fake.assert_nothing_left()
    assert job.status is JobStatus.INTERRUPTED


@pytest.mark.usefixtures("quick")
def test_a_job_that_ends_by_itself_leaves_no_watcher(workspace: Workspace, fake: AwsFake) -> None:
    job = launch(max_concurrency=32)

    job.wait(60)
    wait_until(lambda: watchers_of(job.id) == [])

    fake.assert_nothing_left()
    (entry,) = workspace.store.endpoints.of_job(job.id)
    assert entry.state is EntryState.CLOSED


@pytest.mark.usefixtures("quick")
def test_a_containers_secret_stays_out_of_the_log_however_much_is_logged(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOARD_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("MY_TOKEN", "hf_secret_1")

    job = launch(max_concurrency=32, environment={"HF_TOKEN": "${MY_TOKEN}"})
    job.wait(60)

    kept = [file.read_bytes() for file in workspace.path.rglob("*") if file.is_file()]
    assert not any(b"hf_secret_1" in data for data in kept)
    assert "DEBUG" in log_of(job)


@pytest.mark.usefixtures("quick")
def test_nothing_is_created_where_no_watcher_can_be_started(
    workspace: Workspace, fake: AwsFake, tmp_path: Path
) -> None:
    job = record_job(datasource_of(["Hello?"]))
    log_path(workspace, job.id).mkdir()

    with pytest.raises(JobFailedError, match=r"could not be started: .* So no endpoint was creat"):
        start_watcher(workspace, job.id)


@pytest.mark.usefixtures("quick")
def test_a_watcher_whose_worker_is_killed_while_it_starts_watches_all_the_same(
    workspace: Workspace, fake: AwsFake, aws: Aws
) -> None:
    watched = Watched(workspace, fake, aws).opened()
    watched.end()

    process = start_detached(
        "outboard.watcher",
        [str(workspace.path), watched.job.id],
        log=log_path(workspace, watched.job.id),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    fake.wait_for(f"{NAME}:Deleting")
    fake.advance(600)

    assert process.wait(60) == 0
    assert watched.state is EntryState.CLOSED


def test_a_watcher_that_dies_at_once_is_noticed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SPEED_VARIABLE, "no number")

    with pytest.raises(JobFailedError, match=r"ended at once, the job's log tells why"):
        start_watcher(workspace, "job-x")

    assert "no number" in log_path(workspace, "job-x").read_text()


@pytest.mark.usefixtures("quick")
def test_a_cancellation_during_the_clean_up_does_not_cut_it_short(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SPEED_VARIABLE, "100")  # or the worker loses patience at once
    fake.plan(creating_s=60, deleting_s=300, step_s=20)
    job = launch(max_concurrency=32)
    wait_until(lambda: any(event.kind == "deleting" for event in job.events()))

    job.cancel()
    wait_until(lambda: not job.status.live)

    (entry,) = workspace.store.endpoints.of_job(job.id)
    assert entry.state is EntryState.CLOSED
    assert job.status is JobStatus.CANCELLED
    fake.assert_nothing_left()


@pytest.mark.usefixtures("quick")
def test_a_resumed_job_uses_the_endpoint_of_its_killed_worker(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SPEED_VARIABLE, "100")  # a grace period that a resume can catch
    fake.plan(creating_s=60, deleting_s=40, step_s=20, latency_s=3_600)
    job = launch()
    wait_until(lambda: job.status is JobStatus.RUNNING)
    wait_for_end_of(signal_worker(job, signal.SIGKILL))
    fake.plan(creating_s=60, deleting_s=40, step_s=20)
    fake.advance(3_600)

    job.resume()
    job.cancel()
    wait_until(lambda: not job.status.live)
    wait_until(lambda: workspace.store.endpoints.unclosed() == [])

    assert len(fake.ledger()["lines"]) == 1
    fake.assert_nothing_left()
