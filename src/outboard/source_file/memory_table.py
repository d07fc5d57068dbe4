"""Turn a table in memory into Arrow batches that a file can hold."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outboard.errors import DatasourceError
from outboard.source_file.location import describe
from outboard.source_file.shape import bytes_column, check_names, holds_bytes
from outboard.source_file.values import Kind, as_text, column, column_type, kind_of

if TYPE_CHECKING:
    import pandas as pd

#: The table, as messages name it.
SHOWN = "the table"
_SLICE_ROWS = 65_536


def to_batches(data: object) -> pa.RecordBatchReader:
    """Return a table from pandas, polars, or anything that speaks Arrow, batch by batch.

    Raises
    ------
    DatasourceError
        If it is no table, or has a column that no file can hold.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return _from_pandas(data)
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if not hasattr(data, "__arrow_c_stream__"):
        raise DatasourceError(
            f"create_datasource takes a table or the path of one, got {type(data).__name__}. "
            "Pass a pandas, polars or Arrow table, or the path or URI of a file."
        )
    try:
        reader = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowException, ValueError, TypeError) as fault:
        raise DatasourceError(
            f"The {type(data).__name__} cannot be read as a table: {describe(fault)}. "
            "Pass a pandas, polars or Arrow table; one column becomes a table by to_frame()."
        ) from fault
    _check_schema(reader.schema)
    return reader


def _check_schema(schema: pa.Schema) -> None:
    check_names(schema.names, shown=SHOWN)
    for field in schema:
        if holds_bytes(str(field.type)):
            raise bytes_column(field.name, shown=SHOWN)
        try:
            pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([field])).close()
        except pa.ArrowNotImplementedError as fault:
            raise DatasourceError(
                f"Column {field.name!r} of {SHOWN} has type {field.type}, which cannot be "
                "stored. Convert it to text or numbers, or leave it out.",
                column=field.name,
            ) from fault


def _from_pandas(frame: "pd.DataFrame") -> pa.RecordBatchReader:
    frame = _with_plain_columns(frame)
    check_names(list(frame.columns), shown=SHOWN)
    # The whole column decides its type, so that all its slices get the same one.
    types = {str(name): _object_type(s) if _is_object(s) else _type(s) for name, s in frame.items()}
    schema = pa.schema([(name, kind or pa.string()) for name, kind in types.items()])
    _check_schema(schema)

    def slices() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(frame), _SLICE_ROWS):
            rows = frame.iloc[start : start + _SLICE_ROWS]
            arrays = [_to_arrow(rows[name], kind) for name, kind in types.items()]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, slices())


def _with_plain_columns(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the frame with a named index among its columns, and all names as text."""
    if frame.columns.nlevels > 1:
        raise DatasourceError(
            f"The columns of {SHOWN} have names of {frame.columns.nlevels} levels. Join them, "
            "e.g. frame.columns = frame.columns.map('_'.join)."
        )
    index = frame.index
    plain = frame.set_axis([str(name) for name in frame.columns], axis=1).reset_index(drop=True)
    named = [level for level, name in enumerate(index.names) if name is not None]
    for position, level in enumerate(named):
        values = index.get_level_values(level)
        plain.insert(position, str(values.name), values, allow_duplicates=True)
    return plain


def _is_object(series: "pd.Series[Any]") -> bool:
    # Text that pandas keeps as Python objects may hold what UTF-8 cannot.
    return series.dtype == object or getattr(series.dtype, "storage", None) == "python"


def _type(series: "pd.Series[Any]") -> pa.DataType | None:
    """Return the Arrow type of a typed column; None if only text can hold it."""
    try:
        kind = _arrow_type(series.iloc[:0])
    except (pa.ArrowException, TypeError):
        return None
    # Periods and intervals: their storage would show as bare numbers.
    return None if isinstance(kind, pa.BaseExtensionType) else kind


def _object_type(series: "pd.Series[Any]") -> pa.DataType | None:
    """Return the Arrow type for a column of Python objects; None if only text can hold it."""
    kinds: set[Kind] = set()
    python_types: set[type] = set()
    for value in _present(series):
        if isinstance(value, bytes | bytearray | memoryview):
            raise bytes_column(str(series.name), shown=SHOWN)
        kinds.add(kind_of(value))
        python_types.add(type(value))
    if "other" not in kinds:
        kind = column_type(kinds)
        return None if pa.types.is_string(kind) else kind
    # Of several sorts, pyarrow would make one: of a date with a decimal, two dates.
    if len(python_types) > 1 or int in python_types or any(map(_is_nested, python_types)):
        return None
    try:  # dates, decimals and the like
        return _arrow_type(series)
    except (pa.ArrowException, TypeError, OverflowError):
        return None


def _arrow_type(series: "pd.Series[Any]") -> pa.DataType:
    kind: pa.DataType = pa.array(series, from_pandas=True).type
    return kind


def _present(series: "pd.Series[Any]") -> Iterator[object]:
    return (_unboxed(v) for v, null in zip(series, series.isna(), strict=True) if not null)


def _unboxed(value: object) -> object:
    """Return a NumPy number as Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _is_nested(python_type: type) -> bool:
    return issubclass(python_type, list | tuple | dict | set | frozenset) or hasattr(
        python_type, "tolist"
    )


def _to_arrow(series: "pd.Series[Any]", kind: pa.DataType | None) -> "pa.Array[Any]":
    if kind is not None:
        array: Any = pa.array(series, type=kind, from_pandas=True)
        # Text that pandas keeps in Arrow comes back as it is kept.
        return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    nulls = series.isna()
    texts = [None if null else _text(v) for v, null in zip(series, nulls, strict=True)]
    return column(texts, pa.string())


def _text(value: object) -> str:
    value = _unboxed(value)
    is_json = kind_of(value) != "other" or _is_nested(type(value))
    return as_text(value) if is_json else str(value)
