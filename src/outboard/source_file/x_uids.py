"""Read a column of x_uid numbers: whole, not negative, each one once."""

import re
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from outboard.errors import DatasourceError
from outboard.source_file.owned import writing

_MAX = 2**63 - 1
# What fits 64 bits for sure; longer ones are looked at one by one.
_DIGITS = r"^[0-9]{1,18}$"


def collect(
    batches: Iterable[pa.RecordBatch], name: str, *, shown: str, path: str | None
) -> "array[int]":
    """Return the numbers in a column, in row order.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        The table, with the column in it.
    name : str
        The column: integers, or text that consists of digits.
    shown : str
        The table, as messages name it.
    path : str or None
        Its file, for the error's parts.

    Raises
    ------
    DatasourceError
        Names the first row and value at fault.
    """
    numbers = array("q")
    for batch in batches:
        values = batch.column(name)
        if not (pa.types.is_integer(values.type) or _is_text(values.type)):
            raise DatasourceError(
                f"Column {name!r} of {shown} has type {values.type}, so it cannot give x_uids. "
                "They are whole numbers: convert the column, or leave out uid_col to number "
                "the rows by position.",
                path=path,
                column=name,
            )
        if _is_sound(values):
            numbers.frombytes(_int64_bytes(values))
        else:
            numbers.extend(_checked(values, len(numbers), name, shown, path))
    _check_unique(numbers, name, shown, path)
    return numbers


def load(path: Path, n_rows: int) -> "array[int] | None":
    """Return the numbers that `save` wrote, or None if they are not there."""
    numbers = array("q")
    try:
        numbers.frombytes(path.read_bytes())
    except (OSError, ValueError):
        return None
    return numbers if len(numbers) == n_rows else None


def save(numbers: "array[int]", path: Path) -> None:
    """Write numbers for `load`, 8 bytes each.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written to.
    """
    with writing(path) as part:
        part.write_bytes(numbers.tobytes())


def _as_array(numbers: "array[int]") -> "pa.Array[Any]":
    """Return numbers as an Arrow column that shares their memory."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_sound(values: "pa.Array[Any]") -> bool:
    # Imported here: it takes 0.05 s, and every worker waits for what stands at the top.
    import pyarrow.compute as pc

    if values.null_count:
        return False
    if _is_text(values.type):
        return bool(pc.all(pc.match_substring_regex(values, _DIGITS), min_count=0).as_py())
    extremes = pc.min_max(values)
    lowest, highest = extremes["min"].as_py(), extremes["max"].as_py()
    return lowest is None or (lowest >= 0 and highest <= _MAX)


def _int64_bytes(values: "pa.Array[Any]") -> memoryview:
    numbers = values.cast(pa.int64())
    data = numbers.buffers()[1]
    assert data is not None  # only the first buffer, of nulls, may be missing
    width = numbers.type.byte_width
    return memoryview(data)[numbers.offset * width : (numbers.offset + len(numbers)) * width]


def _checked(
    values: "pa.Array[Any]", offset: int, name: str, shown: str, path: str | None
) -> list[int]:
    numbers = []
    for row, value in enumerate(values.to_pylist(), start=offset):
        try:
            numbers.append(_number(value))
        except ValueError as fault:
            raise DatasourceError(
                f"Column {name!r} of {shown} cannot give x_uids: row {row} {fault}. "
                "They are whole numbers, 0 or more, each one once. Rows count from 0.",
                path=path,
                column=name,
            ) from fault
    return numbers


def _number(value: int | str | None) -> int:
    if value is None:
        raise ValueError("has none")
    # A text of digits may be too long for int() itself.
    if not re.fullmatch(r"[0-9]{1,4000}", str(value)) or int(value) > _MAX:
        raise ValueError(f"holds {str(value)[:50]!r}")
    return int(value)


def _check_unique(numbers: "array[int]", name: str, shown: str, path: str | None) -> None:
    import pyarrow.compute as pc

    column = _as_array(numbers)
    in_order = column.take(pc.sort_indices(column))
    if not pc.any(pc.equal(in_order[1:], in_order[:-1])).as_py():
        return
    first_row: dict[int, int] = {}
    for row, number in enumerate(numbers):
        if number in first_row:
            raise DatasourceError(
                f"Column {name!r} of {shown} cannot give x_uids: rows {first_row[number]} and "
                f"{row} both hold {number}. Each number may occur once. Rows count from 0.",
                path=path,
                column=name,
            )
        first_row[number] = row
