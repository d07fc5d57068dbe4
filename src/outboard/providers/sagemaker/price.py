"""What the instances of a deployment cost."""

from pathlib import Path

from botocore.config import Config

from outboard.config import DeploymentConfig
from outboard.pricing import Hosting, api_region, hosting_price
from outboard.providers.sagemaker.aws import Aws

# It is asked before anything runs, and there are other sources: nobody should wait for it.
_IMPATIENT = Config(
    retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=3, read_timeout=5
)


def hosting_of(aws: Aws, deployment: DeploymentConfig, *, cache_dir: Path) -> Hosting:
    """Return the instances that a deployment asks for, with their price if it is known. Blocks.

    Parameters
    ----------
    aws : Aws
        The account and the region.
    deployment : DeploymentConfig
        What is asked for.
    cache_dir : Path
        Folder that keeps the public price list.
    """
    client = aws.client("pricing", region=api_region(aws.region), config=_IMPATIENT)
    return Hosting(
        instance_type=deployment.instance_type,
        instance_count=deployment.instance_count,
        price=hosting_price(
            deployment.instance_type,
            aws.region,
            client=client,
            cache_dir=cache_dir,
            ca_bundle=aws.ca_bundle,
        ),
    )
