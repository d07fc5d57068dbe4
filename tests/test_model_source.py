import gc
import json
import logging
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.job_runs import datasource_of, questions
from tests.recorded_jobs import answered, echo, failed, record_job

import outboard
from outboard import ModelSource, Workspace, create_datasource, get_model_source
from outboard.errors import NotFoundError
from outboard.export import write_csv, write_jsonl, write_parquet
from outboard.job import Job
from outboard.job_status import JobStatus
from outboard.selection import Row
from outboard.store.responses import ResponseRecord

pytestmark = pytest.mark.usefixtures("workspace")

COLUMNS = [
    "datasource_uid",
    "x_uid",
    "prompt",
    "response",
    "reference",
    "status",
    "finish_reason",
    "error_code",
    "error_message",
    "input_tokens",
    "output_tokens",
    "latency_s",
    "attempts",
]

#: Texts that break naive writers.
ODD_TEXTS = ["", " ", "a\nb\r\nc", 'say "hi", ok', "a\0b", "\ufffd \U0001f600 é", "null", "NaN"] + [
    "=1+1",
    "\\N",
    "\u2028",
    "{x}",
]

EXPORTS: dict[str, Callable[[ModelSource, Path], str]] = {
    "parquet": ModelSource.to_parquet,
    "csv": ModelSource.to_csv,
    "jsonl": ModelSource.to_jsonl,
}


WRITERS = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}


def source_of(job: Job) -> ModelSource:
    return get_model_source(job.model_source_uid)


def mixed(row: Row) -> ResponseRecord | None:
    """One row of each kind: answered, cut, failed, pending."""
    match row.row_uid:
        case 0:
            return answered(row, "yes")
        case 1:
            return answered(row, "and so", finish_reason="length")
        case 2:
            return failed(row, "throttled", "Slow down.", attempts=12)
        case _:
            return None


# The table


def test_each_row_has_its_outcome_in_the_documented_columns() -> None:
    table = pa.table({"instruction": list("abcd"), "response": ["A", "B", None, "D"]})
    source = source_of(record_job(create_datasource(table), answer=mixed))

    frame = source.to_pandas()

    assert list(frame.columns) == source.to_arrow().column_names == COLUMNS
    assert frame.drop(columns=["error_message", "latency_s"]).astype(object).where(
        frame.notna(), None
    ).to_numpy().tolist() == [
        [1, "doc::0", "a", "yes", "A", "succeeded", "stop", None, 3, 5, 1],
        [1, "doc::1", "b", "and so", "B", "succeeded", "length", None, 3, 5, 1],
        [1, "doc::2", "c", None, None, "failed", "error", "throttled", None, None, 12],
        [1, "doc::3", "d", None, "D", "pending", None, None, None, None, 0],
    ]
    assert frame["error_message"].tolist()[2] == "Slow down."


@pytest.mark.parametrize("answer", [echo, mixed, lambda _: None])
def test_types_do_not_depend_on_the_values(answer: Any) -> None:
    frame = source_of(record_job(datasource_of(list("abcd")), answer=answer)).to_pandas()

    kinds = frame.dtypes.astype(str).to_dict()
    assert kinds == dict.fromkeys(COLUMNS, "str") | {
        "datasource_uid": "int64",
        "input_tokens": "Int64",
        "output_tokens": "Int64",
        "latency_s": "float64",
        "attempts": "int64",
    }


def test_rows_come_in_input_order_over_several_datasources() -> None:
    numbered = create_datasource(pa.table({"instruction": ["x", "y"], "n": [9, 4]}), uid_col="n")
    letters = datasource_of(list("abc"))

    frame = source_of(record_job(numbered, letters)).to_pandas()

    assert frame["response"].tolist() == ["x", "y", "a", "b", "c"]
    assert frame["x_uid"].tolist() == ["doc::9", "doc::4", "doc::0", "doc::1", "doc::2"]
    assert frame["datasource_uid"].tolist() == [numbered] * 2 + [letters] * 3


def test_only_chosen_rows_are_there() -> None:
    first, second = datasource_of(questions(1_200)), datasource_of(questions(2))

    frame = source_of(record_job(first, second, x_uids=[1, 600, 1_100])).to_pandas()

    assert frame["x_uid"].tolist() == ["doc::1", "doc::600", "doc::1100", "doc::1"]


def test_row_that_cannot_be_sent_has_no_prompt_but_says_why() -> None:
    frame = source_of(record_job(datasource_of(["a", None]))).to_pandas()

    assert frame["prompt"].isna().tolist() == [False, True]
    assert frame["error_code"].tolist()[1] == "missing_value"


def test_answers_show_up_while_the_job_runs() -> None:
    job = record_job(datasource_of(list("abcd")), answer=mixed, status=JobStatus.RUNNING)

    assert job.status is JobStatus.RUNNING
    assert job.results()["status"].tolist() == ["succeeded", "succeeded", "failed", "pending"]


def test_handle_works_outside_of_its_workspace(tmp_path: Path) -> None:
    with Workspace(tmp_path / "other"):
        source = source_of(record_job(datasource_of(["a"])))

    assert source.to_pandas()["prompt"].tolist() == ["a"]


# The datasource's own columns


def test_source_columns_are_appended() -> None:
    table = pa.table({"instruction": ["a", "b"], "price": [1.5, None], "tags": [["x"], []]})
    source = source_of(record_job(create_datasource(table)))

    appended = source.to_arrow(with_source=True)

    assert appended.column_names == [*COLUMNS, "instruction", "price", "tags"]
    assert appended.select(["price", "tags"]).to_pylist() == [
        {"price": 1.5, "tags": ["x"]},
        {"price": None, "tags": []},
    ]


def test_source_column_whose_name_is_taken_gets_a_free_one() -> None:
    table = pa.table({"instruction": ["a"], "source_status": ["s"], "status": ["open"]})
    source = source_of(record_job(create_datasource(table)))

    (row,) = source.to_arrow(with_source=True).to_pylist()

    assert list(row)[len(COLUMNS) :] == ["instruction", "source_status", "source_source_status"]
    assert (row["status"], row["source_status"], row["source_source_status"]) == (
        "succeeded",
        "s",
        "open",
    )


def test_source_columns_of_several_datasources_are_put_together() -> None:
    one = create_datasource(pa.table({"instruction": ["a"], "n": [1], "only": [True]}))
    two = create_datasource(pa.table({"instruction": ["b"], "n": [[1, None]]}))
    source = source_of(record_job(one, two))

    rows = source.to_arrow(with_source=True).select(["instruction", "n", "only"]).to_pylist()

    assert rows == [
        {"instruction": "a", "n": "1", "only": True},
        {"instruction": "b", "n": "[1,null]", "only": None},
    ]


# A datasource that is not what it was


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("instruction,response\na,A\nb,B\nc,C\nd,D\n")
    return path


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("with_source", [False, True])
def test_answers_outlive_a_change_of_the_file(
    csv: Path, caplog: pytest.LogCaptureFixture, with_source: bool
) -> None:
    source = source_of(record_job(create_datasource(csv), answer=mixed))
    csv.write_text("instruction,response\nz,Z\n")

    frame = source.to_pandas(with_source=with_source)

    assert frame["response"].tolist()[:2] == ["yes", "and so"]
    assert frame["x_uid"].tolist() == ["doc::0", "doc::1", "doc::2", "doc::3"]
    assert frame["status"].tolist() == ["succeeded", "succeeded", "failed", "pending"]
    assert frame[["prompt", "reference"]].isna().all(axis=None)
    assert list(frame.columns) == COLUMNS
    (warning,) = warnings_in(caplog)
    assert "was changed after it was registered" in warning
    assert "Prompts and references of its rows are left empty." in warning


def test_answers_outlive_a_change_of_the_file_while_it_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction\n" + "".join(f"a{n}\n" for n in range(1_000)))
    batches = source_of(record_job(create_datasource(path))).to_batches()

    first = batches.read_next_batch()
    path.write_text("gone")
    rest = batches.read_all()

    assert first["prompt"].to_pylist() == [f"a{n}" for n in range(500)]
    assert rest["response"].to_pylist() == [f"a{n}" for n in range(500, 1_000)]
    assert rest["prompt"].null_count == 500
    assert len(warnings_in(caplog)) == 1


def test_answers_outlive_their_datasource(caplog: pytest.LogCaptureFixture) -> None:
    gone, kept = datasource_of(questions(1_200)), datasource_of(["a"])

    def all_but_one(row: Row) -> ResponseRecord | None:
        return None if row.row_uid == 700 else echo(row)

    source = source_of(record_job(gone, kept, answer=all_but_one))
    outboard.delete_datasource(gone)

    frame = source.to_pandas()

    assert len(frame) == 1_200
    assert frame["response"].tolist()[-2:] == ["What is 1199?", "a"]
    assert frame["prompt"].notna().sum() == 1
    (warning,) = warnings_in(caplog)
    assert f"Datasource {gone} was deleted" in warning


def test_answers_outlive_the_column_of_their_x_uids(
    tmp_path: Path, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction,id\na,7\nb,3\n")
    uid = create_datasource(path, uid_col="id")
    source = source_of(record_job(uid))
    path.unlink()
    for numbers in workspace.datasources_dir.glob("*.x_uids"):
        numbers.unlink()

    assert source.to_pandas()["x_uid"].tolist() == ["doc::7", "doc::3"]
    (warning,) = warnings_in(caplog)
    assert "is gone" in warning


def test_datasource_in_use_by_a_job_is_kept() -> None:
    uid = datasource_of(["a"])
    job = record_job(uid, status=JobStatus.RUNNING)

    with pytest.raises(outboard.errors.DatasourceError, match=f"in use by job {job.id}"):
        outboard.delete_datasource(uid)


# Exports


def read_back(kind: str, path: str) -> pa.Table:
    match kind:
        case "parquet":
            return pq.read_table(path)
        case "csv":
            options = pyarrow.csv.ConvertOptions(
                strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
            )
            return pyarrow.csv.read_csv(
                path,
                pyarrow.csv.ReadOptions(block_size=2**26),
                pyarrow.csv.ParseOptions(newlines_in_values=True),
                options,
            )
        case _:
            with Path(path).open("rb") as lines:
                return pa.Table.from_pylist([json.loads(line) for line in lines])


@pytest.mark.parametrize("kind", EXPORTS)
def test_export_reads_back_as_it_was(kind: str, tmp_path: Path) -> None:
    texts = [*ODD_TEXTS, "x" * 5_000_000]
    uid = datasource_of([f"{text}." for text in texts])
    job = record_job(uid, answer=lambda row: answered(row, texts[row.row_uid]))

    path = EXPORTS[kind](source_of(job), tmp_path / f"a.{kind}")

    table = read_back(kind, path)
    assert table.column_names == COLUMNS
    assert table["response"].to_pylist() == texts
    assert table["prompt"].to_pylist() == [f"{text}." for text in texts]
    assert table["reference"].null_count == len(texts)
    assert table["output_tokens"].to_pylist() == [5] * len(texts)
    assert path == str(tmp_path / f"a.{kind}")
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"a.{kind}", "workspace"]


@pytest.mark.parametrize("kind", EXPORTS)
def test_export_of_every_kind_of_outcome_reads_back_as_it_was(kind: str, tmp_path: Path) -> None:
    source = source_of(record_job(datasource_of(list("abcd")), answer=mixed))

    table = read_back(kind, EXPORTS[kind](source, tmp_path / "a"))

    assert table.to_pylist() == source.to_arrow().to_pylist()


NESTED = pa.table(
    {
        "instruction": ["a", "b"],
        "list": pa.array([[1, None], None]),
        "struct": pa.array([{"at": date(2020, 1, 2), "raw": b"\xff"}, None]),
        "when": pa.array([datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), None]),
        "price": pa.array([Decimal("1.50"), None]),
        "took": pa.array([timedelta(seconds=1.5), None]),
        "kind": pa.array(["x", None]).dictionary_encode(),
        "view": pa.array(["é", None], pa.string_view()),
        "bits": pa.array([True, None]),
        "nan": pa.array([float("nan"), None]),
    }
)


def test_source_columns_of_every_type_are_written_to_csv(tmp_path: Path) -> None:
    source = source_of(record_job(create_datasource(NESTED)))

    path = source.to_csv(tmp_path / "a.csv", with_source=True)

    first, second = pd.read_csv(path, dtype=str).to_dict(orient="records")
    assert first["list"] == "[1,null]"
    assert first["struct"].startswith('{"at":"2020-01-02","raw":"b')
    assert first["when"].startswith("2020-01-02 03:04:05")
    assert (first["price"], first["kind"], first["view"]) == ("1.50", "x", "é")
    assert first["bits"] == "true"
    assert pd.isna([second[name] for name in NESTED.column_names[1:]]).all()


def test_source_columns_of_every_type_are_written_to_jsonl(tmp_path: Path) -> None:
    source = source_of(record_job(create_datasource(NESTED)))

    path = source.to_jsonl(tmp_path / "a.jsonl", with_source=True)

    first, second = (json.loads(line) for line in Path(path).read_bytes().splitlines())
    assert first["list"] == [1, None]
    assert first["struct"]["at"] == "2020-01-02"
    assert first["when"] == "2020-01-02T03:04:05+00:00"
    assert (first["price"], first["kind"], first["view"]) == ("1.50", "x", "é")
    assert (first["bits"], first["nan"]) == (True, None)
    assert [second[name] for name in NESTED.column_names[1:]] == [None] * 9


def test_source_columns_of_every_type_are_written_to_parquet(tmp_path: Path) -> None:
    source = source_of(record_job(create_datasource(NESTED)))

    table = pq.read_table(source.to_parquet(tmp_path / "a.parquet", with_source=True))

    assert str(table.drop_columns(COLUMNS).to_pylist()) == str(NESTED.to_pylist())


@pytest.mark.parametrize("kind", EXPORTS)
def test_memory_stays_flat_while_exporting(kind: str, tmp_path: Path) -> None:
    n_rows, answer = 12_000, "x" * 5_000
    uid = datasource_of(questions(n_rows))
    source = source_of(record_job(uid, answer=lambda row: answered(row, answer)))
    gc.collect()
    before = pa.total_allocated_bytes()
    peak_arrow = 0

    def watched() -> pa.RecordBatchReader:
        def batches() -> Any:
            nonlocal peak_arrow
            for batch in reader:
                peak_arrow = max(peak_arrow, pa.total_allocated_bytes() - before)
                yield batch

        reader = source.to_batches()
        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    tracemalloc.start()
    try:
        WRITERS[kind](watched(), tmp_path / "a")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # 60 MB of answers pass by; a row group of Parquet holds 16 MB.
    assert peak < 10e6
    assert peak_arrow < (45e6 if kind == "parquet" else 10e6)


# As input


def test_answers_are_the_next_runs_rows() -> None:
    source = source_of(record_job(datasource_of(["a", "b"])))

    datasource = outboard.get_datasource(create_datasource(source))

    assert datasource.columns == COLUMNS
    assert datasource.to_pandas()["response"].tolist() == ["a", "b"]


def test_other_libraries_read_it_through_arrows_stream() -> None:
    source = source_of(record_job(datasource_of(["a", "b"])))

    assert pl.DataFrame(source)["response"].to_list() == ["a", "b"]
    assert pa.table(source)["response"].to_pylist() == ["a", "b"]
    assert pa.RecordBatchReader.from_stream(source).schema.names == COLUMNS


# Finding one


@pytest.mark.parametrize("form", [str, int])
def test_model_source_is_found_by_its_uid(form: Any) -> None:
    job = record_job(datasource_of(["a"]))

    source = get_model_source(form(job.model_source_uid))

    assert (source.uid, source.job_id) == (job.model_source_uid, job.id)
    assert repr(source) == f"<ModelSource {source.uid} of job {job.id}>"


def test_unknown_model_source_is_named() -> None:
    with pytest.raises(NotFoundError, match="no model source 12 in") as caught:
        get_model_source(12)

    assert (caught.value.kind, caught.value.ids) == ("model source", ("12",))


@pytest.mark.parametrize("uid", ["job-1", "", "-1", None, 1.5])
def test_what_is_no_uid_is_answered_with_what_one_is(uid: Any) -> None:
    with pytest.raises(NotFoundError, match=r"not the uid of a model source.*get_job\(\)"):
        get_model_source(uid)


def test_model_sources_are_listed_newest_first_with_stable_types() -> None:
    empty = outboard.list_model_sources()
    first = record_job(datasource_of(["a", None]))
    second = record_job(1, status=JobStatus.RUNNING, answer=lambda _: None)

    listed = outboard.list_model_sources()

    assert listed.drop(columns="created_at").to_numpy().tolist() == [
        ["2", second.id, "m", "running", 0, 0, 2, False],
        ["1", first.id, "m", "succeeded", 1, 1, 2, False],
    ]
    assert (listed.dtypes == empty.dtypes).all()
    assert abs(listed["created_at"].iloc[0].timestamp() - time.time()) < 60
