"""Columns of values as one Arrow IPC stream."""

from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, cast

import pyarrow as pa

#: What a column holds.
Values = Sequence[str | float | None]


def arrow_stream(schema: pa.Schema, columns: Mapping[str, Values]) -> bytes:
    """Return columns as an uncompressed Arrow IPC stream of one batch.

    Half of a surrogate pair becomes U+FFFD.

    Parameters
    ----------
    schema : pyarrow.Schema
        Names and types: int64, float64 or string.
    columns : mapping of str to sequence
        The values of each, all of one length.
    """
    arrays = [_array(field.type, columns[field.name]) for field in schema]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def printable(text: str) -> str:
    """Return text that UTF-8 can hold: half of a surrogate pair becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _array(kind: pa.DataType, values: Values) -> "pa.Array[Any]":
    # pa.array() would import pandas, which can take two seconds.
    n_nulls = sum(value is None for value in values)
    validity = _bitmap(values) if n_nulls else None
    if pa.types.is_string(kind):
        texts = cast("Sequence[str | None]", values)
        encoded = [b"" if text is None else printable(text).encode() for text in texts]
        offsets = array("i", accumulate(map(len, encoded), initial=0))
        data = [pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    else:
        numbers = array("d" if pa.types.is_floating(kind) else "q")
        numbers.extend(0 if value is None else value for value in values)  # type: ignore[misc]
        data = [pa.py_buffer(numbers)]
    return pa.Array.from_buffers(kind, len(values), [validity, *data], null_count=n_nulls)


def _bitmap(values: Values) -> pa.Buffer:
    bits = bytearray((len(values) + 7) // 8)
    for place, value in enumerate(values):
        if value is not None:
            bits[place >> 3] |= 1 << (place & 7)
    return pa.py_buffer(bits)
