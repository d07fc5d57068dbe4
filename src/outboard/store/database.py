"""The workspace's SQLite file: connections, transactions, schema."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from outboard.errors import WorkspaceError

#: File systems on which SQLite's shared-memory index (WAL) is not safe.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smbfs", "smb3", "afs", "lustre", "ceph", "glusterfs", "9p"}
    | {"fuse.sshfs", "fuse.s3fs", "fuse.glusterfs", "fuse.ceph", "beegfs", "gpfs"}
)

#: Forward migrations; the schema version is the number of those applied.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE datasources (
            uid INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            location TEXT NOT NULL,
            format TEXT NOT NULL,
            owned INTEGER NOT NULL,
            n_rows INTEGER NOT NULL,
            columns TEXT NOT NULL,
            uid_col TEXT,
            fingerprint TEXT NOT NULL,
            stamp TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE jobs (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- also the uid of its model source
            id TEXT NOT NULL UNIQUE,
            launch_token TEXT NOT NULL UNIQUE,
            call TEXT NOT NULL,
            x_uids BLOB,                            -- int64, little endian; NULL: every row
            total INTEGER NOT NULL,
            status TEXT NOT NULL,
            error TEXT,
            round INTEGER NOT NULL DEFAULT 0,       -- times that failed rows were to be retried
            succeeded INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            truncated INTEGER NOT NULL DEFAULT 0,
            input_tokens INTEGER NOT NULL DEFAULT 0,
            output_tokens INTEGER NOT NULL DEFAULT 0,
            cost_usd REAL,
            rows_per_s REAL,
            worker TEXT,
            lease_host TEXT,
            lease_pid INTEGER,
            lease_pid_started_at REAL,
            lease_expires_at REAL,
            created_at REAL NOT NULL,
            started_at REAL,                        -- of the run that goes on
            ended_at REAL,
            active_s REAL NOT NULL DEFAULT 0        -- of the runs that have ended
        ) STRICT
        """,
        """
        CREATE TABLE responses (
            job_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,               -- place among all rows of the job's datasources
            datasource_uid INTEGER NOT NULL,
            row_uid INTEGER NOT NULL,
            round INTEGER NOT NULL,
            succeeded INTEGER NOT NULL,
            response TEXT,
            finish_reason TEXT,
            error_code TEXT,
            error_message TEXT,
            input_tokens INTEGER,
            output_tokens INTEGER,
            latency_s REAL,
            attempts INTEGER NOT NULL
        ) STRICT
        """,
        # Both indexes answer "what is left to do" without touching the wide rows.
        "CREATE UNIQUE INDEX responses_by_row ON responses (job_seq, ordinal)",
        """
        CREATE INDEX failed_responses ON responses (job_seq, round, ordinal)
            WHERE succeeded = 0
        """,
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            job_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            message TEXT NOT NULL,
            data TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX events_by_job ON events (job_seq, seq)",
    ),
    (
        """
        CREATE TABLE endpoints (
            name TEXT PRIMARY KEY,
            job_id TEXT NOT NULL,
            region TEXT NOT NULL,
            account_id TEXT NOT NULL,
            instance_type TEXT NOT NULL,
            instance_count INTEGER NOT NULL,
            usd_per_hour REAL,
            keep INTEGER NOT NULL,
            scheduled INTEGER NOT NULL,
            state TEXT NOT NULL,
            planned_at REAL NOT NULL,
            opened_at REAL,
            closed_at REAL,
            expires_at REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX endpoints_by_job ON endpoints (job_id)",
    ),
    ("ALTER TABLE endpoints ADD COLUMN tenure INTEGER NOT NULL DEFAULT 0",),
    # What a job has cost follows from its endpoints.
    ("ALTER TABLE jobs DROP COLUMN cost_usd",),
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
        # A connection must not cross a fork, hence the process id.
        held: _Connection | None = getattr(self._local, "held", None)
        if held is None or held.pid != os.getpid():
            self._local.held = held = _Connection(self._open())
        return held.connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
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


class _Connection:
    """Closes its connection with the thread that used it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.pid = os.getpid()

    def __del__(self) -> None:
        if self.pid == os.getpid():
            self.connection.close()


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
