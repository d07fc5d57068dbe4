"""Responses reach the disk in groups, in time, and never twice."""

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from tests.job_runs import query, stored_rows

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.errors import WorkspaceError
from outboard.job_status import JobStatus
from outboard.journal import GROUP_ROWS, GROUP_S, MOST_WAITING, Journal
from outboard.lease import lease_for_this_process
from outboard.store.jobs import JobRecord
from outboard.store.responses import LeaseLostError, ResponseRecord
from outboard.workspace import Workspace

CALL = InferenceCall(model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=(1,))


def response(ordinal: int) -> ResponseRecord:
    return ResponseRecord(
        ordinal, 1, ordinal, 0, True, "answer " * 20, "stop", None, None, 3, 5, 0.1, 1
    )


@pytest.fixture
def job(workspace: Workspace) -> JobRecord:
    """A running job of this process."""
    lease = lease_for_this_process(worker=None, now=time.time())
    jobs = workspace.store.jobs
    jobs.add("job-1", CALL, launch_token="t", x_uids=None, total=10_000, lease=lease)
    record = jobs.claim("job-1", lease_for_this_process(worker="worker-1", now=time.time()))
    assert record is not None
    jobs.begin_running(record.seq, "worker-1")
    return record


@pytest.fixture
def database() -> Iterator[ThreadPoolExecutor]:
    """The thread that commits."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def journal(
    workspace: Workspace, job: JobRecord, database: ThreadPoolExecutor
) -> Callable[[], Journal]:
    """Make a journal of the job inside an event loop."""
    return lambda: Journal(workspace.store.responses, job.seq, "worker-1", executor=database)


@contextmanager
def slow_disk(database: ThreadPoolExecutor) -> Iterator[None]:
    """Keep every commit from ending inside the block."""
    go_on = threading.Event()
    database.submit(go_on.wait)
    try:
        yield
    finally:
        go_on.set()


async def alongside(journal: Journal, work: Coroutine[Any, Any, None]) -> None:
    """Do some work while the journal is running."""
    run = asyncio.create_task(journal.run())
    await work
    run.cancel()
    await asyncio.wait([run])


async def stored(workspace: Workspace, n_rows: int) -> None:
    """Wait until the database has so many responses."""
    while len(stored_rows(workspace)) < n_rows:
        await asyncio.sleep(0.005)


def test_a_lone_answer_is_on_disk_soon(
    workspace: Workspace, journal: Callable[[], Journal]
) -> None:
    async def scenario() -> float:
        began = time.monotonic()
        j = journal()

        async def one() -> None:
            await j.append(response(0))
            await stored(workspace, 1)

        await alongside(j, one())
        return time.monotonic() - began

    # The group's time, and as much again for the disk of a busy machine.
    assert asyncio.run(scenario()) < GROUP_S + 0.2


def test_many_answers_are_committed_together(
    workspace: Workspace, journal: Callable[[], Journal], job: JobRecord
) -> None:
    commits = "SELECT data_version FROM pragma_data_version"

    async def scenario() -> int:
        j = journal()
        versions = set()
        with closing(sqlite3.connect(workspace.path / "outboard.db")) as onlooker:

            async def many() -> None:
                for ordinal in range(GROUP_ROWS):
                    await j.append(response(ordinal))
                while len(stored_rows(workspace)) < GROUP_ROWS:
                    versions.add(onlooker.execute(commits).fetchone())
                    await asyncio.sleep(0)

            await alongside(j, many())
            versions.add(onlooker.execute(commits).fetchone())
        return len(versions)

    assert asyncio.run(scenario()) == 2  # before, after


def test_counters_grow_in_the_same_commit(
    workspace: Workspace, journal: Callable[[], Journal]
) -> None:
    async def scenario() -> None:
        j = journal()
        await j.append(response(0))
        await j.append(response(1))
        await j.flush()

    asyncio.run(scenario())

    record = workspace.store.jobs.get("job-1")
    assert record is not None
    assert (record.succeeded, record.input_tokens, record.output_tokens) == (2, 6, 10)


def test_a_sender_waits_while_two_groups_are_not_on_disk(
    workspace: Workspace, journal: Callable[[], Journal], database: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        j = journal()
        handed_over = 0

        async def send() -> None:
            nonlocal handed_over
            for ordinal in range(3 * MOST_WAITING):
                await j.append(response(ordinal))
                handed_over += 1

        async def send_to_a_slow_disk() -> None:
            with slow_disk(database):
                sending = asyncio.create_task(send())
                for _ in range(100):
                    await asyncio.sleep(0)
                assert handed_over == MOST_WAITING - 1  # one more was taken, and waits
            await sending
            await stored(workspace, 3 * MOST_WAITING)

        await alongside(j, send_to_a_slow_disk())

    asyncio.run(scenario())

    assert set(stored_rows(workspace).values()) == {1}


def test_a_sender_cancelled_while_it_waits_loses_nothing(
    workspace: Workspace, journal: Callable[[], Journal]
) -> None:
    async def scenario() -> None:
        j = journal()
        for ordinal in range(MOST_WAITING - 1):
            await j.append(response(ordinal))
        held_back = asyncio.create_task(j.append(response(MOST_WAITING - 1)))
        await asyncio.sleep(0)
        assert not held_back.done()

        held_back.cancel()
        await asyncio.wait([held_back])
        await j.flush()

    asyncio.run(scenario())

    assert len(stored_rows(workspace)) == MOST_WAITING


def test_a_commit_under_way_when_the_journal_is_cancelled_counts_once(
    workspace: Workspace, journal: Callable[[], Journal], database: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        j = journal()
        await j.append(response(0))
        with slow_disk(database):
            flush = asyncio.create_task(j.flush())
            await asyncio.sleep(0)
            flush.cancel()
            await asyncio.sleep(0)
            assert not flush.done()
        await asyncio.wait([flush])

        assert flush.cancelled()
        await j.flush()

    asyncio.run(scenario())

    assert stored_rows(workspace) == Counter({0: 1})


@pytest.mark.parametrize("steps", range(6))
def test_a_commit_just_done_when_the_journal_is_cancelled_counts_once(
    workspace: Workspace,
    journal: Callable[[], Journal],
    database: ThreadPoolExecutor,
    steps: int,
) -> None:
    async def scenario() -> None:
        j = journal()
        await j.append(response(0))
        flush = asyncio.create_task(j.flush())
        await asyncio.sleep(0)
        database.submit(int).result()  # behind the commit: it is done, but not looked at yet
        for _ in range(steps):
            await asyncio.sleep(0)

        flush.cancel()
        await asyncio.wait([flush])
        await j.flush()

    asyncio.run(scenario())

    assert stored_rows(workspace) == Counter({0: 1})


def test_what_could_not_be_written_is_written_later(
    workspace: Workspace, journal: Callable[[], Journal]
) -> None:
    async def scenario() -> None:
        j = journal()
        await j.append(response(0))
        with closing(sqlite3.connect(workspace.path / "outboard.db")) as meddler:
            meddler.execute("ALTER TABLE responses RENAME TO gone")
            with pytest.raises(WorkspaceError, match="no such table"):
                await j.flush()
            await j.append(response(1))
            meddler.execute("ALTER TABLE gone RENAME TO responses")
        await j.flush()

    asyncio.run(scenario())

    assert stored_rows(workspace) == Counter({0: 1, 1: 1})


def test_a_passing_fault_of_the_disk_is_sat_out(
    workspace: Workspace, journal: Callable[[], Journal], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        j = journal()

        async def break_and_mend() -> None:
            with closing(sqlite3.connect(workspace.path / "outboard.db")) as meddler:
                meddler.execute("ALTER TABLE responses RENAME TO gone")
                await j.append(response(0))
                while "Trying again" not in caplog.text:
                    await asyncio.sleep(0.005)
                meddler.execute("ALTER TABLE gone RENAME TO responses")
            await stored(workspace, 1)

        await alongside(j, break_and_mend())

    asyncio.run(scenario())


def test_a_lost_lease_ends_the_journal_with_nothing_written(
    workspace: Workspace, journal: Callable[[], Journal], job: JobRecord
) -> None:
    workspace.store.jobs.request_cancel(job.seq)
    workspace.store.jobs.finish(job.seq, "worker-1", JobStatus.CANCELLED)

    async def scenario() -> None:
        j = journal()
        await j.append(response(0))
        with pytest.raises(LeaseLostError):
            await j.run()

    asyncio.run(scenario())

    assert not stored_rows(workspace)


@pytest.mark.parametrize("seconds_apart", [1.0, 60.0])
def test_the_rate_is_that_of_the_last_rows_however_slow(
    workspace: Workspace, job: JobRecord, seconds_apart: float
) -> None:
    now = time.time()

    async def scenario() -> None:
        nonlocal now
        with ThreadPoolExecutor(1) as executor:
            j = Journal(
                workspace.store.responses, job.seq, "worker-1", executor=executor, clock=lambda: now
            )
            for ordinal in range(30):
                await j.append(response(ordinal))
                await j.flush()
                now += seconds_apart

    asyncio.run(scenario())

    [(rate,)] = query(workspace, "SELECT rows_per_s FROM jobs")
    assert rate == pytest.approx(1 / seconds_apart)
