"""Reads the jobs that panels of one workspace show, over again at little cost."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from outboard.job import cost_usd_of, error_of
from outboard.job_status import JobStatus
from outboard.panel.snapshot import JobLook
from outboard.store.events import JobEvent
from outboard.store.jobs import JobRecord
from outboard.workspace import Workspace

#: Seconds over which tokens are counted for their rate.
_RATE_S = 10.0
#: Seconds after which a live job is read again though nothing was written: its time goes on, its
#: worker may have died.
_LIVE_S = 1.0
#: Seconds after which one that has ended is read again though others go on.
_ENDED_S = 0.2
_GOING_ON = frozenset({JobStatus.DEPLOYING, JobStatus.RUNNING})
#: Events of a run that are kept.
_MOST_EVENTS = 100


@dataclass
class _Kept:
    look: JobLook
    read_at: float
    commits: int
    last_event: int = 0
    events: list[JobEvent] = field(default_factory=list)
    #: When how many tokens had been written.
    tokens: deque[tuple[float, int]] = field(default_factory=deque)


class JobWatch:
    """What was last read of each job.

    For one thread only, as the numbers of commits are.

    Parameters
    ----------
    workspace : Workspace
        Where the jobs are.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.monotonic) -> None:
        self._workspace = workspace
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._commits = 0

    def look(self, job_ids: set[str]) -> dict[str, JobLook]:
        """Return what there is to see of some jobs, and forget all others.

        A job that is gone is left out.
        """
        self._kept = {job_id: kept for job_id, kept in self._kept.items() if job_id in job_ids}
        if not job_ids:
            return {}
        self._commits = self._workspace.store.marks.commits()
        found = {}
        for job_id in job_ids:
            if (look := self._look(job_id)) is not None:
                found[job_id] = look
        return found

    def _look(self, job_id: str) -> JobLook | None:
        now, kept = self._clock(), self._kept.get(job_id)
        if kept is not None and self._is_current(kept, now):
            return kept.look
        jobs = self._workspace.store.jobs
        record = jobs.get(job_id)
        if record is None:
            return None
        status = record.status()
        if status is JobStatus.INTERRUPTED:
            # Its worker may have written its last word, and ended, since the record was read.
            record = jobs.get(job_id) or record
            status = record.status()
        last_event, events = self._events(record, kept)
        tokens = kept.tokens if kept is not None else deque()
        look = JobLook(
            record=record,
            status=status,
            cost_usd=cost_usd_of(self._workspace, record),
            error=error_of(self._workspace, record, status),
            events=events,
            partials=self._workspace.store.partials.of_job(record.seq)
            if record.trial and status.live
            else [],
            tokens_per_s=_rate(tokens, now, record.output_tokens) if status.live else None,
        )
        self._kept[job_id] = _Kept(look, now, self._commits, last_event, events, tokens)
        return look

    def _is_current(self, kept: _Kept, now: float) -> bool:
        age_s = now - kept.read_at
        if kept.look.status.live:
            return kept.commits == self._commits and age_s < _LIVE_S
        return kept.commits == self._commits or age_s < _ENDED_S

    def _events(self, record: JobRecord, kept: _Kept | None) -> tuple[int, list[JobEvent]]:
        """Return the number of the newest event, and the events of the present run."""
        last = kept.last_event if kept is not None else 0
        new = self._workspace.store.events.after(record.seq, last)
        events = [*(kept.events if kept is not None else ()), *new]
        for at in range(len(events) - 1, -1, -1):
            # The word with which a run ended; of one that failed, why.
            if events[at].kind == "status" and events[at].message not in _GOING_ON:
                events = events[at + 1 :]
                break
        began = record.started_at
        events = [event for event in events if began is None or event.at >= began]
        return (new[-1].seq if new else last), events[-_MOST_EVENTS:]


def _rate(tokens: deque[tuple[float, int]], now: float, n_tokens: int) -> float | None:
    """Return how many tokens were written a second, of late; None if it cannot be told yet."""
    if tokens and n_tokens < tokens[-1][1]:
        tokens.clear()
    tokens.append((now, n_tokens))
    while len(tokens) > 2 and now - tokens[0][0] > _RATE_S:
        tokens.popleft()
    began, before = tokens[0]
    return (n_tokens - before) / (now - began) if now - began >= _LIVE_S else None
