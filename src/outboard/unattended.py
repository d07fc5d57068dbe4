"""What is billed although nobody works with it."""

from datetime import UTC, datetime

from outboard.ledger import EntryState, LedgerEntry, price_text
from outboard.workspace import Workspace


def unattended(workspace: Workspace) -> list[LedgerEntry]:
    """Return the endpoints of jobs that have ended, as far as the workspace knows, oldest first.

    Asks nobody but the workspace: a few milliseconds.
    """
    jobs = workspace.store.jobs
    return [
        entry
        for entry in workspace.store.endpoints.unclosed()
        if (record := jobs.get(entry.job_id)) is None or not record.status().live
    ]


def billing_warning(entry: LedgerEntry) -> str:
    """Return one line about an endpoint that nobody works with: what it costs, what to do."""
    expires = f"{datetime.fromtimestamp(entry.expires_at, UTC):%Y-%m-%d %H:%M} UTC"
    price = price_text(entry)
    match entry.state:
        case EntryState.PLANNED:
            return (
                f"Endpoint {entry.name!r} of {entry.job_id} may exist, at {price}. "
                "Make sure: outboard reap"
            )
        case EntryState.OPEN if entry.keep:
            return (
                f"Endpoint {entry.name!r} of {entry.job_id} was to be kept and costs {price} until "
                f"{expires}. Delete it sooner: outboard reap --kept"
            )
        case EntryState.CLOSING:
            return (
                f"Endpoint {entry.name!r} of {entry.job_id} is being deleted and costs {price} "
                "until it is. See to it: outboard reap"
            )
        case _:
            return (
                f"Endpoint {entry.name!r} of {entry.job_id} still costs {price}. "
                "Delete it: outboard reap"
            )
