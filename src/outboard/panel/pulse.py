"""The one thread of a process that keeps all its panels up to date."""

import atexit
import itertools
import logging
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any, Protocol

from outboard.job_status import JobStatus
from outboard.panel.job_watch import JobWatch
from outboard.panel.replies import JobSnapshot, Versions
from outboard.panel.snapshot import snapshot
from outboard.panel.token_counter import TOKENS
from outboard.store.marks import ListMarks
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

#: Seconds between two looks while a job that is shown is live, and while none is.
_LIVE_S = 0.1
_IDLE_S = 1.0
#: Seconds between two signs of life.
_BEAT_S = 2.0
#: How long the thread may take to end when the process does.
_END_S = 2.0
#: Seconds between two snapshots of which only the times differ.
_TIMES_S = 1.0
_TIMES = frozenset({"seq", "elapsed_s", "eta_s", "cost_usd", "tokens_per_s"})


class Pulsed(Protocol):
    """A panel, as the pulse knows it."""

    @property
    def workspace(self) -> Workspace:
        """Where its jobs are."""
        ...

    @property
    def watched(self) -> str | None:
        """The job that it shows."""
        ...

    def show(self, job: JobSnapshot | None, versions: Versions) -> None:
        """Take what there is to see; called by one thread at a time."""
        ...

    def beat(self, seq: int) -> None:
        """Tell the browser that the kernel is alive."""
        ...

    def remember(self) -> None:
        """Write down what it shows, if that has changed."""
        ...


class _Room:
    """What is known of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.jobs = JobWatch(workspace)
        self.versions: Versions = {"datasources": 1, "jobs": 1, "presets": 1}
        self._marks: ListMarks | None = None
        self._commits: int | None = None
        self._interrupted: set[str] = set()
        self._looked_at = float("-inf")

    def look_at_lists(self, now: float, statuses: dict[str, str]) -> None:
        """Count up the versions of lists that have changed, looking once a second."""
        marks = self.workspace.store.marks
        if now - self._looked_at >= _IDLE_S and marks.commits() != self._commits:
            self._looked_at, self._commits = now, marks.commits()
            seen, self._marks = self._marks, marks.of_lists()
            for name in Versions.__annotations__:
                if seen is not None and getattr(seen, name) != getattr(self._marks, name):
                    self._count_up(name)
        # That a worker died is written nowhere.
        interrupted = {job_id for job_id, s in statuses.items() if s == JobStatus.INTERRUPTED}
        if interrupted != self._interrupted:
            self._interrupted = interrupted
            self._count_up("jobs")

    def _count_up(self, name: str) -> None:
        versions: dict[str, Any] = {**self.versions}
        versions[name] += 1
        self.versions = Versions(**versions)  # type: ignore[typeddict-item]


class Pulse:
    """Reads the store for all panels of a process, from a thread that starts with the first."""

    def __init__(self) -> None:
        # Reentrant: a panel that is collected may be discarded at any point of any thread.
        self._lock = threading.RLock()
        self._panels: list[weakref.ref[Pulsed]] = []
        self._thread: threading.Thread | None = None
        self._is_ending = False
        self._woken = threading.Event()
        self._rooms: dict[str, _Room] = {}
        self._seq = itertools.count(1)
        self._beat = itertools.count(1)
        self._beaten_at = float("-inf")
        self._sent: weakref.WeakKeyDictionary[Any, tuple[float, JobSnapshot | None]]
        self._sent = weakref.WeakKeyDictionary()

    def add(self, panel: Pulsed) -> None:
        """Keep a panel up to date from now on."""
        with self._lock:
            self._panels.append(weakref.ref(panel))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="outboard-panel-pulse", daemon=True
                )
                self._thread.start()
        self._woken.set()

    def discard(self, panel: Pulsed) -> None:
        """Leave a panel as it is."""
        with self._lock:
            self._panels = [each for each in self._panels if each() not in {panel, None}]
            last = not self._panels
        if last:
            TOKENS.close()
        self._woken.set()

    def end(self) -> None:
        """Stop looking, for good: the process ends.

        A thread that is still there then is halted wherever it is. Halted inside of a lock, it
        would keep it, and panels that are collected later would wait for it for ever.
        """
        self._is_ending = True
        self._woken.set()
        if (thread := self._thread) is not None:
            thread.join(_END_S)

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    @property
    def panels(self) -> list[Pulsed]:
        """The panels that are kept up to date."""
        with self._lock:
            return [panel for each in self._panels if (panel := each()) is not None]

    def _run(self) -> None:
        while True:
            self._woken.clear()
            if self._is_ending:
                return
            with self._lock:
                self._panels = [each for each in self._panels if each() is not None]
                if not self._panels:
                    self._thread = None
                    return
            live = False
            try:
                live = self._tick(self.panels, time.monotonic())
            except Exception:
                logger.exception("The panels could not be brought up to date.")
            self._woken.wait(_LIVE_S if live else _IDLE_S)

    def _tick(self, panels: list[Pulsed], now: float) -> bool:
        """Look once; True if a job that is shown is live."""
        live = False
        by_room: dict[str, list[Pulsed]] = {}
        for panel in panels:
            by_room.setdefault(str(panel.workspace.path), []).append(panel)
        self._rooms = {path: room for path, room in self._rooms.items() if path in by_room}
        for path, shown in by_room.items():
            room = self._rooms.setdefault(path, _Room(shown[0].workspace))
            try:
                live |= self._look(room, shown, now)
            except Exception:
                logger.exception("Panels on %s could not be brought up to date.", path)
        if now - self._beaten_at >= _BEAT_S - _LIVE_S:
            self._beaten_at = now
            beat = next(self._beat)
            _each(panels, lambda panel: panel.beat(beat))
            _each(panels, lambda panel: panel.remember())
        return live

    def _look(self, room: _Room, panels: list[Pulsed], now: float) -> bool:
        watched = {panel: panel.watched for panel in panels}
        looks = room.jobs.look({job_id for job_id in watched.values() if job_id is not None})
        room.look_at_lists(now, {job_id: str(look.status) for job_id, look in looks.items()})
        seq = next(self._seq)
        snapshots = {job_id: snapshot(look, seq) for job_id, look in looks.items()}

        def show(panel: Pulsed) -> None:
            job_id = watched[panel]
            job = None if job_id is None else snapshots.get(job_id)
            panel.show(self._due(panel, job, now), room.versions)

        _each(panels, show)
        return any(look.status.live for look in looks.values())

    def _due(self, panel: Pulsed, job: JobSnapshot | None, now: float) -> JobSnapshot | None:
        """Return a snapshot if it is time for it, else the one that was sent last."""
        sent_at, sent = self._sent.get(panel, (float("-inf"), None))
        if job is not None and sent is not None:
            differ = {key for key in job if job[key] != sent[key]}  # type: ignore[literal-required]
            if differ <= {"seq"} or (differ <= _TIMES and now - sent_at < _TIMES_S):
                return sent
        self._sent[panel] = (now, job)
        return job


def _each(panels: Iterable[Pulsed], work: Any) -> None:  # noqa: ANN401
    """Do something for each panel, whatever happens with another."""
    for panel in panels:
        try:
            work(panel)
        except Exception:
            logger.exception("A panel could not be brought up to date.")


#: Of this process.
PULSE = Pulse()
atexit.register(PULSE.end)
