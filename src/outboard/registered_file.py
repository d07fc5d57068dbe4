"""Read the file of a datasource, as long as it is the one that was registered."""

import logging
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

import pyarrow as pa

from outboard import source_file
from outboard.errors import DatasourceChangedError, DatasourceError, WorkspaceError
from outboard.source_file import LocalFile, Shape, SourceFile, x_uids
from outboard.store.datasources import DatasourceRecord
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

_SCAN_ROWS = 65_536


class RegisteredFile:
    """A file with the size, times and inode that it had when its content was last hashed.

    They are looked at before and after each read; where they differ, the content is hashed.

    Parameters
    ----------
    workspace : Workspace
        Where the datasource is registered.
    record : DatasourceRecord
        The datasource.
    """

    def __init__(self, workspace: Workspace, record: DatasourceRecord) -> None:
        self._workspace = workspace
        self._record = record
        self._stamp = record.stamp
        self._shape = Shape(format=record.format, columns=record.columns, n_rows=record.n_rows)

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow types of the columns."""
        self.check_unchanged()
        return source_file.schema(self._file, self._shape)

    @cached_property
    def starts(self) -> list[int]:
        """Rows from which one can read without going through those before, ascending."""
        self.check_unchanged()
        return source_file.starts(self._file, self._shape)

    @cached_property
    def numbers(self) -> "array[int]":
        """The numbers in the uid column, in row order."""
        path = numbers_path(self._workspace, self._record.uid)
        numbers = x_uids.load(path, self._record.n_rows)
        if numbers is not None:
            return numbers
        name = self._record.uid_col
        assert name is not None  # asked for only where there is such a column
        batches = self.read([name], batch_rows=_SCAN_ROWS)
        numbers = x_uids.collect(batches, name, shown=f"datasource {self._record.uid}", path=None)
        keep_numbers(numbers, path)
        return numbers

    def read(
        self, columns: Sequence[str], *, start: int = 0, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows from `start` on, in batches of at most `batch_rows`.

        Raises
        ------
        DatasourceChangedError
            If the file is gone or was changed, be it while it is read.
        DatasourceError
            If it cannot be read.
        """
        self.check_unchanged()
        if not columns:
            yield from self._blank(start, batch_rows)
            return
        batches = source_file.read(
            self._file, self._shape, columns, start=start, batch_rows=batch_rows
        )
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError, TypeError, ValueError, DatasourceError) as fault:
                self.check_unchanged()
                raise DatasourceError(
                    f"Datasource {self._record.uid} cannot be read from {self._file.shown!r}: "
                    f"{source_file.describe(fault)}. Check that the file is whole.",
                    datasource_uid=self._record.uid,
                    path=self._file.shown,
                ) from fault
            # After reading and before use: what is given out came from the file unchanged.
            self.check_unchanged()
            if batch is None:
                return
            yield batch

    @cached_property
    def _file(self) -> SourceFile:
        if self._record.owned:
            return LocalFile(owned_path(self._workspace, self._record))
        return source_file.at(self._record.location)

    def _blank(self, start: int, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Yield batches without columns: a prompt may need none."""
        for first in range(start, self._record.n_rows, batch_rows):
            n_rows = min(batch_rows, self._record.n_rows - first)
            nothing = pa.StructArray.from_buffers(pa.struct([]), n_rows, [None])
            yield pa.RecordBatch.from_struct_array(cast("pa.StructArray", nothing))

    def check_unchanged(self) -> None:
        """Raise `DatasourceChangedError` if the file is gone or holds something else."""
        stamp = self._file.stamp()
        if stamp == self._stamp:
            return
        if stamp is None:
            raise self._changed("is gone", "Put it back")
        try:
            fingerprint = self._file.fingerprint()
        except OSError as fault:
            raise self._changed(f"cannot be read: {fault.strerror}", "Make it readable") from fault
        if fingerprint != self._record.fingerprint:
            raise self._changed("was changed after it was registered", "Restore it")
        # Only touched, or copied back: note it, so that nobody has to hash it again.
        self._stamp = stamp
        self._workspace.store.datasources.restamp(self._record.uid, stamp)

    def _changed(self, what: str, remedy: str) -> DatasourceChangedError:
        return DatasourceChangedError(
            f"The file of datasource {self._record.uid} {what}: {self._file.shown!r}. "
            f"{remedy}, or register the rows anew with create_datasource().",
            datasource_uid=self._record.uid,
            path=self._file.shown,
        )


def owned_path(workspace: Workspace, record: DatasourceRecord) -> Path:
    """Return where a file that outboard wrote is now: workspaces may be moved."""
    return workspace.datasources_dir / Path(record.location).name


def numbers_path(workspace: Workspace, uid: int) -> Path:
    """Return where the numbers of a datasource's uid column are kept."""
    return workspace.datasources_dir / f"{uid}.x_uids"


def keep_numbers(numbers: "array[int]", path: Path) -> None:
    """Write numbers to their file, if that can be done: it only saves reading the column."""
    try:
        x_uids.save(numbers, path)
    except WorkspaceError as fault:
        logger.warning("%s The uid column is read again when it is needed.", fault)
