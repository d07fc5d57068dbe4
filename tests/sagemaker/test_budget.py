"""A job never costs more than it may."""

import asyncio
import dataclasses
import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from outboard.budget import LEAST_LIFE_S, RESERVE_S, Budget
from outboard.errors import BudgetExceededError, ConfigError
from outboard.ledger import EntryState, LedgerEntry
from outboard.pricing import Hosting, Price
from outboard.store import Store

#: One instance costs a dollar a second, so that a budget is a time.
RATE = 3_600.0
NOW = 1_000_000.0
HOSTING = Hosting(
    instance_type="ml.g5.12xlarge",
    instance_count=1,
    price=Price(usd_per_hour=RATE, region="us-east-1", source="pricing api"),
)
UNPRICED = dataclasses.replace(HOSTING, price=None)
ENTRY = LedgerEntry(
    name="outboard-a",
    job_id="job-1",
    region="us-east-1",
    account_id="123456789012",
    instance_type="ml.g5.12xlarge",
    instance_count=1,
    usd_per_hour=RATE,
    keep=False,
    scheduled=False,
    state=EntryState.PLANNED,
    planned_at=NOW,
    opened_at=None,
    closed_at=None,
    expires_at=NOW + 9_000,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "outboard.db")


def budget(store: Store, max_cost_usd: float | None, *, now: float = NOW) -> Budget:
    return Budget(max_cost_usd, job_id="job-1", ledger=store.endpoints, now=lambda: now)


def record(
    store: Store, *, opened_at: float | None = None, closed_at: float | None = None, **changes: Any
) -> None:
    """Write down an endpoint of the job."""
    entry = dataclasses.replace(ENTRY, **changes)
    store.endpoints.plan(entry)
    if opened_at is not None:
        store.endpoints.opened(entry.name, opened_at)
    if closed_at is not None:
        store.endpoints.closed(entry.name, closed_at)


async def run_until_stopped(budget: Budget) -> None:
    async with budget.enforced():
        await asyncio.Event().wait()


async def run_to_the_end(budget: Budget) -> str:
    async with budget.enforced():
        return "done"


def test_job_without_a_budget_is_never_refused(store: Store) -> None:
    free = budget(store, None)

    free.refuse(UNPRICED)

    assert free.lifetime_s(UNPRICED) == math.inf
    assert asyncio.run(run_to_the_end(free)) == "done"


def test_budget_without_a_price_is_refused_before_anything_is_created(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"nobody knows what ml\.g5\.12xlarge costs") as caught:
        budget(store, 5.0).refuse(UNPRICED)

    assert caught.value.field == "max_cost_usd"
    assert "max_lifetime_s" in caught.value.message


def test_lifetime_of_what_has_no_price_is_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="max_cost_usd cannot be kept"):
        budget(store, 5.0).lifetime_s(UNPRICED)


def test_budget_that_pays_for_no_row_is_refused(store: Store) -> None:
    budget(store, LEAST_LIFE_S).refuse(HOSTING)

    with pytest.raises(BudgetExceededError, match="Nothing was created") as caught:
        budget(store, LEAST_LIFE_S - 1).refuse(HOSTING)

    assert caught.value.max_cost_usd == LEAST_LIFE_S - 1


def test_what_earlier_runs_have_cost_counts(store: Store) -> None:
    record(store, opened_at=NOW - 500, closed_at=NOW - 100)

    budget(store, 400 + LEAST_LIFE_S).refuse(HOSTING)
    with pytest.raises(BudgetExceededError, match=r"of which \$400\.00 are spent"):
        budget(store, 399 + LEAST_LIFE_S).refuse(HOSTING)


def test_endpoint_lives_no_longer_than_it_can_be_paid(store: Store) -> None:
    record(store, opened_at=NOW - 500, closed_at=NOW - 100)

    lifetime_s = budget(store, 1_400.0).lifetime_s(HOSTING)

    # Its job is stopped before that, and says why.
    assert 1_000.0 - RESERVE_S < lifetime_s < 1_000.0


def test_job_is_stopped_in_time_to_delete_its_endpoint(store: Store) -> None:
    record(store, opened_at=NOW - 100)

    with pytest.raises(BudgetExceededError, match="stopped to stay within") as caught:
        asyncio.run(run_until_stopped(budget(store, 100.05 + RESERVE_S)))

    assert caught.value.max_cost_usd == 100.05 + RESERVE_S
    assert "resume(max_cost_usd=" in caught.value.message


def test_job_within_its_budget_is_left_alone(store: Store) -> None:
    record(store, opened_at=NOW - 100)

    assert asyncio.run(run_to_the_end(budget(store, 200.0 + RESERVE_S))) == "done"


def test_endpoint_created_meanwhile_counts(store: Store) -> None:
    async def run() -> None:
        async with budget(store, RESERVE_S + 0.05).enforced():
            record(store, opened_at=NOW)  # as creating it takes place inside
            await asyncio.Event().wait()

    with pytest.raises(BudgetExceededError):
        asyncio.run(run())


def test_spent_budget_stops_a_job_before_it_begins(store: Store) -> None:
    record(store, opened_at=NOW - 500, closed_at=NOW - 100)
    began = False

    async def run() -> None:
        nonlocal began
        async with budget(store, 400.0).enforced():
            began = True

    with pytest.raises(BudgetExceededError, match=r"max_cost_usd of \$400\.00"):
        asyncio.run(run())
    assert not began


def test_job_of_unknown_cost_cannot_keep_a_budget(store: Store) -> None:
    record(store, opened_at=NOW - 500, usd_per_hour=None)

    with pytest.raises(ConfigError, match="max_cost_usd cannot be kept"):
        asyncio.run(run_to_the_end(budget(store, 400.0)))


def test_endpoint_of_unknown_price_created_meanwhile_ends_the_job(store: Store) -> None:
    async def run() -> None:
        async with budget(store, 400.0).enforced():
            record(store, opened_at=NOW, usd_per_hour=None)
            await asyncio.Event().wait()

    with pytest.raises(ConfigError, match="max_cost_usd cannot be kept"):
        asyncio.run(run())


def test_limit_holds_when_the_ledger_cannot_be_read_any_more(store: Store, tmp_path: Path) -> None:
    record(store, opened_at=NOW)

    async def run() -> None:
        async with budget(store, RESERVE_S + 1.2).enforced():
            await asyncio.sleep(0)
            with sqlite3.connect(tmp_path / "outboard.db") as connection:
                connection.execute("DROP TABLE endpoints")
            connection.close()
            await asyncio.Event().wait()

    with pytest.raises(BudgetExceededError):
        asyncio.run(run())


def test_timeout_of_what_is_done_inside_stays_one(store: Store) -> None:
    async def run() -> None:
        async with budget(store, 400.0).enforced(), asyncio.timeout(0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_cancelled_job_is_cancelled_not_over_its_budget(store: Store) -> None:
    async def run() -> None:
        task = asyncio.create_task(run_until_stopped(budget(store, 400.0)))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
