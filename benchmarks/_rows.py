"""The rows that every client of a benchmark sends."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP_ROWS = 50_000


def question(number: int) -> str:
    """Return the prompt of one row, some hundred characters."""
    return (
        f"Row {number}: what does a reader of this table have to know about it, "
        "before they can put its numbers to any use?"
    )


def questions(n_rows: int) -> Iterator[str]:
    """Return the prompts of `n_rows` rows."""
    return map(question, range(n_rows))


def write_parquet(path: Path, n_rows: int) -> None:
    """Write `n_rows` rows with the columns ``question`` and ``answer``."""
    schema = pa.schema([("question", pa.string()), ("answer", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n_rows, _GROUP_ROWS):
            numbers = range(start, min(start + _GROUP_ROWS, n_rows))
            writer.write_table(
                pa.Table.from_arrays(
                    [
                        pa.array([question(number) for number in numbers]),
                        pa.array([f"Reference answer {number}" for number in numbers]),
                    ],
                    schema=schema,
                )
            )
