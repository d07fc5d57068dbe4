"""What models and tables say is text, whatever it looks like: it passes unharmed."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from tests.recorded_jobs import answered, failed, record_job

from outboard.datasource import create_datasource, get_datasource
from outboard.job import Job, job_record
from outboard.panel import messages, replies
from outboard.panel.exports import export
from outboard.panel.history import event_page, job_page
from outboard.panel.rows import ResultRows
from outboard.selection import Row
from outboard.store.responses import ResponseRecord
from outboard.workspace import Workspace

HOSTILE = {
    "html": "<img src=x onerror=\"document.title='owned'\"><b>bold</b>&amp;",
    "script": "</script><script>alert(1)</script><!--",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J",
    "bidi": "safe \u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "nul": "before\0after",
    "controls": "\x01\x02\x7f\x85\u2028\u2029\r\n\ttab",
    "emoji": "👩‍👩‍👧‍👦 é 日本語 \U0010ffff",
    "noncharacter": "\ufffe\uffff \ufffd",
    "sql": "'; DROP TABLE responses; -- %_\\",
    "json": '{"id": "r-1", "ok": true}\n{"a": NaN}',
    "formula": '=cmd|" /C calc"!A0',
    "empty": "",
    "blank": " \n ",
    "braces": "{instruction} {{x}} {0.__class__}",
}

every_text = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def job_that_says(text: str, workspace: Workspace) -> Job:
    """A job whose row, answer and failure are made of a text."""

    def answer(row: Row) -> ResponseRecord:
        if row.row_uid == 1:
            return failed(row, text[:50], text, attempts=1)
        return answered(row, text, finish_reason=text[:50])

    uid = create_datasource(pa.table({"instruction": ["> " + text] * 2, "response": [text] * 2}))
    return record_job(uid, answer=answer, generation={"system_prompt": "# {instruction}"})


def read(data: bytes) -> list[dict[str, Any]]:
    # Strict: every text must be valid UTF-8, as a browser would find it out too late.
    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    return table.to_pylist()


def window(workspace: Workspace, job: Job, **parts: Any) -> list[dict[str, Any]]:
    payload = {"job_id": job.id, "start": 0, "stop": 200, **parts}
    request = messages.parse_request("rows", payload)
    assert isinstance(request, messages.Rows)
    return read(ResultRows(workspace).window(request)[1])


def prompts(workspace: Workspace, job: Job) -> list[dict[str, Any]]:
    request = messages.Prompts(job_id=job.id, ordinals=[0, 1])
    return read(ResultRows(workspace).prompts(request))


def detail(workspace: Workspace, job: Job, ordinal: int) -> dict[str, Any]:
    found = ResultRows(workspace).detail(messages.OneRow(job_id=job.id, ordinal=ordinal))
    # As it goes over the wire.
    sent: dict[str, Any] = json.loads(json.dumps(found, ensure_ascii=False).encode())
    return sent


@every_text
def test_text_passes_through_a_window(workspace: Workspace, text: str) -> None:
    job = job_that_says(text, workspace)

    answer, failure = window(workspace, job)

    assert answer["response"] == text
    assert answer["response_chars"] == len(text)
    assert answer["finish_reason"] == text[:50]
    assert failure["error_message"] == text
    assert failure["error_code"] == text[:50]


@every_text
def test_text_passes_as_prompt_with_its_reference(workspace: Workspace, text: str) -> None:
    job = job_that_says(text, workspace)

    row = prompts(workspace, job)[0]

    assert row == {"ordinal": 0, "prompt": "> " + text, "reference": text}


@every_text
def test_text_passes_in_detail(workspace: Workspace, text: str) -> None:
    job = job_that_says(text, workspace)

    answer, failure = detail(workspace, job, 0), detail(workspace, job, 1)

    assert answer["response"] == text
    assert answer["prompt"] == "> " + text
    assert answer["system"] == "# > " + text
    assert answer["reference"] == text
    assert failure["error_message"] == text


@every_text
def test_text_is_found_by_itself(workspace: Workspace, text: str) -> None:
    job = job_that_says(text, workspace)

    assert len(window(workspace, job, filter={"text": text})) == 2


@every_text
@pytest.mark.parametrize("column", ["response", "error_code", "finish_reason"])
def test_text_can_be_sorted_by(workspace: Workspace, text: str, column: str) -> None:
    job = job_that_says(text, workspace)

    assert len(window(workspace, job, sort={"column": column, "descending": True})) == 2


@every_text
@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_text_is_exported_as_it_is(
    workspace: Workspace, tmp_path: Path, text: str, kind: str
) -> None:
    job = job_that_says(text, workspace)
    path = tmp_path / f"out.{kind}"
    target = messages.FileTarget.model_validate({"kind": "file", "format": kind, "path": str(path)})

    export(workspace, messages.Export(job_id=job.id, target=target), {})

    match kind:
        case "parquet":
            found = pq.read_table(path).column("response").to_pylist()
        case "jsonl":
            lines = path.read_bytes().split(b"\n")[:-1]
            found = [json.loads(line)["response"] for line in lines]
        case _:
            again = get_datasource(create_datasource(path))
            found = [
                value
                for batch in again.batches(["response"])
                for value in batch.table.column("response").to_pylist()
            ]
    assert found == [text, None]


@every_text
def test_text_is_kept_in_a_variable(workspace: Workspace, text: str) -> None:
    job = job_that_says(text, workspace)
    variables: dict[str, object] = {"In": []}
    target = messages.VariableTarget(kind="variable", name="df")

    export(workspace, messages.Export(job_id=job.id, target=target), variables)

    frame = variables["df"]
    assert isinstance(frame, pd.DataFrame)
    assert frame["response"].iloc[0] == text


@every_text
def test_text_is_input_of_the_next_run(workspace: Workspace, text: str) -> None:
    job = job_that_says(text, workspace)
    target = messages.DatasourceTarget(kind="datasource", name=text)

    done = export(workspace, messages.Export(job_id=job.id, target=target), {})

    assert done["uid"] is not None
    assert get_datasource(done["uid"]).to_pandas()["response"].iloc[0] == text


@every_text
def test_text_is_the_name_of_a_model(workspace: Workspace, text: str) -> None:
    uid = create_datasource(pd.DataFrame({"instruction": ["a"]}))
    job = record_job(uid, model_name=text)

    for search in ("", text.partition("\0")[0]):
        page = job_page(workspace, messages.ListJobs(search=search))
        assert [item["id"] for item in page["items"]] == [job.id]


def test_event_with_markup_is_text(workspace: Workspace) -> None:
    job = record_job(create_datasource(pd.DataFrame({"instruction": ["a"]})))
    seq = job_record(workspace, job.id).seq
    workspace.store.events.add(seq, "warning", HOSTILE["html"] + "x" * 10_000)

    [item] = event_page(workspace, messages.Events(job_id=job.id))["items"]

    assert item["message"].startswith(HOSTILE["html"])
    assert len(item["message"]) == 2_000


@pytest.mark.parametrize("letter", ["x", "é", "😀", "\0"])
def test_text_of_five_megabytes_does_not_leave_the_database_whole(
    workspace: Workspace, letter: str
) -> None:
    text = letter * (5_000_000 // len(letter.encode()))
    job = job_that_says(text, workspace)

    answer, failure = window(workspace, job)
    row = prompts(workspace, job)[0]
    whole = detail(workspace, job, 0)

    assert answer["response"] == text[: replies.CELL_CHARS]
    assert answer["response_chars"] == len(text)
    assert failure["error_message"] == text[: replies.CELL_CHARS]
    assert row["prompt"] == ("> " + text)[: replies.CELL_CHARS]
    assert whole["response"] == text[:1_000_000]
    assert set(whole["cut"]) == {"prompt", "system", "response", "reference"}


def test_half_a_surrogate_pair_becomes_a_replacement_character(workspace: Workspace) -> None:
    halves = pd.Series(["half \ud83d of"], dtype="object")
    uid = create_datasource(pd.DataFrame({"instruction": halves}))
    job = record_job(
        uid,
        answer=lambda row: answered(row, "-"),
        prompt_template="\udc00 {instruction}",
        generation={"system_prompt": "\ud800"},
    )

    assert prompts(workspace, job)[0]["prompt"] == "\ufffd half \ufffd of"
    assert detail(workspace, job, 0)["prompt"] == "\ufffd half \ufffd of"
    assert detail(workspace, job, 0)["system"] == "\ufffd"


def test_search_for_half_a_surrogate_pair_finds_nothing(workspace: Workspace) -> None:
    job = job_that_says("x", workspace)

    assert window(workspace, job, filter={"text": "\ud83d"}) == []


@pytest.mark.parametrize("n_chars", [1_000, 60_000])
def test_search_for_a_very_long_text_is_answered(workspace: Workspace, n_chars: int) -> None:
    job = job_that_says("x" * n_chars, workspace)

    assert len(window(workspace, job, filter={"text": "X" * n_chars})) == 2
    assert window(workspace, job, filter={"text": "%" * n_chars}) == []
