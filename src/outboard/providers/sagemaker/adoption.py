"""Takes over the endpoint that an earlier run of a job has left."""

import time

from outboard.ledger import EntryState, LedgerEntry
from outboard.providers import JobContext, ProviderEvent, Report
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.in_thread import in_thread
from outboard.providers.sagemaker.pace import Pace
from outboard.providers.sagemaker.running import describe_endpoint
from outboard.providers.sagemaker.teardown import tear_down

#: An endpoint that has less than this to live is not worth taking over, in seconds.
LEAST_LIFE_LEFT_S = 600.0

_USABLE = frozenset({"Creating", "InService", "Updating", "SystemUpdating", "RollingBack"})


async def adopt(aws: Aws, job: JobContext, *, report: Report, pace: Pace) -> LedgerEntry | None:
    """Take over an endpoint of the job that runs, or is coming; delete what else is left.

    What is left is deleted before anything new is created: it counts against the quota.

    Parameters
    ----------
    aws : Aws
        The account.
    job : JobContext
        The job.
    report : callable
        Told what is found.
    pace : Pace
        How time passes.

    Returns
    -------
    LedgerEntry or None
        The entry, ours from now on; None if there is none to take over.

    Raises
    ------
    CredentialsError, ProviderError
        If AWS cannot be asked.
    """
    adopted: LedgerEntry | None = None
    left: list[LedgerEntry] = []
    account_id = (await in_thread(lambda: aws.identity)).account_id
    for entry in await in_thread(job.ledger.unclosed, job.job_id):
        if (entry.region, entry.account_id) != (aws.region, account_id):
            report(_out_of_reach(entry))
        elif adopted is None and (taken := await in_thread(_take, aws, job, entry)):
            adopted = taken
        else:
            left.append(entry)
    for entry in left:
        await _delete(aws, job, entry, report=report, pace=pace)
    if adopted is not None:
        message = f"Going on with endpoint {adopted.name!r} of the job's earlier run"
        report(ProviderEvent(kind="adopted", message=message, data={"endpoint_name": adopted.name}))
    return adopted


def _take(aws: Aws, job: JobContext, entry: LedgerEntry) -> LedgerEntry | None:
    if entry.expires_at - time.time() < LEAST_LIFE_LEFT_S or entry.state is EntryState.CLOSING:
        return None
    # First the ledger, then the look: from here on nobody else begins to delete it.
    taken = job.ledger.adopt(entry.name)
    if taken is None:
        return None
    endpoint = describe_endpoint(aws, entry.name)
    if endpoint is None or endpoint["EndpointStatus"] not in _USABLE:
        return None
    job.ledger.opened(entry.name, endpoint["CreationTime"].timestamp())
    return next(e for e in job.ledger.unclosed(job.job_id) if e.name == entry.name)


async def _delete(
    aws: Aws, job: JobContext, entry: LedgerEntry, *, report: Report, pace: Pace
) -> None:
    def close() -> LedgerEntry | None:
        # As it stands now: our own attempt to take it over has changed it.
        found = [e for e in job.ledger.unclosed(job.job_id) if e.name == entry.name]
        if not found or not job.ledger.closing(entry.name, found[0].tenure):
            return None
        return found[0]

    current = await in_thread(close)
    if current is None:
        return
    message = f"Deleting endpoint {entry.name!r}, which an earlier run of the job left"
    report(ProviderEvent(kind="deleting", message=message, data={"endpoint_name": entry.name}))
    await tear_down(aws, current, job.ledger, report=report, pace=pace)


def _out_of_reach(entry: LedgerEntry) -> ProviderEvent:
    return ProviderEvent(
        kind="warning",
        message=f"Endpoint {entry.name!r} of the job's earlier run is in account "
        f"{entry.account_id}, region {entry.region}, where these credentials do not lead. It may "
        "still be billed: run `outboard reap` with credentials for it.",
        data={"endpoint_name": entry.name},
    )
