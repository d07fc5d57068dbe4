"""Put Python values, as JSON gives them, into Arrow columns.

A column has one type, which follows from all of its values: text, true/false, whole numbers,
numbers; whatever is mixed or nested becomes text, with nested values as compact JSON.

`pyarrow.array` would do, but it imports pandas when given a list: a second of work, and
60 MB in a worker that needs none of it.
"""

import json
from array import array
from collections.abc import Iterable, Sequence, Set
from itertools import accumulate
from typing import Any, Literal

import pyarrow as pa

#: What the columns of text files can be, by name.
TYPES: dict[str, pa.DataType] = {
    str(kind): kind for kind in (pa.string(), pa.bool_(), pa.int64(), pa.float64())
}

#: What a value is. A "long" is a whole number that fits 64 bits, but no double exactly;
#: "other" is what only text can hold: lists, dicts, whole numbers beyond 64 bits.
Kind = Literal["null", "text", "bool", "int", "long", "float", "other"]

_LONG = range(-(2**63), 2**63)
_INT = range(-(2**53), 2**53 + 1)


def kind_of(value: object) -> Kind:
    """Return the kind of one value; NaN counts as a null."""
    kind = type(value)
    if kind is str:
        return "text"
    if value is None:
        return "null"
    if kind is float:
        return "null" if value != value else "float"  # noqa: PLR0124 - only NaN differs from itself
    if kind is bool:
        return "bool"
    if kind is int:
        return "int" if value in _INT else "long" if value in _LONG else "other"
    return "other"


def column_type(kinds: Set[Kind]) -> pa.DataType:
    """Return the type that holds all values of these kinds without loss."""
    kinds = kinds - {"null"}
    if kinds == {"bool"}:
        return pa.bool_()
    if kinds and kinds <= {"int", "long"}:
        return pa.int64()
    if kinds and kinds <= {"int", "float"}:
        return pa.float64()
    return pa.string()


def column(values: Sequence[Any], arrow_type: pa.DataType) -> "pa.Array[Any]":
    """Return values as a column of a type that `column_type` gave for them."""
    values = [None if kind_of(value) == "null" else value for value in values]
    present = bytes(value is not None for value in values)
    validity = _bits(present, None).buffers()[1] if 0 in present else None
    if pa.types.is_boolean(arrow_type):
        return _bits(bytes(bool(value) for value in values), validity)
    if pa.types.is_string(arrow_type):
        return _strings((as_text(value) for value in values), len(values), validity)
    code = "d" if pa.types.is_floating(arrow_type) else "q"
    numbers = array(code, (0 if value is None else value for value in values))
    return pa.Array.from_buffers(arrow_type, len(values), [validity, pa.py_buffer(numbers)])


def as_text(value: object) -> str:
    """Return text as it is, null as the empty string, anything else as compact JSON.

    What JSON has no form for, e.g. a date inside a list, is written by `str`.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)
    except TypeError:  # a dict whose keys are no text
        return str(value)


def utf8(text: str) -> bytes:
    """Return text as UTF-8, with each half of a broken surrogate pair as U+FFFD.

    Such halves come from text cut in the middle of an emoji; no model could be sent them.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    # NumPy's arrays and numbers have their own way to become Python values.
    to_list = getattr(value, "tolist", None)
    return to_list() if to_list else str(value)


def _strings(texts: Iterable[str], n: int, validity: pa.Buffer | None) -> "pa.Array[Any]":
    encoded = [utf8(text) for text in texts]
    offsets = array("i", accumulate(map(len, encoded), initial=0))
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), n, buffers)


def _bits(truths: bytes, validity: pa.Buffer | None) -> "pa.Array[Any]":
    buffers = [validity, pa.py_buffer(truths)]
    return pa.Array.from_buffers(pa.uint8(), len(truths), buffers).cast(pa.bool_())
