"""The database keeps jobs and responses, whole or not at all."""

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.errors import ConfigError, JobFailedError, WorkspaceError
from outboard.job_status import TRANSITIONS, JobStatus
from outboard.lease import LEASE_S, lease_for_this_process
from outboard.store import Store
from outboard.store.database import NETWORK_FILE_SYSTEMS, Database, file_system
from outboard.store.jobs import JobRecord
from outboard.store.responses import LeaseLostError, ResponseRecord
from outboard.store.schema import MIGRATIONS

CALL = InferenceCall(
    model_name="m",
    provider=FinetuningProvider.OPENAI,
    column_mappings={"question": "instruction"},
    datasource_uids=(1, 2),
    generation={"temperature": 0.5},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "outboard.db")


def queued(store: Store, job_id: str = "job-1", *, total: int = 10) -> JobRecord:
    return store.jobs.add(
        job_id,
        CALL,
        launch_token=job_id,
        x_uids=None,
        total=total,
        lease=lease_for_this_process(worker=None, now=time.time()),
    )


def claimed(store: Store, worker: str = "worker-1") -> JobRecord:
    job = store.jobs.claim("job-1", lease_for_this_process(worker=worker, now=time.time()))
    assert job is not None
    return job


def running(store: Store, worker: str = "worker-1") -> JobRecord:
    queued(store)
    job = claimed(store, worker)
    assert store.jobs.begin_running(job.seq, worker)
    return job


def response(ordinal: int, *, succeeded: bool = True, in_round: int = 0) -> ResponseRecord:
    return ResponseRecord(
        ordinal=ordinal,
        datasource_uid=1,
        row_uid=ordinal,
        round=in_round,
        succeeded=succeeded,
        response=f"answer {ordinal}" if succeeded else None,
        finish_reason="stop" if succeeded else "error",
        error_code=None if succeeded else "rejected",
        error_message=None if succeeded else "no",
        input_tokens=3 if succeeded else None,
        output_tokens=5 if succeeded else None,
        latency_s=0.1,
        attempts=1,
    )


def commit(
    store: Store, job: JobRecord, *records: ResponseRecord, worker: str = "worker-1"
) -> None:
    store.responses.commit(
        job.seq, worker, records, rows_per_s=2.0, expires_at=time.time() + LEASE_S
    )


def reread(store: Store) -> JobRecord:
    job = store.jobs.get("job-1")
    assert job is not None
    return job


def test_a_job_comes_back_as_it_was_put_in(store: Store) -> None:
    job = queued(store)

    assert reread(store) == job
    assert job.call == CALL
    assert job.status() is JobStatus.QUEUED


def test_a_launch_token_used_twice_is_one_job(store: Store) -> None:
    first = queued(store)

    second = store.jobs.add(
        "job-2",
        CALL,
        launch_token="job-1",
        x_uids=None,
        total=1,
        lease=lease_for_this_process(worker=None, now=time.time()),
    )

    assert second.id == first.id
    assert len(store.jobs.all()) == 1


def test_chosen_x_uids_come_back_in_order(store: Store) -> None:
    job = store.jobs.add(
        "job-1",
        CALL,
        launch_token="t",
        x_uids=[0, 7, 2**62],
        total=3,
        lease=lease_for_this_process(worker=None, now=time.time()),
    )

    assert list(store.jobs.x_uids(job.seq) or ()) == [0, 7, 2**62]


def test_of_two_workers_one_claims_a_job(tmp_path: Path) -> None:
    queued(Store(tmp_path / "outboard.db"))
    start = threading.Barrier(8)
    won: list[str] = []

    def claim(worker: str) -> None:
        store = Store(tmp_path / "outboard.db")
        lease = lease_for_this_process(worker=worker, now=time.time())
        start.wait()
        if store.jobs.claim("job-1", lease):
            won.append(worker)

    threads = [threading.Thread(target=claim, args=(f"worker-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1


def test_a_job_cancelled_in_the_queue_is_still_claimed_to_be_wound_up(store: Store) -> None:
    job = queued(store)
    assert store.jobs.request_cancel(job.seq)

    assert claimed(store).stored_status is JobStatus.CANCELLING
    assert not store.jobs.begin_running(job.seq, "worker-1")
    assert store.jobs.finish(job.seq, "worker-1", JobStatus.CANCELLED)


def test_a_job_that_ended_before_its_launcher_looked_up_keeps_no_lease(store: Store) -> None:
    job = running(store)
    store.jobs.finish(job.seq, "worker-1", JobStatus.SUCCEEDED)

    store.jobs.hand_over(job.seq, lease_for_this_process(worker=None, now=time.time()))

    assert reread(store).lease is None


def test_counters_grow_with_the_responses(store: Store) -> None:
    job = running(store)

    commit(store, job, response(0), response(1)._replace(finish_reason="length"))
    commit(store, job, response(2, succeeded=False))

    job = reread(store)
    assert (job.succeeded, job.failed, job.truncated) == (2, 1, 1)
    assert (job.input_tokens, job.output_tokens) == (6, 10)


def test_a_row_is_never_stored_twice(store: Store) -> None:
    job = running(store)
    commit(store, job, response(0))

    with pytest.raises(sqlite3.IntegrityError):
        commit(store, job, response(1), response(0))

    assert [r.ordinal for r in store.responses.between(job.seq, 0, 10)] == [0]
    assert reread(store).succeeded == 1


def test_a_commit_under_a_lost_lease_writes_nothing(store: Store) -> None:
    job = running(store)

    with pytest.raises(LeaseLostError):
        commit(store, job, response(0), worker="worker-0")

    assert list(store.responses.between(job.seq, 0, 10)) == []
    assert reread(store).succeeded == 0


def test_a_retried_row_replaces_its_failure_and_corrects_the_counts(store: Store) -> None:
    job = running(store)
    commit(store, job, response(0), response(1, succeeded=False), response(2, succeeded=False))
    store.jobs.finish(job.seq, "worker-1", JobStatus.SUCCEEDED)
    assert store.jobs.requeue(
        reread(store), lease_for_this_process(worker=None, now=time.time()), retry_failed=True
    )
    job = claimed(store, "worker-2")
    assert list(store.responses.settled(job.seq, job.round)) == [0]

    commit(
        store,
        job,
        response(1, in_round=1),
        response(2, succeeded=False, in_round=1),
        worker="worker-2",
    )

    job = reread(store)
    assert (job.succeeded, job.failed) == (2, 1)
    assert list(store.responses.settled(job.seq, job.round)) == [0, 1, 2]


def test_a_row_that_failed_in_this_round_is_settled(store: Store) -> None:
    job = running(store)

    commit(store, job, response(0), response(1, succeeded=False))

    assert list(store.responses.settled(job.seq, 0)) == [0, 1]


def test_a_job_without_a_living_worker_is_interrupted(store: Store) -> None:
    job = running(store)

    store.jobs.abandon(job.seq, "worker-1")

    assert reread(store).status() is JobStatus.INTERRUPTED
    assert reread(store).stored_status is JobStatus.RUNNING


def test_of_two_who_resume_at_once_one_wins(store: Store) -> None:
    job = running(store)
    store.jobs.abandon(job.seq, "worker-1")
    seen = reread(store)
    lease = lease_for_this_process(worker=None, now=time.time())

    assert store.jobs.requeue(seen, lease, retry_failed=False)
    assert not store.jobs.requeue(seen, lease, retry_failed=False)


def test_a_worker_whose_job_was_resumed_elsewhere_cannot_write_any_more(store: Store) -> None:
    job = running(store)
    store.jobs.abandon(job.seq, "worker-1")
    lease = lease_for_this_process(worker=None, now=time.time())
    store.jobs.requeue(reread(store), lease, retry_failed=False)

    assert store.jobs.renew(job.seq, "worker-1", time.time() + LEASE_S) is None
    assert store.jobs.stored_status(job.seq, "worker-1") is None
    assert not store.jobs.finish(job.seq, "worker-1", JobStatus.SUCCEEDED)
    with pytest.raises(LeaseLostError):
        commit(store, job, response(0))


def test_an_error_comes_back_as_the_class_it_was(store: Store) -> None:
    job = running(store)

    store.jobs.finish(
        job.seq, "worker-1", JobStatus.FAILED, ConfigError("too hot", field="temperature")
    )

    error = reread(store).error
    assert isinstance(error, ConfigError)
    assert (error.message, error.field) == ("too hot", "temperature")


def test_a_job_whose_worker_never_started_is_failed(store: Store) -> None:
    job = queued(store)

    store.jobs.fail_launch(job.seq, JobFailedError("no python", job_id="job-1"))

    assert reread(store).status() is JobStatus.FAILED
    assert isinstance(reread(store).error, JobFailedError)


def test_an_interrupted_job_can_be_cancelled_without_a_worker(store: Store) -> None:
    job = running(store)
    store.jobs.abandon(job.seq, "worker-1")

    assert store.jobs.cancel_interrupted(reread(store))

    assert reread(store).status() is JobStatus.CANCELLED


def test_elapsed_time_adds_up_over_runs(store: Store) -> None:
    job = running(store)
    store.jobs.finish(job.seq, "worker-1", JobStatus.FAILED)
    first = reread(store).elapsed_s(time.time())
    store.jobs.requeue(
        reread(store), lease_for_this_process(worker=None, now=time.time()), retry_failed=False
    )

    job = claimed(store, "worker-2")

    assert job.active_s == pytest.approx(first)
    assert job.elapsed_s(time.time() + 10) > first + 9


def test_only_live_jobs_use_a_datasource(store: Store) -> None:
    job = running(store)
    assert store.jobs.using_datasource(2) == ["job-1"]
    assert store.jobs.using_datasource(3) == []

    store.jobs.finish(job.seq, "worker-1", JobStatus.SUCCEEDED)

    assert store.jobs.using_datasource(2) == []


def test_every_state_but_interrupted_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(JobStatus) - {JobStatus.INTERRUPTED}


def test_events_are_read_from_where_one_left_off(store: Store) -> None:
    job = queued(store)
    store.events.add(job.seq, "loading", "loading the model", {"done": 1})
    store.events.add(job.seq, "ready", "ready")

    first, second = store.events.after(job.seq, 0)

    assert (first.kind, first.message, first.data) == ("loading", "loading the model", {"done": 1})
    assert store.events.after(job.seq, first.seq) == [second]


def test_each_thread_and_process_sees_what_others_wrote(tmp_path: Path) -> None:
    queued(Store(tmp_path / "outboard.db"))
    found: list[object] = []

    thread = threading.Thread(
        target=lambda: found.append(Store(tmp_path / "outboard.db").jobs.get("job-1"))
    )
    thread.start()
    thread.join()

    assert found[0] is not None


def test_connections_close_with_their_store_even_in_a_cycle(tmp_path: Path) -> None:
    store = Store(tmp_path / "outboard.db")
    store.jobs.all()
    cycle: list[object] = [store]
    cycle.append(cycle)

    del store, cycle
    gc.collect()  # Python 3.13 warns of a connection left open, and warnings are errors here

    files = [file.path for file in psutil.Process().open_files()]
    assert not [path for path in files if path.startswith(str(tmp_path))]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_opens_a_connection_of_its_own(tmp_path: Path) -> None:
    # In a process without threads: Python 3.12 warns of a fork among them.
    program = f"""
import os, sys
from pathlib import Path
from outboard.store import Store
store = Store(Path({str(tmp_path / "outboard.db")!r}))
store.jobs.all()
ours = store._database._connection()
if os.fork() == 0:
    store.jobs.all()
    os._exit(0 if store._database._connection() is not ours else 1)
_, status = os.wait()
store.jobs.all()
sys.exit(status)
"""

    run = subprocess.run([sys.executable, "-W", "error", "-c", program], check=False)

    assert run.returncode == 0


def test_a_workspace_written_by_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outboard.db"
    Store(path).jobs.all()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(WorkspaceError, match=r"newer outboard.*Upgrade") as caught:
        Store(path).jobs.all()

    assert caught.value.path == str(tmp_path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "outboard.db").write_bytes(b"this is no database" * 1_000)

    with pytest.raises(WorkspaceError, match="damaged"):
        Store(tmp_path / "outboard.db").jobs.all()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be written"):
        Store(tmp_path / "gone" / "outboard.db").jobs.all()


def test_a_full_disk_fails_one_commit_and_keeps_what_was_there(store: Store) -> None:
    job = running(store)
    commit(store, job, response(0))
    with store.jobs._database.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    store.jobs._database._connection().execute(f"PRAGMA max_page_count = {pages}")
    big = [response(n)._replace(response="x" * 10_000) for n in range(1, 20)]

    with pytest.raises(WorkspaceError, match="disk is full"):
        commit(store, job, *big)

    assert reread(store).succeeded == 1
    assert [r.ordinal for r in store.responses.between(job.seq, 0, 99)] == [0]


def test_a_fault_inside_a_transaction_leaves_no_trace(tmp_path: Path) -> None:
    database = Database(tmp_path / "outboard.db")

    def write_and_fail() -> None:
        with database.writing() as connection:
            connection.execute("CREATE TABLE scratch (n)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    with database.reading() as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        assert "scratch" not in {row["name"] for row in tables}


def test_local_disks_use_a_write_ahead_log_with_full_durability(tmp_path: Path) -> None:
    with Database(tmp_path / "outboard.db").reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_the_file_system_of_a_path_is_that_of_its_nearest_mount() -> None:
    mounts = psutil.disk_partitions(all=True)
    proc = next(mount for mount in mounts if mount.mountpoint == "/proc")

    assert file_system(Path("/proc/self")) == proc.fstype
    assert file_system(Path("/proc/self")) not in NETWORK_FILE_SYSTEMS


# Marks


def test_commit_of_another_thread_changes_the_mark(store: Store) -> None:
    before = store.marks.commits()
    assert store.marks.commits() == before

    writer = threading.Thread(target=store.presets.save, args=("a", {"b": 1}))
    writer.start()
    writer.join()

    assert store.marks.commits() != before


def test_marks_of_lists_change_with_what_is_listed(store: Store) -> None:
    empty = store.marks.of_lists()

    queued(store)
    with_a_job = store.marks.of_lists()
    claimed(store)
    with_a_running_job = store.marks.of_lists()
    store.presets.save("a", {})
    with_a_preset = store.marks.of_lists()

    assert with_a_job.jobs != empty.jobs
    assert with_a_running_job.jobs != with_a_job.jobs
    assert with_a_preset.presets != empty.presets
    assert with_a_preset.datasources == empty.datasources
