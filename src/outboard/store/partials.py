"""What rows of a trial have of their answers so far, as rows of the database."""

import sqlite3
from collections.abc import Iterable, Mapping

from outboard.job_status import JobStatus
from outboard.store.database import Database

#: Longest text that is kept, in characters: the end of an answer, where it grows.
MOST_CHARS = 4_000


class PartialTable:
    """Write and read answers that are still being written.

    None of them outlives its purpose: that of a row goes with the commit of its response, all
    of a job's go when its run ends, or the next one is to begin.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, job_seq: int, texts: Mapping[tuple[int, int], str]) -> None:
        """Write the answers of some rows so far, in place of what they had.

        Nothing is written for a job that is not running any more.

        Parameters
        ----------
        job_seq : int
            Number of the job.
        texts : mapping
            (ordinal, row_uid) -> text. Its last `MOST_CHARS` characters are kept.
        """
        with self._database.writing() as connection:
            connection.executemany(
                """
                INSERT INTO partial_responses (job_seq, ordinal, row_uid, text)
                SELECT seq, ?, ?, ? FROM jobs WHERE seq = ? AND status = ?
                ON CONFLICT (job_seq, ordinal) DO UPDATE SET text = excluded.text
                """,
                [
                    (ordinal, row_uid, text[-MOST_CHARS:], job_seq, JobStatus.RUNNING)
                    for (ordinal, row_uid), text in texts.items()
                ],
            )

    def of_job(self, job_seq: int) -> list[tuple[int, int, str]]:
        """Return ordinal, row_uid and text of each answer being written, by ordinal."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT ordinal, row_uid, text FROM partial_responses"
                " WHERE job_seq = ? ORDER BY ordinal",
                (job_seq,),
            ).fetchall()
        return [tuple(row) for row in rows]


def drop_partials(connection: sqlite3.Connection, job_seq: int) -> None:
    """Forget what all rows of a job have so far, inside a transaction."""
    connection.execute("DELETE FROM partial_responses WHERE job_seq = ?", (job_seq,))


def drop_partials_of(connection: sqlite3.Connection, job_seq: int, ordinals: Iterable[int]) -> None:
    """Forget what some rows of a job have so far, inside a transaction."""
    # Looked at first: the many jobs that are no trials have none, and many rows.
    if connection.execute(
        "SELECT 1 FROM partial_responses WHERE job_seq = ? LIMIT 1", (job_seq,)
    ).fetchone():
        connection.executemany(
            "DELETE FROM partial_responses WHERE job_seq = ? AND ordinal = ?",
            [(job_seq, ordinal) for ordinal in ordinals],
        )
