"""What outboard creates on AWS, written down before it exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class EntryState(StrEnum):
    """How far an endpoint is, as far as the ledger knows."""

    #: Names are taken; nothing, some or all of it may exist.
    PLANNED = "planned"
    #: CreateEndpoint was accepted: it is billed.
    OPEN = "open"
    #: Being deleted: nobody may send it anything any more.
    CLOSING = "closing"
    #: Known to be gone, with everything beside it.
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One endpoint of ours. Its model, its configuration and its schedule bear the same name."""

    name: str
    job_id: str
    region: str
    account_id: str
    instance_type: str
    instance_count: int
    #: On-demand price of one instance in US dollars an hour; None if unknown.
    usd_per_hour: float | None
    #: True if the user asked for it to stay after the job.
    keep: bool
    #: True if a one-time schedule on AWS deletes it, should we not.
    scheduled: bool
    state: EntryState
    #: Seconds since the epoch.
    planned_at: float
    opened_at: float | None
    closed_at: float | None
    #: When it is deleted whatever happens, in seconds since the epoch.
    expires_at: float
    #: How often a later worker of the job has taken it over.
    tenure: int = 0

    @property
    def usd_per_hour_in_all(self) -> float | None:
        """Price of all its instances in US dollars an hour; None if unknown."""
        return None if self.usd_per_hour is None else self.usd_per_hour * self.instance_count

    def cost_usd(self, now: float) -> float | None:
        """Return what it has cost so far in US dollars; None if the price is unknown.

        Counted from the create call until it is known to be gone: never less than what is
        billed.
        """
        if self.opened_at is None:
            return 0.0
        if self.usd_per_hour_in_all is None:
            return None
        end = now if self.closed_at is None else self.closed_at
        return self.usd_per_hour_in_all * (end - self.opened_at) / 3_600


def total_cost_usd(entries: Iterable[LedgerEntry], now: float) -> float | None:
    """Return what endpoints have cost together in US dollars; None if a price is unknown."""
    costs = [entry.cost_usd(now) for entry in entries]
    known = [cost for cost in costs if cost is not None]
    return sum(known, 0.0) if len(known) == len(costs) else None


class Ledger(Protocol):
    """Where entries are kept: durable when a method returns."""

    def plan(self, entry: LedgerEntry) -> None:
        """Write an entry down before anything of it is created."""
        ...

    def opened(self, name: str, at: float) -> None:
        """Note that the endpoint is being created and billed from `at` on."""
        ...

    def adopt(self, name: str) -> LedgerEntry | None:
        """Take an entry over for another worker of its job.

        Returns
        -------
        LedgerEntry or None
            The entry as it is from now on; None if it is being deleted, or gone.
        """
        ...

    def closing(self, name: str, tenure: int) -> bool:
        """Note that the endpoint is being deleted: from now on it cannot be adopted.

        Parameters
        ----------
        name : str
            The entry.
        tenure : int
            As it was when the deletion was decided on.

        Returns
        -------
        bool
            False if it has been adopted since: then it must not be deleted.
        """
        ...

    def closed(self, name: str, at: float) -> None:
        """Note that nothing of the entry exists any more."""
        ...

    def unclosed(self, job_id: str | None = None) -> list[LedgerEntry]:
        """Return the entries of which something may exist, oldest first; of one job, or of all."""
        ...

    def of_job(self, job_id: str) -> list[LedgerEntry]:
        """Return every entry of one job, oldest first, the closed ones for what they have cost."""
        ...


def price_text(entry: LedgerEntry) -> str:
    """Return what an endpoint costs, for people: ``"$7.09/h"``."""
    price = entry.usd_per_hour_in_all
    return "an unknown price by the hour" if price is None else f"${price:,.2f}/h"
