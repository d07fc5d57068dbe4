"""Register tables, to read their rows batch by batch."""

import difflib
import html
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import pyarrow as pa

from outboard import source_file
from outboard.errors import DatasourceError, NotFoundError
from outboard.registered_file import RegisteredFile, keep_numbers, numbers_path, owned_path
from outboard.source_file import LocalFile, SourceFile, x_uids
from outboard.source_file.memory_table import SHOWN, to_batches
from outboard.source_file.owned import write_table
from outboard.source_file.time_unit import in_microseconds, microsecond_schema
from outboard.store.datasources import DatasourceRecord
from outboard.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_SCAN_ROWS = 65_536


@dataclass(frozen=True, kw_only=True)
class RowBatch:
    """Some rows of a datasource, side by side."""

    #: Position of the first row in the datasource, counted from 0.
    offset: int
    #: The n of each row's ``doc::<n>``.
    uids: Sequence[int]
    #: The columns that were asked for.
    table: pa.RecordBatch


class Datasource:
    """A registered table, whose rows never change.

    Get one from `get_datasource`. A file of yours is read where it is; found changed, it is
    refused with `DatasourceChangedError`.
    """

    def __init__(self, workspace: Workspace, record: DatasourceRecord) -> None:
        self._record = record
        self._file = RegisteredFile(workspace, record)

    @property
    def uid(self) -> int:
        """Its uid, for `inference` or `get_datasource`."""
        return self._record.uid

    @property
    def name(self) -> str:
        """Name for people."""
        return _name(self._record)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._record.n_rows

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self._record.columns)

    @property
    def uid_col(self) -> str | None:
        """Column that holds the n of ``doc::<n>``; None if n is the row's position."""
        return self._record.uid_col

    @property
    def fingerprint(self) -> str:
        """``sha256:`` with the hash of the file's content.

        For a remote file ``metadata-sha256:`` with that of URI, size and time of change: it
        is not downloaded for this.
        """
        return self._record.fingerprint

    @property
    def schema(self) -> pa.Schema:
        """Arrow types of the columns, as `batches` gives them."""
        return microsecond_schema(self._file.schema)

    @property
    def starts(self) -> list[int]:
        """Positions from which `batches` need not go through the rows before, ascending."""
        return self._file.starts

    def check_unchanged(self) -> None:
        """Make sure that the rows are still those registered; reads none of them.

        Raises
        ------
        DatasourceChangedError
            If the file is gone or was changed.
        """
        self._file.check_unchanged()

    def uids(self) -> Sequence[int]:
        """Return the n of each row's ``doc::<n>``, in row order."""
        return range(self.n_rows) if self.uid_col is None else self._file.numbers

    def missing_uids(self, wanted: Iterable[int]) -> list[int]:
        """Return those of `wanted` that no row has, in order, each once."""
        uids, distinct = self.uids(), dict.fromkeys(wanted)
        present = uids if isinstance(uids, range) else set(distinct).intersection(uids)
        return [uid for uid in distinct if uid not in present]

    def batches(
        self, columns: Sequence[str] | None = None, *, start: int = 0, batch_rows: int = 1000
    ) -> Iterator[RowBatch]:
        """Read rows in order without loading the whole table.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns to read, in this order; default: all.
        start : int
            Position of the first row, counted from 0.
        batch_rows : int
            Most rows in a batch.

        Returns
        -------
        iterator of RowBatch
            Times are cut to the microseconds that Python's own types hold.

        Raises
        ------
        DatasourceError
            If there is no such column, or the file cannot be read.
        DatasourceChangedError
            If the file is gone or was changed, be it while it is read.
        ValueError
            If `start` is negative or `batch_rows` less than 1.
        """
        if start < 0 or batch_rows < 1:
            raise ValueError(f"start must be >= 0 and batch_rows >= 1, got {start}, {batch_rows}")
        names = self.columns if columns is None else list(dict.fromkeys(columns))
        for name in names:
            _check_column(name, self.columns, f"datasource {self.uid}", datasource_uid=self.uid)
        return self._row_batches(names, start, batch_rows)

    def to_pandas(self, max_rows: int | None = 10) -> "pd.DataFrame":
        """Return the first rows as a DataFrame with the x_uids as its index.

        Parameters
        ----------
        max_rows : int, optional
            Most rows; None for all of them.

        Raises
        ------
        DatasourceError
            If the file cannot be read.
        DatasourceChangedError
            If the file is gone or was changed.
        ValueError
            If `max_rows` is negative.
        """
        import pandas as pd

        if max_rows is not None and max_rows < 0:
            raise ValueError(f"max_rows must be >= 0 or None, got {max_rows}")
        n_rows = self.n_rows if max_rows is None else min(max_rows, self.n_rows)
        read: list[pa.RecordBatch] = []
        # At least one row, to know the types.
        for batch in self._file.read(self.columns, batch_rows=min(max(n_rows, 1), _SCAN_ROWS)):
            read.append(batch)
            if sum(batch.num_rows for batch in read) >= n_rows:
                break
        frame = pa.Table.from_batches(read).slice(0, n_rows).to_pandas(ignore_metadata=True)
        frame.index = pd.Index([f"doc::{uid}" for uid in self.uids()[:n_rows]], name="x_uid")
        return frame

    def __repr__(self) -> str:
        return (
            f"Datasource(uid={self.uid}, name={self.name!r}, n_rows={self.n_rows}, "
            f"columns={self.columns})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(kind)}</td></tr>"
            for name, kind in self._record.columns.items()
        )
        n_rows = "1 row" if self.n_rows == 1 else f"{self.n_rows:,} rows"
        return (
            f"<p>Datasource {self.uid}: <b>{html.escape(self.name)}</b>, {n_rows}</p>"
            "<table><thead><tr><th>Column</th><th>Type</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )

    def _row_batches(self, names: list[str], start: int, batch_rows: int) -> Iterator[RowBatch]:
        uids = self.uids()
        for table in self._file.read(names, start=start, batch_rows=batch_rows):
            end = start + table.num_rows
            yield RowBatch(offset=start, uids=uids[start:end], table=in_microseconds(table))
            start = end


def create_datasource(data: object, *, name: str | None = None, uid_col: str | None = None) -> int:
    """Register a table, and return its uid.

    A file stays where it is and is read from there; a table in memory is written into the
    workspace.

    Parameters
    ----------
    data : DataFrame, Arrow table, ModelSource, str or PathLike
        A pandas or polars frame, anything that speaks Arrow's C stream protocol, or the path
        or URI (``s3://``) of a ``.parquet``, ``.csv``, ``.jsonl`` or ``.json`` file.

        CSV cells stay text as written: ``007`` stays ``007``; an empty cell is null, a quoted
        empty one is the empty string. JSON columns that mix types, nested JSON values and
        pandas columns of lists or dicts become text, nested values as compact JSON. A pandas
        index becomes a column if it has a name. Half of a surrogate pair becomes U+FFFD.
    name : str, optional
        Name for people. Default: the file's, without its suffix.
    uid_col : str, optional
        Column with the n of each row's ``doc::<n>``: whole numbers, 0 or more, each one once.
        Default: the row's position.

    Returns
    -------
    int
        The uid.

    Raises
    ------
    DatasourceError
        If the table cannot be read or has a fault; names file, row and column where known.
    WorkspaceError
        If the workspace cannot be written to.
    """
    workspace = Workspace.current()
    if uid_col is not None:
        uid_col = str(uid_col)  # as the names of pandas columns, which may be numbers
    if isinstance(data, str | os.PathLike):
        return _register(workspace, source_file.locate(data), name=name, uid_col=uid_col)
    path = write_table(to_batches(data), workspace.datasources_dir)
    try:
        return _register(workspace, LocalFile(path), name=name, uid_col=uid_col, owned=True)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _register(
    workspace: Workspace,
    file: SourceFile,
    *,
    name: str | None,
    uid_col: str | None,
    owned: bool = False,
) -> int:
    # A file of ours is nothing that its user knows of.
    shown, path = (SHOWN, None) if owned else (repr(file.shown), file.shown)
    stamp = file.stamp()
    shape = source_file.inspect(file)
    if shape.n_rows == 0:
        raise DatasourceError(f"There are no rows in {shown}. Give it at least one.", path=path)
    numbers = None
    if uid_col is not None:
        _check_column(uid_col, list(shape.columns), shown, path=path)
        batches = source_file.read(file, shape, [uid_col], batch_rows=_SCAN_ROWS)
        numbers = x_uids.collect(batches, uid_col, shown=shown, path=path)
    fingerprint = file.fingerprint()
    if stamp is None or file.stamp() != stamp:
        raise DatasourceError(
            f"The rows of {shown} changed while they were being registered. Wait until they are "
            "written to the end, then register them again.",
            path=path,
        )
    uid = workspace.store.datasources.add(
        name=name or ("" if owned else PurePath(file.filename).stem),
        location=file.location,
        format=shape.format,
        owned=owned,
        n_rows=shape.n_rows,
        columns=dict(shape.columns),
        uid_col=uid_col,
        fingerprint=fingerprint,
        stamp=stamp,
    )
    if numbers is not None:
        keep_numbers(numbers, numbers_path(workspace, uid))
    return uid


def get_datasource(uid: int | str) -> Datasource:
    """Return a registered table.

    Raises
    ------
    NotFoundError
        If there is none with this uid.
    """
    workspace = Workspace.current()
    return Datasource(workspace, _find(workspace, uid))


def list_datasources() -> "pd.DataFrame":
    """Return the registered tables: uid, name, n_rows, columns, created_at (UTC)."""
    import pandas as pd

    records = Workspace.current().store.datasources.all()
    created_at = [record.created_at for record in records]
    return pd.DataFrame(
        {
            "uid": pd.Series([record.uid for record in records], dtype="int64"),
            "name": pd.Series([_name(record) for record in records], dtype="str"),
            "n_rows": pd.Series([record.n_rows for record in records], dtype="int64"),
            "columns": pd.Series([list(record.columns) for record in records], dtype="object"),
            # In nanoseconds, whatever the times are: pandas would choose by their digits.
            "created_at": pd.to_datetime(
                pd.Series(created_at, dtype="float64"), unit="s", utc=True
            ).dt.as_unit("ns"),
        }
    )


def delete_datasource(uid: int | str) -> None:
    """Forget a table. A file of yours stays where it is.

    Raises
    ------
    NotFoundError
        If there is none with this uid.
    DatasourceError
        If a job is using it.
    """
    workspace = Workspace.current()
    record = _find(workspace, uid)
    if jobs := workspace.store.jobs.using_datasource(record.uid):
        raise DatasourceError(
            f"Datasource {record.uid} is in use by job {', '.join(jobs)}. "
            "Wait for it or cancel it, then delete the datasource.",
            datasource_uid=record.uid,
        )
    workspace.store.datasources.delete(record.uid)
    numbers_path(workspace, record.uid).unlink(missing_ok=True)
    if record.owned:
        owned_path(workspace, record).unlink(missing_ok=True)


def _find(workspace: Workspace, uid: object) -> DatasourceRecord:
    number = _uid_number(uid)
    record = None if number is None else workspace.store.datasources.get(number)
    if record is None:
        raise NotFoundError(
            f"There is no datasource {uid!r} in workspace {str(workspace.path)!r}. "
            "list_datasources() shows those there are.",
            kind="datasource",
            ids=(str(uid),),
        )
    return record


def _uid_number(uid: object) -> int | None:
    """Return a uid given as an int, a NumPy int or a text of digits; None for anything else."""
    if isinstance(uid, str):
        number = int(uid) if uid.isdecimal() and len(uid) < 19 else None
    elif hasattr(uid, "__index__") and not isinstance(uid, bool):
        number = operator.index(uid)
    else:
        number = None
    return number if number is not None and 0 <= number < 2**63 else None


def _name(record: DatasourceRecord) -> str:
    return record.name or f"datasource-{record.uid}"


def _check_column(name: str, columns: Sequence[str], shown: str, **parts: object) -> None:
    if name in columns:
        return
    near = difflib.get_close_matches(name, columns, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Its columns are {list(columns)}."
    raise DatasourceError(f"There is no column {name!r} in {shown}. {hint}", column=name, **parts)
