"""A fake AWS for each test, and real clients to it."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.awsfake.account import ACCESS_KEY, SECRET_KEY
from tests.awsfake.server import AwsFake

#: Makes a boto3 client of a service.
MakeClient = Callable[..., Any]


@pytest.fixture
def fake() -> Iterator[AwsFake]:
    """An account of the test's own, where time stands still until advanced."""
    with AwsFake(speed=0) as fake:
        yield fake


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """One session: it parses each service's description once."""
    return boto3.Session(region_name="us-east-1")


@pytest.fixture
def make_client(fake: AwsFake, session: boto3.Session) -> MakeClient:
    """Return clients of botocore as it is, but for its retries."""

    def make(service: str, **settings: Any) -> Any:
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, max_pool_connections=32
        )
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        given = {"endpoint_url": fake.url, "config": config, **keys, **settings}
        return session.client(service, **given)

    return make


@pytest.fixture
def sagemaker(make_client: MakeClient) -> Any:
    """SageMaker's control plane."""
    return make_client("sagemaker")


@pytest.fixture
def runtime(make_client: MakeClient) -> Any:
    """SageMaker's invocations."""
    return make_client("sagemaker-runtime")
