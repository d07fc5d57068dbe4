"""Write rows to a file, which appears under its name once it is complete."""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.fs

from outboard.errors import ExportError

#: A row group of a Parquet file, which is held in memory: what is reached first ends it.
_GROUP_ROWS = 20_000
_GROUP_BYTES = 16 << 20

#: At least two letters: C:\answers.csv is a path.
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")


def write_parquet(reader: pa.RecordBatchReader, target: str | os.PathLike[str]) -> str:
    """Write a Parquet file and return where it is.

    Raises
    ------
    ExportError
        If it cannot be written. What was under that name is still there.
    """
    import pyarrow.parquet as pq

    with (
        _whole_file(target) as file,
        pq.ParquetWriter(file, reader.schema, compression="zstd") as writer,
    ):
        for table in _groups(reader):
            writer.write_table(table)
    return os.fspath(target)


def write_csv(reader: pa.RecordBatchReader, target: str | os.PathLike[str]) -> str:
    """Write a CSV file (UTF-8; a list or struct as JSON) and return where it is.

    Null is an empty cell, the empty string a quoted one.

    Raises
    ------
    ExportError
        If it cannot be written. What was under that name is still there.
    """
    from pyarrow import csv

    schema = pa.schema([_csv_field(field) for field in reader.schema])
    with _whole_file(target) as file, csv.CSVWriter(file, schema) as writer:
        for batch in reader:
            writer.write_batch(_as_written(batch, schema))
    return os.fspath(target)


def write_jsonl(reader: pa.RecordBatchReader, target: str | os.PathLike[str]) -> str:
    """Write a file with a JSON object for each row (UTF-8), and return where it is.

    What JSON has no notation for is text, except NaN and infinity, which are null.

    Raises
    ------
    ExportError
        If it cannot be written. What was under that name is still there.
    """
    with _whole_file(target) as file, file.open("wb") as lines:
        for batch in reader:
            lines.writelines(
                orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)
                for row in batch.to_pylist()
            )
    return os.fspath(target)


@contextmanager
def _whole_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a file to write to, which then takes the place of `target`."""
    name = os.fspath(target)
    try:
        if URI.match(name):
            with _uploaded(name) as file:
                yield file
        else:
            with _renamed(Path(name).expanduser()) as file:
                yield file
    except OSError as fault:
        shown = without_secrets(name)
        raise ExportError(
            f"{shown!r} cannot be written: {fault.strerror or fault}. Check that its folder "
            "exists, is yours to write to, and has room, then export again.",
            path=shown,
        ) from fault


def without_secrets(name: str) -> str:
    """Return a path or URI without what may be credentials: user, password, parameters."""
    if not URI.match(name):
        return name
    return re.sub(r"(?<=://)[^/]*@", "", name.partition("?")[0])


@contextmanager
def _renamed(target: Path) -> Iterator[Path]:
    if target.is_dir() or not target.name:
        raise IsADirectoryError(None, "it is a folder; name a file in it")
    partial = target.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _uploaded(uri: str) -> Iterator[Path]:
    # Written to disk first: an upload that is broken off must not count as complete.
    try:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(uri)
    except pa.ArrowInvalid as fault:
        raise OSError(None, str(fault)) from fault
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "export"
        yield whole
        pyarrow.fs.copy_files(str(whole), path, destination_filesystem=filesystem)


def _groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    group: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in reader:
        group.append(batch)
        n_rows, n_bytes = n_rows + batch.num_rows, n_bytes + batch.nbytes
        if n_rows >= _GROUP_ROWS or n_bytes >= _GROUP_BYTES:
            yield pa.Table.from_batches(group)
            group, n_rows, n_bytes = [], 0, 0
    if group:
        yield pa.Table.from_batches(group)


def _csv_field(field: "pa.Field[Any]") -> "pa.Field[Any]":
    kind = field.type
    plain = (
        pa.types.is_primitive(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_dictionary(kind)
        or pa.types.is_null(kind)
    )
    return field if plain else field.with_type(pa.string())


def _as_written(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        column if column.type == field.type else texts(column)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def texts(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """Return a column as text: text as it is, other values as JSON."""
    return pa.array([_text(value) for value in column.to_pylist()], pa.string())


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    text = orjson.dumps(value, default=str).decode()
    # A value that JSON has only as text, such as a date, needs no quotes around it.
    return orjson.loads(text) if text.startswith('"') else text
