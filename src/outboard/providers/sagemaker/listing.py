"""Finds the endpoints that outboard has created, by what AWS has of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from outboard.providers.sagemaker.aws import Aws, translated
from outboard.providers.sagemaker.aws_error import is_not_found
from outboard.providers.sagemaker.entry import CREATED_TAG, JOB_TAG, PREFIX, expiry_of, moment_of


@dataclass(frozen=True, kw_only=True)
class TaggedEndpoint:
    """An endpoint with our name and our tags."""

    name: str
    region: str
    #: As AWS has it, e.g. ``"InService"``.
    status: str
    job_id: str
    #: Seconds since the epoch.
    created_at: float
    expires_at: float


def list_ours(aws: Aws, *, region: str) -> Iterator[TaggedEndpoint]:
    """Yield every endpoint of the account in a region that outboard has created. Blocks.

    The name alone proves nothing: the tags have to say so, too.

    Raises
    ------
    CredentialsError
        If we may not list endpoints, or look at their tags.
    ProviderError
        If AWS cannot be asked.
    """
    client = aws.client("sagemaker", region=region)
    with translated():
        for page in client.get_paginator("list_endpoints").paginate(NameContains=PREFIX):
            for endpoint in page["Endpoints"]:
                if not endpoint["EndpointName"].startswith(PREFIX):
                    continue
                tags = _tags(client, endpoint["EndpointArn"])
                expires_at = expiry_of(tags)
                if expires_at is None:
                    continue
                yield TaggedEndpoint(
                    name=endpoint["EndpointName"],
                    region=region,
                    status=endpoint["EndpointStatus"],
                    job_id=tags[JOB_TAG],
                    created_at=moment_of(tags, CREATED_TAG) or endpoint["CreationTime"].timestamp(),
                    expires_at=expires_at,
                )


def instances_of(aws: Aws, endpoint_name: str, *, region: str) -> tuple[str, int] | None:
    """Return type and number of an endpoint's instances, if AWS tells. Blocks."""
    client = aws.client("sagemaker", region=region)
    try:
        # What outboard creates has one name.
        config = client.describe_endpoint_config(EndpointConfigName=endpoint_name)
    except ClientError:
        return None
    variant = config["ProductionVariants"][0]
    return variant.get("InstanceType", "unknown"), variant.get("InitialInstanceCount", 1)


def _tags(client: Any, arn: str) -> dict[str, str]:  # noqa: ANN401 - botocore's are untyped
    try:
        pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    except ClientError as fault:
        if is_not_found(fault):  # deleted since it was listed
            return {}
        raise
