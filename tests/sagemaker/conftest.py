"""A fake AWS for each test, which every AWS client of the test finds by itself."""

import os
from collections.abc import Iterator

import boto3
import pytest
from tests.awsfake.server import AwsFake

from outboard.providers.sagemaker.aws import Aws


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsFake]:
    """An account of the test's own, where time stands still until advanced.

    The test fails if it leaves something behind that is billed.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with AwsFake(speed=0) as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake
        fake.assert_nothing_billed()


@pytest.fixture(scope="session")
def boto_session() -> boto3.Session:
    """One session for all tests: it parses each service's description once."""
    return boto3.Session(region_name="us-east-1")


@pytest.fixture
def aws(fake: AwsFake, boto_session: boto3.Session) -> Aws:
    """The account behind `fake`."""
    return Aws(boto_session)
