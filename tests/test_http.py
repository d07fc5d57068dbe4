"""The way to a model server: proxies, certificates, and the headers that ask us to wait."""

import asyncio
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.openai_client import ask, check, make, use
from tests.openai_server import OpenAIServer, answer_to
from yarl import URL

from outboard.errors import InvocationError, ProviderError
from outboard.providers import ProviderEvent
from outboard.providers.http import HttpServer
from outboard.providers.server_error import retry_after_s

FAR_AWAY = "http://model.invalid/v1"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *("OPENAI_API_KEY", "OPENAI_BASE_URL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        *("CURL_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=test"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def tls_server(certificate: tuple[Path, Path]) -> OpenAIServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return OpenAIServer(tls=context)


# --- proxies


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with OpenAIServer() as proxy:
        monkeypatch.setenv("http_proxy", f"{scheme}user:word@127.0.0.1:{proxy.port}")
        response = ask(FAR_AWAY, "hello")

        assert response.text == answer_to("hello")
        assert proxy.seen.headers["Host"] == "model.invalid"
        assert proxy.seen.headers["Proxy-Authorization"] == "Basic dXNlcjp3b3Jk"


def test_proxy_is_not_used_for_hosts_that_are_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.root_url)
        monkeypatch.setenv("no_proxy", "model.invalid")

        with pytest.raises(InvocationError):
            ask(FAR_AWAY, "hello")

        assert not proxy.seen.paths


def test_proxy_is_never_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    with OpenAIServer() as server:
        assert ask(server, "hello").text == answer_to("hello")


def test_proxy_that_does_not_listen_is_a_connection_fault_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:password@127.0.0.1:1")

    with pytest.raises(InvocationError) as caught:
        ask(FAR_AWAY, "hello")

    assert caught.value.code == "connection"
    assert "password" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("status", "error"), [(407, ProviderError), (403, InvocationError), (503, InvocationError)]
)
def test_proxy_that_refuses_a_tunnel_is_named(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    with OpenAIServer(connect_status=status) as proxy:
        monkeypatch.setenv("https_proxy", proxy.root_url)

        with pytest.raises(error, match="The proxy on the way to https://model"):
            ask("https://model.invalid/v1", "hello")


def test_key_that_travels_unencrypted_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    events: list[ProviderEvent] = []

    with OpenAIServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.root_url)
        use(make(FAR_AWAY), lambda p: p.open(events.append))

    assert [event.kind for event in events] == ["warning", "ready"]
    assert events[0].message == "The key in OPENAI_API_KEY goes to model.invalid unencrypted."


# --- certificates


def test_unknown_certificate_names_the_variable_that_makes_it_known(
    certificate: tuple[Path, Path],
) -> None:
    with (
        tls_server(certificate) as server,
        pytest.raises(ProviderError, match="environment variable SSL_CERT_FILE"),
    ):
        ask(server, "hello")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificate_named_in_the_environment_is_trusted(
    certificate: tuple[Path, Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate[0]))

    with tls_server(certificate) as server:
        assert ask(server, "hello").text == answer_to("hello")


def test_certificate_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")

    with pytest.raises(ProviderError, match=r"REQUESTS_CA_BUNDLE names .* /nowhere/bundle.pem"):
        check("https://127.0.0.1:1/v1")


def test_plain_http_spoken_to_a_tls_port_is_a_connection_fault(
    certificate: tuple[Path, Path],
) -> None:
    with tls_server(certificate) as server, pytest.raises(InvocationError) as caught:
        ask(server.base_url.replace("https", "http"), "hello")

    assert caught.value.code == "connection"


# --- how long a server asks us to wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "9" * 5_000}, None),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "120ms",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            360.0,
        ),
        ({"x-ratelimit-remaining-tokens": "7", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "later"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
    ],
)
def test_wait_is_read_from_every_known_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_date_is_counted_from_the_servers_own_clock() -> None:
    headers = {
        "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
        "Retry-After": "Wed, 21 Oct 2015 07:28:45 GMT",
    }

    assert retry_after_s(headers) == 45.0


def test_date_is_counted_from_our_clock_where_the_server_tells_none() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)

    wait = retry_after_s({"Retry-After": format_datetime(later, usegmt=True)})

    assert wait == pytest.approx(100.0, abs=5.0)


def test_date_in_the_past_asks_for_no_wait() -> None:
    assert retry_after_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


# --- silence


def test_server_that_says_nothing_is_given_up_before_the_whole_time_is_over() -> None:
    async def ask_the_silent() -> None:
        ended = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()  # until the other side has closed
            writer.close()
            ended.set()

        silent = await asyncio.start_server(listen, "127.0.0.1", 0)
        address = URL(f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        server = HttpServer(
            address,
            provider="openai",
            headers={},
            max_connections=1,
            timeout_s=3_600.0,
            read_timeout_s=0.05,
        )
        try:
            await server.post(address, b"{}")
        finally:
            await server.close()
            await ended.wait()
            silent.close()

    with pytest.raises(InvocationError) as caught:
        asyncio.run(ask_the_silent())

    assert caught.value.code == "timeout"
