"""The jobs of a workspace with what happened to them, as the panel lists them."""

import os
import re
import time
from pathlib import Path

from outboard.job import cost_usd_of, job_record
from outboard.launcher import log_path
from outboard.panel.messages import Events, ListJobs, Log
from outboard.panel.replies import EventPage, JobItem, JobPage, LogTail
from outboard.store.jobs import JobRecord, JobTable
from outboard.workspace import Workspace

#: Most events of one page; those after its last one make the next.
_PAGE_EVENTS = 1_000
#: Longest line of a log, and message of an event, in characters.
_LINE_CHARS = 2_000

#: Bytes that are read of a log at a time, and in all: lines may have no end.
_BLOCK_BYTES = 64 << 10
_MOST_LOG_BYTES = 8 << 20

# What makes a terminal change colours, its title or the place of the cursor (ECMA-48).
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
)


def job_page(workspace: Workspace, request: ListJobs) -> JobPage:
    """Return the newest jobs that match, with how many there are.

    Every word of the search is in a job's id, model, provider or status, whatever its case.
    """
    jobs, now = workspace.store.jobs, time.time()
    if not (words := request.search.casefold().split()):
        records, total = jobs.newest(request.limit), jobs.count()
    else:
        matches = _matches(jobs, words, now)
        records, total = jobs.some(matches[: request.limit]), len(matches)
    return {"items": [_item(workspace, record, now) for record in records], "total": total}


def log_tail(workspace: Workspace, request: Log) -> LogTail:
    """Return the last lines of a job's log, without the colours of a terminal.

    Raises
    ------
    NotFoundError
        If there is no such job. One without a log has no lines.
    """
    path = log_path(workspace, job_record(workspace, request.job_id).id)
    return {"path": str(path), "lines": [_plain(line) for line in _last(path, request.lines)]}


def event_page(workspace: Workspace, request: Events) -> EventPage:
    """Return what happened to a job after an event, at most 1,000 lines of it.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    job = job_record(workspace, request.job_id)
    events = workspace.store.events.after(job.seq, request.after, limit=_PAGE_EVENTS)
    return {
        "items": [
            {"seq": e.seq, "at": e.at, "kind": e.kind, "message": _plain(e.message)} for e in events
        ]
    }


def _matches(jobs: JobTable, words: list[str], now: float) -> list[int]:
    matches = []
    for seq, status, name in jobs.names():
        # That a live job is interrupted is written nowhere; there are few of them.
        record = jobs.get_by_seq(seq) if status.live else None
        text = f"{name} {record.status(now) if record else status}".casefold()
        if all(word in text for word in words):
            matches.append(seq)
    return matches


def _item(workspace: Workspace, record: JobRecord, now: float) -> JobItem:
    return {
        "id": record.id,
        "status": str(record.status(now)),
        "trial": record.trial,
        "model_name": record.call.model_name,
        "provider": str(record.call.served_by),
        "datasource_uids": list(record.call.datasource_uids),
        "total": record.total,
        "succeeded": record.succeeded,
        "failed": record.failed,
        "truncated": record.truncated,
        "created_at": record.created_at,
        "elapsed_s": record.elapsed_s(now),
        "cost_usd": cost_usd_of(workspace, record),
    }


def _last(path: Path, n_lines: int) -> list[str]:
    """Return the last lines of a file, read from its end."""
    blocks: list[bytes] = []
    try:
        with path.open("rb") as file:
            left = file.seek(0, os.SEEK_END)
            n_bytes = n_breaks = 0
            while left and n_breaks <= n_lines and n_bytes < _MOST_LOG_BYTES:
                size = min(_BLOCK_BYTES, left)
                left -= size
                file.seek(left)
                blocks.append(file.read(size))
                n_bytes, n_breaks = n_bytes + size, n_breaks + blocks[-1].count(b"\n")
    except FileNotFoundError:
        return []
    text = b"".join(reversed(blocks)).removesuffix(b"\n")
    lines = text.split(b"\n")[-n_lines:] if text else []
    return [line[:_BLOCK_BYTES].decode(errors="replace") for line in lines]


def _plain(line: str) -> str:
    # What a terminal would show of it: a progress bar writes over itself.
    text = _ESCAPE.sub("", line).rstrip("\r").rpartition("\r")[2]
    return text if len(text) <= _LINE_CHARS else f"{text[: _LINE_CHARS - 1]}…"
