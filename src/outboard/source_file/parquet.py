"""Read Parquet files batch by batch."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.parquet as pq

from outboard.errors import DatasourceError
from outboard.source_file.location import SourceFile, describe
from outboard.source_file.shape import Shape, check_names

# Column chunks are read through a buffer of this size instead of whole: memory stays flat
# however large a row group is.
_BUFFER_BYTES = 1 << 20
# A row group can only be read from its beginning: what is before the first row wanted goes by
# in larger batches, each of which costs about the same.
_SKIPPED_ROWS = 4_096
_SKIPPED_BYTES = 8 << 20


def inspect(file: SourceFile) -> Shape:
    """Return what a Parquet file's footer says; no rows are read.

    Raises
    ------
    DatasourceError
        If it is no Parquet file, or its columns cannot be told apart.
    """
    columns, n_rows = _footer(file)
    check_names(columns.names, shown=repr(file.shown), path=file.shown)
    types = {field.name: str(field.type) for field in columns}
    return Shape(format="parquet", columns=types, n_rows=n_rows)


def schema(file: SourceFile) -> pa.Schema:
    """Return the columns' Arrow types.

    Raises
    ------
    DatasourceError
        If it is no Parquet file.
    """
    return _footer(file)[0]


def read(
    file: SourceFile, columns: Sequence[str], *, start: int, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield rows from `start` on, in batches of at most `batch_rows`."""
    with (
        file.open() as source,
        pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False) as table,
    ):
        first_group, skip = _row_group_at(table.metadata, start)
        size = batch_rows + min(skip, _rows_to_skip_at_once(table.metadata, first_group))
        # pyarrow takes the names as paths into nested columns, so more may come than was
        # asked for: "a" also brings a column called "a.b".
        for batch in table.iter_batches(
            batch_size=size,
            row_groups=list(range(first_group, table.num_row_groups)),
            columns=list(columns),
        ):
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            wanted = batch.slice(skip).select(list(columns))
            skip = 0
            for first in range(0, wanted.num_rows, batch_rows):
                yield wanted.slice(first, batch_rows)


def starts(file: SourceFile) -> list[int]:
    """Return the first row of each row group."""
    with file.open() as source, pq.ParquetFile(source) as table:
        groups = [table.metadata.row_group(n).num_rows for n in range(table.num_row_groups)]
    return list(accumulate(groups, initial=0))[:-1]


def _footer(file: SourceFile) -> tuple[pa.Schema, int]:
    try:
        with file.open() as source, pq.ParquetFile(source) as table:
            return table.schema_arrow, table.metadata.num_rows
    except pa.ArrowException as fault:
        raise DatasourceError(
            f"{file.shown!r} is not a readable Parquet file: {describe(fault)}. "
            "Write it again; a CSV or JSON file needs its own suffix.",
            path=file.shown,
        ) from fault


def _row_group_at(metadata: pq.FileMetaData, start: int) -> tuple[int, int]:
    for group in range(metadata.num_row_groups):
        n_rows = metadata.row_group(group).num_rows
        if start < n_rows:
            return group, start
        start -= n_rows
    return metadata.num_row_groups, 0


def _rows_to_skip_at_once(metadata: pq.FileMetaData, group: int) -> int:
    if group >= metadata.num_row_groups:
        return 0
    rows = metadata.row_group(group)
    return min(_SKIPPED_ROWS, _SKIPPED_BYTES * rows.num_rows // max(rows.total_byte_size, 1))
