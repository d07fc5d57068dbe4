"""What works with AWS, found out without creating anything or showing a key."""

import os
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, auto

from botocore.exceptions import BotoCoreError, ClientError

from outboard.config import DeploymentConfig
from outboard.doctor.finding import Finding, explained, ok, warn
from outboard.doctor.permissions import Permissions, look_up
from outboard.errors import OutboardError
from outboard.ledger import LedgerEntry, price_text
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.aws_error import code_of
from outboard.providers.sagemaker.instances import endpoint_quota
from outboard.providers.sagemaker.schedule import ROLE_VARIABLE, checked_role
from outboard.reaper import find_leftovers
from outboard.unattended import unattended
from outboard.workspace import Workspace

_POLICY = "docs/sagemaker.md has the policy that outboard needs: ask for it."
_ROLE_HOW = (
    "Set up docs/cloudformation/outboard-scheduler-role.yaml once, and put the role's ARN into "
    f"{ROLE_VARIABLE}."
)


def examine_aws(workspace: Workspace) -> Iterator[Finding]:
    """Look at credentials, permissions, a quota, the schedule's role, and what is billed.

    Yields
    ------
    Finding
        Warnings at most: who runs models elsewhere needs nothing of it.
    """
    try:
        aws = Aws(attempts=2)
        who = aws.identity.arn
    except OutboardError as fault:
        yield _needed_for_sagemaker("aws", fault)
        yield check_billing(workspace, None)
        return
    method = aws.credentials.method
    yield ok("aws", f"{who} in region {aws.region}, with credentials found by {method}")
    yield check_permissions(aws)
    yield check_quota(aws)
    yield check_schedule(aws)
    yield check_billing(workspace, aws)


def check_permissions(aws: Aws) -> Finding:
    """Have IAM simulate what outboard does, or else try what changes nothing."""
    subject = "permissions"
    try:
        found = look_up(aws, scheduler_role=os.environ.get(ROLE_VARIABLE))
    except OutboardError as fault:
        return _needed_for_sagemaker(subject, fault)
    if found.denied:
        return warn(subject, f"not allowed: {', '.join(found.denied)}", fix=_POLICY)
    return ok(subject, _allowed(found))


def check_quota(aws: Aws) -> Finding:
    """Look up how many of the default instances endpoints may use."""
    subject = "quota"
    instance_type = DeploymentConfig().instance_type
    quota = endpoint_quota(aws, instance_type)
    if quota is None:
        return ok(subject, f"that of {instance_type} could not be looked up")
    message = f"{quota.instances:g} x {instance_type}, the default, for endpoints in {aws.region}"
    if quota.instances < 1:
        fix = f"Ask for more at {quota.url}, or pass another instance_type."
        return warn(subject, message, fix=fix)
    return ok(subject, message)


def check_schedule(aws: Aws) -> Finding:
    """Look whether AWS itself would delete an endpoint, should this machine fail."""
    subject = "schedule"
    try:
        role_arn = checked_role(os.environ.get(ROLE_VARIABLE))
    except OutboardError as fault:
        return warn(subject, fault.message, fix=_ROLE_HOW)
    if role_arn is None:
        message = (
            "no role is set up: should this machine fail, endpoints go on until `outboard reap`"
        )
        return warn(subject, message, fix=_ROLE_HOW)
    match _trust(aws, role_arn):
        case _Trust.MISSING:
            return warn(subject, f"there is no role {role_arn}", fix=_ROLE_HOW)
        case _Trust.OTHERS:
            message = f"{role_arn} does not trust scheduler.amazonaws.com"
            return warn(subject, message, fix=_ROLE_HOW)
        case _Trust.UNKNOWN:
            message = f"{role_arn} is to delete endpoints, should this machine fail; whether it can"
            return ok(subject, f"{message} could not be looked up")
        case _Trust.SCHEDULER:
            return ok(subject, f"should this machine fail, AWS deletes endpoints as {role_arn}")


class _Trust(Enum):
    """Whom a role can be assumed by."""

    SCHEDULER = auto()
    OTHERS = auto()
    MISSING = auto()
    UNKNOWN = auto()


def _trust(aws: Aws, role_arn: str) -> _Trust:
    try:
        role = aws.client("iam").get_role(RoleName=role_arn.rsplit("/", maxsplit=1)[1])["Role"]
    except ClientError as fault:
        return _Trust.MISSING if code_of(fault) == "NoSuchEntity" else _Trust.UNKNOWN
    except BotoCoreError:
        return _Trust.UNKNOWN
    trusts = "scheduler.amazonaws.com" in str(role["AssumeRolePolicyDocument"])
    return _Trust.SCHEDULER if trusts else _Trust.OTHERS


def check_billing(workspace: Workspace, aws: Aws | None) -> Finding:
    """List what outboard has created and nobody works with, as far as ledger and AWS tell."""
    subject = "endpoints"
    try:
        entries = {entry.name: entry for entry in unattended(workspace)}
        unclosed = workspace.store.endpoints.unclosed()
    except OutboardError:
        fix = "Mend the database. The console lists endpoints; the names of ours begin outboard-."
        return warn(subject, "what is billed is not known: the ledger cannot be read", fix=fix)
    if aws is not None:
        with suppress(OutboardError):  # who may not look is told so among the permissions
            leftovers = find_leftovers(workspace, aws)
            entries |= {left.entry.name: left.entry for left in leftovers if left.is_billed}
    at_work = [entry for entry in unclosed if entry.name not in entries]
    if entries:
        listed = ", ".join(map(_billed, entries.values()))
        fix = "outboard reap (with --kept also what was to be kept)"
        return warn(subject, f"billed, and no job works with it: {listed}", fix=fix)
    if at_work:
        return ok(subject, f"at work for a job: {', '.join(map(_billed, at_work))}")
    return ok(subject, "none of outboard's is billed")


def _allowed(found: Permissions) -> str:
    if found.simulated:
        return f"IAM allows all {found.n_checked} actions that outboard needs"
    return (
        f"all {found.n_checked} reading actions that were tried are allowed; what creates is not "
        "tried, and IAM does not let us ask (iam:SimulatePrincipalPolicy)"
    )


def _billed(entry: LedgerEntry) -> str:
    return f"{entry.name} ({price_text(entry)})"


def _needed_for_sagemaker(subject: str, fault: OutboardError) -> Finding:
    found = explained(subject, fault.message)
    fix = f"{found.fix} Only models on SageMaker need it."
    return warn(subject, found.message, fix=fix.strip())
