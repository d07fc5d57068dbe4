"""Hosting prices from AWS's Price List API."""

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.client import BaseClient

logger = logging.getLogger(__name__)

# Each of the three places tells the prices of all regions.
_PLACES = {
    "ap": "ap-south-1",
    "cn": "cn-northwest-1",
    "eu": "eu-central-1",
    "il": "eu-central-1",
    "me": "eu-central-1",
}


def api_region(region: str) -> str:
    """Return the region that a client of the service ``"pricing"`` is to be made for.

    The service is at three places only; this is the one near `region`.
    """
    return _PLACES.get(region.split("-", maxsplit=1)[0], "us-east-1")


def find_price(client: "BaseClient", instance_type: str, region: str) -> float | None:
    """Return the price of one hosting instance in US dollars an hour; None if it is not told.

    Parameters
    ----------
    client : botocore.client.BaseClient
        Of the service ``"pricing"``.
    instance_type, region : str
        What is asked for.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = {"regionCode": region, "instanceName": instance_type, "component": "Hosting"}
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()
    ]
    try:
        pages = client.get_paginator("get_products").paginate(
            ServiceCode="AmazonSageMaker", Filters=filters
        )
        products = [json.loads(text) for page in pages for text in page["PriceList"]]
    except (BotoCoreError, ClientError, ValueError) as fault:
        # Many may not ask, and other sources know it, too.
        logger.info("The Price List API tells no price of %s: %s", instance_type, fault)
        return None
    # Should there be several, the job must not cost more than what was said.
    return max((usd for product in products for usd in _on_demand(product)), default=None)


def _on_demand(product: dict[str, Any]) -> Iterator[float]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            usd = float(dimension.get("pricePerUnit", {}).get("USD", 0))  # China has yuan
            if dimension.get("unit") == "Hrs" and usd > 0:
                yield usd
