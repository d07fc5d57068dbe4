"""Registered tables, as rows of the database."""

import json
import sqlite3
import time
from dataclasses import dataclass

from outboard.store.database import Database


@dataclass(frozen=True, kw_only=True)
class DatasourceRecord:
    """What is known of a registered table."""

    uid: int
    name: str
    #: Absolute path, or URI.
    location: str
    #: ``parquet``, ``csv``, ``jsonl`` or ``json``.
    format: str
    #: True if outboard wrote the file into the workspace: it goes with the datasource.
    owned: bool
    n_rows: int
    #: Name -> Arrow type as text, in the table's order.
    columns: dict[str, str]
    #: Column that holds the n of ``doc::<n>``; None: the row's position.
    uid_col: str | None
    #: Hash of the content.
    fingerprint: str
    #: What a look at the file's metadata gave when the fingerprint was taken.
    stamp: str
    #: Seconds since the epoch.
    created_at: float


class DatasourceTable:
    """Read and write `DatasourceRecord`s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        name: str,
        location: str,
        format: str,  # noqa: A002 - the column's name
        owned: bool,
        n_rows: int,
        columns: dict[str, str],
        uid_col: str | None,
        fingerprint: str,
        stamp: str,
    ) -> int:
        """Record a table and return its uid."""
        with self._database.writing() as connection:
            cursor = connection.execute(
                """
                INSERT INTO datasources (name, location, format, owned, n_rows, columns,
                                         uid_col, fingerprint, stamp, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (name, location, format, owned, n_rows, json.dumps(columns))
                + (uid_col, fingerprint, stamp, time.time()),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def get(self, uid: int) -> DatasourceRecord | None:
        """Return one record, or None."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT * FROM datasources WHERE uid = ?", (uid,)).fetchone()
        return _record(row) if row else None

    def all(self) -> list[DatasourceRecord]:
        """Return every record, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM datasources ORDER BY uid").fetchall()
        return [_record(row) for row in rows]

    def delete(self, uid: int) -> None:
        """Forget one record; its file is the caller's business."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM datasources WHERE uid = ?", (uid,))

    def restamp(self, uid: int, stamp: str) -> None:
        """Record new metadata of a file whose content was found unchanged."""
        with self._database.writing() as connection:
            connection.execute("UPDATE datasources SET stamp = ? WHERE uid = ?", (stamp, uid))


def _record(row: sqlite3.Row) -> DatasourceRecord:
    values = dict(row)
    values["owned"] = bool(values["owned"])
    values["columns"] = json.loads(values["columns"])
    return DatasourceRecord(**values)
