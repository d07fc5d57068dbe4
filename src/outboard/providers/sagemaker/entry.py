"""The ledger entry of an endpoint to create, with the tags that tell the same on AWS."""

import getpass
import platform
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from outboard.config import DeploymentConfig
from outboard.ledger import EntryState, LedgerEntry
from outboard.providers.sagemaker.aws import Aws

#: What the name of everything begins with that outboard creates.
PREFIX = "outboard-"

OWNER_TAG = "outboard:owner"
JOB_TAG = "outboard:job-id"
CREATED_TAG = "outboard:created-at"
EXPIRES_TAG = "outboard:expires-at"

# SageMaker's limit for names of endpoints, models and configurations.
_NAME_CHARS = 63
_TAG_CHARS = 256


def new_entry(
    aws: Aws,
    deployment: DeploymentConfig,
    *,
    job_id: str,
    usd_per_hour: float | None,
    scheduled: bool,
) -> LedgerEntry:
    """Return the entry of an endpoint that a job needs, under a name that nothing else has.

    Asks AWS for the account, so it may block.

    Parameters
    ----------
    aws : Aws
        Where it will be.
    deployment : DeploymentConfig
        On what, and for how long.
    job_id : str
        The job.
    usd_per_hour : float or None
        Price of one instance.
    scheduled : bool
        Whether a schedule on AWS will delete it, should we not.
    """
    now = time.time()
    return LedgerEntry(
        name=_name_for(job_id),
        job_id=job_id,
        region=aws.region,
        account_id=aws.identity.account_id,
        instance_type=deployment.instance_type,
        instance_count=deployment.instance_count,
        usd_per_hour=usd_per_hour,
        keep=deployment.keep_endpoint,
        scheduled=scheduled,
        state=EntryState.PLANNED,
        planned_at=now,
        opened_at=None,
        closed_at=None,
        expires_at=now + deployment.max_lifetime_s,
    )


def tags_of(entry: LedgerEntry, *, owner: str) -> list[dict[str, str]]:
    """Return the tags for what is created by an entry, as boto3 takes them."""
    values = {
        OWNER_TAG: owner or _user_at_host(),
        JOB_TAG: entry.job_id,
        CREATED_TAG: _iso(entry.planned_at),
        EXPIRES_TAG: _iso(entry.expires_at),
    }
    return [{"Key": key, "Value": _tag_value(value)} for key, value in values.items()]


def expiry_of(tags: Mapping[str, str]) -> float | None:
    """Return when an endpoint with these tags expires; None if outboard did not create it."""
    return moment_of(tags, EXPIRES_TAG) if JOB_TAG in tags else None


def moment_of(tags: Mapping[str, str], tag: str) -> float | None:
    """Return the moment that a tag tells, in seconds since the epoch; None if it tells none."""
    try:
        return datetime.fromisoformat(tags[tag]).timestamp()
    except (KeyError, ValueError):
        return None


def _name_for(job_id: str) -> str:
    # The token: a job may need a second endpoint while its first is being deleted.
    token = f"-{secrets.token_hex(3)}"
    words = re.sub(r"[^a-zA-Z0-9]+", "-", job_id.removeprefix("job-"))
    return PREFIX + words[: _NAME_CHARS - len(PREFIX) - len(token)].strip("-") + token


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _tag_value(text: str) -> str:
    return re.sub(r"[^\w .:/=+\-@]", "_", text)[:_TAG_CHARS]


def _user_at_host() -> str:
    user = "unknown"
    with suppress(OSError, KeyError):  # a container may run as a user without a name
        user = getpass.getuser()
    return f"{user}@{platform.node()}"
