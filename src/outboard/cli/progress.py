"""How long things take, told while they go on: a live bar, or lines in a pipe."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Self

import rich.progress as bars
from rich.console import Console

from outboard.cli.output import console, one_line, say
from outboard.errors import OutboardError
from outboard.job import Job, JobStatus
from outboard.job_progress import JobProgress
from outboard.job_status import LIVE
from outboard.store.events import JobEvent

_POLL_S = 0.2
_LINE_EVERY_S = 10.0


def follow(job: Job) -> None:
    """Show a job's progress on stderr until it ends, then say how it ended.

    Raises
    ------
    OutboardError
        What stopped the job, if it did not succeed.
    """
    out = console(stderr=True)
    with _Bar(job, out) if out.is_terminal else _Lines(job) as view:
        while job.status.live:
            view.show()
            with suppress(OutboardError):
                job.wait(timeout=_POLL_S)
        view.show()
    say(summary(job))
    job.wait()


def summary(job: Job) -> str:
    """Return how a job stands, as one line with what to do about failed rows."""
    progress = job.progress
    parts = [f"{progress.succeeded:,} of {progress.total:,} rows succeeded"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.truncated:
        parts.append(f"{progress.truncated:,} cut by the token limit")
    tokens = progress.input_tokens + progress.output_tokens
    text = f"{', '.join(parts)}; {tokens:,} tokens in {progress.elapsed_s:,.1f} s."
    if progress.failed and not job.status.live:
        text += f" Try the failed ones again: outboard job retry {job.id}"
    return text


def follow_or_cancel(job: Job) -> None:
    """Follow a job that this command has started: Ctrl-C stops it, keeping what is finished.

    Raises
    ------
    OutboardError
        What stopped the job, if it did not succeed.
    """
    try:
        follow(job)
    except KeyboardInterrupt:
        say(f"\nInterrupted: cancelling job {job.id} ...")
        # Whatever it ends with was asked for; a second Ctrl-C leaves it to end without us.
        with suppress(OutboardError, KeyboardInterrupt):
            job.cancel()
            job.wait(timeout=30)
        on = f" Go on with the rest: outboard job resume {job.id}" if job.progress.pending else ""
        say(summary(job) + on)
        raise


@contextmanager
def download(what: str) -> Iterator[Callable[[int, int], None]]:
    """Lend a callback (bytes done, bytes in all) that shows a download on stderr."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield _TenthsInLines(what)
        return
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
    )
    with bars.Progress(*columns, console=out, transient=True) as live:
        task = live.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            live.update(task, completed=done, total=total)

        yield show


class _TenthsInLines:
    """One line for each tenth of a download."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._tenths = 0

    def __call__(self, done: int, total: int) -> None:
        tenths = 10 * done // max(total, 1)
        if tenths > self._tenths:
            self._tenths = tenths
            say(f"{self._what}: {10 * tenths} % of {total / 1e6:,.0f} MB")


class _View:
    """Shows one job again and again; keeps which of its events were told."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._last_event = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self) -> None:
        """Tell what is new."""
        for event in self._job.events(after=self._last_event):
            self._last_event = event.seq
            # How a job ended is told last of all, by the summary and the error.
            if event.kind != "status" or event.message in LIVE:
                self._tell(event)
        self._draw(self._job.status, self._job.progress)

    @abstractmethod
    def _tell(self, event: JobEvent) -> None: ...

    @abstractmethod
    def _draw(self, status: JobStatus, progress: JobProgress) -> None: ...


class _Lines(_View):
    """A line for each event, and now and then one for the rows."""

    _tenths = 0
    _told_at = 0.0

    def _tell(self, event: JobEvent) -> None:
        if not _is_download(event) or event.data["done"] == event.data["total"]:
            say(one_line(event.message))

    def _draw(self, status: JobStatus, progress: JobProgress) -> None:
        tenths = 10 * progress.done // max(progress.total, 1)
        now = time.monotonic()
        due = progress.pending and now - self._told_at >= _LINE_EVERY_S
        if progress.done and (tenths > self._tenths or due):
            self._tenths, self._told_at = tenths, now
            say(f"{status}: {progress.done:,} of {progress.total:,} rows, {_details(progress)}")


class _Bar(_View):
    """A bar that fills with the rows, under the events worth keeping."""

    def __init__(self, job: Job, out: Console) -> None:
        super().__init__(job)
        self._live = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=30),
            bars.TextColumn("{task.fields[details]}", markup=False),
            console=out,
            transient=True,
        )
        self._task = self._live.add_task("queued", total=None, details="")
        self._is_closing = False

    def __enter__(self) -> Self:
        self._live.start()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _tell(self, event: JobEvent) -> None:
        if event.kind in _WORTH_KEEPING:
            self._live.console.print(one_line(event.message))
        self._is_closing = event.kind == "deleting"
        done, total = (event.data.get(name) for name in ("done", "total"))
        self._live.update(
            self._task, completed=done or 0, total=total, details=one_line(event.message, limit=60)
        )

    def _draw(self, status: JobStatus, progress: JobProgress) -> None:
        self._live.update(self._task, description=str(status))
        is_closing = self._is_closing and status.live
        if status in {JobStatus.RUNNING, JobStatus.SUCCEEDED} and not is_closing:
            self._live.update(
                self._task,
                completed=progress.done,
                total=progress.total,
                details=f"{progress.done:,}/{progress.total:,}  {_details(progress)}",
            )


# Kinds of event that say more than where the job is in its life.
_WORTH_KEEPING = frozenset({"warning", "throttled"})


def _is_download(event: JobEvent) -> bool:
    return {"done", "total"} <= event.data.keys()


def _details(progress: JobProgress) -> str:
    parts = [f"{progress.failed:,} failed"] if progress.failed else []
    if progress.rows_per_s:
        parts.append(f"{progress.rows_per_s:,.1f} rows/s")
    if progress.eta_s is not None:
        parts.append(f"{timedelta(seconds=round(progress.eta_s))} left")
    parts.append(f"{progress.output_tokens:,} new tokens")
    if progress.cost_usd:
        parts.append(f"${progress.cost_usd:,.2f}")
    return ", ".join(parts)
