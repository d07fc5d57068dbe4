"""A job as the panel shows it, as of one moment."""

from collections.abc import Sequence
from dataclasses import dataclass

from outboard.errors import OutboardError
from outboard.job_progress import JobProgress
from outboard.job_status import JobStatus
from outboard.panel.replies import ErrorItem, JobSnapshot, PartialItem, PhaseItem, error_item
from outboard.preflight import code_of
from outboard.store.events import JobEvent
from outboard.store.jobs import JobRecord

#: Longest message of an event, longest text of an error, in characters.
MOST_MESSAGE_CHARS = 2_000
#: Of all answers that are being written together, in characters, and of each.
MOST_PARTIAL_CHARS = 40_000
MOST_CHARS_EACH = 4_000

_BEFORE_ROWS = frozenset({JobStatus.QUEUED, JobStatus.DEPLOYING, JobStatus.CANCELLING})
_WARNINGS = frozenset({"warning", "throttled"})


@dataclass(frozen=True, kw_only=True)
class JobLook:
    """What was read of a job at one moment."""

    record: JobRecord
    status: JobStatus
    cost_usd: float | None
    error: OutboardError | None
    #: What happened in its present run, oldest first.
    events: Sequence[JobEvent]
    #: Ordinal, row_uid and text of each answer that is being written.
    partials: Sequence[tuple[int, int, str]]
    tokens_per_s: float | None


def snapshot(look: JobLook, seq: int) -> JobSnapshot:
    """Return what the trait `job` is to hold.

    Parameters
    ----------
    look : JobLook
        What was read.
    seq : int
        Number of the snapshot.
    """
    record, status = look.record, look.status
    progress = JobProgress.of(record, cost_usd=look.cost_usd)
    return {
        "id": record.id,
        "seq": seq,
        "status": str(status),
        "live": status.live,
        "resumable": status.resumable,
        "trial": record.trial,
        "model_name": record.call.model_name,
        "provider": str(record.call.served_by),
        "model_source_uid": str(record.seq),
        "n_datasources": len(record.call.datasource_uids),
        "total": progress.total,
        "succeeded": progress.succeeded,
        "failed": progress.failed,
        "truncated": progress.truncated,
        "pending": progress.pending,
        "rows_per_s": progress.rows_per_s,
        "tokens_per_s": look.tokens_per_s if status.live else None,
        "eta_s": progress.eta_s,
        "input_tokens": progress.input_tokens,
        "output_tokens": progress.output_tokens,
        "cost_usd": progress.cost_usd,
        "elapsed_s": progress.elapsed_s,
        "created_at": record.created_at,
        "phase": _phase(look),
        "warning": _warning(look),
        "error": None if look.error is None else _error(look.error),
        "results_version": record.commits,
        "partials": _partials(look.partials) if status.live else [],
    }


def _phase(look: JobLook) -> PhaseItem | None:
    if look.status not in _BEFORE_ROWS or not look.events:
        return None
    event = look.events[-1]
    return {
        "kind": event.kind,
        "message": event.message[:MOST_MESSAGE_CHARS],
        "done": _number(event.data.get("done")),
        "total": _number(event.data.get("total")),
    }


def _warning(look: JobLook) -> str | None:
    if not look.status.live:
        return None
    found = [event.message for event in look.events if event.kind in _WARNINGS]
    return found[-1][:MOST_MESSAGE_CHARS] if found else None


def _error(error: OutboardError) -> ErrorItem:
    item = error_item(error, code_of(type(error)))
    item["message"] = item["message"][:MOST_MESSAGE_CHARS]
    return item


def _partials(partials: Sequence[tuple[int, int, str]]) -> list[PartialItem]:
    most = min(MOST_CHARS_EACH, MOST_PARTIAL_CHARS // max(1, len(partials)))
    return [
        {"ordinal": ordinal, "x_uid": f"doc::{row_uid}", "text": text[-most:]}
        for ordinal, row_uid, text in partials
    ]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
