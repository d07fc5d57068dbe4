"""The check of AWS Signature Version 4 on a request as it came over the wire."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, unquote

from tests.awsfake.account import Account, Credential
from tests.awsfake.wire import AuthError

ALGORITHM = "AWS4-HMAC-SHA256"
#: How far the clocks may be apart.
TOLERANCE = timedelta(minutes=5)

_STAMP = "%Y%m%dT%H%M%SZ"
_PART = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]*)")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, kw_only=True)
class RawRequest:
    """A request before anything decoded it."""

    method: str
    #: Path and query exactly as sent.
    target: str
    #: Pairs as sent, in order.
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


def verify(
    request: RawRequest, account: Account, *, service: str, skew_s: float = 0.0
) -> Credential:
    """Return whose request it is, or raise the AuthError that AWS would answer with.

    Parameters
    ----------
    request : RawRequest
        The request.
    account : Account
        Knows the keys, the region and the real time.
    service : str
        Signing name of the service that was addressed, e.g. ``"sagemaker"``.
    skew_s : float
        How far the server's clock is ahead of the real one, in seconds.
    """
    authorization = request.header("authorization")
    if not authorization:
        raise AuthError("MissingAuthenticationTokenException", "Missing Authentication Token")
    parts = _parts(authorization)
    access_key, date, region, signed_for, terminator = _scope(parts["Credential"])
    credential = account.credentials.get(access_key)
    token = request.header("x-amz-security-token")
    if credential is None or credential.token != token:
        raise AuthError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    _check_scope(region, signed_for, terminator, account.region, service)
    stamp = _check_time(request, date, account.real() + skew_s)
    signed_headers = parts["SignedHeaders"].split(";")
    _check_coverage(request, signed_headers)
    canonical = canonical_request(request, signed_headers)
    scope = f"{date}/{region}/{service}/aws4_request"
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = signing_key(credential.secret_key, date, region, service)
    expected = hmac.new(key, text.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), parts["Signature"].encode()):
        raise AuthError("InvalidSignatureException", _MISMATCH)
    if credential.expires_at is not None and credential.expires_at <= account.real():
        raise AuthError(
            "ExpiredTokenException", "The security token included in the request is expired"
        )
    return credential


def canonical_request(request: RawRequest, signed_headers: Iterable[str]) -> str:
    """Return the text whose hash is signed (AWS General Reference, "Create a canonical request").

    Paths are encoded once more than on the wire, as for every service but S3.
    """
    path, _, query = request.target.partition("?")
    names = list(signed_headers)
    lines = "".join(f"{name}:{_folded(request, name)}\n" for name in names)
    return "\n".join(
        [
            request.method,
            quote(_normalized(path), safe="/-_.~"),
            _canonical_query(query),
            lines,
            ";".join(names),
            sha256(request.body).hexdigest(),
        ]
    )


@lru_cache(maxsize=256)
def signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    """Return the key of one day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for text in (date, region, service, "aws4_request"):
        key = hmac.new(key, text.encode(), sha256).digest()
    return key


def _parts(authorization: str) -> dict[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    parts = dict(_PART.findall(rest))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if algorithm != ALGORITHM or missing:
        wanted = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise AuthError("IncompleteSignatureException", f"{wanted} Authorization={algorithm}")
    return parts


def _scope(credential: str) -> list[str]:
    parts = credential.split("/")
    if len(parts) != 5:
        raise AuthError(
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential}'",
        )
    return parts


def _check_scope(
    region: str, signed_for: str, terminator: str, our_region: str, service: str
) -> None:
    faults = []
    if region != our_region:
        faults.append(f"Credential should be scoped to a valid region, not '{region}'. ")
    if signed_for != service:
        faults.append(f"Credential should be scoped to correct service: '{service}'. ")
    if terminator != "aws4_request":
        faults.append(
            "Credential should be scoped with a valid terminator: 'aws4_request', not "
            f"'{terminator}'. "
        )
    if faults:
        raise AuthError("InvalidSignatureException", "".join(faults))


def _check_time(request: RawRequest, date: str, now_s: float) -> str:
    stamp = request.header("x-amz-date") or ""
    try:
        signed_at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as cause:
        raise AuthError(
            "IncompleteSignatureException",
            f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See "
            "http://en.wikipedia.org/wiki/ISO_8601",
        ) from cause
    if not stamp.startswith(f"{date}T"):
        raise AuthError(
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{date}' != '{stamp[:8]}', from '{stamp}'.",
        )
    now = datetime.fromtimestamp(now_s, UTC)
    clock = now.strftime(_STAMP)
    if signed_at < now - TOLERANCE:
        edge = (now - TOLERANCE).strftime(_STAMP)
        raise AuthError(
            "InvalidSignatureException",
            f"Signature expired: {stamp} is now earlier than {edge} ({clock} - 5 min.)",
        )
    if signed_at > now + TOLERANCE:
        edge = (now + TOLERANCE).strftime(_STAMP)
        raise AuthError(
            "InvalidSignatureException",
            f"Signature not yet current: {stamp} is still later than {edge} ({clock} + 5 min.)",
        )
    return stamp


def _check_coverage(request: RawRequest, signed_headers: list[str]) -> None:
    sent = {name.lower() for name, _ in request.headers}
    required = {"host"} | {name for name in sent if name.startswith("x-amz-")}
    if unsigned := sorted(required - set(signed_headers)):
        listed = "', '".join(unsigned)
        raise AuthError(
            "InvalidSignatureException",
            f"'{listed}' must be a 'SignedHeader' in the AWS Authorization.",
        )


def _folded(request: RawRequest, name: str) -> str:
    values = [" ".join(value.split()) for key, value in request.headers if key.lower() == name]
    return ",".join(values)


def _normalized(path: str) -> str:
    """Remove what RFC 3986 calls dot segments, and doubled slashes."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    tail = "/" if kept and path.endswith("/") else ""
    return f"/{'/'.join(kept)}{tail}"


def _canonical_query(query: str) -> str:
    pairs = []
    for item in query.split("&") if query else []:
        name, _, value = item.partition("=")
        # Decoded first, so that a client may escape more than it has to.
        pairs.append((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
