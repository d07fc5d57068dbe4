"""The dead-man's switch: a schedule on AWS that deletes an endpoint unless it is pushed back."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from outboard.errors import CredentialsError, ProviderError
from outboard.ledger import LedgerEntry
from outboard.providers.sagemaker.aws import Aws, translated
from outboard.providers.sagemaker.aws_error import PROVIDER, code_of, message_of

#: Environment variable with the ARN of the role that the schedule deletes the endpoint as.
ROLE_VARIABLE = "OUTBOARD_SCHEDULER_ROLE_ARN"

#: Seconds from one push to the next, and from a push until the endpoint is deleted.
BEAT_S = 120.0
TTL_S = 900.0

#: EventBridge Scheduler's "universal target": any action of AWS's API.
_DELETE_ENDPOINT = "arn:{partition}:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
# As often and as long as EventBridge allows: an endpoint that is Creating cannot be deleted yet.
_RETRY_POLICY = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400}


class DeadMansSwitch:
    """Deletes an endpoint from within AWS when nobody has pushed it back for `TTL_S` seconds.

    It needs neither this process nor this machine. Every method blocks.

    Parameters
    ----------
    aws : Aws
        The account.
    entry : LedgerEntry
        The endpoint. It may not exist yet.
    role_arn : str
        Role that EventBridge Scheduler may assume and that may delete the endpoint.
    now : callable
        Seconds since the epoch.
    """

    def __init__(
        self, aws: Aws, entry: LedgerEntry, role_arn: str, *, now: Callable[[], float] = time.time
    ) -> None:
        self._aws = aws
        self._entry = entry
        self._role_arn = role_arn
        self._now = now

    def arm(self) -> float:
        """Create the schedule, or push it back if it is there.

        Returns
        -------
        float
            When the endpoint will be deleted, in seconds since the epoch.

        Raises
        ------
        CredentialsError
            If we may not create schedules, or not hand over the role.
        ProviderError
            If the role is not usable.
        """
        return self._put("create_schedule", self._due())

    def push_back(self) -> float:
        """Push the deletion back, and return when it will be.

        Never past the entry's expiry, and to just that if the endpoint is to be kept.

        Raises
        ------
        CredentialsError, ProviderError
            If that fails.
        """
        return self._put("update_schedule", self._due())

    def _due(self) -> float:
        if self._entry.keep:  # to stay although nobody works with it
            return self._entry.expires_at
        return min(self._now() + TTL_S, self._entry.expires_at)

    def _put(self, operation: str, due: float) -> float:
        scheduler = self._aws.client("scheduler", region=self._entry.region)
        with translated():
            try:
                getattr(scheduler, operation)(**self._members(due))
            except ClientError as fault:
                match code_of(fault):
                    # The answer to an earlier attempt was lost, or the job is being resumed.
                    case "ConflictException" if operation == "create_schedule":
                        scheduler.update_schedule(**self._members(due))
                    # Somebody has removed it, or it has fired, which a new one does not worsen.
                    case "ResourceNotFoundException" if operation == "update_schedule":
                        scheduler.create_schedule(**self._members(due))
                    case "ValidationException" if "role" in message_of(fault):
                        raise ProviderError(
                            f"EventBridge Scheduler cannot use the role {self._role_arn} of "
                            f"{ROLE_VARIABLE}: {message_of(fault)} Its trust policy must name "
                            "scheduler.amazonaws.com; docs/cloudformation has one that does.",
                            provider=PROVIDER,
                        ) from fault
                    case _:
                        raise
        return due

    def _members(self, due: float) -> dict[str, object]:
        # UpdateSchedule replaces everything: what is not sent again is lost.
        partition = self._role_arn.split(":")[1]
        return {
            "Name": self._entry.name,
            "Description": f"Deletes the endpoint of {self._entry.job_id} if outboard does not.",
            "ScheduleExpression": f"at({datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": _DELETE_ENDPOINT.format(partition=partition),
                "RoleArn": self._role_arn,
                "Input": json.dumps({"EndpointName": self._entry.name}),
                "RetryPolicy": _RETRY_POLICY,
            },
        }


def checked_role(role_arn: str | None) -> str | None:
    """Return the ARN of the schedule's role as it stands in `ROLE_VARIABLE`; None if unset.

    Raises
    ------
    CredentialsError
        If it is no role's ARN.
    """
    if not role_arn:
        return None
    parts = role_arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or not parts[5].startswith("role/"):
        raise CredentialsError(
            f"{ROLE_VARIABLE} must hold the ARN of an IAM role, got {role_arn!r}. It looks like "
            "arn:aws:iam::123456789012:role/outboard-scheduler.",
            provider=PROVIDER,
        )
    return role_arn


def delete_schedule(aws: Aws, entry: LedgerEntry) -> None:
    """Delete the schedule of an endpoint; success if there is none. Blocks.

    Raises
    ------
    ClientError
        As botocore raises it.
    """
    try:
        aws.client("scheduler", region=entry.region).delete_schedule(Name=entry.name)
    except ClientError as fault:
        if code_of(fault) != "ResourceNotFoundException":
            raise
