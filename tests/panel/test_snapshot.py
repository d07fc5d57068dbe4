import signal
from dataclasses import replace
from typing import Any

import pyarrow as pa
from tests.job_runs import datasource_of, launch, questions, signal_worker
from tests.openai_server import OpenAIServer
from tests.panel.shapes import differences
from tests.recorded_jobs import answered, record_job
from tests.waiting import wait_until

import outboard
from outboard.errors import CredentialsError
from outboard.job import Job, JobStatus, job_record
from outboard.panel import replies
from outboard.panel.job_watch import JobWatch
from outboard.panel.replies import JobSnapshot
from outboard.panel.snapshot import MOST_CHARS_EACH, MOST_PARTIAL_CHARS, snapshot
from outboard.selection import Selection
from outboard.workspace import Workspace


class Clock:
    """Time that goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def look(watch: JobWatch, job: Job) -> JobSnapshot:
    found = snapshot(watch.look({job.id})[job.id], 7)
    assert differences(replies.JobSnapshot, found) == []
    return found


def record(n_rows: int = 3, **parts: Any) -> Job:
    uid = outboard.create_datasource(pa.table({"instruction": ["q"] * n_rows}))
    return record_job(uid, **parts)


def note(workspace: Workspace, job: Job, kind: str, message: str, **data: Any) -> None:
    workspace.store.events.add(job_record(workspace, job.id).seq, kind, message, data)


def test_ended_job_is_shown_with_its_counts(workspace: Workspace) -> None:
    job = record(answer=lambda row: answered(row, "a", finish_reason="length"))

    found = look(JobWatch(workspace), job)

    assert (found["id"], found["seq"], found["status"]) == (job.id, 7, "succeeded")
    assert (found["total"], found["succeeded"], found["truncated"], found["pending"]) == (
        3,
        3,
        3,
        0,
    )
    assert (found["input_tokens"], found["output_tokens"]) == (9, 15)
    assert (found["live"], found["resumable"], found["error"]) == (False, False, None)


def test_error_of_a_failed_job_is_shown_with_its_code(workspace: Workspace) -> None:
    error = CredentialsError("The key was refused.", provider="openai")
    job = record(answer=lambda _: None, status=JobStatus.FAILED, error=error)

    found = look(JobWatch(workspace), job)

    assert found["error"] == {
        "code": "credentials",
        "message": "The key was refused.",
        "hint": "",
        "field": None,
    }
    assert found["resumable"]


def test_cost_is_what_the_provider_says(workspace: Workspace) -> None:
    watch = JobWatch(workspace)

    assert look(watch, record(provider=outboard.FinetuningProvider.LOCAL))["cost_usd"] == 0
    assert look(watch, record(provider=outboard.FinetuningProvider.OPENAI))["cost_usd"] is None


def test_newest_event_is_the_phase_until_rows_are_sent(workspace: Workspace) -> None:
    clock = Clock()
    watch = JobWatch(workspace, clock)
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    note(workspace, job, "downloading", "Fetching", done=12, total=98)
    workspace.store.jobs.request_cancel(job_record(workspace, job.id).seq)

    found = look(watch, job)

    assert found["status"] == "cancelling"
    phase = {"kind": "downloading", "message": "Fetching", "done": 12.0, "total": 98.0}
    assert found["phase"] == phase


def test_running_job_has_no_phase(workspace: Workspace) -> None:
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    note(workspace, job, "loading", "Loading")

    assert look(JobWatch(workspace), job)["phase"] is None


def test_last_warning_is_shown_while_the_job_is_live(workspace: Workspace) -> None:
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    note(workspace, job, "throttled", "Slow down")
    note(workspace, job, "ready", "Ready")

    assert look(JobWatch(workspace), job)["warning"] == "Slow down"


def test_warning_of_an_earlier_run_is_past(workspace: Workspace) -> None:
    watch = JobWatch(workspace)
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    note(workspace, job, "warning", "Old")
    note(workspace, job, "status", "cancelled")
    note(workspace, job, "status", "deploying")

    found = look(watch, job)

    assert found["warning"] is None


def test_answers_that_grow_are_shown_from_their_end(workspace: Workspace) -> None:
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    seen = watched_trial(workspace, job)
    partials = [(n, n, f"{n} " * 5_000 + "end") for n in range(2)]

    found = snapshot(seen(partials), 1)

    assert [each["x_uid"] for each in found["partials"]] == ["doc::0", "doc::1"]
    assert {len(each["text"]) for each in found["partials"]} == {MOST_CHARS_EACH}
    assert all(each["text"].endswith("end") for each in found["partials"])


def test_many_answers_that_grow_stay_small_together(workspace: Workspace) -> None:
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    seen = watched_trial(workspace, job)

    found = snapshot(seen([(n, n, "x" * 5_000) for n in range(100)]), 1)

    assert sum(len(each["text"]) for each in found["partials"]) <= MOST_PARTIAL_CHARS


def watched_trial(workspace: Workspace, job: Job) -> Any:
    """Return a function from answers that grow to what is read of a trial with them."""
    seen = JobWatch(workspace).look({job.id})[job.id]
    return lambda partials: replace(seen, partials=partials)


def test_tokens_per_second_are_those_of_late(workspace: Workspace) -> None:
    clock = Clock()
    watch = JobWatch(workspace, clock)
    job = record(4, answer=lambda row: None, status=JobStatus.RUNNING)
    assert look(watch, job)["tokens_per_s"] is None
    seen = job_record(workspace, job.id)
    assert seen.lease is not None
    assert seen.lease.worker is not None

    selection = Selection.of_call(seen.call, None)
    rows = [answered(row, "a", output_tokens=50) for row in selection.rows()]
    workspace.store.responses.commit(
        seen.seq, seen.lease.worker, rows[:2], rows_per_s=1.0, expires_at=seen.lease.expires_at
    )
    clock.now = 4.0

    assert look(watch, job)["tokens_per_s"] == 25.0


def test_job_that_did_not_change_is_not_read_again(workspace: Workspace) -> None:
    clock = Clock()
    watch = JobWatch(workspace, clock)
    job = record()

    first = watch.look({job.id})[job.id]

    clock.now = 100.0
    assert watch.look({job.id})[job.id] is first


def test_time_of_a_live_job_goes_on_though_nothing_is_written(workspace: Workspace) -> None:
    clock = Clock()
    watch = JobWatch(workspace, clock)
    job = record(answer=lambda _: None, status=JobStatus.RUNNING)
    first = watch.look({job.id})[job.id]

    clock.now = 0.5
    assert watch.look({job.id})[job.id] is first
    clock.now = 1.5
    assert watch.look({job.id})[job.id] is not first


def test_job_that_is_gone_is_left_out(workspace: Workspace) -> None:
    assert JobWatch(workspace).look({"job-0"}) == {}


def test_dead_worker_is_seen(workspace: Workspace) -> None:
    with OpenAIServer(latency_s=0.5) as server:
        job = launch(server, datasource_of(questions(50)), max_concurrency=1)
        watch = JobWatch(workspace)
        wait_until(lambda: look(watch, job)["status"] == "running", poll_s=0.05)

        signal_worker(job, signal.SIGKILL)

        wait_until(lambda: look(watch, job)["status"] == "interrupted", poll_s=0.05)
        found = look(watch, job)
        assert found["resumable"]
        assert found["error"] is not None
        assert found["error"]["code"] == "job_interrupted"
