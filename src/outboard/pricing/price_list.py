"""Hosting prices from the public price list of a region, which needs no account."""

import csv
import io
import json
import logging
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

#: How long a price list is taken for new, in seconds.
FRESH_S = 30 * 86_400.0

# It has tens of megabytes, of which every row is looked at once in a month.
_DEADLINE_S = 20.0
_SILENCE_S = 4.0
_PATH = "/offers/v1.0/aws/AmazonSageMaker/current/{region}/index.csv"


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """What hosting costs in one region."""

    #: Day of publication, ``YYYY-MM-DD``.
    published: str
    #: Instance type -> US dollars an hour.
    usd_per_hour: dict[str, float]
    #: When it was fetched, in seconds since the epoch.
    fetched_at: float


def price_list(
    address: str, region: str, *, cache_dir: Path, ca_bundle: str | None, now: float
) -> PriceList | None:
    """Return the price list of a region, fetched if the one at hand is old; None if there is none.

    Parameters
    ----------
    address : str
        Where price lists are, e.g. ``"https://pricing.us-east-1.amazonaws.com"``.
    region : str
        Whose prices.
    cache_dir : Path
        Folder that keeps it.
    ca_bundle : str or None
        File of certificates to trust instead of the system's.
    now : float
        Seconds since the epoch.
    """
    path = cache_dir / f"sagemaker-prices-{region}.json"
    kept = _read(path)
    if kept is not None and 0 <= now - kept.fetched_at < FRESH_S:
        return kept
    try:
        fetched = _fetch(address + _PATH.format(region=region), ca_bundle=ca_bundle, now=now)
    except (OSError, HTTPException, ValueError, KeyError, csv.Error) as fault:
        logger.info("The public price list of %s cannot be had: %s", region, fault)
        return kept  # an old list says how old it is, and is still newer than the table
    _write(path, fetched)
    return fetched


def _fetch(url: str, *, ca_bundle: str | None, now: float) -> PriceList:
    trust = ssl.create_default_context(cafile=ca_bundle)
    with urllib.request.urlopen(url, timeout=_SILENCE_S, context=trust) as answer:  # noqa: S310
        rows = csv.reader(io.TextIOWrapper(answer, encoding="utf-8", newline=""))
        found = _parse(_until(rows, time.monotonic() + _DEADLINE_S), now)
        # Reading by lines takes a body that was cut short for a whole one.
        if answer.length:
            raise ValueError(f"{answer.length} bytes are missing")
    return found


def _until(rows: Iterator[list[str]], deadline: float) -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        if number % 1_000 == 0 and time.monotonic() > deadline:
            raise TimeoutError(f"not read within {_DEADLINE_S:g} s")
        yield row


def _parse(rows: Iterator[list[str]], now: float) -> PriceList:
    """Read a list: some rows about itself, the names of the columns, then a row for each price."""
    about: dict[str, str] = {}
    columns: list[str] = []
    for row in rows:
        if row and row[0] == "SKU":
            columns = row
            break
        about |= {row[0]: row[1]} if len(row) == 2 else {}
    prices: dict[str, float] = {}
    for row in rows:
        cell = dict(zip(columns, row, strict=False))
        if (cell["Component"], cell["TermType"], cell["Unit"]) != ("Hosting", "OnDemand", "Hrs"):
            continue
        usd = float(cell["PricePerUnit"]) if cell["Currency"] == "USD" else 0.0
        if usd > 0:
            name = cell["Instance Name"]
            prices[name] = max(usd, prices.get(name, 0.0))
    if not prices:
        raise ValueError("it lists no hosting price")
    return PriceList(published=about["Publication Date"][:10], usd_per_hour=prices, fetched_at=now)


def _read(path: Path) -> PriceList | None:
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        return PriceList(**values)
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, prices: PriceList) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(asdict(prices), file)
        Path(file.name).replace(path)  # whole or not at all: others may be reading
    except OSError as fault:
        logger.warning("The price list cannot be kept: %s", fault)
