"""What tests of our own endpoints share: a job to have one, and virtual time."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.awsfake.driver import LMI_IMAGE, Driver

from outboard.config import DeploymentConfig
from outboard.ledger import EntryState, LedgerEntry
from outboard.providers import JobContext, ProviderEvent
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.deployable import Deployable
from outboard.providers.sagemaker.endpoint import OwnEndpoint
from outboard.providers.sagemaker.pace import Pace
from outboard.store import Store

JOB_ID = "job-20261122-133800-abcdef"
ROLE = "arn:aws:iam::123456789012:role/SageMakerExecutionRole"
SCHEDULER_ROLE = "arn:aws:iam::123456789012:role/outboard-scheduler"
TYPE = "ml.g5.12xlarge"

DEPLOYABLE = Deployable(
    source="training job 'tuned'",
    containers=({"Image": LMI_IMAGE, "Environment": {"HF_TOKEN": "hf_secret_1"}},),
    role_arn=ROLE,
    image_uri=LMI_IMAGE,
    secrets=("hf_secret_1",),
)


class CountingExecutor(ThreadPoolExecutor):
    """Knows how many calls it works on."""

    def __init__(self) -> None:
        super().__init__()
        self.n_running = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a call."""
        self.n_running += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._count_down)
        return future

    def _count_down(self, future: Future[Any]) -> None:
        self.n_running -= 1


class VirtualTime:
    """Time that passes, here and on the fake AWS, while nobody has anything to do.

    Of those who sleep, the one who wakes first lets it pass.
    """

    def __init__(self, fake: Driver) -> None:
        self._fake = fake
        self._now = 0.0
        self._wakes: list[float] = []
        self._executor = CountingExecutor()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in this time."""

        async def session() -> Any:
            self._executor = CountingExecutor()
            asyncio.get_running_loop().set_default_executor(self._executor)
            return await work

        return asyncio.run(session())

    def pace(self) -> Pace:
        """Return the pace of this time."""
        return Pace(now=lambda: self._now, sleep=self.sleep, rng=Random(7))

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed."""
        wake = self._now + seconds
        self._wakes.append(wake)
        try:
            n_idle = 0
            while self._now < wake:
                await asyncio.sleep(0)
                is_my_turn = wake == min(self._wakes) and self._executor.n_running == 0
                n_idle = n_idle + 1 if is_my_turn else 0
                if n_idle > 20:  # whoever was waiting for a thread has heard of its end
                    step, self._now = wake - self._now, wake
                    self._fake.advance(max(0.0, step))
        finally:
            self._wakes.remove(wake)


@dataclass
class Hosted:
    """A job on the fake AWS that may have an endpoint of its own."""

    fake: Driver
    aws: Aws
    store: Store
    time: VirtualTime
    told: list[ProviderEvent] = field(default_factory=list)
    #: How often a watcher was started, with what the ledger had at that moment.
    watched: list[list[LedgerEntry]] = field(default_factory=list)

    def job(self, start_watcher: Callable[[], None] | None = None) -> JobContext:
        """Return the job as a provider knows it."""

        def note() -> None:
            self.watched.append(self.store.endpoints.unclosed(JOB_ID))

        return JobContext(
            job_id=JOB_ID, ledger=self.store.endpoints, start_watcher=start_watcher or note
        )

    def endpoint(self, deployable: Deployable = DEPLOYABLE, **deployment: Any) -> OwnEndpoint:
        """Return an endpoint for the job, not there yet."""
        return OwnEndpoint(
            self.aws,
            deployable,
            DeploymentConfig(**deployment),
            job=self.job(),
            usd_per_hour=7.09,
            report=self.told.append,
            pace=self.time.pace(),
        )

    def entry(self) -> LedgerEntry:
        """Return the only entry of the job."""
        (entry,) = self.store.endpoints.of_job(JOB_ID)
        return entry

    def messages(self, kind: str) -> list[str]:
        """Return what was told of one kind."""
        return [event.message for event in self.told if event.kind == kind]

    def assert_closed(self) -> None:
        """Check that nothing is left, and that the ledger says so."""
        self.fake.assert_nothing_left()
        assert self.store.endpoints.unclosed() == []


def hosted(fake: Driver, aws: Aws, tmp_path: Path) -> Hosted:
    """Return a job in a workspace of its own."""
    return Hosted(fake, aws, Store(tmp_path / "outboard.db"), VirtualTime(fake))


def planned(name: str = "outboard-x", **changes: Any) -> LedgerEntry:
    """Return an entry of the job, as planned some time ago."""
    now = time.time()
    values: dict[str, Any] = {
        "name": name,
        "job_id": JOB_ID,
        "region": "us-east-1",
        "account_id": "123456789012",
        "instance_type": TYPE,
        "instance_count": 1,
        "usd_per_hour": 7.09,
        "keep": False,
        "scheduled": False,
        "state": EntryState.PLANNED,
        "planned_at": now - 100,
        "opened_at": None,
        "closed_at": None,
        "expires_at": now + 6 * 3_600,
    }
    return LedgerEntry(**values | changes)
