import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.job_runs import datasource_of, launch, questions
from tests.openai_server import OpenAIServer
from tests.recorded_jobs import answered, echo, failed, record_job
from tests.waiting import wait_until

import outboard
from outboard import ExternalModel, JobStatus, Workspace, get_job, list_jobs
from outboard.errors import (
    CredentialsError,
    DatasourceChangedError,
    JobCancelledError,
    JobFailedError,
    JobInterruptedError,
    JobStateError,
    JobTimeoutError,
    NotFoundError,
)
from outboard.job import Job
from outboard.lease import LEASE_S
from outboard.selection import Row
from outboard.store.responses import ResponseRecord

pytestmark = pytest.mark.usefixtures("workspace")

ENDED = [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]


def first_two(row: Row) -> ResponseRecord | None:
    """Answer the first row, cut the second, leave the others."""
    match row.row_uid:
        case 0:
            return echo(row)
        case 1:
            return answered(row, "and so", finish_reason="length")
        case _:
            return None


def half_failed(row: Row) -> ResponseRecord | None:
    return failed(row, "throttled", "Slow down.", attempts=12) if row.row_uid % 2 else echo(row)


@pytest.fixture
def uid() -> int:
    return datasource_of(questions(4))


def running(uid: int, **parts: Any) -> Job:
    return record_job(uid, status=JobStatus.RUNNING, answer=first_two, **parts)


def interrupted(uid: int, **parts: Any) -> Job:
    return running(uid, lease_s=0.0, **parts)


def in_another_process(workspace: Workspace, job: Job, code: str) -> Any:
    """Return what `code` makes of `job` in a process of its own, through JSON."""
    program = (
        f"import json, outboard\njob = outboard.get_job({job.id!r})\nprint(json.dumps({code}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"OUTBOARD_HOME": str(workspace.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


# Looking at a job


def test_progress_counts_every_row(uid: int) -> None:
    progress = running(uid, rows_per_s=4.0).progress

    assert (progress.total, progress.succeeded, progress.failed, progress.pending) == (4, 2, 0, 2)
    assert (progress.truncated, progress.done) == (1, 2)
    assert (progress.input_tokens, progress.output_tokens) == (6, 10)
    assert (progress.rows_per_s, progress.eta_s) == (4.0, 0.5)
    assert progress.cost_usd is None
    assert 0 < progress.elapsed_s < 60


def test_rate_and_time_left_are_unknown_before_the_first_rows(uid: int) -> None:
    progress = running(uid).progress

    assert (progress.rows_per_s, progress.eta_s) == (None, None)


def test_rate_and_time_left_end_with_the_job(uid: int) -> None:
    progress = interrupted(uid, rows_per_s=4.0).progress

    assert (progress.rows_per_s, progress.eta_s) == (None, None)


def test_results_show_what_there_is(uid: int) -> None:
    frame = running(uid).results()

    assert frame["status"].tolist() == ["succeeded", "succeeded", "pending", "pending"]
    assert frame["prompt"].tolist() == questions(4)


def test_repr_tells_how_it_stands(uid: int) -> None:
    job = record_job(uid, answer=half_failed)

    assert repr(job) == f"<Job {job.id} succeeded: 4 of 4 rows, 2 failed>"


def test_another_process_sees_the_same_job(uid: int, workspace: Workspace) -> None:
    job = running(uid)

    seen = in_another_process(
        workspace, job, "[job.status, job.progress.succeeded, job.model_source_uid, job.x_uids]"
    )

    assert seen == ["running", 2, job.model_source_uid, None]


def test_unknown_job_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"no job 'job-1' in .*list_jobs\(\)") as caught:
        get_job("job-1")

    assert (caught.value.kind, caught.value.ids) == ("job", ("job-1",))


# What stopped it


def test_job_that_goes_on_or_succeeded_has_no_error(uid: int) -> None:
    assert [running(uid).error, record_job(uid).error] == [None, None]


def test_error_is_of_the_same_class_in_another_process(uid: int, workspace: Workspace) -> None:
    error = CredentialsError("The key was refused. Check it.", provider="openai")
    job = record_job(uid, status=JobStatus.FAILED, error=error)

    seen = in_another_process(
        workspace, job, "[type(job.error).__name__, job.error.message, job.error.provider]"
    )

    assert seen == ["CredentialsError", "The key was refused. Check it.", "openai"]
    with pytest.raises(CredentialsError, match="The key was refused"):
        job.wait()


def test_error_of_a_cancelled_job_says_how_to_go_on(uid: int) -> None:
    job = record_job(uid, status=JobStatus.CANCELLED)

    assert isinstance(job.error, JobCancelledError)
    with pytest.raises(JobCancelledError, match=rf"get_job\('{job.id}'\)\.resume\(\)"):
        job.wait()


def test_error_of_an_interrupted_job_names_its_log(uid: int) -> None:
    job = interrupted(uid)

    assert job.status is JobStatus.INTERRUPTED
    assert isinstance(job.error, JobInterruptedError)
    assert str(job.log_path) in job.error.message
    with pytest.raises(JobInterruptedError, match=r"resume\(\) goes on with the others"):
        job.wait()


# Waiting


def test_waiting_in_vain_leaves_the_job_running(uid: int) -> None:
    job = running(uid)

    with pytest.raises(JobTimeoutError, match=r"still running after 0\.2 s") as caught:
        job.wait(timeout=0.2)

    assert caught.value.job_id == job.id
    assert job.status is JobStatus.RUNNING


def test_waiting_for_an_ended_job_returns_its_model_source(uid: int) -> None:
    job = record_job(uid)

    assert job.wait(timeout=0) == job.model_source_uid


# Stopping


@pytest.mark.parametrize("status", ENDED)
def test_cancelling_an_ended_job_does_nothing(uid: int, status: JobStatus) -> None:
    error = JobFailedError("It broke.") if status is JobStatus.FAILED else None
    job = record_job(uid, status=status, error=error)

    job.cancel()

    assert job.status is status
    assert str(job.error) == str(error) or status is JobStatus.CANCELLED


def test_cancelling_a_running_job_returns_at_once(uid: int) -> None:
    job = running(uid)

    job.cancel()
    job.cancel()

    assert job.status is JobStatus.CANCELLING


def test_interrupted_job_can_be_cancelled(uid: int) -> None:
    job = interrupted(uid)

    job.cancel()

    assert job.status is JobStatus.CANCELLED
    assert job.progress.succeeded == 2


# Going on


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.SUCCEEDED])
def test_resuming_what_runs_or_succeeded_is_refused(uid: int, status: JobStatus) -> None:
    job = record_job(uid, status=status)

    with pytest.raises(JobStateError, match=f"is {status}: there is nothing to resume") as caught:
        job.resume()

    assert (caught.value.job_id, caught.value.status) == (job.id, str(status))


def test_refused_resume_points_to_the_failed_rows(uid: int) -> None:
    with pytest.raises(JobStateError, match=r"call retry_failed\(\)"):
        record_job(uid, answer=half_failed).resume()


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [(JobStatus.RUNNING, half_failed, "is running"), (JobStatus.SUCCEEDED, echo, "has no failed")],
)
def test_retrying_without_ended_failed_rows_is_refused(
    uid: int, status: JobStatus, answer: Any, why: str
) -> None:
    with pytest.raises(JobStateError, match=f"{why}.*nothing to retry"):
        record_job(uid, status=status, answer=answer).retry_failed()


def test_of_two_who_resume_at_once_the_slower_is_told(uid: int, workspace: Workspace) -> None:
    job = interrupted(uid)
    # Stands for the other one, who comes between our look at the job and our update.
    with workspace.store._database.writing() as connection:
        connection.execute(
            "CREATE TRIGGER other BEFORE UPDATE ON jobs WHEN NEW.status = 'queued'"
            " BEGIN SELECT RAISE(IGNORE); END"
        )

    with pytest.raises(JobStateError, match="was taken up by somebody else at the same moment"):
        job.resume()


def test_resumed_job_sends_only_what_is_left_in_whatever_workspace_is_current(
    uid: int, server: OpenAIServer, tmp_path: Path
) -> None:
    job = interrupted(uid, model_name="tiny-chat", deployment={"base_url": server.base_url})

    with Workspace(tmp_path / "other"):
        job.resume()
        job.wait(60)

    assert sorted(server.seen.prompts) == questions(4)[2:]
    assert job.progress.succeeded == 4


@pytest.mark.parametrize("again", [Job.resume, Job.retry_failed])
def test_job_stays_as_it_is_when_its_datasource_was_deleted(
    uid: int, again: Callable[[Job], None]
) -> None:
    job = record_job(uid, status=JobStatus.CANCELLED, answer=half_failed)
    outboard.delete_datasource(uid)

    with pytest.raises(NotFoundError, match=f"Datasource {uid}.* was deleted") as caught:
        again(job)

    assert caught.value.ids == (str(uid),)
    assert job.status == "cancelled"


def test_job_stays_as_it_is_when_the_file_of_its_rows_was_changed(tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text("instruction\nWhat is rain?\n")
    job = record_job(
        outboard.create_datasource(file), status=JobStatus.FAILED, answer=lambda row: None
    )
    file.write_text("instruction\nWhat is hail?\n")

    with pytest.raises(DatasourceChangedError, match="was changed after it was registered"):
        job.resume()

    assert job.status == "failed"


def test_retried_rows_are_sent_again_and_no_others(uid: int, server: OpenAIServer) -> None:
    job = record_job(
        uid,
        answer=half_failed,
        model_name="tiny-chat",
        deployment={"base_url": server.base_url},
    )

    job.retry_failed()
    job.wait(60)

    assert sorted(server.seen.prompts) == questions(4)[1::2]
    assert (job.progress.succeeded, job.progress.failed) == (4, 0)


# A whole life


def test_job_tells_its_life_in_events(uid: int, server: OpenAIServer) -> None:
    job = launch(server, uid)
    job.wait(60)

    wait_until(lambda: job.events()[-1].message == "succeeded")
    events = job.events()

    phases = [event.message for event in events if event.kind == "status"]
    assert phases == ["deploying", "running", "succeeded"]
    assert [event.kind for event in events if event.kind != "status"] == ["ready"]
    assert job.events(after=events[1].seq) == events[2:]
    assert job.log_path.exists()


def test_python_source_reproduces_a_job(
    uid: int, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ExternalModel("tiny-chat", {"instruction": "instruction"}, "openai")
    settings = {"base_url": server.base_url, "max_concurrency": 2}
    first = get_job(
        model.inference(
            [uid], ["doc::1", 3], {"temperature": 0.5}, settings, '{{"{instruction}"}}', False
        )
    )
    first.wait(60)

    names: dict[str, Any] = {}
    exec(first.as_python(), names)

    second = get_job(outboard.get_model_source(names["source_uid"]).job_id)
    assert second.id != first.id
    assert (second.call, second.x_uids) == (first.call, ["doc::1", "doc::3"])
    assert second.results()["response"].tolist() == first.results()["response"].tolist()


def test_python_source_of_many_chosen_rows_stays_short(uid: int) -> None:
    other = datasource_of(questions(60))
    job = record_job(other, x_uids=range(1, 60))

    source = job.as_python()

    assert f"x_uids=outboard.get_job({job.id!r}).x_uids" in source
    assert len(source) < 400


# All of them


def test_no_jobs_are_listed_with_the_types_of_some(uid: int) -> None:
    empty = list_jobs()
    record_job(uid, answer=half_failed)

    assert empty.empty
    assert list(empty.columns) == list(list_jobs().columns)
    assert (empty.dtypes == list_jobs().dtypes).all()


def test_jobs_are_listed_newest_first(uid: int) -> None:
    first = record_job(uid, answer=half_failed)
    second = running(uid, deployment={"instance_type": "local"})

    listed = list_jobs()

    assert listed["job_id"].tolist() == [second.id, first.id]
    assert listed["status"].tolist() == ["running", "succeeded"]
    assert listed["provider"].tolist() == ["local", "openai"]
    assert listed["datasource_uids"].tolist() == [[uid], [uid]]
    assert listed[["total", "succeeded", "failed"]].to_numpy().tolist() == [[4, 2, 0], [4, 2, 2]]
    assert str(listed["created_at"].dtype) == "datetime64[ns, UTC]"
    assert get_job(listed["job_id"].iloc[0]).model_source_uid == listed["model_source_uid"].iloc[0]


def test_elapsed_time_of_an_interrupted_job_ends_with_its_last_sign_of_life(uid: int) -> None:
    job = running(uid, lease_s=-3_600.0)

    assert job.status is JobStatus.INTERRUPTED
    assert job.progress.elapsed_s <= LEASE_S
