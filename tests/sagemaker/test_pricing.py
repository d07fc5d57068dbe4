"""What instances cost by the hour, from whichever source knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from tests.awsfake.server import AwsFake
from tests.price_list_server import PriceListServer, price_row

from outboard.config import DeploymentConfig
from outboard.pricing import Hosting, Price, api_region, hosting_price
from outboard.pricing.price_list import FRESH_S, price_list
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.price import hosting_of

NOW = 1_800_000_000.0
ROWS = {
    "us-east-1": [
        price_row("ml.g9.xlarge", 3.5),
        price_row("ml.g9.xlarge", 2.5, Component="Training"),
        price_row("ml.g9.xlarge", 0.0),
        price_row("ml.g9.xlarge", 1.1, TermType="Reserved"),
        price_row("ml.g9.xlarge", 99.0, Unit="GB-Mo"),
        price_row("ml.g9.xlarge", 25.0, Currency="CNY"),
    ]
}


@pytest.fixture
def lists() -> Iterator[PriceListServer]:
    with PriceListServer(ROWS) as server:
        yield server


@pytest.fixture
def client(aws: Aws) -> Any:
    """The Price List API of the fake AWS, which has no public price lists beside it."""
    return aws.client("pricing", config=Config(retries={"total_max_attempts": 1}))


def listed(lists: PriceListServer, cache_dir: Path, *, now: float = NOW) -> Any:
    return price_list(lists.url, "us-east-1", cache_dir=cache_dir, ca_bundle=None, now=now)


def test_price_comes_from_the_price_list_api(client: Any, tmp_path: Path) -> None:
    price = hosting_price("ml.g5.12xlarge", "us-east-1", client=client, cache_dir=tmp_path)

    assert price == Price(usd_per_hour=7.09, region="us-east-1", source="pricing api")
    assert str(price) == "$7.09/h (pricing api)"


def test_table_of_the_package_knows_what_the_api_does_not(client: Any, tmp_path: Path) -> None:
    price = hosting_price("ml.p5.48xlarge", "us-east-1", client=client, cache_dir=tmp_path)

    assert price is not None
    assert price.usd_per_hour == 63.296
    assert price.source == "table of 2026-09-04"


def test_table_of_the_package_is_for_its_own_region(client: Any, tmp_path: Path) -> None:
    assert hosting_price("ml.g5.xlarge", "eu-west-3", client=client, cache_dir=tmp_path) is None


def test_price_that_nobody_knows_is_none(client: Any, tmp_path: Path) -> None:
    assert hosting_price("ml.z1.xlarge", "us-east-1", client=client, cache_dir=tmp_path) is None


def test_who_may_not_ask_gets_the_price_elsewhere(
    fake: AwsFake, client: Any, tmp_path: Path
) -> None:
    fake.deny("pricing:GetProducts")

    price = hosting_price("ml.g5.12xlarge", "us-east-1", client=client, cache_dir=tmp_path)

    assert price is not None
    assert price.source.startswith("table of ")


def test_price_list_stands_behind_the_api(
    lists: PriceListServer, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", lists.url)  # which has no API
    aws = Aws()
    client = aws.client("pricing", config=Config(retries={"total_max_attempts": 1}))

    price = hosting_price("ml.g9.xlarge", "us-east-1", client=client, cache_dir=tmp_path)

    assert price == Price(usd_per_hour=3.5, region="us-east-1", source="price list of 2026-11-03")


def test_only_on_demand_hosting_by_the_hour_counts(lists: PriceListServer, tmp_path: Path) -> None:
    found = listed(lists, tmp_path)

    assert found.usd_per_hour == {"ml.g9.xlarge": 3.5}
    assert found.published == "2026-11-03"


def test_price_list_is_fetched_once_in_thirty_days(lists: PriceListServer, tmp_path: Path) -> None:
    first = listed(lists, tmp_path)
    again = listed(lists, tmp_path, now=NOW + FRESH_S - 1)
    later = listed(lists, tmp_path, now=NOW + FRESH_S)

    assert first == again
    assert len(lists.served) == 2
    assert later.fetched_at == NOW + FRESH_S


def test_price_list_from_the_future_is_fetched_anew(lists: PriceListServer, tmp_path: Path) -> None:
    listed(lists, tmp_path, now=NOW + 1_000)

    listed(lists, tmp_path)

    assert len(lists.served) == 2


def test_old_price_list_is_better_than_none(lists: PriceListServer, tmp_path: Path) -> None:
    fetched = listed(lists, tmp_path)

    found = price_list(
        "http://127.0.0.1:9", "us-east-1", cache_dir=tmp_path, ca_bundle=None, now=NOW + 2 * FRESH_S
    )

    assert found == fetched


def test_damaged_file_of_prices_is_fetched_anew(lists: PriceListServer, tmp_path: Path) -> None:
    listed(lists, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text('{"published": ')

    found = listed(lists, tmp_path)

    assert found.usd_per_hour == {"ml.g9.xlarge": 3.5}
    assert len(lists.served) == 2


def test_price_list_cut_short_is_not_taken_for_whole(tmp_path: Path) -> None:
    rows = {"us-east-1": [price_row(f"ml.g{n}.xlarge", 1.0) for n in range(1_000)]}
    with PriceListServer(rows, missing_bytes=5_000) as lists:
        found = listed(lists, tmp_path)

    assert found is None
    assert list(tmp_path.iterdir()) == []


def test_region_without_a_price_list_has_none(lists: PriceListServer, tmp_path: Path) -> None:
    found = price_list(lists.url, "mars-1", cache_dir=tmp_path, ca_bundle=None, now=NOW)

    assert found is None


def test_price_list_without_hosting_prices_is_none(tmp_path: Path) -> None:
    rows = {"us-east-1": [price_row("ml.g9.xlarge", 1.0, Component="Training")]}
    with PriceListServer(rows) as lists:
        assert listed(lists, tmp_path) is None


def test_price_list_that_cannot_be_kept_is_still_told(
    lists: PriceListServer, tmp_path: Path
) -> None:
    found = listed(lists, tmp_path / "no such folder")

    assert found.usd_per_hour == {"ml.g9.xlarge": 3.5}


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ("us-west-2", "us-east-1"),
        ("eu-west-3", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("cn-north-1", "cn-northwest-1"),
        ("sa-east-1", "us-east-1"),
        ("us-gov-west-1", "us-east-1"),
    ],
)
def test_api_is_asked_at_the_nearest_place(region: str, place: str) -> None:
    assert api_region(region) == place


def test_hosting_multiplies_the_price_by_the_instances(aws: Aws, tmp_path: Path) -> None:
    deployment = DeploymentConfig(instance_type="ml.g5.2xlarge", instance_count=3)

    hosting = hosting_of(aws, deployment, cache_dir=tmp_path)

    assert hosting.usd_per_hour == pytest.approx(3 * 1.515)
    assert str(hosting) == "3 x ml.g5.2xlarge at $1.51/h (pricing api)"


def test_hosting_without_a_price_says_so() -> None:
    hosting = Hosting(instance_type="ml.z1.xlarge", instance_count=1, price=None)

    assert hosting.usd_per_hour is None
    assert str(hosting) == "ml.z1.xlarge at an unknown price"
