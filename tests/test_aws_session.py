"""Which of a notebook's AWS settings its processes cannot find by themselves."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import RefreshableCredentials

from outboard.aws_session import adopt_session, pack_session
from outboard.errors import CredentialsError

KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not-a-real-one"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own settings, and no default session yet."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = tmp_path / "config"
    settings.write_text("[profile work]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def packed() -> dict[str, Any] | None:
    """Return what would be handed over."""
    found = pack_session()
    return None if found is None else json.loads(found)


def refreshing(method: str, *, expires_in_s: float = 3_600.0, refresh: Any = None) -> boto3.Session:
    """Return a session whose credentials renew themselves by code."""
    session = boto3.Session()
    expires_at = datetime.now(UTC) + timedelta(seconds=expires_in_s)
    session._session._credentials = RefreshableCredentials(
        "access", "secret", "token", expires_at, refresh, method
    )
    return session


def test_nothing_is_handed_over_without_a_default_session() -> None:
    assert pack_session() is None


def test_session_that_boto3_made_by_itself_is_found_again_and_not_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    monkeypatch.setenv("AWS_PROFILE", "work")
    boto3.client("s3")

    assert boto3.DEFAULT_SESSION is not None
    assert pack_session() is None


def test_keys_set_in_code_are_handed_over() -> None:
    boto3.setup_default_session(**KEYS, aws_session_token="token", region_name="eu-west-1")

    assert packed() == KEYS | {"aws_session_token": "token", "region_name": "eu-west-1"}


def test_profile_chosen_in_code_is_handed_over_by_its_name() -> None:
    boto3.setup_default_session(profile_name="work")

    assert packed() == {"profile_name": "work"}


def test_keys_that_the_users_code_renews_are_handed_over_as_they_are_now() -> None:
    boto3.DEFAULT_SESSION = refreshing("sts-assume-role")

    assert packed() == {
        "aws_access_key_id": "access",
        "aws_secret_access_key": "secret",
        "aws_session_token": "token",
    }


def test_keys_that_another_process_can_renew_are_left_to_it() -> None:
    boto3.DEFAULT_SESSION = refreshing("iam-role")

    assert pack_session() is None


def test_keys_that_can_no_longer_be_renewed_are_an_error() -> None:
    def refuse() -> dict[str, str]:
        return {
            "access_key": "a",
            "secret_key": "b",
            "token": "c",
            "expiry_time": datetime.now(UTC).isoformat(),  # expired as it comes
        }

    boto3.DEFAULT_SESSION = refreshing("mine", expires_in_s=0.0, refresh=refuse)

    with pytest.raises(CredentialsError, match="default session cannot be read"):
        pack_session()


def test_adopted_session_is_the_default_one() -> None:
    boto3.setup_default_session(**KEYS, region_name="eu-west-1")
    handed_over = pack_session()
    boto3.DEFAULT_SESSION = None
    assert handed_over is not None

    adopt_session(handed_over)

    session = boto3.DEFAULT_SESSION
    assert session.region_name == "eu-west-1"
    assert session.get_credentials().secret_key == "not-a-real-one"
    assert pack_session() == handed_over  # a process may hand it on
