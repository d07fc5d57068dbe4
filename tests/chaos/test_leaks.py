"""Whatever is killed, whenever it is killed: no endpoint is left that somebody pays for.

`OUTBOARD_KILLS` sets how many kills there are: 24 unless told otherwise.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import boto3
import pytest
from click.testing import CliRunner
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of, kill_workers, questions, wait_for_end_of, watchers_of
from tests.sagemaker.own_endpoint import SCHEDULER_ROLE, TYPE
from tests.waiting import wait_until

from outboard import ExternalModel, get_job
from outboard.cli import main
from outboard.job import Job
from outboard.providers.sagemaker.pace import SPEED_VARIABLE
from outboard.providers.sagemaker.schedule import ROLE_VARIABLE, TTL_S
from outboard.workspace import Workspace

KILLS = int(os.environ.get("OUTBOARD_KILLS", "24"))
#: Virtual seconds for each real one: a grace period lasts for half a second.
SPEED = 300
AT_ONCE = 3
#: Between two looks, in real seconds.
POLL_S = 0.03

#: What becomes of a job that is launched: its process is what a kernel is to a notebook.
LAUNCHER = """
import sys, outboard
with outboard.Workspace(sys.argv[1]):
    model = outboard.ExternalModel("tuned")
    settings = {"max_concurrency": 2}
    print(model.inference([1], deployment_config=settings, sync=False), flush=True)
    sys.stdin.read()
"""

VICTIMS = ("worker", "launcher", "launcher and worker", "machine")
#: Steps of a creation, with the kind of thing that is there by then.
CREATING = {
    "planned": None,
    "schedule": "schedules",
    "model": "models",
    "configuration": "endpoint_configs",
    "endpoint": "endpoints",
}
MOMENTS = {
    "creating": tuple(CREATING),
    "running": ("InService", "answers"),
    "deleting": ("done", "Deleting"),
}
N_PAIRS = len(VICTIMS) * len(MOMENTS)


@dataclass(frozen=True)
class Kill:
    """One kill: of whom, when."""

    number: int
    victim: str
    phase: str
    step: str
    #: Real seconds after the step.
    delay_s: float

    def __str__(self) -> str:
        return f"#{self.number}: {self.victim}, {self.phase} ({self.step} + {self.delay_s:.3f} s)"


def kills(n_kills: int) -> Iterator[Kill]:
    """Yield kills: every victim in every phase in turn, at a random moment of it."""
    rng = Random(n_kills)
    pairs = [(victim, phase) for phase in MOMENTS for victim in VICTIMS]
    for number in range(n_kills):
        victim, phase = pairs[number % len(pairs)]
        yield Kill(number, victim, phase, rng.choice(MOMENTS[phase]), rng.uniform(0.0, 0.15))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsFake]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with AwsFake(speed=SPEED) as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(SPEED_VARIABLE, str(SPEED))
        monkeypatch.setenv(ROLE_VARIABLE, SCHEDULER_ROLE)
        fake.training_job("tuned")
        fake.quota(TYPE, 100)
        fake.plan(creating_s=90, deleting_s=60, latency_s=5)
        yield fake
        fake.release()


class Killing:
    """A job in a workspace of its own, with what is killed of it."""

    def __init__(self, fake: AwsFake, home: Path, kill: Kill) -> None:
        self.fake = fake
        self.kill = kill
        self.workspace = Workspace(home / f"kill-{kill.number}")
        self.ledger = self.workspace.store.endpoints

    def run(self) -> str:
        """Return who has closed the ledger; raise if nobody has."""
        with self.workspace:
            datasource_of(questions(12))
            try:
                if "launcher" in self.kill.victim:
                    with launcher_of(self.workspace) as launcher:
                        assert launcher.stdout is not None
                        self.job = Job(self.workspace, launcher.stdout.readline().strip())
                        self._wait_for_the_moment()
                        launcher.kill()
                        self._kill()
                else:
                    model, settings = ExternalModel("tuned"), {"max_concurrency": 2}
                    self.job = get_job(model.inference([1], deployment_config=settings, sync=False))
                    self._wait_for_the_moment()
                    self._kill()
                return self._closed_by()
            finally:
                kill_workers(self.workspace)

    def _wait_for_the_moment(self) -> None:
        wait_until(
            lambda: self._has_come() or not self.job.status.live, timeout_s=120, poll_s=POLL_S
        )
        threading.Event().wait(self.kill.delay_s)

    def _has_come(self) -> bool:
        step = self.kill.step
        if not (names := self._names()):
            return False
        if step in CREATING:
            kind = CREATING[step]
            return kind is None or not names.isdisjoint(self.fake.resources()[kind])
        if step == "answers":
            return self.job.progress.done > 0
        if step == "done":
            return self.job.progress.pending == 0
        return any(self.fake.seen()["events"].get(f"{name}:{step}") for name in names)

    def _kill(self) -> None:
        pids = [self._worker()] if self.kill.victim != "launcher" else []
        if self.kill.victim == "machine":
            pids += [process.pid for process in watchers_of(self.job.id)]
        kill_all(pids)
        if self.kill.victim == "machine":  # those that were started while we were looking
            kill_all([process.pid for process in watchers_of(self.job.id)])

    def _worker(self) -> int:
        record = self.workspace.store.jobs.get(self.job.id)
        assert record is not None
        assert record.lease is not None or not record.status().live
        return record.lease.pid if record.lease is not None else -1

    def _closed_by(self) -> str:
        wait_until(lambda: not self.job.status.live, timeout_s=120, poll_s=POLL_S)
        if self._is_closed():
            return "worker"
        if watchers_of(self.job.id):
            wait_until(self._is_closed, timeout_s=120, poll_s=POLL_S)
            return "watcher"
        # First the schedule, from within AWS; what costs nothing is left to one `reap`.
        wait_until(lambda: not self._billed(), timeout_s=TTL_S / SPEED + 120, poll_s=POLL_S)
        result = CliRunner().invoke(main, ["--home", str(self.workspace.path), "reap"])
        assert result.exit_code == 0, result.output
        assert self._is_closed()
        return "schedule, then reap"

    def _is_closed(self) -> bool:
        there = {name for names in self.fake.resources().values() for name in names}
        return self.ledger.unclosed() == [] and there.isdisjoint(self._names())

    def _billed(self) -> set[str]:
        return {line["endpoint_name"] for line in self.fake.ledger()["open"]} & self._names()

    def _names(self) -> set[str]:
        return {entry.name for entry in self.ledger.of_job(self.job.id)}


def launcher_of(workspace: Workspace) -> "subprocess.Popen[str]":
    """Start a process that launches a job, and lives until it is killed."""
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(workspace.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_all(pids: list[int]) -> None:
    """Kill processes at once, and wait for their end."""
    found = [pid for pid in pids if pid > 0]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in found:
        wait_for_end_of(pid)


@pytest.mark.timeout(60 + 20 * KILLS)
def test_no_kill_leaves_an_endpoint_behind(fake: AwsFake, tmp_path: Path) -> None:
    failed: list[str] = []
    closed: Counter[str] = Counter()

    def survive(kill: Kill) -> None:
        try:
            closed[Killing(fake, tmp_path, kill).run()] += 1
        except Exception as fault:  # noqa: BLE001 - the others go on; all are told at the end
            failed.append(f"{kill}: {type(fault).__name__}: {fault}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(survive, kills(KILLS)))

    assert not failed, "\n".join(failed)
    assert closed.total() == KILLS
    fake.assert_nothing_left()
    assert KILLS < N_PAIRS or set(closed) == {"worker", "watcher", "schedule, then reap"}
