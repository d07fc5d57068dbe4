"""Inference runs, as rows of the database."""

import json
import sqlite3
import sys
import time
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from outboard.call import InferenceCall
from outboard.config import LOCAL_INSTANCE_TYPE, FinetuningProvider
from outboard.errors import OutboardError
from outboard.job_status import JobStatus, predecessors
from outboard.lease import LEASE_S, Lease
from outboard.store.database import Database
from outboard.store.partials import drop_partials


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job as the database has it."""

    #: Number of the job, which is the uid of its model source, too.
    seq: int
    id: str
    call: InferenceCall
    #: True for a run on a few rows, to look before paying, whose answers can be read as they grow.
    trial: bool
    #: Rows chosen.
    total: int
    #: What was last written; see `status`.
    stored_status: JobStatus
    error: OutboardError | None
    #: Times that failed rows were to be retried.
    round: int
    succeeded: int
    failed: int
    #: Succeeded rows whose answer was cut by the token limit.
    truncated: int
    input_tokens: int
    output_tokens: int
    #: Of the last few seconds; None before the first rows.
    rows_per_s: float | None
    lease: Lease | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    #: Seconds that runs took which have ended.
    active_s: float
    #: Times that responses were added or replaced.
    commits: int

    def status(self, now: float | None = None) -> JobStatus:
        """Return the status: `interrupted` if the lease of a live job is gone."""
        if not self.stored_status.live:
            return self.stored_status
        held = self.lease is not None and self.lease.held(time.time() if now is None else now)
        return self.stored_status if held else JobStatus.INTERRUPTED

    def elapsed_s(self, now: float) -> float:
        """Return the seconds spent so far, over all runs."""
        if self.started_at is None:
            return self.active_s
        # Of a worker that is gone, the last sign of life ends the run.
        renewed_at = self.lease.expires_at - LEASE_S if self.lease else now
        end = now if self.status(now).live else min(now, renewed_at)
        return self.active_s + max(0.0, end - self.started_at)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What one commit adds to the counters of a job."""

    succeeded: int = 0
    failed: int = 0
    truncated: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class JobTable:
    """Read and write `JobRecord`s, with every transition as one guarded UPDATE."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        job_id: str,
        call: InferenceCall,
        *,
        launch_token: str,
        x_uids: Iterable[int] | None,
        total: int,
        lease: Lease,
        trial: bool = False,
    ) -> JobRecord:
        """Record a queued job; for a launch token used before, return the job of that time."""
        with self._database.writing() as connection:
            connection.execute(
                """
                INSERT INTO jobs (id, launch_token, call, x_uids, trial, total, status, created_at,
                                  lease_host, lease_pid, lease_pid_started_at, lease_expires_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (launch_token) DO NOTHING
                """,
                (job_id, launch_token, call.to_json(), _pack(x_uids), trial, total)
                + (JobStatus.QUEUED, time.time(), *_holder(lease)),
            )
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE launch_token = ?", (launch_token,)
            ).fetchone()
        return _record(row)

    def get(self, job_id: str) -> JobRecord | None:
        """Return one record, or None."""
        return self._one("id = ?", job_id)

    def get_by_seq(self, seq: int) -> JobRecord | None:
        """Return the record with this number, or None."""
        return self._one("seq = ?", seq)

    def all(self) -> list[JobRecord]:
        """Return every record, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs ORDER BY seq DESC").fetchall()
        return [_record(row) for row in rows]

    def newest(self, limit: int) -> list[JobRecord]:
        """Return the last jobs that were recorded, newest first; at most `limit`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs ORDER BY seq DESC LIMIT ?", (limit,)
            ).fetchall()
        return [_record(row) for row in rows]

    def some(self, seqs: Collection[int]) -> list[JobRecord]:
        """Return the jobs with these numbers, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE seq IN ({_marks(seqs)}) ORDER BY seq DESC",
                tuple(seqs),
            ).fetchall()
        return [_record(row) for row in rows]

    def count(self) -> int:
        """Return how many jobs there are."""
        with self._database.reading() as connection:
            number: int = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        return number

    def names(self) -> list[tuple[int, JobStatus, str]]:
        """Return of every job seq, stored status, and what it is looked for by, newest first.

        The last is id, model and serving provider in one text.
        """
        with self._database.reading() as connection:
            # From an index: x_uids, which can be megabytes, stand between these columns.
            statuses = dict(connection.execute("SELECT seq, status FROM jobs").fetchall())
            rows = connection.execute(
                """
                SELECT seq, id || ' ' || json_extract(call, '$.model_name') || ' ' ||
                    CASE json_extract(call, '$.deployment.instance_type')
                        WHEN ? THEN ? ELSE json_extract(call, '$.provider') END AS text
                FROM jobs ORDER BY seq DESC
                """,
                (LOCAL_INSTANCE_TYPE, FinetuningProvider.LOCAL),
            ).fetchall()
        known = [row for row in rows if row["seq"] in statuses]
        return [(row["seq"], JobStatus(statuses[row["seq"]]), row["text"]) for row in known]

    def x_uids(self, seq: int) -> "array[int] | None":
        """Return the chosen x_uid numbers in ascending order, or None for every row."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT x_uids FROM jobs WHERE seq = ?", (seq,)).fetchone()
        return None if row["x_uids"] is None else _unpack(row["x_uids"])

    def using_datasource(self, uid: int) -> list[str]:
        """Return the ids of live jobs that read this datasource."""
        return [
            job.id
            for job in self.all()
            if job.stored_status.live and uid in job.call.datasource_uids and job.status().live
        ]

    def hand_over(self, seq: int, lease: Lease) -> None:
        """Put a launched worker's process in the lease of a job that it has yet to claim."""
        with self._database.writing() as connection:
            connection.execute(
                f"UPDATE jobs SET {_LEASE}"
                " WHERE seq = ? AND worker IS NULL AND lease_expires_at IS NOT NULL",
                (*_holder(lease), seq),
            )

    def claim(self, job_id: str, lease: Lease) -> JobRecord | None:
        """Take a queued job for a worker; None if another has it, or it waits no more."""
        with self._database.writing() as connection:
            row = connection.execute(
                f"""
                UPDATE jobs
                SET worker = ?, {_LEASE}, started_at = ?,
                    status = CASE status WHEN ? THEN ? ELSE status END
                WHERE id = ? AND worker IS NULL AND status IN (?, ?)
                RETURNING {_COLUMNS}
                """,
                (lease.worker, *_holder(lease), time.time())
                + (JobStatus.QUEUED, JobStatus.DEPLOYING)
                + (job_id, JobStatus.QUEUED, JobStatus.CANCELLING),
            ).fetchone()
        return _record(row) if row else None

    def renew(self, seq: int, worker: str, expires_at: float) -> JobStatus | None:
        """Prolong a worker's lease; return the job's status, or None if the lease is lost."""
        with self._database.writing() as connection:
            row = connection.execute(
                "UPDATE jobs SET lease_expires_at = ? WHERE seq = ? AND worker = ?"
                " RETURNING status",
                (expires_at, seq, worker),
            ).fetchone()
        return JobStatus(row["status"]) if row else None

    def stored_status(self, seq: int, worker: str) -> JobStatus | None:
        """Return what is written for a job, or None if this worker does not hold it any more."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT status FROM jobs WHERE seq = ? AND worker = ?", (seq, worker)
            ).fetchone()
        return JobStatus(row["status"]) if row else None

    def begin_running(self, seq: int, worker: str) -> bool:
        """Write `running`; False if the job was cancelled or lost meanwhile."""
        return self._transition(seq, JobStatus.RUNNING, "worker = ?", worker)

    def finish(
        self, seq: int, worker: str, status: JobStatus, error: OutboardError | None = None
    ) -> bool:
        """Write how the run ended and give up the lease; False if the lease was lost."""
        record = None if error is None else json.dumps(error.to_record(), default=str)
        now = time.time()
        with self._database.writing() as connection:
            cursor = connection.execute(
                f"""
                UPDATE jobs
                SET status = ?, error = ?, worker = NULL, lease_expires_at = NULL, ended_at = ?,
                    active_s = active_s + (? - started_at), started_at = NULL, rows_per_s = NULL
                WHERE seq = ? AND worker = ? AND status IN ({_marks(predecessors(status))})
                """,
                (status, record, now, now, seq, worker, *predecessors(status)),
            )
            if cursor.rowcount:
                drop_partials(connection, seq)
        return cursor.rowcount == 1

    def abandon(self, seq: int, worker: str) -> None:
        """Let a lease run out at once: the job is interrupted, for another worker to resume."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET lease_expires_at = 0, active_s = active_s + (? - started_at),"
                " started_at = NULL WHERE seq = ? AND worker = ?",
                (time.time(), seq, worker),
            )

    def fail_launch(self, seq: int, error: OutboardError) -> None:
        """Record that no worker could be started for a queued job."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET status = ?, error = ?, lease_expires_at = NULL, ended_at = ?"
                " WHERE seq = ? AND worker IS NULL AND status = ?",
                (JobStatus.FAILED, json.dumps(error.to_record()), time.time())
                + (seq, JobStatus.QUEUED),
            )

    def request_cancel(self, seq: int) -> bool:
        """Ask a live job to stop; False if it is not live."""
        return self._transition(seq, JobStatus.CANCELLING)

    def cancel_interrupted(self, seen: JobRecord) -> bool:
        """Write `cancelled` for a job whose worker is gone; False if it was resumed meanwhile."""
        return self._replace(seen, JobStatus.CANCELLED, retry_failed=False, lease=None)

    def requeue(
        self,
        seen: JobRecord,
        lease: Lease,
        *,
        retry_failed: bool,
        call: InferenceCall | None = None,
    ) -> bool:
        """Queue an ended or interrupted job again; False if somebody else was quicker.

        `call` takes the place of what was asked for so far.
        """
        return self._replace(
            seen, JobStatus.QUEUED, retry_failed=retry_failed, lease=lease, call=call
        )

    def _replace(
        self,
        seen: JobRecord,
        status: JobStatus,
        *,
        retry_failed: bool,
        lease: Lease | None,
        call: InferenceCall | None = None,
    ) -> bool:
        # Compare-and-swap on what was seen: of two who resume at once, one wins.
        now = time.time()
        elapsed_s = seen.elapsed_s(now)
        holder = _holder(lease) if lease else (None, None, None, None)
        with self._database.writing() as connection:
            cursor = connection.execute(
                f"""
                UPDATE jobs
                SET status = ?, error = NULL, worker = NULL, {_LEASE}, round = round + ?,
                    active_s = ?, started_at = NULL, ended_at = ?, rows_per_s = NULL,
                    call = coalesce(?, call)
                WHERE seq = ? AND status = ? AND worker IS ? AND lease_expires_at IS ?
                """,
                (status, *holder, int(retry_failed), elapsed_s)
                + (None if lease else now, call and call.to_json(), seen.seq, seen.stored_status)
                + (seen.lease and seen.lease.worker, seen.lease and seen.lease.expires_at),
            )
            if cursor.rowcount:
                drop_partials(connection, seen.seq)
        return cursor.rowcount == 1

    def _transition(self, seq: int, to: JobStatus, where: str = "1", *values: object) -> bool:
        before = predecessors(to)
        with self._database.writing() as connection:
            cursor = connection.execute(
                f"UPDATE jobs SET status = ?"
                f" WHERE seq = ? AND status IN ({_marks(before)}) AND {where}",
                (to, seq, *before, *values),
            )
        return cursor.rowcount == 1

    def _one(self, where: str, value: object) -> JobRecord | None:
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE {where}", (value,)
            ).fetchone()
        return _record(row) if row else None


def count_commit(
    connection: sqlite3.Connection,
    seq: int,
    worker: str,
    tally: Tally,
    *,
    rows_per_s: float | None,
    expires_at: float,
) -> bool:
    """Add to a job's counters inside a commit of responses; False if the lease is lost."""
    cursor = connection.execute(
        """
        UPDATE jobs
        SET succeeded = succeeded + ?, failed = failed + ?, truncated = truncated + ?,
            input_tokens = input_tokens + ?, output_tokens = output_tokens + ?,
            rows_per_s = ?, lease_expires_at = ?, commits = commits + 1
        WHERE seq = ? AND worker = ?
        """,
        (tally.succeeded, tally.failed, tally.truncated, tally.input_tokens, tally.output_tokens)
        + (rows_per_s, expires_at, seq, worker),
    )
    return cursor.rowcount == 1


# x_uids can be megabytes: they are read only where they are needed.
_COLUMNS = (
    "seq, id, call, trial, total, status, error, round, succeeded, failed, truncated, input_tokens,"
    " output_tokens, rows_per_s, worker, lease_host, lease_pid, lease_pid_started_at,"
    " lease_expires_at, created_at, started_at, ended_at, active_s, commits"
)
_LEASE = "lease_host = ?, lease_pid = ?, lease_pid_started_at = ?, lease_expires_at = ?"


def _holder(lease: Lease) -> tuple[str, int, float, float]:
    return (lease.host, lease.pid, lease.pid_started_at, lease.expires_at)


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


def _record(row: sqlite3.Row) -> JobRecord:
    values = dict(row)
    lease = {
        "worker": values.pop("worker"),
        "host": values.pop("lease_host"),
        "pid": values.pop("lease_pid"),
        "pid_started_at": values.pop("lease_pid_started_at"),
        "expires_at": values.pop("lease_expires_at"),
    }
    error = values["error"]
    return JobRecord(
        **values
        | {
            "call": InferenceCall.from_json(values["call"]),
            "trial": bool(values["trial"]),
            "error": None if error is None else OutboardError.from_record(json.loads(error)),
            "stored_status": JobStatus(values.pop("status")),
            "lease": None if lease["expires_at"] is None else Lease(**lease),
        }
    )


def _pack(x_uids: Iterable[int] | None) -> bytes | None:
    if x_uids is None:
        return None
    numbers = array("q", x_uids)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _unpack(packed: bytes) -> "array[int]":
    numbers = array("q")
    numbers.frombytes(packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
