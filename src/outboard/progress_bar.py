"""Shows a job's progress as a bar, in a terminal as in a notebook."""

import sys
import time
from contextlib import suppress
from typing import Any

from tqdm.auto import tqdm

from outboard.errors import JobError
from outboard.job import Job, JobProgress
from outboard.job_status import JobStatus

_POLL_S = 0.1
#: How long Ctrl-C waits for the worker to stop, in seconds.
_CANCEL_S = 15.0


def wait_with_progress(job: Job) -> str:
    """Wait for a job under a progress bar, and return the uid of its model source.

    An interrupt (Ctrl-C, or a notebook's stop button) cancels the job, says how to go on
    with it, and is raised again.

    Raises
    ------
    OutboardError
        What stopped the job, as `Job.wait` raises it.
    """
    bar: tqdm[Any]
    with tqdm(total=job.progress.total, unit="row", desc="queued", dynamic_ncols=True) as bar:
        try:
            _follow(job, bar)
        except KeyboardInterrupt:
            _cancel(job)
            raise
    return job.wait()


def _follow(job: Job, bar: "tqdm[Any]") -> None:
    seen = 0
    shown: object = None
    while True:
        status = job.status  # before the counts: once it has ended they are final
        progress = job.progress
        for event in job.events(after=seen):
            seen = event.seq
            if event.kind in ("warning", "throttled"):
                tqdm.write(event.message, file=sys.stderr)
            elif status is JobStatus.DEPLOYING and event.kind != "status":
                bar.set_description_str(event.message, refresh=False)
        if status is not JobStatus.DEPLOYING:
            bar.set_description_str(str(status), refresh=False)
        bar.set_postfix_str(_summary(progress), refresh=False)
        bar.n = progress.done
        if shown != (now_shown := (bar.desc, bar.postfix, bar.n)):
            shown = now_shown  # drawn on news only: a log file is no terminal
            bar.refresh()
        if not status.live:
            return
        time.sleep(_POLL_S)


def _summary(progress: JobProgress) -> str:
    parts = []
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
    with suppress(JobError):  # cancelled, as asked; or still on its way
        job.wait(timeout=_CANCEL_S)
    progress = job.progress
    tqdm.write(
        f"Cancelled after {progress.done:,} of {progress.total:,} rows, which are kept. "
        f"Go on with outboard.get_job({job.id!r}).resume()",
        file=sys.stderr,
    )
