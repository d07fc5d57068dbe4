"""Tells cheaply whether anything has changed since the last look."""

from typing import NamedTuple

from outboard.store.database import Database


class ListMarks(NamedTuple):
    """A text for each kind of thing: another one once a list of them has changed."""

    datasources: str
    jobs: str
    presets: str


class MarkTable:
    """Read marks of the database as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commits(self) -> int:
        """Return a number that is another one once another thread or process has committed.

        Costs microseconds. Numbers that different threads got say nothing about each other.
        """
        with self._database.reading() as connection:
            number: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return number

    def of_lists(self) -> ListMarks:
        """Return marks of datasources, jobs and presets. Takes milliseconds for 10,000 jobs."""
        with self._database.reading() as connection:
            datasources = connection.execute("SELECT count(*), max(uid) FROM datasources")
            jobs = connection.execute(
                "SELECT status, count(*), max(seq), sum(round) FROM jobs GROUP BY status"
            )
            presets = connection.execute("SELECT count(*), max(saved_at) FROM presets")
            return ListMarks(
                *(str([tuple(row) for row in each]) for each in (datasources, jobs, presets))
            )
