"""What happened to each job, line by line."""

import json
import time
from dataclasses import dataclass
from typing import Any

from outboard.store.database import Database


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One line of a job's history."""

    #: Grows with each event of the workspace: ask for those after the last one seen.
    seq: int
    #: Seconds since the epoch.
    at: float
    #: ``status``, ``warning``, ``throttled``, or a provider's phase such as ``loading``.
    kind: str
    #: One line for people. May quote a server: untrusted.
    message: str
    #: Numbers behind the message.
    data: dict[str, Any]


class EventTable:
    """Append and read `JobEvent`s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, job_seq: int, kind: str, message: str, data: dict[str, Any] | None = None
    ) -> None:
        """Append one event."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO events (job_seq, at, kind, message, data) VALUES (?, ?, ?, ?, ?)",
                (job_seq, time.time(), kind, message, json.dumps(data or {}, default=str)),
            )

    def after(self, job_seq: int, seq: int, *, limit: int = -1) -> list[JobEvent]:
        """Return the job's events with a number above `seq`, oldest first.

        At most `limit`, all if negative.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT seq, at, kind, message, data FROM events"
                " WHERE job_seq = ? AND seq > ? ORDER BY seq LIMIT ?",
                (job_seq, seq, limit),
            ).fetchall()
        return [JobEvent(**(dict(row) | {"data": json.loads(row["data"])})) for row in rows]
