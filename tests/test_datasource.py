import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outboard import (
    Datasource,
    Workspace,
    create_datasource,
    delete_datasource,
    get_datasource,
    list_datasources,
)
from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.errors import DatasourceError, NotFoundError, WorkspaceError
from outboard.lease import lease_for_this_process


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "workspace") as workspace:
        yield workspace


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "questions.csv"
    path.write_text("id,question\n7,Why?\n3,How?\n5,When?\n")
    return path


def registered(data: object, *, name: str | None = None, uid_col: str | None = None) -> Datasource:
    return get_datasource(create_datasource(data, name=name, uid_col=uid_col))


def kept_files(workspace: Workspace) -> list[str]:
    return sorted(path.suffix for path in workspace.datasources_dir.iterdir())


# Registering


def test_file_is_registered_where_it_is(csv: Path, workspace: Workspace) -> None:
    datasource = registered(csv)

    assert (datasource.name, datasource.n_rows) == ("questions", 3)
    assert datasource.columns == ["id", "question"]
    assert kept_files(workspace) == []


def test_path_may_be_text(csv: Path) -> None:
    assert registered(str(csv)).n_rows == 3


def test_table_in_memory_is_named_after_its_uid() -> None:
    datasource = registered(pa.table({"a": [1]}))

    assert datasource.name == f"datasource-{datasource.uid}"


def test_given_name_wins(csv: Path) -> None:
    assert registered(csv, name="My questions").name == "My questions"


def test_datasource_is_found_by_any_form_of_its_uid(csv: Path) -> None:
    uid = create_datasource(csv)

    assert [get_datasource(u).uid for u in (uid, str(uid), np.int64(uid))] == [uid] * 3  # type: ignore[arg-type]


@pytest.mark.parametrize("uid", [99, "99", "x", -1, 2**70, True, 1.5, None, "1" * 30, "²"])
def test_unknown_uid_is_refused(uid: int | str, csv: Path) -> None:
    create_datasource(csv)

    with pytest.raises(NotFoundError, match=r"no datasource .* list_datasources\(\)") as caught:
        get_datasource(uid)

    assert (caught.value.kind, caught.value.ids) == ("datasource", (str(uid),))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(DatasourceError, match=r"takes a table or the path of one, got dict"):
        create_datasource({"a": [1]})


def test_table_without_rows_is_refused_and_leaves_no_file(workspace: Workspace) -> None:
    with pytest.raises(DatasourceError, match="no rows in the table") as caught:
        create_datasource(pa.table({"a": pa.array([], pa.int64())}))

    assert caught.value.path is None
    assert kept_files(workspace) == []


def test_file_with_a_header_only_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n")

    with pytest.raises(DatasourceError, match="no rows in ") as caught:
        create_datasource(path)

    assert caught.value.path == str(path)


def test_file_that_is_being_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n" + "some words\n" * 300_000)
    stop = threading.Event()

    def write_on() -> None:
        with path.open("a") as file:
            while not stop.is_set():
                file.write("more\n")
                file.flush()

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        with pytest.raises(DatasourceError, match="changed while they were being registered"):
            create_datasource(path)
    finally:
        stop.set()
        writer.join()


def test_workspace_that_cannot_be_written_to_is_named(workspace: Workspace) -> None:
    folder = workspace.datasources_dir
    folder.rmdir()
    # As root, no folder is read-only: a file in its place fails for everybody.
    folder.write_text("")

    with pytest.raises(WorkspaceError, match=str(workspace.path)):
        create_datasource(pa.table({"a": [1]}))


# The uid column


def test_rows_are_numbered_by_position_without_a_uid_column(csv: Path) -> None:
    assert registered(csv).uids() == range(3)


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.int64(), pa.string()])
def test_uid_column_names_the_rows(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": pa.array([7, 3, 5]).cast(kind)}), path)

    datasource = registered(path, uid_col="id")

    assert datasource.uid_col == "id"
    assert list(datasource.uids()) == [7, 3, 5]


def test_uid_column_of_a_csv_file_is_text_of_digits(csv: Path) -> None:
    assert list(registered(csv, uid_col="id").uids()) == [7, 3, 5]


def test_largest_uid_that_fits_is_accepted() -> None:
    table = pa.table({"id": ["9223372036854775807", "0"]})

    assert list(registered(table, uid_col="id").uids()) == [2**63 - 1, 0]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([1, None], "row 1 has none"),
        ([1, -2], "row 1 holds '-2'"),
        ([4, 1, 4], "rows 0 and 2 both hold 4"),
        (["1", "x"], "row 1 holds 'x'"),
        (["1", "1.0"], "row 1 holds '1.0'"),
        (["1", "-1"], "row 1 holds '-1'"),
        (["7", "007"], "rows 0 and 1 both hold 7"),
        (["9223372036854775808"], "row 0 holds '9223372036854775808'"),
        (["1" * 5000], "row 0 holds '1111"),
        ([1.0, 2.0], "has type double"),
        ([True], "has type bool"),
    ],
)
def test_faulty_uid_column_is_refused_with_its_first_fault(
    values: list[object], fault: str
) -> None:
    with pytest.raises(DatasourceError, match=fault) as caught:
        create_datasource(pa.table({"id": values}), uid_col="id")

    assert caught.value.column == "id"


def test_row_at_fault_is_counted_over_all_batches() -> None:
    numbers = [*range(200_000), -1]

    with pytest.raises(DatasourceError, match="row 200000 holds '-1'"):
        create_datasource(pa.table({"id": numbers}), uid_col="id")


def test_uid_beyond_64_bits_is_refused() -> None:
    table = pa.table({"id": pa.array([2**63], pa.uint64())})

    with pytest.raises(DatasourceError, match="row 0 holds '9223372036854775808'"):
        create_datasource(table, uid_col="id")


def test_unknown_uid_column_is_answered_with_the_nearest(csv: Path) -> None:
    with pytest.raises(DatasourceError, match=r"no column 'idd' in .*csv'\. Did you mean 'id'\?"):
        create_datasource(csv, uid_col="idd")


def test_uid_column_may_have_a_number_for_a_name() -> None:
    uid = create_datasource(pd.DataFrame([[7], [8]]), uid_col=0)  # type: ignore[arg-type]

    assert list(get_datasource(uid).uids()) == [7, 8]


def test_lost_file_of_uids_is_made_again(csv: Path, workspace: Workspace) -> None:
    uid = create_datasource(csv, uid_col="id")
    [kept] = workspace.datasources_dir.iterdir()
    kept.unlink()

    assert list(get_datasource(uid).uids()) == [7, 3, 5]
    assert kept.exists()


def test_cut_file_of_uids_is_made_again(csv: Path, workspace: Workspace) -> None:
    uid = create_datasource(csv, uid_col="id")
    [kept] = workspace.datasources_dir.iterdir()
    kept.write_bytes(kept.read_bytes()[:-3])

    assert list(get_datasource(uid).uids()) == [7, 3, 5]


def test_uids_are_read_again_where_they_cannot_be_kept(
    csv: Path, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    create_datasource(csv)
    # The next uid's file cannot be written: a folder is in its place.
    (workspace.datasources_dir / "2.x_uids").mkdir()

    uid = create_datasource(csv, uid_col="id")

    assert list(get_datasource(uid).uids()) == [7, 3, 5]
    assert "read again" in caplog.text


def test_missing_uids_are_told_once_and_in_order(csv: Path) -> None:
    by_position, by_column = registered(csv), registered(csv, uid_col="id")

    assert by_position.missing_uids([5, 0, 3, 2, 5]) == [5, 3]
    assert by_column.missing_uids([4, 7, 2**70, 4, -1]) == [4, 2**70, -1]


def test_missing_uids_are_quick_among_a_million() -> None:
    datasource = registered(pa.table({"id": range(1_000_000)}), uid_col="id")
    wanted = range(500_000, 1_000_003)
    datasource.uids()
    started = time.process_time()

    missing = datasource.missing_uids(wanted)

    assert missing == [1_000_000, 1_000_001, 1_000_002]
    assert time.process_time() - started < 2


# Reading


def test_batches_carry_their_place_and_uids(csv: Path) -> None:
    batches = list(registered(csv, uid_col="id").batches(["question"], start=1, batch_rows=1))

    assert [(batch.offset, list(batch.uids)) for batch in batches] == [(1, [3]), (2, [5])]
    assert [batch.table.to_pylist() for batch in batches] == [
        [{"question": "How?"}],
        [{"question": "When?"}],
    ]


def test_batches_have_the_columns_in_the_order_asked_for(csv: Path) -> None:
    [batch] = registered(csv).batches(["question", "id", "question"])

    assert batch.table.schema.names == ["question", "id"]


def test_batches_without_columns_still_count_rows(csv: Path) -> None:
    batches = list(registered(csv).batches([], start=1, batch_rows=1))

    assert [(b.offset, b.table.num_rows, list(b.uids)) for b in batches] == [
        (1, 1, [1]),
        (2, 1, [2]),
    ]


@pytest.mark.parametrize("columns", [None, []])
def test_there_are_no_batches_past_the_end(csv: Path, columns: list[str] | None) -> None:
    assert list(registered(csv).batches(columns, start=3)) == []


def test_unknown_column_is_refused_before_reading(csv: Path) -> None:
    datasource = registered(csv)

    with pytest.raises(
        DatasourceError, match=r"no column 'qestion' in datasource 1\. .* 'question'\?"
    ):
        datasource.batches(["qestion"])


def test_impossible_batches_are_refused(csv: Path) -> None:
    datasource = registered(csv)

    with pytest.raises(ValueError, match="start must be >= 0"):
        datasource.batches(start=-1)
    with pytest.raises(ValueError, match="batch_rows >= 1"):
        datasource.batches(batch_rows=0)


def test_nanoseconds_are_cut_to_microseconds_however_deep(tmp_path: Path) -> None:
    fine = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))
    table = pa.table(
        {
            "when": fine,
            "zoned": fine.cast(pa.timestamp("ns", "UTC")),
            "took": fine.cast(pa.int64()).cast(pa.duration("ns")),
            "at": pa.array([1_789], pa.time64("ns")),
            "list": pa.array([[1_789]], pa.list_(pa.timestamp("ns"))),
            "large": pa.array([[1_789]], pa.large_list(pa.timestamp("ns"))),
            "fixed": pa.array([[1_789]], pa.list_(pa.timestamp("ns"), 1)),
            "map": pa.array([[("k", 1_789)]], pa.map_(pa.string(), pa.timestamp("ns"))),
            "struct": pa.array([{"x": 1_789}], pa.struct([("x", pa.timestamp("ns"))])),
            "same": ["x"],
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    datasource = registered(path)
    cut = datetime(1970, 1, 1, microsecond=1)

    [batch] = datasource.batches()

    assert batch.table.schema.equals(datasource.schema)
    [row] = batch.table.to_pylist()
    assert row["when"] == datetime.fromisoformat("2023-11-14T22:13:20.123456")
    assert row["zoned"] == datetime.fromisoformat("2023-11-14T22:13:20.123456+00:00")
    assert row["took"] == timedelta(microseconds=1_700_000_000_123_456)
    assert row["at"] == cut.time()
    assert [row["list"], row["large"], row["fixed"]] == [[cut]] * 3
    assert (row["map"], row["struct"]) == ([("k", cut)], {"x": cut})


def test_reading_and_registering_files_leaves_pandas_alone(tmp_path: Path) -> None:
    script = """
        import json, sys
        from pathlib import Path
        import outboard, outboard.datasource
        assert "pandas" not in sys.modules, "imported by the module"
        folder = Path(sys.argv[1])
        rows = [{"id": n, "text": f"row {n}", "mixed": [n] if n % 2 else None} for n in range(9)]
        (folder / "a.json").write_text(json.dumps(rows))
        (folder / "a.jsonl").write_text("\\n".join(map(json.dumps, rows)))
        (folder / "a.csv").write_text("id,text\\n1,x\\n2,y\\n")
        with outboard.Workspace(folder / "workspace"):
            for name in ["a.json", "a.jsonl", "a.csv", "a.parquet"]:
                uid = outboard.create_datasource(folder / name, uid_col="id")
                datasource = outboard.get_datasource(uid)
                for batch in datasource.batches(start=1, batch_rows=2):
                    batch.table.to_pylist()
                datasource.missing_uids([1, 99])
                assert "pandas" not in sys.modules, name
    """
    table = pa.table({"id": [1, 2], "when": pa.array([1, 2], pa.timestamp("ns"))})
    pq.write_table(table, tmp_path / "a.parquet")

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_to_pandas_shows_the_first_rows_by_x_uid(csv: Path) -> None:
    frame = registered(csv, uid_col="id").to_pandas(max_rows=2)

    assert frame.index.tolist() == ["doc::7", "doc::3"]
    assert frame.index.name == "x_uid"
    assert frame["question"].tolist() == ["Why?", "How?"]


def test_to_pandas_takes_ten_rows_or_all() -> None:
    datasource = registered(pa.table({"a": range(100_000)}))

    assert len(datasource.to_pandas()) == 10
    assert datasource.to_pandas(max_rows=None)["a"].tolist() == list(range(100_000))


def test_to_pandas_of_no_rows_keeps_the_types() -> None:
    frame = registered(pa.table({"a": [1.5]})).to_pandas(max_rows=0)

    assert frame.empty
    assert frame["a"].dtype == "float64"


def test_to_pandas_refuses_a_negative_number(csv: Path) -> None:
    with pytest.raises(ValueError, match="max_rows must be >= 0 or None, got -1"):
        registered(csv).to_pandas(max_rows=-1)


# Showing, listing, deleting


def test_datasource_shows_what_it_is(csv: Path) -> None:
    uid = create_datasource(csv)

    assert repr(get_datasource(uid)) == (
        f"Datasource(uid={uid}, name='questions', n_rows=3, columns=['id', 'question'])"
    )


def test_html_of_a_datasource_and_of_the_list_is_escaped() -> None:
    evil = "<script>alert(1)</script>"

    datasource = registered(pa.table({evil: [1]}), name=evil)

    with pd.option_context("display.max_colwidth", None):
        for shown in (datasource._repr_html_(), list_datasources()._repr_html_()):  # type: ignore[operator]
            assert "<script>" not in shown
            assert "&lt;script&gt;" in shown


@pytest.mark.parametrize("count", [0, 2])
def test_list_has_the_same_columns_and_types_whatever_it_holds(csv: Path, count: int) -> None:
    for _ in range(count):
        create_datasource(csv)

    listed = list_datasources()

    assert list(listed.columns) == ["uid", "name", "n_rows", "columns", "created_at"]
    assert len(listed) == count
    assert listed["created_at"].dtype == "datetime64[ns, UTC]"
    assert listed["uid"].dtype == listed["n_rows"].dtype == "int64"


def test_list_describes_each_datasource(csv: Path) -> None:
    uid = create_datasource(csv)

    [row] = list_datasources().to_dict(orient="records")

    assert (row["uid"], row["name"], row["n_rows"]) == (uid, "questions", 3)
    assert row["columns"] == ["id", "question"]
    assert abs(row["created_at"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_deleting_forgets_the_datasource_but_keeps_the_user_s_file(
    csv: Path, workspace: Workspace
) -> None:
    uid = create_datasource(csv, uid_col="id")

    delete_datasource(uid)

    assert csv.exists()
    assert kept_files(workspace) == []
    with pytest.raises(NotFoundError):
        get_datasource(uid)


def test_deleting_removes_the_file_that_was_written_for_it(workspace: Workspace) -> None:
    uid = create_datasource(pa.table({"id": [1]}), uid_col="id")
    assert kept_files(workspace) == [".parquet", ".x_uids"]

    delete_datasource(str(uid))

    assert kept_files(workspace) == []


def test_deleting_an_unknown_datasource_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no datasource 1"):
        delete_datasource(1)


def test_deleting_is_refused_while_a_job_uses_the_datasource(
    csv: Path, workspace: Workspace
) -> None:
    uid = create_datasource(csv)
    call = InferenceCall(model_name="m", provider=FinetuningProvider.LOCAL, datasource_uids=(uid,))
    workspace.store.jobs.add(
        "job-1",
        call,
        launch_token="t",
        x_uids=None,
        total=3,
        lease=lease_for_this_process(worker=None, now=time.time()),
    )

    with pytest.raises(DatasourceError, match="in use by job job-1") as caught:
        delete_datasource(uid)

    assert caught.value.datasource_uid == uid
    assert get_datasource(uid).n_rows == 3
