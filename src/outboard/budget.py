"""Keeps a job from costing more than it may."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from outboard.cost_estimate import STOP_S
from outboard.errors import BudgetExceededError, ConfigError, WorkspaceError
from outboard.ledger import Ledger, LedgerEntry
from outboard.pricing import Hosting

logger = logging.getLogger(__name__)

#: What deleting an endpoint may take; it is billed meanwhile.
RESERVE_S = STOP_S[1]
# Later than a job is stopped, though the endpoint was planned some seconds before it was created.
_LAST_RESERVE_S = RESERVE_S * 2 / 3
#: The quickest endpoints serve after two minutes. With less than this, no row would be answered.
LEAST_LIFE_S = 120.0 + RESERVE_S

_LOOK_EVERY_S = 1.0


class Budget:
    """What one job may cost, over all its runs, held against what the ledger says it has cost.

    Parameters
    ----------
    max_cost_usd : float or None
        The most, in US dollars; None for no limit.
    job_id : str
        The job.
    ledger : Ledger
        What was created for it.
    now : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        max_cost_usd: float | None,
        *,
        job_id: str,
        ledger: Ledger,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._max = max_cost_usd
        self._job_id = job_id
        self._ledger = ledger
        self._now = now
        #: Why the cost is not known, if that is what stops the job.
        self._unknown: ConfigError | None = None

    def refuse(self, hosting: Hosting) -> None:
        """Raise if an endpoint on these instances must not be created.

        Raises
        ------
        ConfigError
            If its price is unknown, so that no limit could be kept.
        BudgetExceededError
            If what is left does not even pay for its start and its end.
        """
        if self._max is not None:
            refuse_hosting(hosting, max_cost_usd=self._max, spent_usd=self._spent())

    def lifetime_s(self, hosting: Hosting) -> float:
        """Return after how long an endpoint on these instances is to be deleted in any case.

        That is for when nobody is left to watch: a little later than `enforced` ends a job.

        Raises
        ------
        ConfigError
            If its price is unknown.
        """
        if self._max is None:
            return math.inf
        if not hosting.usd_per_hour:
            raise _unknown_price(hosting.instance_type)
        return 3_600 * (self._max - self._spent()) / hosting.usd_per_hour - _LAST_RESERVE_S

    @asynccontextmanager
    async def enforced(self) -> AsyncIterator[None]:
        """Stop what is done inside when the job has to end to stay within its budget.

        It ends early enough for its endpoints to be deleted, which is the caller's to do.

        Raises
        ------
        BudgetExceededError
            If it was stopped, or all was spent before it began.
        ConfigError
            If what the job has cost before is unknown.
        """
        if self._max is None:
            yield
            return
        if await self._seconds_left() <= 0:
            raise self._exceeded()
        try:
            async with asyncio.timeout(None) as limit:
                watch = asyncio.create_task(self._watch(limit))
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError:
            if not limit.expired():
                raise
            raise (self._unknown or self._exceeded()) from None

    async def _watch(self, limit: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        while not limit.expired():
            left_s = math.inf
            try:
                left_s = await self._seconds_left()
            except WorkspaceError as fault:  # what was known before still holds
                logger.warning("What job %s has cost cannot be read: %s", self._job_id, fault)
            except ConfigError as fault:  # something of unknown price runs
                self._unknown, left_s = fault, 0.0
            if left_s < math.inf and not limit.expired():
                limit.reschedule(loop.time() + left_s)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _seconds_left(self) -> float:
        """Return how long all that runs may go on, less the time that deleting it takes."""
        assert self._max is not None
        entries = await asyncio.to_thread(self._ledger.of_job, self._job_id)
        left_usd = self._max - _cost_of(entries, self._now())
        if left_usd <= 0:
            return 0.0
        running = [e for e in entries if e.opened_at is not None and e.closed_at is None]
        rate = sum(entry.usd_per_hour_in_all or 0.0 for entry in running)
        return 3_600 * left_usd / rate - RESERVE_S if rate else math.inf

    def _spent(self) -> float:
        return _cost_of(self._ledger.of_job(self._job_id), self._now())

    def _exceeded(self) -> BudgetExceededError:
        assert self._max is not None
        return BudgetExceededError(
            f"Job {self._job_id} stopped to stay within its max_cost_usd of ${self._max:,.2f}: "
            "what is left of it pays for deleting its endpoint. Finished rows are kept; "
            f"get_job({self._job_id!r}).resume(max_cost_usd=...) goes on with the others.",
            max_cost_usd=self._max,
        )


def refuse_hosting(hosting: Hosting, *, max_cost_usd: float, spent_usd: float = 0.0) -> None:
    """Raise if an endpoint on these instances must not be created within a budget.

    Raises
    ------
    ConfigError
        If its price is unknown, so that no limit could be kept.
    BudgetExceededError
        If what is left does not even pay for its start and its end.
    """
    if hosting.usd_per_hour is None:
        raise _unknown_price(hosting.instance_type)
    least = hosting.usd_per_hour * LEAST_LIFE_S / 3_600
    if spent_usd + least > max_cost_usd:
        already = f", of which ${spent_usd:,.2f} are spent" if spent_usd else ""
        raise BudgetExceededError(
            f"Starting and deleting {hosting} costs at least ${least:,.2f}, but max_cost_usd is "
            f"${max_cost_usd:,.2f}{already}. Nothing was created. Raise max_cost_usd, or pass an "
            "instance_type that costs less.",
            max_cost_usd=max_cost_usd,
        )


def _cost_of(entries: list[LedgerEntry], now: float) -> float:
    total = 0.0
    for entry in entries:
        cost = entry.cost_usd(now)
        if cost is None:
            raise _unknown_price(entry.instance_type)
        total += cost
    return total


def _unknown_price(instance_type: str) -> ConfigError:
    return ConfigError(
        f"max_cost_usd cannot be kept: nobody knows what {instance_type} costs here. Allow the "
        "action pricing:GetProducts, pass another instance_type, or bound the time instead: leave "
        "out max_cost_usd and set max_lifetime_s.",
        field="max_cost_usd",
    )
