"""How far a job is: rows, tokens, money, time."""

import time
from dataclasses import dataclass
from typing import Self

from outboard.store.jobs import JobRecord


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is."""

    #: Rows chosen.
    total: int
    #: Rows with an answer.
    succeeded: int
    #: Rows that ended in an error of their own.
    failed: int
    #: Succeeded rows whose answer was cut by the token limit.
    truncated: int
    #: Rows without an outcome yet.
    pending: int
    #: Of the last ten seconds; None while nothing runs.
    rows_per_s: float | None
    #: Seconds to the end at that rate; None while it is not known.
    eta_s: float | None
    #: Tokens read and written by the model, as far as the server reports them.
    input_tokens: int
    output_tokens: int
    #: US dollars so far for what was created on AWS, from the create call to the deletion; 0 for
    #: the embedded engine, None if unknown.
    cost_usd: float | None
    #: Seconds of work so far, over all runs of the job.
    elapsed_s: float

    @classmethod
    def of(cls, record: JobRecord, *, cost_usd: float | None) -> Self:
        """Return how far a job is as of now, by its record."""
        now = time.time()
        pending = record.total - record.succeeded - record.failed
        rate = record.rows_per_s if record.status(now).live else None
        return cls(
            total=record.total,
            succeeded=record.succeeded,
            failed=record.failed,
            truncated=record.truncated,
            pending=pending,
            rows_per_s=rate,
            eta_s=pending / rate if rate else None,
            input_tokens=record.input_tokens,
            output_tokens=record.output_tokens,
            cost_usd=cost_usd,
            elapsed_s=record.elapsed_s(now),
        )

    @property
    def done(self) -> int:
        """Rows with an outcome, good or bad."""
        return self.succeeded + self.failed
