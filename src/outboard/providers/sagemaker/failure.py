"""What to do about an endpoint that AWS could not bring into service."""

import re
from collections.abc import Sequence

from outboard.errors import ProviderError
from outboard.ledger import LedgerEntry
from outboard.providers.sagemaker.aws_error import PROVIDER
from outboard.providers.sagemaker.container_log import console, log_group
from outboard.providers.server_error import one_line

# SageMaker tells what went wrong in prose only; these are its wordings as users have met them.
_QUOTA = re.compile(
    r"service limit '(?P<name>[^']+)' is (?P<quota>\d+) Instances?, with current utilization of "
    r"(?P<in_use>\d+) Instances?",
    re.IGNORECASE,
)
#: (words of a FailureReason, what went wrong, what to do), the first that matches.
_ADVICE = (
    (
        "InsufficientInstanceCapacity|provision requested ML compute",
        "AWS has no {type} free in {region} at the moment.",
        "Try again later, pass another instance_type{others}, or another region.",
    ),
    (
        r"image '[^']*' does not exist|repository .* does not exist",
        "its container image does not exist.",
        "Correct image_uri: registry, repository and tag must exist in the endpoint's region.",
    ),
    (
        "images included in the model|pull.* image|access.* image",
        "its container image cannot be pulled.",
        "Correct image_uri, and let the execution role (role_arn) pull from its registry.",
    ),
    (
        "download model data|model data .*(not|fail)|S3 prefix",
        "the model's files could not be fetched from S3.",
        "See whether they are still there, and let the execution role (role_arn) read them.",
    ),
    (
        "CannotStartContainer|failed to start container",
        "its container does not start.",
        "The image must serve: pass image_uri of a serving image, not of a training one.",
    ),
    (
        "health check",
        "its container started, but never became healthy.",
        (
            "Its log tells why: most often the model does not fit into the memory (pass a larger "
            "instance_type), its format is not the image's (pass image_uri), or it needs longer "
            "to load (raise startup_timeout_s)."
        ),
    ),
    ("", "AWS gave up on it.", "Look at its log, then start the job again."),
)

_TYPE = re.compile(r"ml\.(?P<family>[a-z]+)(?P<generation>\d+)(?P<variant>[a-z-]*)\.(?P<size>\w+)")
_MOST_ALTERNATIVES = 3
_SHOWN_LINES = 5


def explain_failure(
    reason: str,
    *,
    entry: LedgerEntry,
    log_lines: Sequence[str] = (),
    instance_types: Sequence[str] = (),
) -> ProviderError:
    """Return the error for an endpoint that is Failed.

    Parameters
    ----------
    reason : str
        ``FailureReason`` as AWS tells it. Untrusted.
    entry : LedgerEntry
        The endpoint.
    log_lines : sequence of str
        The last lines that its container has logged, oldest first.
    instance_types : sequence of str
        The types there are, to name others of.
    """
    said = one_line(reason) or "no reason"
    what, do = _advice(reason, entry, instance_types)
    return ProviderError(
        f"Endpoint {entry.name!r} could not be started: {what} {do} AWS said: {said}."
        f"{_log(entry, log_lines)}",
        provider=PROVIDER,
    )


def explain_quota(message: str, *, entry: LedgerEntry) -> ProviderError:
    """Return the error for a CreateEndpoint that was refused with ``ResourceLimitExceeded``.

    Parameters
    ----------
    message : str
        What AWS said.
    entry : LedgerEntry
        What was asked for.
    """
    quotas = f"{console(entry.region)}/servicequotas/home/services/sagemaker/quotas"
    asked = f"{entry.instance_count} more {'is' if entry.instance_count == 1 else 'are'} asked for"
    found = _QUOTA.search(message)
    if found is None:
        return ProviderError(
            f"The account's limits do not allow {entry.instance_count} x {entry.instance_type} "
            f"in {entry.region}. Ask for a higher quota at {quotas}, or pass another "
            f"instance_type. AWS said: {one_line(message)}.",
            provider=PROVIDER,
        )
    return ProviderError(
        f"The account's quota {found['name']!r} in {entry.region} is {found['quota']}, of which "
        f"{found['in_use']} are in use, and {asked}. Ask for a higher quota at {quotas}, pass "
        "another instance_type, or delete endpoints that nobody needs (`outboard reap` deletes "
        "those that outboard left).",
        provider=PROVIDER,
    )


def alternatives(instance_type: str, known: Sequence[str]) -> list[str]:
    """Return other instance types that may do, the likeliest first.

    The same size of kindred families, newer ones first (``g6`` for ``g5``), then the next sizes up.
    """
    wanted = _TYPE.fullmatch(instance_type)
    if wanted is None:
        return []
    found: list[tuple[float, bool, int, str]] = []
    for name in known:
        parts = _TYPE.fullmatch(name)
        if parts is None or name == instance_type or parts["family"] != wanted["family"]:
            continue
        apart = int(parts["generation"]) - int(wanted["generation"])
        is_same_family = apart == 0 and parts["variant"] == wanted["variant"]
        larger = _size(parts["size"]) - _size(wanted["size"])
        if (parts["size"] == wanted["size"] and abs(apart) <= 2) or (is_same_family and larger > 0):
            found.append((larger, apart < 0, abs(apart), name))
    return [name for *_, name in sorted(found)[:_MOST_ALTERNATIVES]]


def _advice(reason: str, entry: LedgerEntry, instance_types: Sequence[str]) -> tuple[str, str]:
    """Return what went wrong, and what to do."""
    what, do = next(
        (what, do) for words, what, do in _ADVICE if re.search(words, reason, re.IGNORECASE)
    )
    others = ", ".join(alternatives(entry.instance_type, instance_types))
    values = {
        "type": entry.instance_type,
        "region": entry.region,
        "others": others and f" such as {others}",
    }
    return what.format(**values), do.format(**values)


def _log(entry: LedgerEntry, log_lines: Sequence[str]) -> str:
    if not log_lines:
        return ""
    lines = "".join(f"\n  {line}" for line in log_lines[-_SHOWN_LINES:])
    return f" The last lines of its log ({log_group(entry.name)}):{lines}"


def _size(size: str) -> float:
    """Return how large ``12xlarge`` is in units of xlarge."""
    named = {"medium": 0.25, "large": 0.5, "xlarge": 1.0}
    if size in named:
        return named[size]
    number = size.removesuffix("xlarge")
    return float(number) if number.isdecimal() else 0.0
