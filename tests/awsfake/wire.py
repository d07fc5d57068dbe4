"""How AWS's protocols put answers on the wire."""

import json
from typing import Any, Literal
from uuid import uuid4
from xml.sax.saxutils import escape

from aiohttp import web

Json = dict[str, Any]
#: ``json``: JSON 1.1 with X-Amz-Target; ``rest``: REST JSON; ``query``: forms and XML.
Protocol = Literal["json", "rest", "query"]

_STS = "https://sts.amazonaws.com/doc/2011-06-15/"
# The query protocol has older names for the same refusals.
_QUERY_CODES = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ExpiredTokenException": "ExpiredToken",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "AccessDeniedException": "AccessDenied",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "ThrottlingException": "Throttling",
}
# Added by the service's front door to what it refuses itself. botocore cuts it off again.
_FRONT_DOOR = ":http://internal.amazon.com/coral/com.amazon.coral.service/"


class AwsError(Exception):
    """A refusal, to be sent in the words of the protocol it was asked in.

    Parameters
    ----------
    code : str
        Name of the error's shape.
    message : str or None
        Its text; real services leave it null at times.
    status : int
        HTTP status.
    headers : dict, optional
        Further response headers.
    **members
        Further members of the error's body.
    """

    def __init__(
        self,
        code: str,
        message: str | None,
        *,
        status: int = 400,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.members = members


class AuthError(AwsError):
    """A refusal by the front door: who are you, or you may not."""


def request_id_headers() -> dict[str, str]:
    """Return the header that every answer carries."""
    return {"x-amzn-RequestId": str(uuid4())}


def json_reply(protocol: Protocol, body: Json | None) -> web.Response:
    """Return a successful answer. None is an empty body."""
    content_type = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
    data = b"" if body is None else json.dumps(body).encode()
    return web.Response(body=data, headers={"Content-Type": content_type, **request_id_headers()})


def xml_reply(action: str, result: Json) -> web.Response:
    """Return a successful answer of the query protocol."""
    text = (
        f'<{action}Response xmlns="{_STS}"><{action}Result>{_xml(result)}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
        f"</{action}Response>"
    )
    return web.Response(text=text, content_type="text/xml", headers=request_id_headers())


def _xml(value: object) -> str:
    match value:
        case dict():
            return "".join(f"<{name}>{_xml(part)}</{name}>" for name, part in value.items())
        case list():
            return "".join(f"<member>{_xml(part)}</member>" for part in value)
        case _:
            return escape(str(value))


def error_reply(protocol: Protocol, error: AwsError) -> web.Response:
    """Return a refusal in the shape that botocore parses for the protocol."""
    headers = {**request_id_headers(), **error.headers}
    by_front_door = isinstance(error, AuthError)
    match protocol:
        case "json":
            body = {"__type": error.code, "message": error.message, **error.members}
            headers |= {
                "X-Amzn-Errortype": error.code,
                "Content-Type": "application/x-amz-json-1.1",
            }
            # JSON 1.1 services refuse with 400 throughout.
            status = 400 if by_front_door else error.status
            return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)
        case "rest":
            key = "message" if by_front_door or not error.members else "Message"
            suffix = _FRONT_DOOR if by_front_door else ""
            headers |= {
                "x-amzn-ErrorType": error.code + suffix,
                "Content-Type": "application/json",
            }
            status = 403 if by_front_door else error.status
            body = {key: error.message, **error.members}
            return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)
        case "query":
            code = _QUERY_CODES.get(error.code, error.code)
            text = (
                f'<ErrorResponse xmlns="{_STS}"><Error><Type>Sender</Type><Code>{code}</Code>'
                f"<Message>{escape(error.message or '')}</Message></Error>"
                f"<RequestId>{uuid4()}</RequestId></ErrorResponse>"
            )
            status = 403 if by_front_door else error.status
            return web.Response(text=text, status=status, content_type="text/xml", headers=headers)
