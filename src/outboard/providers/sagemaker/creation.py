"""Creates an endpoint with what it is made of."""

from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from outboard.ledger import Ledger, LedgerEntry
from outboard.providers.sagemaker.aws import Aws, translated
from outboard.providers.sagemaker.aws_error import code_of, message_of
from outboard.providers.sagemaker.deployable import Deployable
from outboard.providers.sagemaker.entry import tags_of
from outboard.providers.sagemaker.failure import explain_quota

VARIANT = "AllTraffic"

# Bounds of SageMaker for the two timeouts of a variant, in seconds.
_SHORTEST_S, _LONGEST_S = 60, 3_600


class Creation:
    """The making of one endpoint: its model, its configuration, itself.

    Parameters
    ----------
    aws : Aws
        The account.
    deployable : Deployable
        What the endpoint is made of.
    entry : LedgerEntry
        As planned, and written down.
    ledger : Ledger
        Told as soon as the endpoint is billed.
    startup_timeout_s : float
        How long the model may take until it can answer.
    """

    def __init__(
        self,
        aws: Aws,
        deployable: Deployable,
        *,
        entry: LedgerEntry,
        ledger: Ledger,
        startup_timeout_s: float,
    ) -> None:
        self._aws = aws
        self._deployable = deployable
        self._entry = entry
        self._ledger = ledger
        self._startup_timeout_s = startup_timeout_s
        #: True from the moment when the endpoint may begin to exist, unless AWS has refused it.
        self.in_doubt = False

    def run(self, now: float) -> None:
        """Create everything, in the order in which one thing needs another. Blocks.

        Parameters
        ----------
        now : float
            Seconds since the epoch, from which on the endpoint counts as billed.

        Raises
        ------
        CredentialsError
            If an action is not allowed; names it.
        ProviderError
            If the account's quota does not allow the instances, or AWS refuses for another
            reason. What was created is left for `tear_down`.
        """
        client = self._aws.client("sagemaker", region=self._entry.region)
        with translated(secrets=self._deployable.secrets):
            tags = tags_of(self._entry, owner=self._aws.identity.arn)
            if self._deployable.model_name is None:
                _create(
                    client.create_model,
                    **self._deployable.create_model_members(self._entry.name, tags),
                )
            _create(
                client.create_endpoint_config,
                EndpointConfigName=self._entry.name,
                ProductionVariants=[self._variant()],
                Tags=tags,
            )
            self._create_endpoint(client, tags)
        self._ledger.opened(self._entry.name, now)

    def _create_endpoint(self, client: BaseClient, tags: list[dict[str, str]]) -> None:
        self.in_doubt = True
        try:
            _create(
                client.create_endpoint,
                EndpointName=self._entry.name,
                EndpointConfigName=self._entry.name,
                Tags=tags,
            )
        except ClientError as fault:
            self.in_doubt = not _is_final(fault)
            if code_of(fault) == "ResourceLimitExceeded":
                raise explain_quota(message_of(fault), entry=self._entry) from fault
            raise

    def _variant(self) -> dict[str, Any]:
        timeout_s = int(min(max(self._startup_timeout_s, _SHORTEST_S), _LONGEST_S))
        return {
            "VariantName": VARIANT,
            "ModelName": self._deployable.model_name or self._entry.name,
            "InstanceType": self._entry.instance_type,
            "InitialInstanceCount": self._entry.instance_count,
            "InitialVariantWeight": 1.0,
            "ModelDataDownloadTimeoutInSeconds": timeout_s,
            "ContainerStartupHealthCheckTimeoutInSeconds": timeout_s,
            # Answers of a language model differ in length a hundredfold: the turn of an instance
            # says little about how busy it is.
            "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
        }


def _create(create: Callable[..., object], **members: object) -> None:
    try:
        create(**members)
    except ClientError as fault:
        # The names are ours alone: what is there already was made by an attempt of this very
        # call whose answer was lost.
        if "already exist" not in message_of(fault):
            raise


def _is_final(fault: ClientError) -> bool:
    """Return whether a refusal proves that nothing was created, nor will be."""
    answer = fault.response.get("ResponseMetadata", {})
    # An earlier attempt may have got further than the one that was refused.
    return 400 <= answer.get("HTTPStatusCode", 500) < 500 and not answer.get("RetryAttempts")
