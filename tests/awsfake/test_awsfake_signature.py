"""Signatures: botocore's own are accepted, anything else is refused in AWS's words."""

import asyncio
import re
import string
from typing import Any
from urllib.parse import quote

import aiohttp
import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from tests.awsfake.account import ACCESS_KEY, Account
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, serve
from tests.awsfake.server import AwsFake
from tests.awsfake.signature import RawRequest, verify
from tests.awsfake.signing import signed
from tests.awsfake.wire import AuthError
from yarl import URL

HOST = "http://127.0.0.1:8080"
BODY = b'{"inputs": "Why is the sky blue?", "parameters": {"max_new_tokens": 40}}'


def raw(method: str, url: str, body: bytes, headers: dict[str, str]) -> RawRequest:
    target = url[len(HOST) :] or "/"
    return RawRequest(method=method, target=target, headers=tuple(headers.items()), body=body)


def refusal(request: RawRequest, **settings: Any) -> AuthError:
    with pytest.raises(AuthError) as caught:
        verify(request, Account(), service="sagemaker", **settings)
    return caught.value


segments = st.text("abcXYZ019-_.~%20+:@!$&'()*,;= é", max_size=12)
values = st.text(string.ascii_letters + string.digits + " -_=;,./:+", max_size=30)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(segments, max_size=4),
    query=st.dictionaries(st.text("abc-_.é &=", min_size=1, max_size=8), segments, max_size=3),
    headers=st.dictionaries(
        st.sampled_from(
            ["Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "X-Amz-Meta"]
        ),
        values,
    ),
    body=st.binary(max_size=200),
)
def test_every_request_that_botocore_signs_is_accepted(
    method: str, path: list[str], query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    asked = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
    url = HOST + "/" + "/".join(quote(s, safe="~") for s in path) + (f"?{asked}" if asked else "")
    sent = signed(method, url, body, headers)

    credential = verify(raw(method, url, body, sent), Account(), service="sagemaker")

    assert credential.access_key == ACCESS_KEY


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_changed_byte_of_the_body_is_noticed(position: int, flip: int) -> None:
    url = f"{HOST}/endpoints/outboard-1/invocations"
    sent = signed("POST", url, BODY)
    changed = bytearray(BODY)
    changed[position] ^= flip

    error = refusal(raw("POST", url, bytes(changed), sent))

    assert error.code == "InvalidSignatureException"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"target": "/endpoints/outboard-2/invocations"},
        {"target": "/endpoints/outboard-1/invocations?x=1"},
    ],
)
def test_changed_request_line_is_noticed(change: dict[str, Any]) -> None:
    url = f"{HOST}/endpoints/outboard-1/invocations"
    request = raw("POST", url, BODY, signed("POST", url, BODY))

    error = refusal(RawRequest(**(vars(request) | change)))

    assert error.code == "InvalidSignatureException"
    assert "does not match the signature you provided" in str(error.message)


def test_changed_signed_header_is_noticed() -> None:
    sent = signed("POST", f"{HOST}/", BODY, {"Content-Type": "application/json"})

    error = refusal(raw("POST", f"{HOST}/", BODY, sent | {"Content-Type": "text/csv"}))

    assert error.code == "InvalidSignatureException"


def test_amazon_header_that_is_not_signed_is_refused() -> None:
    sent = signed("POST", f"{HOST}/", BODY)

    error = refusal(raw("POST", f"{HOST}/", BODY, sent | {"X-Amz-Target": "SageMaker.Delete"}))

    assert "'x-amz-target' must be a 'SignedHeader'" in str(error.message)


def test_request_without_signature_is_refused() -> None:
    error = refusal(raw("POST", f"{HOST}/", BODY, {"Host": "127.0.0.1:8080"}))

    assert (error.code, error.message) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("Bearer abc", "requires 'Credential' parameter"),
        ("AWS4-HMAC-SHA256 Credential=A/B, SignedHeaders=host", "requires 'Signature' parameter"),
        (
            "AWS4-HMAC-SHA256 Credential=A/B, SignedHeaders=host, Signature=0",
            "exactly 5 slash-delimited elements",
        ),
    ],
)
def test_half_an_authorization_header_is_refused(authorization: str, message: str) -> None:
    error = refusal(raw("POST", f"{HOST}/", BODY, {"Authorization": authorization}))

    assert error.code == "IncompleteSignatureException"
    assert message in str(error.message)


def test_request_without_a_date_is_refused() -> None:
    sent = signed("POST", f"{HOST}/", BODY)
    del sent["X-Amz-Date"]

    error = refusal(raw("POST", f"{HOST}/", BODY, sent))

    assert (error.code, "Date must be in ISO-8601" in str(error.message)) == (
        "IncompleteSignatureException",
        True,
    )


def test_date_must_be_that_of_the_scope() -> None:
    sent = signed("POST", f"{HOST}/", BODY)

    error = refusal(raw("POST", f"{HOST}/", BODY, sent | {"X-Amz-Date": "20200101T000000Z"}))

    assert "Date in Credential scope does not match" in str(error.message)


def test_scope_must_end_as_it_should() -> None:
    sent = signed("POST", f"{HOST}/", BODY)
    broken = sent["Authorization"].replace("aws4_request", "aws5_request")

    error = refusal(raw("POST", f"{HOST}/", BODY, sent | {"Authorization": broken}))

    assert "valid terminator: 'aws4_request', not 'aws5_request'" in str(error.message)


def test_dots_in_a_path_are_resolved_before_it_is_judged() -> None:
    url = f"{HOST}/a/./b/../endpoints//x/"
    request = raw("POST", url, BODY, signed("POST", url, BODY))

    assert verify(request, Account(), service="sagemaker").access_key == ACCESS_KEY


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"region": "eu-west-1"}, "scoped to a valid region, not 'eu-west-1'"),
        ({"service": "bedrock"}, "scoped to correct service: 'sagemaker'"),
        ({"secret_key": "wrong"}, "does not match the signature you provided"),
    ],
)
def test_signature_for_something_else_is_refused(settings: dict[str, Any], message: str) -> None:
    sent = signed("POST", f"{HOST}/", BODY, **settings)

    error = refusal(raw("POST", f"{HOST}/", BODY, sent))

    assert error.code == "InvalidSignatureException"
    assert message in str(error.message)


@pytest.mark.parametrize(
    ("skew_s", "message"),
    [
        (400.0, r"Signature expired: \w+ is now earlier than \w+ \(\w+ - 5 min\.\)"),
        (-400.0, r"Signature not yet current: \w+ is still later than \w+ \(\w+ \+ 5 min\.\)"),
    ],
)
def test_clocks_more_than_five_minutes_apart_are_told(skew_s: float, message: str) -> None:
    sent = signed("POST", f"{HOST}/", BODY)

    error = refusal(raw("POST", f"{HOST}/", BODY, sent), skew_s=skew_s)

    assert error.code == "InvalidSignatureException"
    assert re.fullmatch(message, str(error.message))


@pytest.mark.parametrize("token", [None, "stolen"])
def test_session_key_needs_its_own_token(token: str | None) -> None:
    account = Account()
    session = account.open_session(60)
    request = AWSRequest("POST", f"{HOST}/", {"Host": "127.0.0.1:8080"}, BODY)
    credentials = Credentials(session.access_key, session.secret_key, token)
    SigV4Auth(credentials, "sagemaker", "us-east-1").add_auth(request)

    with pytest.raises(AuthError) as caught:
        verify(
            raw("POST", f"{HOST}/", BODY, dict(request.headers.items())),
            account,
            service="sagemaker",
        )

    assert caught.value.code == "UnrecognizedClientException"


def invoke_raw(fake: AwsFake, body: bytes, headers: dict[str, str]) -> tuple[int, Any, Any]:
    async def send() -> tuple[int, Any, Any]:
        url = URL(f"{fake.url}/endpoints/{NAME}/invocations", encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            return response.status, response.headers, await response.json()

    return asyncio.run(send())


def test_signed_request_of_aiohttp_is_answered(fake: AwsFake, sagemaker: Any) -> None:
    serve(fake, sagemaker)
    url = f"{fake.url}/endpoints/{NAME}/invocations"
    headers = signed("POST", url, BODY, {"Content-Type": "application/json"})

    status, _, answer = invoke_raw(fake, BODY, headers)

    assert status == 200
    assert answer["generated_text"]


def test_flipped_byte_is_refused_with_403(fake: AwsFake, sagemaker: Any) -> None:
    serve(fake, sagemaker)
    url = f"{fake.url}/endpoints/{NAME}/invocations"
    headers = signed("POST", url, BODY, {"Content-Type": "application/json"})

    status, got, answer = invoke_raw(fake, BODY.replace(b"sky", b"sea"), headers)

    assert status == 403
    assert got["x-amzn-ErrorType"].startswith("InvalidSignatureException:http://")
    assert "does not match the signature" in answer["message"]
    assert fake.seen()["prompts"] == {}


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("sagemaker", "list_endpoints", "UnrecognizedClientException", 400),
        ("scheduler", "list_schedules", "UnrecognizedClientException", 403),
        ("sts", "get_caller_identity", "InvalidClientTokenId", 403),
        ("logs", "describe_log_streams", "UnrecognizedClientException", 400),
    ],
)
def test_unknown_key_is_refused_in_the_words_of_each_protocol(
    make_client: MakeClient, service: str, operation: str, code: str, status: int
) -> None:
    client = make_client(service, aws_access_key_id="AKIANOBODYKNOWSTHIS0")
    given = {"logGroupName": "x"} if service == "logs" else {}

    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**given)

    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_session_is_accepted_until_it_expires(fake: AwsFake, make_client: MakeClient) -> None:
    session = fake.session()
    client = make_client(
        "sagemaker",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["Token"],
    )
    client.list_endpoints()

    fake.expire(session["AccessKeyId"])
    with pytest.raises(ClientError) as caught:
        client.list_endpoints()

    assert caught.value.response["Error"] == {
        "Code": "ExpiredTokenException",
        "Message": "The security token included in the request is expired",
    }


def test_skew_of_the_server_is_told(fake: AwsFake, sagemaker: Any) -> None:
    fake.skew(600)

    with pytest.raises(ClientError, match="Signature expired"):
        sagemaker.list_endpoints()


def test_credentials_that_expire_are_fetched_anew(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in fake.refreshing_environment(lifetime_s=60).items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    credentials = session.get_credentials()

    # A minute is less than botocore wants to have left: it asks again each time.
    keys = {credentials.get_frozen_credentials().access_key for _ in range(2)}
    identity = session.client("sts").get_caller_identity()

    assert len(keys) == 2
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/tester/session"
