"""What the container behind an endpoint has logged."""

from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from outboard.ledger import LedgerEntry
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.server_error import one_line

_LINE_CHARS = 300


def last_lines(
    aws: Aws, entry: LedgerEntry, *, n_lines: int, secrets: tuple[str, ...]
) -> list[str]:
    """Return the last lines of an endpoint's container, oldest first. Blocks.

    Parameters
    ----------
    aws : Aws
        The account.
    entry : LedgerEntry
        The endpoint.
    n_lines : int
        How many at most.
    secrets : tuple of str
        Values that must not be shown: a container may print its environment.

    Returns
    -------
    list of str
        Empty if no container has started, or its log may not be read. Untrusted, each on one
        line and bounded.
    """
    logs = aws.client("logs", region=entry.region)
    group = log_group(entry.name)
    try:
        streams = logs.describe_log_streams(
            logGroupName=group, orderBy="LastEventTime", descending=True, limit=1
        )["logStreams"]
        if not streams:
            return []
        events = logs.get_log_events(
            logGroupName=group,
            logStreamName=streams[0]["logStreamName"],
            limit=n_lines,
            startFromHead=False,
        )["events"]
    except (ClientError, BotoCoreError):
        # The group begins to exist with the container. What it says is help, never a need.
        return []
    return [_shown(event["message"], secrets) for event in events if event["message"].strip()]


def log_group(endpoint_name: str) -> str:
    """Return the CloudWatch log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def log_url(entry: LedgerEntry) -> str:
    """Return where a browser shows the log."""
    # The console encodes the name twice and writes $ for %.
    group = quote(quote(log_group(entry.name), safe=""), safe="").replace("%", "$")
    return (
        f"{console(entry.region)}/cloudwatch/home?region={entry.region}"
        f"#logsV2:log-groups/log-group/{group}"
    )


def endpoint_url(entry: LedgerEntry) -> str:
    """Return where a browser shows the endpoint."""
    return f"{console(entry.region)}/sagemaker/home?region={entry.region}#/endpoints/{entry.name}"


def console(region: str) -> str:
    """Return the address of AWS's console in a region."""
    if region.startswith("cn-"):
        return f"https://{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return "https://console.amazonaws-us-gov.com"
    return f"https://{region}.console.aws.amazon.com"


def _shown(message: str, secrets: tuple[str, ...]) -> str:
    for secret in filter(None, secrets):
        message = message.replace(secret, "***")
    return one_line(message, max_chars=_LINE_CHARS)
