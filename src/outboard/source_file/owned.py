"""Write a table into the workspace, as a file that goes with its datasource."""

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from outboard.errors import WorkspaceError

# Enough rows to compress well, few enough that reading from the middle skips most of the rest.
_GROUP_ROWS = 65_536
_GROUP_BYTES = 64 << 20


def write_table(reader: pa.RecordBatchReader, folder: Path) -> Path:
    """Write a table as a Parquet file with a name of its own, and return its path.

    Holds one row group in memory at a time.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written to, e.g. because the disk is full.
    """
    path = folder / f"{uuid.uuid4().hex}.parquet"
    # pandas' own notes would bring its index back as an index.
    schema = reader.schema.remove_metadata()
    with writing(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for table in _row_groups(reader, schema):
            writer.write_table(table, row_group_size=_GROUP_ROWS)
    return path


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a path to write to; the file gets its final name when it is whole and on disk.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written to.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as fault:
        what = os.strerror(fault.errno) if fault.errno else str(fault)
        raise WorkspaceError(
            f"{str(path.parent)!r} cannot be written to: {what}. "
            "Free some space, or name another folder in OUTBOARD_HOME.",
            path=str(path.parent),
        ) from fault
    finally:
        part.unlink(missing_ok=True)


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in batches:
        waiting.append(batch.replace_schema_metadata(None))
        n_rows += batch.num_rows
        n_bytes += batch.nbytes
        if n_rows >= _GROUP_ROWS or n_bytes >= _GROUP_BYTES:
            yield pa.Table.from_batches(waiting, schema=schema)
            waiting, n_rows, n_bytes = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema=schema)
