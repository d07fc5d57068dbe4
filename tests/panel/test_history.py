import time
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.recorded_jobs import record_job

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.datasource import create_datasource
from outboard.errors import NotFoundError
from outboard.job import Job, JobStatus, job_record
from outboard.lease import lease_for_this_process
from outboard.panel import messages, replies
from outboard.panel.history import event_page, job_page, log_tail
from outboard.workspace import Workspace


def jobs(workspace: Workspace, **parts: Any) -> replies.JobPage:
    request = messages.parse_request("jobs", parts)
    assert isinstance(request, messages.ListJobs)
    return job_page(workspace, request)


def ids(page: replies.JobPage) -> list[str]:
    return [item["id"] for item in page["items"]]


def queue(workspace: Workspace, n_jobs: int) -> None:
    lease = lease_for_this_process(worker=None, now=time.time())
    call = InferenceCall(model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=(1,))
    for _ in range(n_jobs):
        name = uuid.uuid4().hex
        seq = workspace.store.jobs.add(
            name, call, launch_token=name, x_uids=None, total=1, lease=lease
        ).seq
        workspace.store.jobs.request_cancel(seq)


@pytest.fixture
def uid(workspace: Workspace) -> int:
    return create_datasource(pd.DataFrame({"instruction": ["a", "b"]}))


@pytest.fixture
def log(workspace: Workspace, uid: int) -> tuple[Job, Path]:
    """A job with the path of its log, which is not there yet."""
    job = record_job(uid)
    return job, job.log_path


def tail(workspace: Workspace, job: Job, lines: int) -> list[str]:
    request = messages.parse_request("log", {"job_id": job.id, "lines": lines})
    assert isinstance(request, messages.Log)
    return log_tail(workspace, request)["lines"]


def test_jobs_are_listed_newest_first(workspace: Workspace, uid: int) -> None:
    older, newer = record_job(uid), record_job(uid)

    page = jobs(workspace)

    assert ids(page) == [newer.id, older.id]
    assert page["total"] == 2


def test_job_is_listed_with_what_became_of_it(workspace: Workspace, uid: int) -> None:
    job = record_job(uid, model_name="qwen", status=JobStatus.CANCELLED)
    record = job_record(workspace, job.id)

    [item] = jobs(workspace)["items"]

    assert item == {
        "id": job.id,
        "status": "cancelled",
        "trial": False,
        "model_name": "qwen",
        "provider": "openai",
        "datasource_uids": [uid],
        "total": 2,
        "succeeded": 2,
        "failed": 0,
        "truncated": 0,
        "created_at": record.created_at,
        "elapsed_s": record.active_s,
        "cost_usd": None,
    }


def test_limit_leaves_the_total_as_it_is(workspace: Workspace, uid: int) -> None:
    queue(workspace, 5)

    page = jobs(workspace, limit=2)

    assert len(page["items"]) == 2
    assert page["total"] == 5


def test_search_is_limited_too(workspace: Workspace, uid: int) -> None:
    queue(workspace, 5)

    page = jobs(workspace, search="cancelling", limit=2)

    assert len(page["items"]) == 2
    assert page["total"] == 5


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", ["qwen", "llama"]),
        ("  ", ["qwen", "llama"]),
        ("QWEN", ["qwen"]),
        ("sagemaker", ["llama"]),
        ("cancelled", ["llama"]),
        ("openai qwen", ["qwen"]),
        ("cancelled qwen", []),
        ("%", []),
    ],
)
def test_jobs_are_found_by_all_words_in_any_of_their_names(
    workspace: Workspace, uid: int, search: str, expected: list[str]
) -> None:
    record_job(
        uid,
        model_name="llama",
        provider=FinetuningProvider.AWS_SAGEMAKER,
        status=JobStatus.CANCELLED,
    )
    record_job(uid, model_name="qwen")

    assert [item["model_name"] for item in jobs(workspace, search=search)["items"]] == expected


def test_job_is_found_by_a_part_of_its_id(workspace: Workspace, uid: int) -> None:
    job, _ = record_job(uid), record_job(uid)

    assert ids(jobs(workspace, search=job.id[4:20].upper())) == [job.id]


def test_job_is_found_by_the_provider_that_serves_it(workspace: Workspace, uid: int) -> None:
    job = record_job(
        uid, provider=FinetuningProvider.AWS_SAGEMAKER, deployment={"instance_type": "local"}
    )

    page = jobs(workspace, search="local")

    assert ids(page) == [job.id]
    assert page["items"][0]["provider"] == "local"
    assert jobs(workspace, search="sagemaker")["total"] == 0


def test_interrupted_jobs_are_found_as_such(workspace: Workspace, uid: int) -> None:
    job = record_job(uid, status=JobStatus.RUNNING, lease_s=-1)

    assert ids(jobs(workspace, search="interrupted")) == [job.id]
    assert jobs(workspace, search="running")["total"] == 0


def test_last_lines_of_a_log_are_shown(workspace: Workspace, log: tuple[Job, Path]) -> None:
    job, path = log
    path.write_text("".join(f"line {n}\n" for n in range(50_000)), encoding="utf-8")

    assert tail(workspace, job, 3) == ["line 49997", "line 49998", "line 49999"]
    assert len(tail(workspace, job, 1_000)) == 1_000


def test_line_that_is_being_written_is_shown(workspace: Workspace, log: tuple[Job, Path]) -> None:
    job, path = log
    path.write_text("one\n\ntwo\nhal", encoding="utf-8")

    assert tail(workspace, job, 3) == ["", "two", "hal"]


@pytest.mark.parametrize("text", [None, ""])
def test_log_that_is_missing_or_empty_has_no_lines(
    workspace: Workspace, log: tuple[Job, Path], text: str | None
) -> None:
    job, path = log
    if text is not None:
        path.write_text(text, encoding="utf-8")

    assert tail(workspace, job, 3) == []


def test_huge_log_is_read_from_its_end(workspace: Workspace, log: tuple[Job, Path]) -> None:
    job, path = log
    with path.open("wb") as file:
        file.truncate(1 << 30)  # takes no room on the disk
        file.seek(0, 2)
        file.write(b"\nthe end\n")

    assert tail(workspace, job, 1) == ["the end"]
    assert tail(workspace, job, 100)[-1] == "the end"


def test_log_is_shown_as_a_terminal_would(workspace: Workspace, log: tuple[Job, Path]) -> None:
    job, path = log
    path.write_bytes(
        b"\x1b[31mred\x1b[0m\n"
        b"\x1b]0;title\x07shown\n"
        b"\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\\n"
        b" 10%\r 90%\r100%\r\n"
        b"\xff\xfe broken\n"
        b"<script>alert(1)</script>\n"
    )

    assert tail(workspace, job, 10) == [
        "red",
        "shown",
        "link",
        "100%",
        "\ufffd\ufffd broken",
        "<script>alert(1)</script>",
    ]


def test_long_lines_of_a_log_are_cut(workspace: Workspace, log: tuple[Job, Path]) -> None:
    job, path = log
    path.write_text("x" * 20_000_000 + "\nend\n", encoding="utf-8")

    assert tail(workspace, job, 5) == ["x" * 1_999 + "…", "end"]


def test_log_of_an_unknown_job_is_refused(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"no job '\.\./outboard'"):
        tail(workspace, Job(workspace, "../outboard"), 5)


def test_events_are_shown_oldest_first_from_the_last_one_seen(
    workspace: Workspace, uid: int
) -> None:
    job = record_job(uid)
    seq = job_record(workspace, job.id).seq
    for n in range(1_200):
        workspace.store.events.add(seq, "throttled", f"\x1b[1mno. {n}\x1b[0m")

    first = event_page(workspace, messages.Events(job_id=job.id))["items"]
    second = event_page(workspace, messages.Events(job_id=job.id, after=first[-1]["seq"]))["items"]

    assert [item["message"] for item in [*first, *second]] == [f"no. {n}" for n in range(1_200)]
    assert len(first) == 1_000
    assert first[0]["kind"] == "throttled"
    assert first[0]["at"] == pytest.approx(time.time(), abs=60)


def test_events_of_an_unknown_job_are_refused(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="no job 'gone'"):
        event_page(workspace, messages.Events(job_id="gone"))
