"""What came back for each row, as rows of the database."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from outboard.store.database import Database
from outboard.store.jobs import Tally, count_commit
from outboard.store.partials import drop_partials_of


class ResponseRecord(NamedTuple):
    """The outcome of one row: an answer, or why there is none.

    A tuple in the order of the table's columns: a million of them pass through.
    """

    #: Place of the row among all rows of the job's datasources, chosen or not.
    ordinal: int
    datasource_uid: int
    #: The n of ``doc::<n>``.
    row_uid: int
    #: The job's round in which the row was sent.
    round: int
    succeeded: bool
    response: str | None
    finish_reason: str | None
    error_code: str | None
    error_message: str | None
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    #: Times the request was sent; 0 if it never was.
    attempts: int


class LeaseLostError(Exception):
    """Another worker holds the job by now: nothing of this commit was written."""


_COLUMNS = ", ".join(ResponseRecord._fields)
_INSERT = (
    f"INSERT INTO responses (job_seq, {_COLUMNS}) VALUES (?{', ?' * len(ResponseRecord._fields)})"
)


class ResponseTable:
    """Append and read `ResponseRecord`s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(
        self,
        job_seq: int,
        worker: str,
        records: Sequence[ResponseRecord],
        *,
        rows_per_s: float | None,
        expires_at: float,
    ) -> Tally:
        """Write a group of responses, the job's counters and its lease in one transaction.

        A failed response of an earlier round is replaced. Any other response that is there
        already makes the commit fail: a row is never doubled silently.

        Returns
        -------
        Tally
            What was added to the counters.

        Raises
        ------
        LeaseLostError
            If `worker` does not hold the job any more.
        """
        with self._database.writing() as connection:
            replaced = 0
            if records and records[0].round:
                replaced = connection.executemany(
                    "DELETE FROM responses"
                    " WHERE job_seq = ? AND ordinal = ? AND succeeded = 0 AND round < ?",
                    [(job_seq, record.ordinal, record.round) for record in records],
                ).rowcount
            connection.executemany(_INSERT, [(job_seq, *record) for record in records])
            drop_partials_of(connection, job_seq, (record.ordinal for record in records))
            tally = _tally(records, replaced)
            if not count_commit(
                connection, job_seq, worker, tally, rows_per_s=rows_per_s, expires_at=expires_at
            ):
                raise LeaseLostError(worker)
        return tally

    def settled(self, job_seq: int, round: int) -> "array[int]":  # noqa: A002 - the column's name
        """Return the ordinals that need no request in this round, ascending.

        These are the rows with a response, less those that failed in an earlier round.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                """
                SELECT ordinal FROM responses WHERE job_seq = ?
                EXCEPT
                SELECT ordinal FROM responses WHERE job_seq = ? AND succeeded = 0 AND round < ?
                ORDER BY ordinal
                """
                if round
                else "SELECT ordinal FROM responses WHERE job_seq = ? ORDER BY ordinal",
                (job_seq, job_seq, round) if round else (job_seq,),
            )
            return array("q", (row[0] for row in rows))

    def between(
        self, job_seq: int, start: int, stop: int, *, limit: int = -1
    ) -> Iterator[ResponseRecord]:
        """Return the responses with an ordinal in [start, stop), ascending.

        At most `limit`, all if negative. They are read at once: a cursor left open would
        keep SQLite from recycling its write-ahead log.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM responses"
                " WHERE job_seq = ? AND ordinal >= ? AND ordinal < ? ORDER BY ordinal LIMIT ?",
                (job_seq, start, stop, limit),
            ).fetchall()
        return map(ResponseRecord._make, rows)

    def latencies_s(self, job_seq: int, limit: int) -> list[float]:
        """Return how long the first answers of a job took, in seconds; at most `limit`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT latency_s FROM responses WHERE job_seq = ? AND succeeded = 1"
                " AND latency_s IS NOT NULL ORDER BY ordinal LIMIT ?",
                (job_seq, limit),
            ).fetchall()
        return [row["latency_s"] for row in rows]

    def faults(self, job_seq: int, limit: int) -> list[dict[str, Any]]:
        """Return the commonest faults: their code, how many rows, and one message each."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT error_code AS code, count(*) AS n_rows, min(error_message) AS message"
                " FROM responses WHERE job_seq = ? AND succeeded = 0"
                " GROUP BY error_code ORDER BY n_rows DESC LIMIT ?",
                (job_seq, limit),
            ).fetchall()
        return [dict(row) for row in rows]


def _tally(records: Sequence[ResponseRecord], replaced: int) -> Tally:
    succeeded = [record for record in records if record.succeeded]
    return Tally(
        succeeded=len(succeeded),
        failed=len(records) - len(succeeded) - replaced,
        truncated=sum(record.finish_reason == "length" for record in succeeded),
        input_tokens=sum(record.input_tokens or 0 for record in records),
        output_tokens=sum(record.output_tokens or 0 for record in records),
    )
