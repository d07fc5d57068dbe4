import json
import re
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outboard import Workspace, create_datasource, get_datasource
from outboard.errors import DatasourceError, WorkspaceError


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "workspace") as workspace:
        yield workspace


def stored(data: object) -> dict[str, list[Any]]:
    batches = get_datasource(create_datasource(data)).batches()
    return pa.Table.from_batches([batch.table for batch in batches]).to_pydict()


def stored_column(values: list[Any], dtype: Any = "object") -> list[Any]:
    return stored(pd.DataFrame({"v": pd.Series(values, dtype=dtype)}))["v"]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"q": ["a", None], "n": [1, 2]}),
        pl.DataFrame({"q": ["a", None], "n": [1, 2]}),
        pa.table({"q": ["a", None], "n": [1, 2]}),
        pa.table({"q": ["a", None], "n": [1, 2]}).to_batches()[0],
        pa.table({"q": ["a", None], "n": [1, 2]}).to_reader(),
    ],
    ids=["pandas", "polars", "Table", "RecordBatch", "RecordBatchReader"],
)
def test_tables_of_every_kind_are_stored(data: object) -> None:
    assert stored(data) == {"q": ["a", None], "n": [1, 2]}


def test_arrow_types_stay_as_they_are() -> None:
    table = pl.DataFrame({"list": [[1, 2], None], "struct": [{"x": "y"}, {"x": None}]})

    assert stored(table) == {"list": [[1, 2], None], "struct": [{"x": "y"}, {"x": None}]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[1, "é"], None], ['[1,"é"]', None]),
        ([{"a": [1]}, "text"], ['{"a":[1]}', "text"]),
        ([np.array([1.5, 2.0]), (1, 2)], ["[1.5,2.0]", "[1,2]"]),
        ([[np.int64(1), date(2024, 1, 2)]], ['[1,"2024-01-02"]']),
        ([{(1, 2): 3}], ["{(1, 2): 3}"]),
        ([1, "x", 2.5, True, None], ["1", "x", "2.5", "true", None]),
        ([1, 2, None], [1, 2, None]),
        ([np.int64(1), np.float64(2.5)], [1.0, 2.5]),
        ([True, None, np.bool_(False)], [True, None, False]),
        ([1.5, float("nan"), pd.NA, pd.NaT], [1.5, None, None, None]),
        ([2**70, 1], [str(2**70), "1"]),
        ([2**63], [str(2**63)]),
        ([None, [1]], [None, "[1]"]),
        ([{3, 1}], ["[1,3]"]),
        ([date(2024, 1, 2), None], [date(2024, 1, 2), None]),
        ([Decimal("1.50"), None], [Decimal("1.50"), None]),
        ([Decimal("1.50"), "x"], ["1.50", "x"]),
        ([date(2024, 1, 2), Decimal(1)], ["2024-01-02", "1"]),
        ([uuid.UUID(int=1), "x"], ["00000000-0000-0000-0000-000000000001", "x"]),
        (["cut\ud83d", "nul\0"], ["cut\ufffd", "nul\0"]),
        ([None, None], [None, None]),
    ],
)
def test_pandas_objects_become_one_type(values: list[Any], expected: list[Any]) -> None:
    assert stored_column(values) == expected


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1.5, None], "float64", [1.5, None]),
        ([1, None], "Int64", [1, None]),
        (["x", None], "string", ["x", None]),
        (["x", None], pd.StringDtype("python"), ["x", None]),
        (["x", "y"], "category", ["x", "y"]),
        ([1j, 2j], "complex128", ["1j", "2j"]),
        (["2024-01", "2024-02"], "period[M]", ["2024-01", "2024-02"]),
    ],
)
def test_pandas_types_are_kept_or_become_text(
    values: list[Any], dtype: Any, expected: list[Any]
) -> None:
    assert stored_column(values, dtype) == expected


def test_whole_column_decides_its_type_not_its_first_slice() -> None:
    values: list[Any] = [1] * 100_000 + ["x"]

    assert stored_column(values)[-2:] == ["1", "x"]


def test_pandas_index_is_a_column_only_if_it_is_named() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 8])

    assert stored(frame) == {"a": [1, 2]}
    assert stored(frame.rename_axis("id")) == {"id": [7, 8], "a": [1, 2]}


def test_named_levels_of_an_index_are_columns() -> None:
    index = pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["n", None])

    assert stored(pd.DataFrame({"a": [1, 2]}, index=index)) == {"n": [1, 2], "a": [1, 2]}


def test_pandas_column_names_become_text() -> None:
    assert stored(pd.DataFrame([[1, 2]])) == {"0": [1], "1": [2]}


def test_table_that_was_given_is_left_as_it_was() -> None:
    frame = pd.DataFrame({"a": [[1], [2]]}, index=pd.Index([3, 4], name="id"))
    before = frame.copy(deep=True)

    create_datasource(frame)

    pd.testing.assert_frame_equal(frame, before)


def test_small_batches_share_row_groups(workspace: Workspace) -> None:
    batches = [pa.record_batch({"a": [n]}) for n in range(1_000)]
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)

    create_datasource(reader)

    [path] = workspace.datasources_dir.iterdir()
    assert pq.ParquetFile(path).metadata.num_row_groups == 1


def refusal(data: object) -> DatasourceError:
    with pytest.raises(DatasourceError) as caught:
        create_datasource(data)
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"ok": [1], "raw": [b"x"]}),
        pl.DataFrame({"ok": [1], "raw": [b"x"]}),
        pa.table({"ok": [1], "raw": pa.array([b"x"], pa.large_binary())}),
    ],
)
def test_column_of_bytes_is_refused_by_its_name(data: object) -> None:
    error = refusal(data)

    assert "Column 'raw' of the table holds bytes" in error.message
    assert error.column == "raw"


def test_two_columns_of_one_name_are_refused() -> None:
    assert "2 columns named 'a'" in str(refusal(pd.DataFrame([[1, 2]], columns=["a", "a"])))
    index = pd.Index([1], name="a")
    assert "2 columns named 'a'" in str(refusal(pd.DataFrame({"a": [1]}, index=index)))


def test_column_names_of_several_levels_are_refused() -> None:
    columns = pd.MultiIndex.from_tuples([("a", "b")])

    assert "names of 2 levels" in str(refusal(pd.DataFrame([[1]], columns=columns)))


def test_type_that_no_file_can_hold_is_refused_by_its_column() -> None:
    kind = pa.month_day_nano_interval()
    error = refusal(pa.table({"ok": [1], "odd": pa.nulls(1, kind)}))

    assert "Column 'odd' of the table has type month_day_nano_interval" in error.message
    assert error.column == "odd"


def test_stream_that_cannot_be_opened_is_refused() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise ValueError("out of order")

    assert "The Broken cannot be read as a table: out of order." in str(refusal(Broken()))


@pytest.mark.parametrize("column", [pd.Series([1], name="a"), pl.Series("a", [1])])
def test_column_alone_is_answered_with_how_to_make_it_a_table(column: object) -> None:
    assert re.search(r"The Series cannot be read .* by to_frame\(\)", str(refusal(column)))


def test_stream_that_breaks_off_leaves_no_file(workspace: Workspace) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise ValueError("the line went dead")

    schema = pa.schema([("a", pa.int64())])

    with pytest.raises(ValueError, match="the line went dead"):
        create_datasource(pa.RecordBatchReader.from_batches(schema, batches()))

    assert list(workspace.datasources_dir.iterdir()) == []


def test_full_disk_is_named_and_leaves_no_file(workspace: Workspace, file_size_limit: None) -> None:
    rows = [json.dumps({"n": n, "noise": uuid.uuid4().hex}) for n in range(50_000)]

    with pytest.raises(WorkspaceError, match="cannot be written to: File too large"):
        create_datasource(pa.table({"a": rows}))

    assert list(workspace.datasources_dir.iterdir()) == []


@pytest.fixture
def file_size_limit(workspace: Workspace) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    workspace.store.datasources.all()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that would come with it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
