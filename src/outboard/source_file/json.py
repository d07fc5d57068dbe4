"""Read JSON rows batch by batch, one on each line or all in one array."""

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import orjson
import pyarrow as pa

from outboard.errors import DatasourceError
from outboard.source_file.json_array import elements
from outboard.source_file.location import SourceFile, buffered, describe
from outboard.source_file.shape import Shape, check_names
from outboard.source_file.values import Kind, column, column_type, kind_of

Layout = Literal["jsonl", "json"]
Row = dict[str, Any]

_BOM = b"\xef\xbb\xbf"
_LONG = 2**63
_HUGE = re.compile(rb"\d{19}")


def inspect(file: SourceFile, layout: Layout) -> Shape:
    """Return the columns of JSON rows: every key there is, in order of first appearance.

    A `.json` file may hold rows line by line, too; the shape's format tells.

    Raises
    ------
    DatasourceError
        If the text is no JSON or not UTF-8, or a row is no object.
    """
    if layout == "json":
        layout = _layout(file)
    kinds: defaultdict[str, set[Kind]] = defaultdict(set)
    n_rows = 0
    for row in _rows(file, layout):
        n_rows += 1
        for name, value in row.items():
            kinds[name].add(kind_of(value))
    if n_rows == 0:
        raise _no_rows(file)
    check_names(list(kinds), shown=repr(file.shown), path=file.shown)
    columns = {name: str(column_type(seen)) for name, seen in kinds.items()}
    return Shape(format=layout, columns=columns, n_rows=n_rows)


def read(
    file: SourceFile, layout: Layout, schema: pa.Schema, *, start: int, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield rows from `start` on, in batches of at most `batch_rows`.

    `schema` has the columns to read, with the types that `inspect` found for them.
    """
    rows = _rows(file, layout, start)
    while batch := list(islice(rows, batch_rows)):
        arrays = [column([row.get(field.name) for row in batch], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _rows(file: SourceFile, layout: Layout, start: int = 0) -> Iterator[Row]:
    with file.open() as source, buffered(source) as stream:
        if stream.peek(len(_BOM)).startswith(_BOM):
            stream.read(len(_BOM))
        match layout:
            case "jsonl":
                yield from _rows_by_line(file, stream, start)
            case "json":
                yield from islice(_rows_of_array(file, stream), start, None)


def _rows_by_line(file: SourceFile, stream: io.BufferedReader, start: int) -> Iterator[Row]:
    lines = ((n, line) for n, line in enumerate(stream, start=1) if not line.isspace())
    for number, line in islice(lines, start, None):
        try:
            row = _parse(line)
        except (ValueError, RecursionError) as fault:
            raise DatasourceError(
                f"Line {number} of {file.shown!r} is not JSON: {describe(fault)}. "
                "Give each line one whole JSON object, in UTF-8.",
                path=file.shown,
            ) from fault
        yield _checked(row, file, f"Line {number}")


def _parse(line: bytes) -> object:
    try:
        row: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        # More lenient with what Python's own writer lets through: NaN, Infinity, half of a
        # surrogate pair.
        return json.loads(line.decode())
    if isinstance(row, dict) and any(map(_may_be_rounded, row.values())) and _HUGE.search(line):
        return json.loads(line)
    return row


def _may_be_rounded(value: object) -> bool:
    """Return True if orjson may have met a whole number beyond 64 bits: it makes them floats."""
    if isinstance(value, float):
        return not -_LONG < value < _LONG
    return isinstance(value, (list, dict))


def _rows_of_array(file: SourceFile, stream: io.BufferedReader) -> Iterator[Row]:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    number = 0
    try:
        for number, row in enumerate(elements(text), start=1):
            yield _checked(row, file, f"Row {number}")
    except (ValueError, RecursionError) as fault:
        raise DatasourceError(
            f"{file.shown!r} is not JSON after row {number}: {describe(fault)}. "
            "Write an array of objects, [{...}, {...}], in UTF-8.",
            path=file.shown,
        ) from fault


def _checked(row: object, file: SourceFile, where: str) -> Row:
    if isinstance(row, dict):
        return row
    raise DatasourceError(
        f"{where} of {file.shown!r} holds a JSON {type(row).__name__}, not an object. "
        'Write each row as {"column": value, ...}; name a file that holds one array '
        "of rows .json.",
        path=file.shown,
    )


def _layout(file: SourceFile) -> Layout:
    with file.open() as source, buffered(source) as stream:
        # Not by line: a whole array may stand on one.
        if stream.peek().removeprefix(_BOM).lstrip().startswith(b"["):
            return "json"
        lines = (line for line in stream if not line.isspace())
        first, second = next(lines, b"").removeprefix(_BOM), next(lines, b"")
    if not first:
        raise _no_rows(file)
    try:
        whole_row = isinstance(_parse(first), dict)
    except (ValueError, RecursionError):
        whole_row = False
    if whole_row and second:
        return "jsonl"
    raise DatasourceError(
        f"{file.shown!r} holds no array of rows. Write [{{...}}, {{...}}], "
        "or one object on each line.",
        path=file.shown,
    )


def _no_rows(file: SourceFile) -> DatasourceError:
    return DatasourceError(
        f"There are no rows in {file.shown!r}. Give it at least one.", path=file.shown
    )
