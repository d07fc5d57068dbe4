"""What an instance that serves a model costs by the hour."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from outboard.pricing.price_api import api_region, find_price
from outboard.pricing.price_list import price_list
from outboard.pricing.price_table import PUBLISHED, USD_PER_HOUR

if TYPE_CHECKING:
    from botocore.client import BaseClient

__all__ = ["Hosting", "Price", "api_region", "hosting_price"]


@dataclass(frozen=True, kw_only=True)
class Price:
    """The on-demand price of one hosting instance."""

    usd_per_hour: float
    region: str
    #: Where it was found: ``"pricing api"``, ``"price list of 2026-09-04"`` or ``"table of ..."``.
    source: str

    def __str__(self) -> str:
        return f"${self.usd_per_hour:,.2f}/h ({self.source})"


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """The instances that are rented for a model."""

    instance_type: str
    instance_count: int
    #: Of one instance; None if unknown.
    price: Price | None

    @property
    def usd_per_hour(self) -> float | None:
        """The price of all instances together; None if unknown."""
        return None if self.price is None else self.price.usd_per_hour * self.instance_count

    def __str__(self) -> str:
        price = "an unknown price" if self.price is None else str(self.price)
        count = "" if self.instance_count == 1 else f"{self.instance_count} x "
        return f"{count}{self.instance_type} at {price}"


def hosting_price(
    instance_type: str,
    region: str,
    *,
    client: "BaseClient",
    cache_dir: Path,
    ca_bundle: str | None = None,
    now: Callable[[], float] = time.time,
) -> Price | None:
    """Return what an instance costs on demand, from the best source that knows; it blocks.

    Sources are AWS's Price List API, the public price list of the region, which needs no
    permission and is kept for 30 days, then a table in this package.

    Parameters
    ----------
    instance_type : str
        E.g. ``"ml.g5.12xlarge"``.
    region : str
        Where it is to run.
    client : botocore.client.BaseClient
        Of the service ``"pricing"``, in `api_region(region)`. Its address is that of the public
        price list, too, where it is not AWS's own.
    cache_dir : Path
        Folder for the price list.
    ca_bundle : str, optional
        File of certificates to trust instead of the system's.
    now : callable
        The time in seconds since the epoch.

    Returns
    -------
    Price or None
        None if no source knows it. It is never guessed.
    """
    usd = find_price(client, instance_type, region)
    if usd is not None:
        return Price(usd_per_hour=usd, region=region, source="pricing api")
    address = client.meta.endpoint_url.replace("//api.pricing.", "//pricing.")
    listed = price_list(address, region, cache_dir=cache_dir, ca_bundle=ca_bundle, now=now())
    if listed is not None and instance_type in listed.usd_per_hour:
        usd, source = listed.usd_per_hour[instance_type], f"price list of {listed.published}"
        return Price(usd_per_hour=usd, region=region, source=source)
    usd = USD_PER_HOUR.get(region, {}).get(instance_type)
    if usd is not None:
        return Price(usd_per_hour=usd, region=region, source=f"table of {PUBLISHED}")
    return None
