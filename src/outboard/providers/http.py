"""The HTTP connection to a model server."""

import os
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from ipaddress import ip_address
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from outboard import __version__
from outboard.errors import InvocationError, ProviderError
from outboard.providers.server_error import code_of_status, one_line

#: Longest body that is read. An answer is a few kilobytes; this only stops a server gone mad.
MAX_BODY_BYTES = 64 * 2**20

# uvicorn, beneath vLLM and many others, closes a connection that was idle for 5 s. Leaving
# first avoids sending a row into a connection that is just being closed.
_KEEP_ALIVE_S = 4.0
_CONNECT_TIMEOUT_S = 10.0
_LARGE_BYTES = 2**20
_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Reply(NamedTuple):
    """What a server answered, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpServer:
    """A model server, reached through one pool of connections.

    Proxies and extra certificate authorities come from the environment, and are looked up
    once: aiohttp's own `trust_env` asks again for every request, in a thread. A proxy is
    never used for this machine itself. Redirects are not followed, cookies not kept.

    Parameters
    ----------
    address : URL
        Where the server is; every request must go to its host. Named in errors.
    provider : str
        Named in errors.
    headers : mapping
        Sent with every request. May hold secrets; never shown.
    max_connections : int
        Connections open at a time; 0 for as many as there are requests.
    timeout_s : float
        How long one request may take in all.
    read_timeout_s : float, optional
        How long the server may say nothing, once a request is sent.
    ca_bundle : str, optional
        File of certificates to trust, in place of the system's and the environment's.
    ca_variable : str
        Environment variable in which users name their own certificates. Named in errors.
    """

    def __init__(
        self,
        address: URL,
        *,
        provider: str,
        headers: Mapping[str, str],
        max_connections: int,
        timeout_s: float,
        read_timeout_s: float | None = None,
        ca_bundle: str | None = None,
        ca_variable: str = "SSL_CERT_FILE",
    ) -> None:
        self._address = address
        self._provider = provider
        # Every header that aiohttp would add is given here: that is its fast path.
        # 'identity' because answers are small, and their length is then the one declared.
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": f"outboard/{__version__}",
            **headers,
        }
        self._max_connections = max_connections
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=_CONNECT_TIMEOUT_S, sock_read=read_timeout_s
        )
        self._ca_bundle = ca_bundle
        self._ca_variable = ca_variable
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def get(self, url: URL, *, timeout_s: float) -> Reply:
        """Ask for `url`; faults as in `post`."""
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s * 0.8)
        return await self._send("GET", url, None, timeout)

    async def post(
        self, url: URL, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send `body` to `url` and return the whole reply, whatever its status.

        `headers` go out with this request alone, beside the others.

        Raises
        ------
        InvocationError
            If no whole reply came: codes connection, timeout, incomplete_response,
            invalid_response.
        ProviderError
            If none ever will: the certificate or the proxy does not let us through, or
            `close` was called.
        """
        return await self._send("POST", url, body, self._timeout, headers=headers)

    async def post_streaming(
        self,
        url: URL,
        body: bytes,
        take: Callable[[bytes], bool],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send `body` to `url`, and hand on what comes back while it comes.

        Faults are as in `post`.

        Parameters
        ----------
        take : callable
            Called with each part of the body of a reply with status 200, which is then empty in
            what is returned. True from it ends the exchange.
        """
        return await self._send("POST", url, body, self._timeout, headers=headers, take=take)

    async def close(self) -> None:
        """Close all connections. Safe to call twice."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _send(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
        *,
        headers: Mapping[str, str] | None = None,
        take: Callable[[bytes], bool] | None = None,
    ) -> Reply:
        session = self._session or self._connect()
        # From this size on, aiohttp wants to write piece by piece.
        data = body if body is None or len(body) <= _LARGE_BYTES else BytesIO(body)
        try:
            async with session.request(
                method, url, data=data, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                if take is None or response.status != HTTPStatus.OK:
                    return Reply(response.status, response.headers, await _read(response))
                await _hand_on(response.content, take)
                return Reply(response.status, response.headers, b"")
        except (aiohttp.ClientError, OSError) as fault:
            # Chained errors of aiohttp hold the request's headers, so a key: not kept where
            # they also are of no use.
            if isinstance(fault, aiohttp.ClientResponseError):
                raise self._no_reply(fault) from None
            raise self._no_reply(fault) from fault

    def _no_reply(  # noqa: PLR0911 - a table, one line of it for each fault
        self, fault: aiohttp.ClientError | OSError
    ) -> InvocationError | ProviderError:
        where = self._address
        match fault:
            case aiohttp.ClientConnectorCertificateError():
                return ProviderError(
                    f"No secure connection to {where}: {one_line(str(fault))}. If the server's "
                    "certificate is signed by an authority of your own, name its file in the "
                    f"environment variable {self._ca_variable}.",
                    provider=self._provider,
                )
            case aiohttp.ClientHttpProxyError(status=HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
                return ProviderError(
                    f"The proxy on the way to {where} asks for a user and password. Put them "
                    "into the proxy's address in the environment, or except the server with "
                    "NO_PROXY.",
                    provider=self._provider,
                )
            case aiohttp.ClientHttpProxyError(status=status):
                return InvocationError(
                    f"The proxy on the way to {where} answered {status}.",
                    code=code_of_status(status),
                )
            case aiohttp.ConnectionTimeoutError():
                return InvocationError(
                    f"{where} cannot be reached: no connection in time.", code="connection"
                )
            case TimeoutError():
                return InvocationError(
                    f"{where} did not answer in time. If it is slow but sound, raise "
                    "request_timeout_s or lower max_concurrency.",
                    code="timeout",
                )
            case aiohttp.ClientPayloadError():
                return InvocationError(
                    f"The answer of {where} was cut short.", code="incomplete_response"
                )
            case aiohttp.ClientResponseError():
                return InvocationError(
                    f"{where} does not speak HTTP: {one_line(fault.message)}.",
                    code="invalid_response",
                )
            case _:
                return InvocationError(
                    f"The connection to {where} failed: "
                    f"{one_line(str(fault)) or type(fault).__name__}.",
                    code="connection",
                )

    def _connect(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ProviderError(
                f"The connection to {self._address} is closed. Make a new provider.",
                provider=self._provider,
            )
        secure = self._address.scheme == "https"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._max_connections,
                keepalive_timeout=_KEEP_ALIVE_S,
                ssl=self._tls_context() if secure else True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            proxy=proxy_for(self._address),
        )
        return self._session

    def _tls_context(self) -> ssl.SSLContext:
        if path := self._ca_bundle:
            try:
                return ssl.create_default_context(cafile=path)
            except OSError as fault:
                raise self._unreadable(self._ca_variable, path, fault) from fault
        context = ssl.create_default_context()  # honours SSL_CERT_FILE and SSL_CERT_DIR itself
        for variable in _CA_BUNDLES:
            if path := os.environ.get(variable):
                try:
                    context.load_verify_locations(path)
                except OSError as fault:
                    raise self._unreadable(variable, path, fault) from fault
        return context

    def _unreadable(self, variable: str, path: str, fault: OSError) -> ProviderError:
        return ProviderError(
            f"The certificates that {variable} names cannot be read: {path} "
            f"({fault.strerror or fault}). Correct the variable or unset it.",
            provider=self._provider,
        )


def proxy_for(url: URL) -> URL | None:
    """Return the proxy that the environment (HTTPS_PROXY, NO_PROXY...) names for `url`."""
    host = url.host or ""
    address = getproxies().get(url.scheme)
    if not address or is_loopback(host) or proxy_bypass(f"{host}:{url.port}"):
        return None
    return URL(address if "://" in address else f"http://{address}")


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine by its name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = response.content
    body = await content.readany()
    if content.at_eof():
        return body  # nearly every answer arrives in one piece
    chunks, size = [body], len(body)
    while chunk := await content.readany():
        chunks.append(chunk)
        size += len(chunk)
        _refuse_endless(size)
    return b"".join(chunks)


async def _hand_on(content: aiohttp.StreamReader, take: Callable[[bytes], bool]) -> None:
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        _refuse_endless(size)
        if take(chunk) and not content.at_eof():
            return  # the connection is closed with whatever is still in it


def _refuse_endless(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise InvocationError(
            f"The answer is longer than {MAX_BODY_BYTES >> 20} MiB and was not read to its "
            "end. Lower max_new_tokens, or look at what the server sends.",
            code="invalid_response",
        )
