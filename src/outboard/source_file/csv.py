"""Read CSV files batch by batch, every cell as the text that was written."""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv as pc

from outboard.errors import DatasourceError
from outboard.source_file.location import SourceFile, buffered, describe
from outboard.source_file.shape import Shape, check_names

# A row must fit into a block, so blocks grow when one does not: most files need 1 MiB.
_BLOCK_BYTES = 1 << 20
_MAX_BLOCK_BYTES = 1 << 30
_ROW = re.compile(r"Row #(\d+): ")


def inspect(file: SourceFile) -> Shape:
    """Return the columns in the header of a CSV file, with its rows counted and checked.

    Raises
    ------
    DatasourceError
        If a row has more or fewer cells than the header, the text is not UTF-8, or columns
        cannot be told apart.
    """
    _check_not_utf16(file)
    names = _header(file)
    check_names(names, shown=repr(file.shown), path=file.shown)
    n_rows, last_cell = 0, None
    for batch in read(file, names, start=0, batch_rows=1 << 20):
        n_rows += batch.num_rows
        last_cell = batch.column(-1)[-1].as_py()
    _check_closed(file, n_rows, last_cell or "")
    return Shape(format="csv", columns=dict.fromkeys(names, "string"), n_rows=n_rows)


def read(
    file: SourceFile, columns: Sequence[str], *, start: int, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield rows from `start` on, in batches of at most `batch_rows`.

    An empty cell is null, a quoted empty cell (``""``) is the empty string; blank lines are
    no rows.

    Raises
    ------
    DatasourceError
        If a row is malformed.
    """
    block_bytes = _BLOCK_BYTES
    while True:
        try:
            for batch in _blocks(file, columns, block_bytes, start):
                for first in range(0, batch.num_rows, batch_rows):
                    rows = batch.slice(first, batch_rows)
                    start += rows.num_rows
                    yield rows.select(list(columns))
        except pa.ArrowInvalid as fault:
            block_bytes = _grown(file, block_bytes, fault)
        else:
            return


def _header(file: SourceFile) -> list[str]:
    block_bytes = _BLOCK_BYTES
    while True:
        try:
            with file.open() as source, _open(source, block_bytes, pc.ConvertOptions()) as reader:
                return reader.schema.names
        except pa.ArrowInvalid as fault:
            block_bytes = _grown(file, block_bytes, fault)
        except UnicodeDecodeError as fault:
            raise _not_utf8(file) from fault


def _blocks(
    file: SourceFile, columns: Sequence[str], block_bytes: int, skip: int
) -> Iterator[pa.RecordBatch]:
    convert = pc.ConvertOptions(
        include_columns=list(columns),
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with file.open() as source, _open(source, block_bytes, convert) as reader:
        for batch in reader:
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            yield batch.slice(skip)
            skip = 0


def _open(
    source: pa.NativeFile, block_bytes: int, convert: pc.ConvertOptions
) -> pc.CSVStreamingReader:
    return pc.open_csv(
        cast("IO[bytes]", source),
        # Without threads, an error knows its row.
        read_options=pc.ReadOptions(use_threads=False, block_size=block_bytes),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=convert,
    )


def _grown(file: SourceFile, block_bytes: int, fault: pa.ArrowInvalid) -> int:
    """Return the next block size to try, if a row was too long for this one."""
    too_long = "straddling" in str(fault) or "Empty CSV file or block" in str(fault)
    with file.open() as source:
        if not too_long or block_bytes > source.size():
            raise _malformed(file, fault) from fault
    if block_bytes >= _MAX_BLOCK_BYTES:
        raise DatasourceError(
            f"{file.shown!r} has a row of more than {_MAX_BLOCK_BYTES >> 20} MiB. "
            "Look for a quote that is not closed.",
            path=file.shown,
        ) from fault
    return block_bytes * 4


def _malformed(file: SourceFile, fault: pa.ArrowInvalid) -> DatasourceError:
    text = str(fault)
    if "invalid UTF8" in text:
        return _not_utf8(file)
    if "Empty CSV file" in text:
        return DatasourceError(
            f"There are no rows in {file.shown!r}. Give it a header line with at least one row "
            "below.",
            path=file.shown,
        )
    row = _ROW.search(text)
    where = f"row {row[1]}, counting the header as row 1" if row else "a row"
    what = describe(fault).removeprefix("CSV parse error: ").replace(row[0] if row else "", "")
    return DatasourceError(
        f"{file.shown!r} is malformed in {where}: {what}. "
        "Put values that hold commas, quotes or line breaks in double quotes, "
        'with a quote inside written twice (""), and close each quote.',
        path=file.shown,
    )


def _check_closed(file: SourceFile, n_rows: int, last_cell: str) -> None:
    """Refuse a quote that is never closed: Arrow takes the rest of the file for its cell."""
    if not re.search(r"[,\r\n]", last_cell):
        return
    with file.open() as source:
        source.seek(max(0, source.size() - 64))
        if source.read().rstrip().endswith(b'"'):
            return
    raise DatasourceError(
        f"{file.shown!r} opens a quote in row {n_rows + 1}, counting the header as row 1, and "
        f"never closes it: the cell begins with {last_cell[:50]!r}. Close the quote; write one "
        'inside a value twice ("").',
        path=file.shown,
    )


def _check_not_utf16(file: SourceFile) -> None:
    with file.open() as source:
        if source.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise _not_utf8(file)


def _not_utf8(file: SourceFile) -> DatasourceError:
    return DatasourceError(
        f"{file.shown!r} is not UTF-8 in line {_first_line_that_is_not_utf8(file)}. "
        "Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8').",
        path=file.shown,
    )


def _first_line_that_is_not_utf8(file: SourceFile) -> int:
    with file.open() as source, buffered(source) as lines:
        return next(n for n, line in enumerate(lines, start=1) if not _is_utf8(line))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
