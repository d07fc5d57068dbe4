"""The ledger of what was created on AWS, as rows of the database."""

import sqlite3
from dataclasses import asdict

from outboard.ledger import EntryState, LedgerEntry
from outboard.store.database import Database


class EndpointTable:
    """Read and write `LedgerEntry`s: the ledger that providers are given.

    A closed entry stays for the costs that it tells of.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, entry: LedgerEntry) -> None:
        """Write an entry down before anything of it is created."""
        values = asdict(entry)
        with self._database.writing() as connection:
            connection.execute(
                f"INSERT INTO endpoints ({', '.join(values)})"
                f" VALUES ({', '.join('?' for _ in values)})",
                tuple(values.values()),
            )

    def opened(self, name: str, at: float) -> None:
        """Note that the endpoint is being created and billed from `at` on."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE endpoints SET opened_at = coalesce(opened_at, ?),"
                # What is being deleted stays so, but now it is known that it is billed.
                " state = CASE state WHEN ? THEN ? ELSE state END"
                " WHERE name = ? AND state != ?",
                (at, EntryState.PLANNED, EntryState.OPEN, name, EntryState.CLOSED),
            )

    def adopt(self, name: str) -> LedgerEntry | None:
        """Take an entry over for another worker; None if it is being deleted, or gone."""
        with self._database.writing() as connection:
            row = connection.execute(
                "UPDATE endpoints SET tenure = tenure + 1 WHERE name = ? AND state IN (?, ?)"
                " RETURNING *",
                (name, EntryState.PLANNED, EntryState.OPEN),
            ).fetchone()
        return _entry(row) if row else None

    def closing(self, name: str, tenure: int) -> bool:
        """Note that it is being deleted; False if it has been adopted since."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE endpoints SET state = ? WHERE name = ? AND tenure = ? AND state IN (?, ?)",
                (EntryState.CLOSING, name, tenure, EntryState.PLANNED, EntryState.OPEN),
            )
            row = connection.execute(
                "SELECT tenure FROM endpoints WHERE name = ?", (name,)
            ).fetchone()
        return row is not None and row["tenure"] == tenure

    def closed(self, name: str, at: float) -> None:
        """Note that nothing of the entry exists any more. Does nothing the second time."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE endpoints SET state = ?, closed_at = ? WHERE name = ? AND state != ?",
                (EntryState.CLOSED, at, name, EntryState.CLOSED),
            )

    def unclosed(self, job_id: str | None = None) -> list[LedgerEntry]:
        """Return the entries of which something may exist, oldest first; of one job, or of all."""
        where, values = ("job_id = ? AND ", (job_id,)) if job_id else ("", ())
        return self._select(f"{where}state != '{EntryState.CLOSED}'", values)

    def of_job(self, job_id: str) -> list[LedgerEntry]:
        """Return every entry of one job, oldest first."""
        return self._select("job_id = ?", (job_id,))

    def get(self, name: str) -> LedgerEntry | None:
        """Return the entry of this name, or None."""
        found = self._select("name = ?", (name,))
        return found[0] if found else None

    def _select(self, where: str, values: tuple[str, ...]) -> list[LedgerEntry]:
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM endpoints WHERE {where} ORDER BY planned_at, name", values
            ).fetchall()
        return [_entry(row) for row in rows]


def _entry(row: sqlite3.Row) -> LedgerEntry:
    values = dict(row)
    for flag in ("keep", "scheduled"):
        values[flag] = bool(values[flag])
    return LedgerEntry(**values | {"state": EntryState(values["state"])})
