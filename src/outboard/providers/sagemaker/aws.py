"""The account on AWS that the user's settings lead to."""

import os
import threading
from dataclasses import dataclass
from functools import cached_property

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials

from outboard import __version__
from outboard.aws_session import found_by_chain
from outboard.errors import CredentialsError, ProviderError
from outboard.providers.sagemaker.aws_error import PROVIDER, SIGN_IN, translated

__all__ = ["PROVIDER", "Aws", "Identity", "translated"]

# What we ask for can be asked twice, so botocore may retry. The mode is given because its
# default changes with botocore's version, and so does what is retried.
_ATTEMPTS = 8
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who AWS takes us for."""

    account_id: str
    arn: str


class Aws:
    """Clients of AWS's services, with the credentials and the region that boto3 would use.

    That is boto3's default session, where the user has made one, else its standard chain:
    environment, profiles, SSO, container, instance. ``AWS_ENDPOINT_URL*``, proxies and
    certificate bundles are honoured as boto3 does.

    Everything here blocks; asynchronous code calls it through `asyncio.to_thread`. One object
    may be used by many threads.

    Parameters
    ----------
    session : boto3.Session, optional
        Use this one.
    attempts : int
        How often a call is tried before it fails.

    Raises
    ------
    CredentialsError
        If there are no credentials, or their settings are broken.
    ProviderError
        If no region is set.
    """

    def __init__(self, session: boto3.Session | None = None, *, attempts: int = _ATTEMPTS) -> None:
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=_CONNECT_TIMEOUT_S,
            user_agent_extra=f"outboard/{__version__}",
        )
        with translated():
            self._session = session or boto3.DEFAULT_SESSION or boto3.Session()
            credentials = self._session.get_credentials()
            region = self._session.region_name
        if credentials is None:
            raise CredentialsError(f"There are no AWS credentials. {SIGN_IN}", provider=PROVIDER)
        if region is None:
            raise ProviderError(
                "No AWS region is set, so nobody knows where the model is. Set AWS_DEFAULT_REGION, "
                'e.g. to "us-east-1", or call boto3.setup_default_session(region_name=...).',
                provider=PROVIDER,
            )
        self.credentials: Credentials = credentials
        self.region: str = region

    def client(
        self, service: str, *, region: str | None = None, config: Config | None = None
    ) -> BaseClient:
        """Return the client of a service, e.g. ``"sagemaker"``, made once.

        `region` is for services that are not everywhere, such as ``"pricing"``; `config` is what
        differs from the other clients when it is made.
        """
        key = (service, region or self.region)
        # boto3 clients are thread-safe, sessions are not: each client is made once and shared.
        with self._lock:
            if key not in self._clients:
                with translated():
                    self._clients[key] = self._session.client(
                        service,
                        region_name=key[1],
                        config=self._config.merge(config) if config else self._config,
                    )
            return self._clients[key]

    @property
    def sagemaker(self) -> BaseClient:
        """The client of SageMaker's control plane."""
        return self.client("sagemaker")

    @cached_property
    def identity(self) -> Identity:
        """The account and the ARN behind the credentials; asks STS once, needs no permission.

        Raises
        ------
        CredentialsError
            If AWS refuses the credentials.
        ProviderError
            If AWS cannot be reached.
        """
        with translated():
            answer = self.client("sts").get_caller_identity()
        return Identity(account_id=answer["Account"], arn=answer["Arn"])

    @property
    def ca_bundle(self) -> str | None:
        """The file of certificates that the user wants trusted instead of the usual ones."""
        with translated():
            named = self._session._session.get_config_variable("ca_bundle")
        return named or os.environ.get("REQUESTS_CA_BUNDLE") or None

    def renew(self) -> None:
        """Look for the credentials anew where they came from: somebody may have signed in again.

        Keys handed over by hand stay what they are, for nobody has newer ones.

        Raises
        ------
        CredentialsError
            If the settings for AWS have been broken meanwhile.
        """
        with self._lock, translated():
            if not found_by_chain(self._session, self.credentials):
                return
            # Only a profile chosen in code: one named by AWS_PROFILE stands behind keys in the
            # environment, which a profile given here would hide.
            profile = self._session._session.instance_variables().get("profile")
            session = boto3.Session(profile_name=profile, region_name=self.region)
            credentials = session.get_credentials()
            if credentials is not None:
                self._session, self.credentials = session, credentials
                self._clients.clear()

    def __repr__(self) -> str:
        return f"Aws(region={self.region!r})"
