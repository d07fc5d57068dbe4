import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pytest
from tests.recorded_jobs import answered, failed, record_job
from tests.waiting import wait_until

from outboard.datasource import create_datasource
from outboard.errors import ConfigError, NotFoundError
from outboard.job import Job, JobStatus, job_record
from outboard.panel import messages, replies
from outboard.panel.rows import ResultRows
from outboard.panel.waiting import GivenUpError, waited_for
from outboard.selection import Row
from outboard.store.responses import ResponseRecord
from outboard.workspace import Workspace

LARGE = 100_000


def write_down(workspace: Workspace, n_rows: int, **parts: Any) -> Job:
    """Record a job over `n_rows` rows, answered without rendering a prompt."""
    uid = create_datasource(pd.DataFrame({"instruction": ["q"] * n_rows}))
    job = record_job(uid, answer=lambda row: None, status=JobStatus.RUNNING)
    add(workspace, job, [response(n, **parts) for n in range(n_rows)])
    return job


def response(n: int, **parts: Any) -> ResponseRecord:
    row = Row(ordinal=n, datasource_uid=1, row_uid=n, prompt=cast("Any", None))
    return answered(row, f"answer {n}", **parts)


def add(workspace: Workspace, job: Job, records: list[ResponseRecord]) -> None:
    seen = job_record(workspace, job.id)
    assert seen.lease is not None
    assert seen.lease.worker is not None
    workspace.store.responses.commit(
        seen.seq, seen.lease.worker, records, rows_per_s=None, expires_at=time.time() + 60
    )


def ask(workspace: Workspace, job: Job, start: int, stop: int, **parts: Any) -> Any:
    payload = {"job_id": job.id, "start": start, "stop": stop, **parts}
    request = messages.parse_request("rows", payload)
    assert isinstance(request, messages.Rows)
    return ResultRows(workspace).window(request)


def table(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


def column(reply: tuple[Any, bytes], name: str) -> list[Any]:
    return table(reply[1]).column(name).to_pylist()


def ordinals(workspace: Workspace, job: Job, start: int, stop: int, **parts: Any) -> list[int]:
    return column(ask(workspace, job, start, stop, **parts), "ordinal")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Job]]:
    """A job of many rows, every third one unanswered."""
    with Workspace(tmp_path_factory.mktemp("large") / "workspace") as workspace:
        uid = create_datasource(pd.DataFrame({"instruction": ["q"] * LARGE}))
        job = record_job(uid, answer=lambda row: None, status=JobStatus.RUNNING)
        add(workspace, job, [response(n) for n in range(LARGE) if n % 3 != 2])
        yield workspace, job


def test_window_has_the_columns_and_types_that_were_agreed_on(workspace: Workspace) -> None:
    job = write_down(workspace, 2)

    schema = table(ask(workspace, job, 0, 2)[1]).schema

    assert tuple(schema.names) == replies.ROW_COLUMNS
    assert {name: str(schema.field(name).type) for name in schema.names} == {
        "ordinal": "int64",
        "datasource_uid": "int64",
        "x_uid": "string",
        "status": "string",
        "finish_reason": "string",
        "response": "string",
        "response_chars": "int64",
        "error_code": "string",
        "error_message": "string",
        "input_tokens": "int64",
        "output_tokens": "int64",
        "latency_s": "double",
        "attempts": "int64",
    }


def test_window_is_encoded_as_in_the_example_that_the_browser_reads(workspace: Workspace) -> None:
    path = Path(__file__).parent / "messages" / "rows.json"
    example = json.loads(path.read_text(encoding="utf-8"))
    job = write_down(workspace, 1)

    found = table(ask(workspace, job, 0, 1)[1])

    assert found.schema == table(base64.b64decode(example["buffer"])).schema


def test_window_tells_what_became_of_each_row(workspace: Workspace) -> None:
    def answer(row: Row) -> ResponseRecord:
        if row.row_uid == 1:
            return failed(row, "timeout", "Took too long.", attempts=4)
        return answered(row, "yes", finish_reason="length", latency_s=0.5)

    uid = create_datasource(pd.DataFrame({"instruction": ["a", "b"]}))
    job = record_job(uid, answer=answer)

    rows = table(ask(workspace, job, 0, 10)[1]).to_pylist()

    assert rows == [
        {
            "ordinal": 0,
            "datasource_uid": uid,
            "x_uid": "doc::0",
            "status": "succeeded",
            "finish_reason": "length",
            "response": "yes",
            "response_chars": 3,
            "error_code": None,
            "error_message": None,
            "input_tokens": 3,
            "output_tokens": 5,
            "latency_s": 0.5,
            "attempts": 1,
        },
        {
            "ordinal": 1,
            "datasource_uid": uid,
            "x_uid": "doc::1",
            "status": "failed",
            "finish_reason": "error",
            "response": None,
            "response_chars": None,
            "error_code": "timeout",
            "error_message": "Took too long.",
            "input_tokens": None,
            "output_tokens": None,
            "latency_s": 0.25,
            "attempts": 4,
        },
    ]


def test_pages_hold_each_answered_row_once_in_input_order(large: tuple[Workspace, Job]) -> None:
    workspace, job = large
    expected = [n for n in range(LARGE) if n % 3 != 2]

    seen: list[int] = []
    for start in range(0, len(expected), 20_000):
        seen += ordinals(workspace, job, start, start + 200)

    assert seen == [n for start in range(0, len(expected), 20_000)
                    for n in expected[start : start + 200]]  # fmt: skip


@pytest.mark.parametrize("start", [0, 1, 33_000, 33_334, 66_500, 66_590, 66_667, 70_000])
def test_every_place_of_a_large_result_is_found(large: tuple[Workspace, Job], start: int) -> None:
    workspace, job = large
    expected = [n for n in range(LARGE) if n % 3 != 2]

    reply, _ = found = ask(workspace, job, start, start + 100)

    assert column(found, "ordinal") == expected[start : start + 100]
    assert reply["total"] == len(expected)


def test_sorted_pages_hold_each_row_once(large: tuple[Workspace, Job]) -> None:
    workspace, job = large
    sort = {"column": "x_uid", "descending": True}
    expected = [n for n in range(LARGE - 1, -1, -1) if n % 3 != 2]

    assert ordinals(workspace, job, 0, 200, sort=sort) == expected[:200]
    assert ordinals(workspace, job, 60_000, 60_200, sort=sort) == expected[60_000:60_200]


@pytest.mark.parametrize("descending", [False, True])
def test_first_window_of_a_sort_is_that_of_the_whole_sort(
    large: tuple[Workspace, Job], *, descending: bool
) -> None:
    workspace, job = large
    sort = {"column": "response", "descending": descending}

    reply, _ = before = ask(workspace, job, 0, 100, sort=sort)
    ask(workspace, job, 100, 200, sort=sort)  # sorts everything
    _, _ = after = ask(workspace, job, 0, 100, sort=sort)

    assert column(before, "ordinal") == column(after, "ordinal")
    assert reply == after[0]


def test_window_behind_the_last_row_is_empty(workspace: Workspace) -> None:
    job = write_down(workspace, 3)

    assert ordinals(workspace, job, 3, 100) == []
    assert ordinals(workspace, job, 3, 100, sort={"column": "response"}) == []
    assert ordinals(workspace, job, 2, 1) == []
    assert ordinals(workspace, job, 2**53 - 2, 2**53 - 1) == []


def test_window_of_a_job_without_answers_is_empty(workspace: Workspace) -> None:
    job = record_job(
        create_datasource(pd.DataFrame({"instruction": ["a"]})), answer=lambda row: None
    )

    reply, data = ask(workspace, job, 0, 100)

    assert reply["total"] == 0
    assert table(data).num_rows == 0


def test_too_large_a_window_is_refused(workspace: Workspace) -> None:
    job = write_down(workspace, 1)

    with pytest.raises(ConfigError, match="at most 200 rows, got 10 to 211"):
        ask(workspace, job, 10, 211)


def test_window_of_an_unknown_job_says_so(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="There is no job 'job-gone'"):
        ask(workspace, Job(workspace, "job-gone"), 0, 10)


@pytest.mark.parametrize("column_name", ["latency_s", "input_tokens", "response", "error_code"])
@pytest.mark.parametrize("descending", [False, True])
def test_null_sorts_last_in_both_directions(
    workspace: Workspace, column_name: str, *, descending: bool
) -> None:
    values = {"latency_s": 1.5, "input_tokens": 4, "response": "x", "error_code": "x"}
    job = record_job(
        create_datasource(pd.DataFrame({"instruction": ["a", "b", "c"]})),
        answer=lambda row: answered(
            row, "", **{column_name: None if row.row_uid == 1 else values[column_name]}
        ),
    )

    sort = {"column": column_name, "descending": descending}

    assert ordinals(workspace, job, 0, 10, sort=sort) == [0, 2, 1]


@pytest.mark.parametrize(
    "column_name",
    ["status", "finish_reason", "input_tokens", "output_tokens"]
    + ["latency_s", "attempts", "error_code"],
)
def test_equal_rows_stay_in_input_order(workspace: Workspace, column_name: str) -> None:
    job = write_down(workspace, 50)

    for descending in (False, True):
        sort = {"column": column_name, "descending": descending}
        assert ordinals(workspace, job, 0, 50, sort=sort) == list(range(50))


def test_x_uids_sort_by_their_numbers(workspace: Workspace) -> None:
    uid = create_datasource(
        pd.DataFrame({"instruction": ["a", "b", "c"], "n": [100, 9, 20]}), uid_col="n"
    )
    job = record_job(uid)

    found = ask(workspace, job, 0, 10, sort={"column": "x_uid"})

    assert column(found, "x_uid") == ["doc::9", "doc::20", "doc::100"]


def test_responses_sort_whatever_their_case(workspace: Workspace) -> None:
    texts = ["banana", "Apple", "cherry", "apple pie"]
    uid = create_datasource(pd.DataFrame({"instruction": texts}))
    job = record_job(uid)

    found = ask(workspace, job, 0, 10, sort={"column": "response"})

    assert column(found, "response") == ["Apple", "apple pie", "banana", "cherry"]


def test_failed_then_truncated_rows_come_first_by_status(workspace: Workspace) -> None:
    def answer(row: Row) -> ResponseRecord:
        if row.row_uid == 2:
            return failed(row, "timeout", "Took too long.", attempts=1)
        return answered(row, "", finish_reason="length" if row.row_uid == 1 else "stop")

    job = record_job(create_datasource(pd.DataFrame({"instruction": list("abc")})), answer=answer)

    assert ordinals(workspace, job, 0, 10, sort={"column": "status"}) == [2, 1, 0]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], [0, 1, 2, 3]),
        (["succeeded"], [0, 1, 3]),
        (["failed"], [2]),
        (["truncated"], [1]),
        (["failed", "truncated"], [1, 2]),
    ],
)
def test_rows_are_filtered_by_any_of_some_statuses(
    workspace: Workspace, statuses: list[str], expected: list[int]
) -> None:
    def answer(row: Row) -> ResponseRecord:
        if row.row_uid == 2:
            return failed(row, "timeout", "Took too long.", attempts=1)
        return answered(row, "", finish_reason="length" if row.row_uid == 1 else None)

    job = record_job(create_datasource(pd.DataFrame({"instruction": list("abcd")})), answer=answer)

    found = ask(workspace, job, 0, 10, filter={"statuses": statuses})

    assert column(found, "ordinal") == expected
    assert found[0]["total"] == len(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("paris", [0]),
        ("PARIS", [0]),
        ("100%", [1]),
        ("0%x", []),
        ("a_b", [2]),
        ("\\n", [3]),
        ("éTÉ", [4]),
        ("STRASSE", []),
        ("straße", [5]),
        ("日本", [6]),
        ("doc::7", [7]),
        ("DOC::7", [7]),
        ("::7", [7]),
        ("7", [7]),
        ("doc", []),
        ("Too Long", [8]),
        ("timeout", [8]),
        ("bell\0end", [9]),
        ("nowhere", []),
        ("'; DROP TABLE responses; --", []),
    ],
)
def test_text_is_found_in_response_error_or_x_uid_whatever_its_case(
    workspace: Workspace, text: str, expected: list[int]
) -> None:
    texts = (
        ["It is Paris.", "100% sure", "a_b", "C:\\new", "Été", "Straße", "日本語"]
        + ["seventh", "-", "bell\0end"]
    )  # fmt: skip

    def answer(row: Row) -> ResponseRecord:
        if row.row_uid == 8:
            return failed(row, "timeout", "Took too long.", attempts=1)
        return answered(row, texts[row.row_uid])

    job = record_job(create_datasource(pd.DataFrame({"instruction": ["q"] * 10})), answer=answer)

    assert ordinals(workspace, job, 0, 20, filter={"text": text}) == expected


def test_filter_goes_together_with_sort(workspace: Workspace) -> None:
    job = record_job(
        create_datasource(pd.DataFrame({"instruction": ["q"] * 6})),
        answer=lambda row: answered(row, f"odd {row.row_uid % 2}", latency_s=-row.row_uid),
    )

    found = ordinals(workspace, job, 0, 10, sort={"column": "latency_s"}, filter={"text": "odd 1"})

    assert found == [5, 3, 1]


def test_long_texts_are_cut_but_their_length_is_told(workspace: Workspace) -> None:
    job = write_down(workspace, 1, response="é" * 5_000)

    found = ask(workspace, job, 0, 1)

    assert column(found, "response") == ["é" * replies.CELL_CHARS]
    assert column(found, "response_chars") == [5_000]


@pytest.mark.parametrize("letter", ["a", "é", "日", "😀"])
def test_fullest_window_stays_below_100_kb(workspace: Workspace, letter: str) -> None:
    job = write_down(
        workspace,
        200,
        response=letter * 300,
        error_message=letter * 300,
        error_code=letter * 300,
        finish_reason=letter * 300,
    )

    _, data = found = ask(workspace, job, 0, 200)

    assert len(data) < 100_000
    assert len(column(found, "response")[0]) > 20


def test_version_is_that_of_the_commits_read(workspace: Workspace) -> None:
    job = write_down(workspace, 2)
    before = ask(workspace, job, 0, 10)[0]["version"]

    add(workspace, job, [])

    assert ask(workspace, job, 0, 10)[0]["version"] == before + 1


def test_sorted_rows_are_up_to_date_once_the_job_has_ended(workspace: Workspace) -> None:
    job = write_down(workspace, 2)
    sort = {"column": "x_uid", "descending": True}
    assert ordinals(workspace, job, 0, 10, sort=sort) == [1, 0]

    add(workspace, job, [response(2)])
    seen = job_record(workspace, job.id)
    assert seen.lease is not None
    assert seen.lease.worker is not None
    workspace.store.jobs.finish(seen.seq, seen.lease.worker, JobStatus.SUCCEEDED)

    assert ordinals(workspace, job, 0, 10, sort=sort) == [2, 1, 0]


def test_sorted_rows_of_a_running_job_catch_up(workspace: Workspace) -> None:
    job = write_down(workspace, 2)
    sort = {"column": "x_uid", "descending": True}
    first = ask(workspace, job, 0, 10, sort=sort)[0]

    add(workspace, job, [response(2)])

    wait_until(lambda: ordinals(workspace, job, 0, 10, sort=sort) == [2, 1, 0])
    assert ask(workspace, job, 0, 10, sort=sort)[0]["version"] > first["version"]


def test_windows_are_whole_while_a_worker_writes(workspace: Workspace) -> None:
    job = write_down(workspace, 1)
    stop = threading.Event()
    faults: list[BaseException] = []

    def write() -> None:
        try:
            for n in range(1, 3_000, 10):
                if stop.is_set():
                    return
                add(workspace, job, [response(m) for m in range(n, n + 10)])
        except BaseException as fault:  # noqa: BLE001 - told by the test
            faults.append(fault)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(40):
            reply, _ = found = ask(workspace, job, 0, 200)
            assert column(found, "ordinal") == list(range(min(200, reply["total"])))
    finally:
        stop.set()
        writer.join()
    assert not faults


def test_workspaces_do_not_share_an_order(workspace: Workspace, tmp_path: Any) -> None:
    sort = {"column": "response"}
    job = write_down(workspace, 2)
    assert ordinals(workspace, job, 0, 10, sort=sort) == [0, 1]

    with Workspace(tmp_path / "other") as other:
        its_job = write_down(other, 3)

        assert ordinals(other, its_job, 0, 10, sort=sort) == [0, 1, 2]


def test_search_that_nobody_waits_for_ends_at_once(large: tuple[Workspace, Job]) -> None:
    workspace, job = large
    asked: list[bool] = []

    def waits() -> bool:
        asked.append(len(asked) < 2)
        return asked[-1]

    with waited_for(waits), pytest.raises(GivenUpError):
        ordinals(workspace, job, 0, 10, filter={"text": "nothing like it"})

    assert ordinals(workspace, job, 0, 10, filter={"text": "nothing like it"}) == []


def test_whoever_waits_for_the_same_search_gets_it_though_another_gave_up(
    large: tuple[Workspace, Job],
) -> None:
    workspace, job = large
    began, go_on = threading.Event(), threading.Event()

    def waits() -> bool:
        began.set()
        go_on.wait()
        return False

    def give_up() -> None:
        with waited_for(waits), pytest.raises(GivenUpError):
            ordinals(workspace, job, 0, 10, filter={"text": "answer 77"})

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(give_up)
        began.wait()
        other = threads.submit(ordinals, workspace, job, 0, 2, filter={"text": "answer 77"})
        go_on.set()
        one.result()
        assert other.result() == [771, 772]
