"""The instances that a deployment asks for, held against what there is."""

import difflib
import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from outboard.errors import ConfigError, ProviderError
from outboard.providers.sagemaker.aws import PROVIDER, Aws

# An account has thousands of quotas, listed 100 at a time. What cannot be known by then,
# CreateEndpoint will tell.
_QUOTA_TIMEOUT_S = 5.0
_MOST_SHOWN = 5


def refuse_unknown_type(aws: Aws, instance_type: str) -> None:
    """Raise if SageMaker has no such instance type for endpoints, as far as botocore knows.

    Raises
    ------
    ConfigError
        Names the nearest types.
    """
    # botocore's own list: it ages no faster than the client that sends the request.
    shape = aws.sagemaker.meta.service_model.shape_for("ProductionVariantInstanceType")
    if instance_type in shape.enum:
        return
    nearest = difflib.get_close_matches(instance_type, shape.enum, n=_MOST_SHOWN)
    raise ConfigError(
        f"SageMaker has no instance type {instance_type!r} for endpoints."
        + (f" The nearest are {', '.join(nearest)}." if nearest else "")
        + " For a type that is newer than your boto3, upgrade boto3.",
        field="instance_type",
    )


def refuse_small_quota(aws: Aws, instance_type: str, instance_count: int) -> None:
    """Raise if the account may not run that many instances, where it lets us know.

    Raises
    ------
    ProviderError
        Says how to ask for more.
    """
    quota = endpoint_quota(aws, instance_type)
    if quota is None or quota.instances >= instance_count:
        return
    raise ProviderError(
        f"The quota {quota.name!r} of account {aws.identity.account_id} is {quota.instances:g} in "
        f"{aws.region}, and {instance_count} would be needed. Ask for more at {quota.url}, or pass "
        "another instance_type.",
        provider=PROVIDER,
    )


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How many instances of one type the account may use for endpoints."""

    name: str
    instances: float
    #: Where to ask for more.
    url: str


def endpoint_quota(aws: Aws, instance_type: str) -> Quota | None:
    """Return the quota of an instance type; None if it cannot be told, or not in time. Blocks."""
    name = f"{instance_type} for endpoint usage"
    console = f"https://console.aws.amazon.com/servicequotas/home?region={aws.region}"
    deadline = time.monotonic() + _QUOTA_TIMEOUT_S
    try:
        pages = aws.client("service-quotas").get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode="sagemaker", PaginationConfig={"PageSize": 100}):
            for quota in page["Quotas"]:
                if quota["QuotaName"] == name:
                    url = f"{console}#!/services/sagemaker/quotas/{quota['QuotaCode']}"
                    return Quota(name=name, instances=quota["Value"], url=url)
            if time.monotonic() > deadline:
                return None
    except (ClientError, BotoCoreError):
        return None  # it is a courtesy to know, and many may not ask
    return None
