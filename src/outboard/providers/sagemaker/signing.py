"""Signatures on the requests to one address of AWS."""

import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from botocore.credentials import ReadOnlyCredentials
from botocore.utils import normalize_url_path
from yarl import URL

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs POST requests that differ only in their bodies (Signature Version 4).

    What does not change from request to request is put together once a second: a signature
    then takes two hashes and an HMAC, a tenth of what botocore's own signer takes.

    Parameters
    ----------
    url : URL
        Where the requests go, as it stands on the wire, without a query.
    headers : mapping
        Headers that every request carries, all of them signed; Host is added.
    region : str
        Region of the endpoint, e.g. ``"us-east-1"``.
    service : str
        Signing name of the service.
    clock : callable
        Seconds since the epoch.

    References
    ----------
    AWS General Reference, "Create a signed AWS API request".
    """

    def __init__(
        self,
        url: URL,
        headers: Mapping[str, str],
        *,
        region: str,
        service: str = "sagemaker",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._headers = {**headers, "Host": host_header(url)}
        # Encoded once more than on the wire, as for every service but S3.
        self._path = quote(normalize_url_path(url.raw_path), safe="/~")
        self._region = region
        self._service = service
        self._clock = clock
        self._second: int | None = None
        self._keys: ReadOnlyCredentials | None = None
        self._key_of_day: tuple[tuple[str, str], bytes] | None = None

    def sign(self, body: bytes, keys: ReadOnlyCredentials) -> dict[str, str]:
        """Return the headers of a request that is sent now, its signature among them."""
        second = int(self._clock())
        if second != self._second or keys is not self._keys:
            self._prepare(second, keys)
        canonical = self._canonical_head + sha256(body).hexdigest().encode()
        text = self._text_head + sha256(canonical).hexdigest().encode()
        mac = self._mac.copy()
        mac.update(text)
        return {**self._fixed, "Authorization": self._authorization_head + mac.hexdigest()}

    def _prepare(self, second: int, keys: ReadOnlyCredentials) -> None:
        stamp = datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
        date = stamp[:8]
        self._fixed = {**self._headers, "X-Amz-Date": stamp}
        if keys.token:
            self._fixed["X-Amz-Security-Token"] = keys.token
        lines = {name.lower(): " ".join(value.split()) for name, value in self._fixed.items()}
        names = sorted(lines)
        signed = ";".join(names)
        canonical = ["POST", self._path, "", *(f"{name}:{lines[name]}" for name in names), ""]
        scope = f"{date}/{self._region}/{self._service}/aws4_request"
        self._canonical_head = "\n".join([*canonical, signed, ""]).encode()
        self._text_head = f"{_ALGORITHM}\n{stamp}\n{scope}\n".encode()
        self._authorization_head = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature="
        )
        self._mac = hmac.new(self._key_for(keys.secret_key, date), digestmod="sha256")
        self._second, self._keys = second, keys

    def _key_for(self, secret_key: str, date: str) -> bytes:
        if self._key_of_day is None or self._key_of_day[0] != (secret_key, date):
            key = f"AWS4{secret_key}".encode()
            for part in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of_day = ((secret_key, date), key)
        return self._key_of_day[1]


def host_header(url: URL) -> str:
    """Return the Host header of requests to `url`: without the port that its scheme implies."""
    host = (url.host_subcomponent or "").lower()
    return host if url.is_default_port() else f"{host}:{url.port}"
