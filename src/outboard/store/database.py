"""The workspace's SQLite file: connections, transactions, what its faults mean."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from outboard.errors import WorkspaceError
from outboard.store.schema import MIGRATIONS

#: File systems on which SQLite's shared-memory index (WAL) is not safe.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smbfs", "smb3", "afs", "lustre", "ceph", "glusterfs", "9p"}
    | {"fuse.sshfs", "fuse.s3fs", "fuse.glusterfs", "fuse.ceph", "beegfs", "gpfs"}
)

_BUSY_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the file is."""

    path: Path
    #: Version of the schema, counted in migrations.
    schema: int
    #: ``wal``, or ``delete`` on a network file system.
    journal_mode: str
    #: What SQLite finds damaged; empty if the file is sound.
    faults: tuple[str, ...]


class Database:
    """One SQLite file, with a connection for each thread that uses it.

    Parameters
    ----------
    path : Path
        The file. Its folder must exist; the file is created, or migrated to this
        version's schema, at the first use.

    Raises
    ------
    WorkspaceError
        From every method, if the file cannot be opened, read or written, or if a newer
        version of outboard has written it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection for queries."""
        with self._explained():
            yield self._connection()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection inside one transaction: all of it or nothing."""
        with self._explained():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def health(self) -> Health:
        """Look the whole file over. Takes as long as reading it."""
        with self.reading() as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
            return Health(
                path=self.path,
                schema=_version(connection),
                journal_mode=str(connection.execute("PRAGMA journal_mode").fetchone()[0]),
                faults=() if found == ["ok"] else tuple(found),
            )

    def _connection(self) -> sqlite3.Connection:
        connection: _Connection | None = getattr(self._local, "connection", None)
        # A connection must not cross a fork, hence the process id.
        if connection is not None and connection.pid != os.getpid():
            _of_parent.append(connection)
            connection = None
        if connection is None:
            self._local.connection = connection = self._open()
        return connection

    def _open(self) -> "_Connection":
        connection = sqlite3.connect(
            self.path,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        try:
            mode = "DELETE" if file_system(self.path) in NETWORK_FILE_SYSTEMS else "WAL"
            connection.execute(f"PRAGMA journal_mode = {mode}")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.row_factory = sqlite3.Row
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if _version(connection) == len(MIGRATIONS):
            return
        connection.execute("BEGIN IMMEDIATE")  # another process may be migrating, too
        try:
            found = _version(connection)
            if found > len(MIGRATIONS):
                raise WorkspaceError(
                    f"Workspace {str(self.path.parent)!r} was written by a newer outboard "
                    f"(schema {found}, this version knows {len(MIGRATIONS)}). "
                    "Upgrade with `pip install -U outboard`, or name another workspace folder "
                    "in OUTBOARD_HOME.",
                    path=str(self.path.parent),
                )
            for statement in (s for migration in MIGRATIONS[found:] for s in migration):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's faults into ours, with what to do about each."""
        folder = str(self.path.parent)
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as fault:
            text = str(fault)
            match text:
                case _ if "full" in text:
                    what = "its disk is full. Free some space, then resume what was running"
                case _ if "readonly" in text or "unable to open" in text:
                    what = (
                        "it cannot be written. Check the folder's permissions and that its file "
                        "system is not mounted read-only, or name another folder in OUTBOARD_HOME"
                    )
                case _ if "malformed" in text or "not a database" in text:
                    what = (
                        "its database is damaged. Keep a copy, restore the file from a backup, or "
                        "name another folder in OUTBOARD_HOME"
                    )
                case _ if "locked" in text:
                    what = (
                        f"another process kept it locked for {_BUSY_TIMEOUT_S:g} s. "
                        "Find out with `outboard doctor` whether a process hangs"
                    )
                case _:
                    what = "its database failed. Run `outboard doctor`"
            raise WorkspaceError(
                f"Workspace {folder!r} cannot be used: {what} (SQLite says: {text}).", path=folder
            ) from fault


class _Connection(sqlite3.Connection):
    """Closes with the thread that used it."""

    pid: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - sqlite3.connect's own
        super().__init__(*args, **kwargs)
        self.pid = os.getpid()

    # On the connection itself, not on an owner: of a cycle that is collected the connection
    # may come first, and Python 3.13 warns of one that nobody has closed.
    def __del__(self) -> None:
        if self.pid == os.getpid():
            self.close()


# What a fork has copied into this process. SQLite wants it neither used nor closed here.
_of_parent: list[_Connection] = []


def file_system(path: Path) -> str:
    """Return the type of file system that holds `path`, e.g. ``ext4``; empty if unknown."""
    best = ""
    kind = ""
    for mount in psutil.disk_partitions(all=True):
        # Of two mounts on one folder the later hides the earlier.
        if path.is_relative_to(mount.mountpoint) and len(mount.mountpoint) >= len(best):
            best, kind = mount.mountpoint, mount.fstype
    return kind.lower()


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
