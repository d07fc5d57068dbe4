from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.recorded_jobs import answered, failed, record_job

from outboard.datasource import create_datasource, delete_datasource, get_datasource
from outboard.errors import NotFoundError
from outboard.job import Job, JobStatus
from outboard.panel import messages, replies
from outboard.panel.rows import ResultRows
from outboard.panel.waiting import GivenUpError, waited_for
from outboard.selection import ordinals_of
from outboard.workspace import Workspace


def prompts(workspace: Workspace, job: Job, ordinals: list[int]) -> dict[str, list[Any]]:
    request = messages.parse_request("prompts", {"job_id": job.id, "ordinals": ordinals})
    assert isinstance(request, messages.Prompts)
    data = ResultRows(workspace).prompts(request)
    return pa.ipc.open_stream(data).read_all().to_pydict()


def detail(workspace: Workspace, job: Job, ordinal: int) -> replies.RowDetail:
    request = messages.parse_request("row", {"job_id": job.id, "ordinal": ordinal})
    assert isinstance(request, messages.OneRow)
    return ResultRows(workspace).detail(request)


def questions(n_rows: int) -> pa.Table:
    return pa.table(
        {
            "instruction": [f"question {n}" for n in range(n_rows)],
            "response": [f"reference {n}" for n in range(n_rows)],
        }
    )


def write(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=100)
    elif path.suffix == ".csv":
        table.to_pandas().to_csv(path, index=False)
    else:
        table.to_pandas().to_json(path, orient="records", lines=path.suffix == ".jsonl")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".json"])
def test_prompts_come_in_the_order_asked_for(
    workspace: Workspace, tmp_path: Path, suffix: str
) -> None:
    uid = create_datasource(write(questions(1_000), tmp_path / f"rows{suffix}"))
    job = record_job(uid, answer=lambda row: None, prompt_template="Q: {instruction}")
    asked = [999, 0, 350, 351, 99, 100, 700]

    found = prompts(workspace, job, asked)

    assert found == {
        "ordinal": asked,
        "prompt": [f"Q: question {n}" for n in asked],
        "reference": [f"reference {n}" for n in asked],
    }


def test_prompts_have_the_types_that_were_agreed_on(workspace: Workspace) -> None:
    job = record_job(create_datasource(questions(1)))
    request = messages.Prompts(job_id=job.id, ordinals=[0])

    schema = pa.ipc.open_stream(ResultRows(workspace).prompts(request)).read_all().schema

    assert tuple(schema.names) == replies.PROMPT_COLUMNS
    assert [str(kind) for kind in schema.types] == ["int64", "string", "string"]


def test_prompts_of_a_second_datasource_are_its_own(workspace: Workspace) -> None:
    first, second = (create_datasource(questions(n)) for n in (3, 2))
    job = record_job(first, second, prompt_template="Q: {instruction}")

    found = prompts(workspace, job, [ordinals_of(1).start + 1, 2])

    assert found["prompt"] == ["Q: question 1", "Q: question 2"]


def test_prompts_follow_the_x_uids_of_a_uid_column(workspace: Workspace) -> None:
    table = questions(4).append_column("n", pa.array([70, 10, 30, 20]))
    job = record_job(create_datasource(table, uid_col="n"), x_uids=[10, 20, 70])

    found = prompts(workspace, job, [3, 0])

    assert found["prompt"] == ["question 3", "question 0"]


def test_prompts_without_columns_are_told(workspace: Workspace) -> None:
    job = record_job(create_datasource(questions(3)), prompt_template="Say hello.")

    assert prompts(workspace, job, [2])["prompt"] == ["Say hello."]


def test_row_that_cannot_be_rendered_has_no_prompt(workspace: Workspace) -> None:
    uid = create_datasource(pd.DataFrame({"instruction": ["a", None]}))
    job = record_job(uid)

    assert prompts(workspace, job, [0, 1])["prompt"] == ["a", None]


def test_unknown_ordinals_have_no_prompt(workspace: Workspace) -> None:
    job = record_job(create_datasource(questions(2)))

    found = prompts(workspace, job, [1, 2, ordinals_of(1).start, 2**53 - 1])

    assert found["prompt"] == ["question 1", None, None, None]


def test_prompts_of_a_deleted_datasource_are_null(workspace: Workspace) -> None:
    kept, deleted = create_datasource(questions(1)), create_datasource(questions(1))
    job = record_job(kept, deleted)
    delete_datasource(deleted)

    found = prompts(workspace, job, [0, ordinals_of(1).start])

    assert found["prompt"] == ["question 0", None]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_prompts_of_a_changed_file_are_null(
    workspace: Workspace, tmp_path: Path, suffix: str
) -> None:
    path = write(questions(3), tmp_path / f"rows{suffix}")
    job = record_job(create_datasource(path))
    write(questions(4), path)

    assert prompts(workspace, job, [0, 1])["prompt"] == [None, None]


def test_prompts_of_a_file_that_is_gone_are_null(workspace: Workspace, tmp_path: Path) -> None:
    path = write(questions(3), tmp_path / "rows.parquet")
    job = record_job(create_datasource(path))
    path.unlink()

    assert prompts(workspace, job, [0])["prompt"] == [None]


@pytest.mark.parametrize("letter", ["a", "日", "😀"])
def test_most_prompts_at_once_stay_below_100_kb(workspace: Workspace, letter: str) -> None:
    table = pa.table({"instruction": [letter * 5_000] * 200, "response": [letter * 5_000] * 200})
    job = record_job(create_datasource(table), answer=lambda row: None)
    request = messages.Prompts(job_id=job.id, ordinals=list(range(200)))

    data = ResultRows(workspace).prompts(request)

    assert len(data) < 100_000
    shown = pa.ipc.open_stream(data).read_all().column("prompt")[0].as_py()
    assert letter * 20 in shown
    assert len(shown) <= replies.CELL_CHARS


def test_only_row_groups_with_a_wanted_row_are_read(workspace: Workspace, tmp_path: Path) -> None:
    path = write(questions(1_000), tmp_path / "rows.parquet")

    assert get_datasource(create_datasource(path)).starts == list(range(0, 1_000, 100))


def test_csv_is_read_from_its_beginning(workspace: Workspace, tmp_path: Path) -> None:
    path = write(questions(1_000), tmp_path / "rows.csv")

    assert get_datasource(create_datasource(path)).starts == [0]


def test_prompts_of_an_unknown_job_are_refused(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="no job 'gone'"):
        prompts(workspace, Job(workspace, "gone"), [0])


def test_prompts_that_nobody_waits_for_are_not_read(workspace: Workspace) -> None:
    job = record_job(create_datasource(questions(1)))

    with waited_for(lambda: False), pytest.raises(GivenUpError):
        prompts(workspace, job, [0])


def test_detail_tells_everything_about_a_row(workspace: Workspace) -> None:
    job = record_job(
        create_datasource(questions(2)),
        answer=lambda row: answered(row, "an answer", finish_reason="length"),
        generation={"system_prompt": "Be brief about {instruction}."},
    )

    found = detail(workspace, job, 1)

    assert found == {
        "ordinal": 1,
        "datasource_uid": int(job.call.datasource_uids[0]),
        "x_uid": "doc::1",
        "status": "succeeded",
        "finish_reason": "length",
        "prompt": "question 1",
        "system": "Be brief about question 1.",
        "response": "an answer",
        "reference": "reference 1",
        "error_code": None,
        "error_message": None,
        "input_tokens": 3,
        "output_tokens": 5,
        "latency_s": 0.25,
        "attempts": 1,
        "cut": [],
    }


def test_detail_tells_why_a_row_failed(workspace: Workspace) -> None:
    job = record_job(
        create_datasource(questions(1)),
        answer=lambda row: failed(row, "timeout", "Took too long.", attempts=4),
    )

    found = detail(workspace, job, 0)

    assert found["status"] == "failed"
    assert found["error_code"] == "timeout"
    assert found["error_message"] == "Took too long."
    assert found["response"] is None
    assert found["prompt"] == "question 0"


def test_detail_cuts_texts_of_more_than_a_million_characters(workspace: Workspace) -> None:
    table = pa.table({"instruction": ["é" * 1_000_000], "response": ["b" * 1_000_001]})
    job = record_job(create_datasource(table), answer=lambda row: answered(row, "日" * 2_000_000))

    found = detail(workspace, job, 0)

    assert found["cut"] == ["response", "reference"]
    assert found["prompt"] == "é" * 1_000_000
    assert found["response"] == "日" * 1_000_000
    assert found["reference"] == "b" * 1_000_000


def test_detail_of_a_deleted_datasource_keeps_the_response(workspace: Workspace) -> None:
    uid = create_datasource(questions(1))
    job = record_job(uid)
    delete_datasource(uid)

    found = detail(workspace, job, 0)

    assert found["prompt"] is None
    assert found["reference"] is None
    assert found["response"] == "question 0"


@pytest.mark.parametrize("ordinal", [0, 7, 2**53 - 1])
def test_detail_of_a_row_without_an_outcome_says_so(workspace: Workspace, ordinal: int) -> None:
    job = record_job(
        create_datasource(questions(1)), answer=lambda row: None, status=JobStatus.RUNNING
    )

    with pytest.raises(NotFoundError, match=f"Row {ordinal} of job {job.id} has no outcome"):
        detail(workspace, job, ordinal)
