"""The account that owns everything: who may do what, how much of it, under which ARN."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

from tests.awsfake.wire import AuthError, AwsError

#: The key of AWS's own documentation: a scanner for leaked secrets knows it.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

#: Instances of one type that endpoints may use, unless a test says otherwise.
DEFAULT_QUOTA = 4


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A key that requests may be signed with."""

    access_key: str
    secret_key: str
    arn: str
    #: Session token; None for a long-lived key.
    token: str | None = None
    #: Real time in seconds since the epoch; None for never.
    expires_at: float | None = None


class Account:
    """One account in one region.

    Parameters
    ----------
    region : str
        The only region there is.
    account_id : str
        Twelve digits.
    real : callable
        Real time in seconds since the epoch: credentials live in it, not in virtual time.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        real: Callable[[], float] = time.time,
    ) -> None:
        self.region = region
        self.id = account_id
        self.real = real
        user = f"arn:aws:iam::{account_id}:user/tester"
        self.credentials = {
            ACCESS_KEY: Credential(access_key=ACCESS_KEY, secret_key=SECRET_KEY, arn=user)
        }
        #: (action, principal), e.g. ("sagemaker:CreateEndpoint", None) for everybody.
        self.denied: set[tuple[str, str | None]] = set()
        #: Roles that no service can assume.
        self.missing_roles: set[str] = set()
        #: Instance type -> instances that endpoints may use.
        self.quotas: dict[str, int] = {}

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a SageMaker resource."""
        return f"arn:aws:sagemaker:{self.region}:{self.id}:{kind}/{name.lower()}"

    def quota(self, instance_type: str) -> int:
        """Return how many instances of a type endpoints may use."""
        return self.quotas.get(instance_type, DEFAULT_QUOTA)

    def authorize(self, principal: str, action: str, resource: str) -> None:
        """Raise AccessDeniedException if the principal may not."""
        if self.denied.isdisjoint({(action, None), (action, principal)}):
            return
        raise AuthError(
            "AccessDeniedException",
            f"User: {principal} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
        )

    def pass_role(self, principal: str, role_arn: str) -> None:
        """Raise AccessDeniedException if the principal may not hand a role to a service."""
        if role_arn.split(":")[4] != self.id:
            raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.")
        self.authorize(principal, "iam:PassRole", role_arn)

    def open_session(self, lifetime_s: float) -> Credential:
        """Return a new key with a session token, as a role's credentials have."""
        number = uuid4().hex
        session = Credential(
            access_key=f"ASIA{number[:16].upper()}",
            secret_key=number + number[:8],
            token=f"IQoJb3JpZ2luX2VjE{number}//////////wEaCXVzLWVhc3QtMSJ=",
            arn=f"arn:aws:sts::{self.id}:assumed-role/tester/session",
            expires_at=self.real() + lifetime_s,
        )
        self.credentials[session.access_key] = session
        return session

    def expire(self, access_key: str) -> None:
        """Let a key be expired from now on."""
        self.credentials[access_key] = replace(self.credentials[access_key], expires_at=self.real())
