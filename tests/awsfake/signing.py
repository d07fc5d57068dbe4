"""Requests signed by botocore and sent by hand, for what boto3 would not send."""

from http.client import HTTPConnection, HTTPMessage

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.awsfake.account import ACCESS_KEY, SECRET_KEY
from tests.awsfake.driver import Driver


def signed(
    method: str,
    url: str,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    token: str | None = None,
    secret_key: str = SECRET_KEY,
    service: str = "sagemaker",
    region: str = "us-east-1",
) -> dict[str, str]:
    """Return the headers of a request that botocore signed."""
    host = url.removeprefix("http://").split("/")[0]
    request = AWSRequest(method, url, {"Host": host, **(headers or {})}, body)
    credentials = Credentials(ACCESS_KEY, secret_key, token)
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


def send_signed(
    fake: Driver,
    path: str,
    body: bytes,
    headers: dict[str, str],
    *,
    method: str = "POST",
    service: str = "sagemaker",
) -> tuple[int, HTTPMessage, bytes]:
    """Return status, headers and body of the answer to a signed request."""
    sent = signed(method, fake.url + path, body, headers, service=service)
    connection = HTTPConnection(sent["Host"], timeout=30)
    try:
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
