"""Read the files that rows come from, whatever their format or place.

Each format is one module with two functions: `inspect` looks through a whole file once,
`read` yields its rows batch by batch.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import cast

import pyarrow as pa

from outboard.errors import DatasourceError
from outboard.source_file import csv, json, parquet
from outboard.source_file.location import LocalFile, RemoteFile, SourceFile, at, describe, locate
from outboard.source_file.shape import Shape
from outboard.source_file.values import TYPES

__all__ = [
    "LocalFile",
    "RemoteFile",
    "Shape",
    "SourceFile",
    "at",
    "describe",
    "inspect",
    "locate",
    "read",
    "schema",
    "starts",
]

#: File name suffix -> format. A `.json` file may turn out to be ``jsonl``.
SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}


def inspect(file: SourceFile) -> Shape:
    """Look through a whole file and return what it holds.

    Raises
    ------
    DatasourceError
        If the suffix is unknown, or the file is not what its suffix says.
    """
    suffix = PurePath(file.filename).suffix.lower()
    match SUFFIXES.get(suffix):
        case "parquet":
            return parquet.inspect(file)
        case "csv":
            return csv.inspect(file)
        case "jsonl" | "json" as layout:
            return json.inspect(file, layout)
        case _:
            raise DatasourceError(
                f"{file.shown!r} has {f'the suffix {suffix!r}' if suffix else 'no suffix'}, so its "
                f"format is unknown. Known are {', '.join(SUFFIXES)}.",
                path=file.shown,
            )


def schema(file: SourceFile, shape: Shape) -> pa.Schema:
    """Return the columns' Arrow types; of a Parquet file, from its footer."""
    if shape.format == "parquet":
        return parquet.schema(file)
    return pa.schema([(name, TYPES[kind]) for name, kind in shape.columns.items()])


def read(
    file: SourceFile, shape: Shape, columns: Sequence[str], *, start: int = 0, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file from `start` on, in batches of at most `batch_rows`.

    Parameters
    ----------
    file : SourceFile
        The file, unchanged since `inspect`.
    shape : Shape
        What `inspect` found.
    columns : sequence of str
        Columns to read: at least one.
    start : int
        First row, counted from 0.
    batch_rows : int
        Most rows in a batch.
    """
    match shape.format:
        case "parquet":
            return parquet.read(file, columns, start=start, batch_rows=batch_rows)
        case "csv":
            return csv.read(file, columns, start=start, batch_rows=batch_rows)
        case _:
            layout = cast("json.Layout", shape.format)
            wanted = schema(file, shape)
            fields = pa.schema([wanted.field(name) for name in columns])
            return json.read(file, layout, fields, start=start, batch_rows=batch_rows)


def starts(file: SourceFile, shape: Shape) -> list[int]:
    """Return the rows from which one can read without going through those before, ascending."""
    return parquet.starts(file) if shape.format == "parquet" else [0]
