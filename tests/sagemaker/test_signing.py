"""Signatures that AWS accepts, and the keys that they are made with."""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from outboard.errors import CredentialsError
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.keys import Keys
from outboard.providers.sagemaker.signing import Signer

KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
BASE = URL("https://runtime.sagemaker.us-east-1.amazonaws.com")
#: 2026-11-22, 23:59:58 UTC
LATE = datetime(2026, 11, 22, 23, 59, 58, tzinfo=UTC).timestamp()

visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
# Beyond what AWS allows in one: blanks, slashes and signs that are escaped on the wire.
endpoint_names = st.text("abcXYZ0189-_.~ /%+é", min_size=1, max_size=63)
bases = st.builds(
    lambda scheme, host, port, prefix: f"{scheme}://{host}{port}{prefix}",
    st.sampled_from(["http", "https"]),
    st.sampled_from(
        ["runtime.sagemaker.eu-west-3.amazonaws.com", "127.0.0.1", "[::1]", "VPCE-1.example.com"]
    ),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.sampled_from(["", "/stage", "/a%20b/~c", "/aws/"]),
)
header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
header_names = st.sampled_from(
    [
        "X-Amzn-SageMaker-Custom-Attributes",
        "X-Amzn-SageMaker-Inference-Component",
        "X-Amzn-SageMaker-Target-Variant",
        "x-other",
        "Accept",
    ]
)
all_keys = st.builds(ReadOnlyCredentials, visible, visible, st.none() | visible)


class Passing:
    """A clock that is set by hand."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def url_of(base: str, name: str) -> URL:
    return URL(f"{base.rstrip('/')}/endpoints/{quote(name, safe='')}/invocations", encoded=True)


@dataclass(frozen=True)
class Sent:
    """A request to sign."""

    url: URL
    headers: dict[str, str]
    body: bytes
    keys: ReadOnlyCredentials
    region: str


requests = st.builds(
    Sent,
    st.builds(url_of, bases, endpoint_names),
    st.dictionaries(header_names, header_values, max_size=2),
    st.binary(max_size=100),
    all_keys,
    st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]),
)


@settings(max_examples=1_000, deadline=None)
@given(sent=requests)
def test_signature_equals_botocores_byte_for_byte(sent: Sent) -> None:
    theirs = AWSRequest("POST", str(sent.url), headers=sent.headers, data=sent.body)
    SigV4Auth(sent.keys, "sagemaker", sent.region).add_auth(theirs)
    stamp = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ")
    clock = Passing(stamp.replace(tzinfo=UTC).timestamp())

    ours = Signer(sent.url, sent.headers, region=sent.region, clock=clock).sign(
        sent.body, sent.keys
    )

    assert ours["Authorization"] == theirs.headers["Authorization"]
    assert ours["X-Amz-Date"] == theirs.headers["X-Amz-Date"]
    assert ours.get("X-Amz-Security-Token") == theirs.headers.get("X-Amz-Security-Token")
    assert ours.items() >= sent.headers.items()


@settings(max_examples=25, deadline=None)
@given(bodies=st.lists(st.tuples(st.binary(max_size=50), all_keys, st.integers(0, 3)), min_size=2))
def test_one_signer_signs_each_request_as_a_new_one_would(
    bodies: list[tuple[bytes, ReadOnlyCredentials, int]],
) -> None:
    clock = Passing(LATE)
    signer = Signer(url_of(str(BASE), "x"), {}, region="us-east-1", clock=clock)

    for body, keys, passed_s in bodies:
        clock.now += passed_s
        fresh = Signer(url_of(str(BASE), "x"), {}, region="us-east-1", clock=clock)
        assert signer.sign(body, keys) == fresh.sign(body, keys)


def test_signing_key_changes_with_the_day() -> None:
    clock = Passing(LATE)
    signer = Signer(url_of(str(BASE), "x"), {}, region="us-east-1", clock=clock)
    before = signer.sign(b"{}", KEYS)["Authorization"]

    clock.now += 2

    after = signer.sign(b"{}", KEYS)["Authorization"]
    assert "/20261122/us-east-1/sagemaker/aws4_request," in before
    assert "/20261123/us-east-1/sagemaker/aws4_request," in after


def test_signer_shows_no_secret() -> None:
    signer = Signer(url_of(str(BASE), "x"), {}, region="us-east-1")
    signer.sign(b"{}", KEYS)

    assert KEYS.secret_key not in repr(signer)


# --- keys


class Source:
    """Where credentials come from in a test: counts how often it is asked."""

    def __init__(self, *, lifetime_s: float = 3_600.0) -> None:
        self.lifetime_s = lifetime_s
        self.asked = 0
        self.threads: set[int] = set()
        self.fault: Exception | None = None

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        self.threads.add(threading.get_ident())
        if self.fault is not None:
            raise self.fault
        expiry = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
        return {
            "access_key": f"ASIA{self.asked}",
            "secret_key": "secret",
            "token": "token",
            "expiry_time": expiry.isoformat(),
        }

    def credentials(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(
            self(), refresh_using=self, method="test"
        )


def aws_with(credentials: Credentials) -> Aws:
    session = boto3.Session(region_name="us-east-1")
    session._session._credentials = credentials
    return Aws(session)


def test_many_requests_together_look_for_keys_once_and_off_the_loop() -> None:
    source = Source(lifetime_s=60.0)  # so short that botocore renews them whenever it is asked

    async def look() -> list[ReadOnlyCredentials]:
        keys = Keys(aws_with(source.credentials()))
        source.threads.clear()
        return await asyncio.gather(*(keys.current() for _ in range(64)))

    found = asyncio.run(look())

    assert source.asked == 2  # the first to have any, the second when the keys were asked for
    assert {keys.access_key for keys in found} == {"ASIA2"}
    assert threading.get_ident() not in source.threads


def test_keys_that_need_no_renewal_stay_the_same_object() -> None:
    clock = Passing()

    async def look() -> tuple[ReadOnlyCredentials, ReadOnlyCredentials]:
        keys = Keys(aws_with(Credentials("AKID", "secret")), clock=clock)
        first = await keys.current()
        clock.now += 3_600
        return first, await keys.current()

    first, second = asyncio.run(look())

    assert first is second


def test_expiring_keys_are_looked_at_every_minute() -> None:
    clock, source = Passing(), Source(lifetime_s=60.0)

    async def look() -> list[str]:
        keys = Keys(aws_with(source.credentials()), clock=clock)
        seen = []
        for passed_s in (0.0, 59.0, 2.0, 10.0):
            clock.now += passed_s
            seen.append((await keys.current()).access_key)
        return seen

    assert asyncio.run(look()) == ["ASIA2", "ASIA2", "ASIA3", "ASIA3"]


def test_refused_keys_are_renewed_from_where_they_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared_credentials(tmp_path, monkeypatch, access_key="ASIAOLD")

    async def renew() -> tuple[str, str]:
        keys = Keys(Aws(boto3.Session(region_name="us-east-1")))
        old = await keys.current()
        path.write_text(path.read_text().replace("ASIAOLD", "ASIANEW"))
        return (await keys.renewed(old)).access_key, (await keys.current()).access_key

    assert asyncio.run(renew()) == ("ASIANEW", "ASIANEW")


def test_many_refusals_together_renew_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared_credentials(tmp_path, monkeypatch, access_key="ASIAOLD")

    async def renew() -> tuple[set[str], str]:
        keys = Keys(Aws(boto3.Session(region_name="us-east-1")), clock=Passing())
        old = await keys.current()
        path.write_text(path.read_text().replace("ASIAOLD", "ASIANEW"))
        found = await asyncio.gather(*(keys.renewed(old) for _ in range(64)))
        path.write_text(path.read_text().replace("ASIANEW", "ASIANEWER"))
        # Refused again within seconds: nobody signs in as fast as that.
        return {key.access_key for key in found}, (await keys.renewed(found[0])).access_key

    assert asyncio.run(renew()) == ({"ASIANEW"}, "ASIANEW")


def test_keys_handed_over_by_hand_are_not_replaced_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_credentials(tmp_path, monkeypatch, access_key="AKIDOFSOMEBODYELSE")

    async def renew() -> str:
        session = boto3.Session("AKIDBYHAND", "secret", region_name="us-east-1")
        keys = Keys(Aws(session))
        renewed = await keys.renewed(await keys.current())
        return str(renewed.access_key)

    assert asyncio.run(renew()) == "AKIDBYHAND"


@pytest.mark.parametrize("lifetime_s", [60.0, -60.0], ids=["source fails", "stale on arrival"])
def test_keys_that_cannot_be_renewed_end_the_job(lifetime_s: float) -> None:
    source = Source(lifetime_s=lifetime_s)
    credentials = source.credentials()
    if lifetime_s > 0:
        source.fault = RuntimeError("The SSO session has expired")

    async def look() -> None:
        await Keys(aws_with(credentials)).current()

    with pytest.raises(CredentialsError, match=r"could not be renewed: .*expired.*Sign in again"):
        asyncio.run(look())


def shared_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch, *, access_key: str) -> Path:
    """Write a credentials file as a sign-on tool keeps it, and make it the only source."""
    path = folder / "credentials"
    path.write_text(
        f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = secret\n"
        "aws_session_token = token\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return path
