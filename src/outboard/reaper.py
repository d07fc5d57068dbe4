"""Deletes endpoints that outboard created when nobody owns them any more."""

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from outboard.config import DeploymentConfig
from outboard.errors import OutboardError
from outboard.ledger import EntryState, LedgerEntry
from outboard.providers import Report
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.listing import TaggedEndpoint, instances_of, list_ours
from outboard.providers.sagemaker.pace import Pace
from outboard.providers.sagemaker.price import hosting_of
from outboard.providers.sagemaker.running import describe_endpoint
from outboard.providers.sagemaker.teardown import tear_down
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

#: How long to try to delete one that AWS does not let go, in seconds.
_PATIENCE_S = 1_800.0
# AWS throttles by account, and the worker of a live job may have to be let through.
_AT_ONCE = 4
_NOT_BILLED = frozenset({"Failed", "Deleting"})


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """An endpoint that nobody owns any more."""

    entry: LedgerEntry
    #: As AWS has it, e.g. ``"InService"``; None if it does not exist (any more).
    status: str | None
    #: Why it is nobody's.
    reason: str
    #: False if it is of another account than the credentials.
    in_reach: bool = True

    @property
    def is_billed(self) -> bool:
        """True if it costs something as long as it is there."""
        return self.status is not None and self.status not in _NOT_BILLED


@dataclass(frozen=True, kw_only=True)
class Reaped:
    """What has become of a leftover."""

    leftover: Leftover
    #: What kept it from being deleted; None if it is gone with everything beside it.
    problem: str | None


def find_leftovers(workspace: Workspace, aws: Aws, *, kept: bool = False) -> list[Leftover]:
    """Return what nobody owns any more: by the workspace's ledger, then by the tags on AWS.

    Changes nothing. Blocks.

    Parameters
    ----------
    workspace : Workspace
        Whose jobs are looked at. Of the endpoints of other workspaces those are nobody's which
        have expired.
    aws : Aws
        The account. It is looked through in its region, and in those that the ledger tells of.
    kept : bool
        Count those, too, that were to be kept after their job.

    Raises
    ------
    CredentialsError, ProviderError
        If AWS cannot be asked.
    """
    now = time.time()
    account_id = aws.identity.account_id
    unclosed = {entry.name: entry for entry in workspace.store.endpoints.unclosed()}
    found: list[Leftover] = []
    for entry in unclosed.values():
        reason = _reason(workspace, entry, kept=kept, now=now)
        if reason is None:
            continue
        in_reach = entry.account_id == account_id
        status = _status(aws, entry) if in_reach else "unknown"
        found.append(Leftover(entry=entry, status=status, reason=reason, in_reach=in_reach))
    regions = {aws.region, *(e.region for e in unclosed.values() if e.account_id == account_id)}
    for region in sorted(regions):
        for endpoint in list_ours(aws, region=region):
            if endpoint.name not in unclosed:
                found += _untold(workspace, aws, endpoint, now=now)
    return found


async def delete_leftovers(
    workspace: Workspace, aws: Aws, leftovers: list[Leftover], *, report: Report, pace: Pace
) -> list[Reaped]:
    """Delete leftovers with everything beside them, some at a time, and wait until they are gone.

    Whatever stops it, what was begun goes on on AWS, and can be begun again.
    """
    slots = asyncio.Semaphore(_AT_ONCE)

    async def delete(leftover: Leftover) -> Reaped:
        async with slots:
            problem = await _delete(workspace, aws, leftover, report=report, pace=pace)
            return Reaped(leftover=leftover, problem=problem)

    return await asyncio.gather(*map(delete, leftovers))


async def _delete(
    workspace: Workspace, aws: Aws, leftover: Leftover, *, report: Report, pace: Pace
) -> str | None:
    entry, ledger = leftover.entry, workspace.store.endpoints
    known = ledger.get(entry.name)
    if known is not None and not ledger.closing(entry.name, entry.tenure):
        return "its job was resumed meanwhile"
    try:
        is_gone = await tear_down(
            aws, entry, ledger, report=report, pace=pace, patience_s=_PATIENCE_S
        )
    except OutboardError as fault:
        return fault.message
    return None if is_gone else "AWS does not let go of it yet. Run `outboard reap` again later."


def _reason(workspace: Workspace, entry: LedgerEntry, *, kept: bool, now: float) -> str | None:
    """Return why an entry of the ledger is nobody's; None if it is somebody's."""
    if now > entry.expires_at:
        return "it has expired"
    record = workspace.store.jobs.get(entry.job_id)
    status = None if record is None else record.status()
    if status is not None and status.live:
        return None
    if entry.keep and entry.state is EntryState.OPEN and not kept:
        return None
    return f"{entry.job_id} is {'deleted' if status is None else status}"


def _untold(
    workspace: Workspace, aws: Aws, endpoint: TaggedEndpoint, *, now: float
) -> Iterator[Leftover]:
    """Yield an endpoint that no open entry of the ledger tells of, if it is nobody's."""
    if endpoint.status == "Deleting":
        return
    record = workspace.store.jobs.get(endpoint.job_id)
    told = workspace.store.endpoints.get(endpoint.name)
    if endpoint.expires_at < now:
        reason = "it has expired"
    elif told is not None:
        reason = "it was taken for deleted"
    elif record is not None and not record.status().live:
        reason = f"{endpoint.job_id} is {record.status()}"
    else:
        return
    yield Leftover(
        entry=told or _entry(workspace, aws, endpoint), status=endpoint.status, reason=reason
    )


def _entry(workspace: Workspace, aws: Aws, endpoint: TaggedEndpoint) -> LedgerEntry:
    instance_type, instance_count = instances_of(aws, endpoint.name, region=endpoint.region) or (
        "unknown",
        1,
    )
    entry = LedgerEntry(
        name=endpoint.name,
        job_id=endpoint.job_id,
        region=endpoint.region,
        account_id=aws.identity.account_id,
        instance_type=instance_type,
        instance_count=instance_count,
        usd_per_hour=None,
        keep=False,
        scheduled=True,  # it may be
        state=EntryState.OPEN,
        planned_at=endpoint.created_at,
        opened_at=endpoint.created_at,
        closed_at=None,
        expires_at=endpoint.expires_at,
    )
    if endpoint.region != aws.region or instance_type == "unknown":
        return entry
    deployment = DeploymentConfig(instance_type=instance_type, instance_count=instance_count)
    price = hosting_of(aws, deployment, cache_dir=workspace.assets_dir).price
    return replace(entry, usd_per_hour=None if price is None else price.usd_per_hour)


def _status(aws: Aws, entry: LedgerEntry) -> str | None:
    endpoint = describe_endpoint(aws, entry.name, region=entry.region)
    return None if endpoint is None else str(endpoint["EndpointStatus"])
