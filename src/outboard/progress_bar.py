"""Shows a job's progress as a bar, in a terminal as in a notebook."""

import sys
import threading
import time
from contextlib import suppress
from typing import Any

from tqdm.auto import tqdm

from outboard.errors import OutboardError
from outboard.job import Job
from outboard.job_progress import JobProgress
from outboard.job_status import JobStatus

_POLL_S = 0.1
#: How often the bar is drawn while there is no news: its clock should tick.
_TICK_S = 1.0
#: How long Ctrl-C waits for the worker to stop, in seconds.
_CANCEL_S = 15.0

# The rate and the time left are the job's own: tqdm's would count the time of deployment in.
_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"

#: Kinds of event that stay on the screen, as lines above the bar.
_TOLD = frozenset({"warning", "throttled"})
#: Longest message of a provider in front of the bar.
_PHASE_CHARS = 60


class _Bar(tqdm):  # type: ignore[type-arg]
    # We draw it often enough ourselves: no thread that looks after it and outlives it.
    monitor_interval = 0


# tqdm's own lock serves several processes, and would start one more to clean up after it.
_Bar.set_lock(threading.RLock())


def wait_with_progress(job: Job) -> str:
    """Wait for a job under a progress bar, and return the uid of its model source.

    An interrupt (Ctrl-C, or a notebook's stop button) cancels the job, says how to go on
    with it, and is raised again. Into a pipe or a file goes no bar, only what is worth a line.

    Raises
    ------
    OutboardError
        What stopped the job, as `Job.wait` raises it.
    """
    try:
        with _Bar(
            total=job.progress.total,
            desc=str(JobStatus.QUEUED),
            bar_format=_FORMAT,
            dynamic_ncols=True,
            disable=not _is_interactive(),
        ) as bar:
            _follow(job, bar)
    except KeyboardInterrupt:
        _cancel(job)
        raise
    return job.wait()


def _is_interactive() -> bool:
    # ipykernel's stream is no terminal, and yet somebody watches it.
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def _follow(job: Job, bar: "tqdm[Any]") -> None:
    last_event = 0
    phase, is_closing = "", False
    shown: object = None
    drawn_at = 0.0
    while True:
        status = job.status  # before the counts: once it has ended they are final
        progress = job.progress
        for event in job.events(after=last_event):
            last_event = event.seq
            if event.kind in _TOLD:
                _say(event.message)
            elif event.kind != "status":
                phase, is_closing = event.message, event.kind == "deleting"
        has_phase = phase and (status is JobStatus.DEPLOYING or (status.live and is_closing))
        bar.set_description_str(_line(phase)[:_PHASE_CHARS] if has_phase else status, False)
        bar.set_postfix_str(summary(progress), refresh=False)
        bar.n = progress.done
        news, now = (status, phase, progress.done), time.monotonic()
        if news != shown or now - drawn_at >= _TICK_S:
            shown, drawn_at = news, now
            bar.refresh()
        if not status.live:
            return
        time.sleep(_POLL_S)


def summary(progress: JobProgress) -> str:
    """Return what a bar says of a job besides how many rows are done."""
    parts = []
    if progress.rows_per_s:
        parts.append(f"{progress.rows_per_s:,.1f} rows/s")
    if progress.eta_s:
        parts.append(f"{tqdm.format_interval(progress.eta_s)} left")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.truncated:
        parts.append(f"{progress.truncated:,} truncated")
    if progress.input_tokens or progress.output_tokens:
        parts.append(f"{progress.input_tokens:,} tokens in, {progress.output_tokens:,} out")
    if progress.cost_usd:
        parts.append(f"${progress.cost_usd:.2f}")
    return ", ".join(parts)


def _cancel(job: Job) -> None:
    job.cancel()
    with suppress(OutboardError):  # cancelled, as asked; or still on its way
        job.wait(timeout=_CANCEL_S)
    status, progress = job.status, job.progress
    on = f" Go on with outboard.get_job({job.id!r}).resume()"
    _say(
        f"Job {job.id} is {status} after {progress.done:,} of {progress.total:,} rows, which are "
        f"kept.{'' if status is JobStatus.SUCCEEDED else on}"
    )


def _say(line: str) -> None:
    _Bar.write(_line(line), file=sys.stderr)


def _line(text: str) -> str:
    """Return text that may quote a server as one line that a terminal only shows."""
    return "".join(char if char.isprintable() else " " for char in text)
