"""What was created on AWS is written down, with what it costs."""

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from outboard.ledger import EntryState, LedgerEntry
from outboard.store import Store
from outboard.store.schema import MIGRATIONS

ENTRY = LedgerEntry(
    name="outboard-a",
    job_id="job-1",
    region="us-east-1",
    account_id="123456789012",
    instance_type="ml.g5.12xlarge",
    instance_count=2,
    usd_per_hour=7.09,
    keep=False,
    scheduled=True,
    state=EntryState.PLANNED,
    planned_at=1_000.0,
    opened_at=None,
    closed_at=None,
    expires_at=22_600.0,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "outboard.db")


def test_an_entry_comes_back_as_it_was_planned(store: Store) -> None:
    store.endpoints.plan(ENTRY)

    assert store.endpoints.get("outboard-a") == ENTRY
    assert store.endpoints.unclosed() == [ENTRY]


def test_a_name_is_planned_once(store: Store) -> None:
    store.endpoints.plan(ENTRY)

    with pytest.raises(sqlite3.IntegrityError):
        store.endpoints.plan(ENTRY)


def test_a_closed_entry_is_kept_for_its_cost_only(store: Store) -> None:
    store.endpoints.plan(ENTRY)
    store.endpoints.opened("outboard-a", 1_010.0)

    store.endpoints.closed("outboard-a", 4_610.0)
    store.endpoints.closed("outboard-a", 9_999.0)
    store.endpoints.opened("outboard-a", 9_999.0)

    assert store.endpoints.unclosed() == []
    (entry,) = store.endpoints.of_job("job-1")
    assert (entry.state, entry.closed_at) == (EntryState.CLOSED, 4_610.0)
    assert entry.cost_usd(99_999.0) == pytest.approx(2 * 7.09)


def test_an_adopted_entry_is_not_closed_by_who_decided_on_it_before(store: Store) -> None:
    store.endpoints.plan(ENTRY)
    store.endpoints.opened("outboard-a", 1_010.0)

    adopted = store.endpoints.adopt("outboard-a")
    may_delete = store.endpoints.closing("outboard-a", tenure=ENTRY.tenure)

    assert adopted is not None
    assert (adopted.tenure, adopted.state) == (1, EntryState.OPEN)
    assert not may_delete
    assert store.endpoints.get("outboard-a") == adopted


def test_an_entry_that_is_being_deleted_is_not_adopted(store: Store) -> None:
    store.endpoints.plan(ENTRY)

    assert store.endpoints.closing("outboard-a", tenure=0)
    assert store.endpoints.closing("outboard-a", tenure=0)  # whoever else deletes it may join

    assert store.endpoints.adopt("outboard-a") is None
    assert store.endpoints.unclosed()[0].state is EntryState.CLOSING


def test_an_endpoint_found_while_it_is_being_deleted_is_billed_and_stays_so(store: Store) -> None:
    store.endpoints.plan(ENTRY)
    store.endpoints.closing("outboard-a", tenure=0)

    store.endpoints.opened("outboard-a", 1_010.0)

    (entry,) = store.endpoints.unclosed()
    assert (entry.state, entry.opened_at) == (EntryState.CLOSING, 1_010.0)


def test_an_unknown_entry_is_neither_adopted_nor_deleted(store: Store) -> None:
    assert store.endpoints.adopt("outboard-a") is None
    assert not store.endpoints.closing("outboard-a", tenure=0)


def test_entries_of_other_jobs_are_told_apart(store: Store) -> None:
    store.endpoints.plan(ENTRY)
    store.endpoints.plan(dataclasses.replace(ENTRY, name="outboard-b", job_id="job-2"))

    assert [entry.name for entry in store.endpoints.unclosed("job-2")] == ["outboard-b"]
    assert [entry.name for entry in store.endpoints.unclosed()] == ["outboard-a", "outboard-b"]


def test_an_endpoint_costs_from_its_creation_on() -> None:
    assert ENTRY.cost_usd(5_000.0) == 0.0

    opened = dataclasses.replace(ENTRY, state=EntryState.OPEN, opened_at=1_000.0)

    assert opened.cost_usd(1_000.0 + 1_800) == pytest.approx(7.09)


def test_an_unknown_price_is_an_unknown_cost() -> None:
    opened = dataclasses.replace(ENTRY, usd_per_hour=None, opened_at=1_000.0)

    assert opened.cost_usd(2_000.0) is None


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_workspace_of_an_older_version_is_migrated_with_its_rows(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "outboard.db"
    connection = sqlite3.connect(path)
    for statement in (s for migration in MIGRATIONS[:version] for s in migration):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO datasources (name, location, format, owned, n_rows, columns, fingerprint,"
        " stamp, created_at) VALUES ('t', '/t.csv', 'csv', 0, 1, '{\"a\": \"string\"}', '', '', 1)"
    )
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()

    store = Store(path)

    store.endpoints.plan(ENTRY)
    assert store.endpoints.unclosed() == [ENTRY]
    assert [record.name for record in store.datasources.all()] == ["t"]
