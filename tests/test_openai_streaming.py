"""Answers of an OpenAI-compatible server in pieces, and everything that can go wrong with those."""

import asyncio
import traceback

import pytest
from tests.openai_client import ask, closing, make, use
from tests.openai_faults import FAULTS
from tests.openai_server import OpenAIServer, answer_to
from tests.openai_stream_faults import MANY_SCRIPTS, STREAM_FAULTS
from tests.openai_streams import pieces_of
from tests.test_openai_provider import CODES, KEY

from outboard.errors import CredentialsError, InvocationError, OutboardError, ProviderError
from outboard.providers import Request, Response


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def stream(
    server: OpenAIServer, prompt: str, *, request_timeout_s: float = 30.0
) -> tuple[Response, list[str]]:
    """Return the response to one prompt, and the pieces that came before it."""
    pieces: list[str] = []
    provider = make(server, request_timeout_s=request_timeout_s)
    response = use(provider, lambda p: p.invoke(Request(prompt=prompt), pieces.append))
    return response, pieces


def test_pieces_come_one_by_one_and_make_the_answer(server: OpenAIServer) -> None:
    response, pieces = stream(server, "What is the sea?")

    assert pieces == pieces_of(answer_to("What is the sea?"))
    assert response.text == answer_to("What is the sea?")


def test_response_is_the_same_as_in_one_piece(server: OpenAIServer) -> None:
    streamed, _ = stream(server, "What is the sea?")

    assert streamed == ask(server, "What is the sea?")
    assert (streamed.input_tokens, streamed.output_tokens) == (4, 8)


def test_nothing_is_asked_for_in_pieces_unless_somebody_looks(server: OpenAIServer) -> None:
    ask(server, "What is the sea?")
    plain, plain_headers = server.seen.bodies[-1], dict(server.seen.headers)
    stream(server, "What is the sea?")

    asked = server.seen.bodies[-1]
    assert "text/event-stream" not in plain_headers["Accept"]
    assert asked.pop("stream") is True
    assert asked.pop("stream_options") == {"include_usage": True}
    assert asked == plain


def test_each_piece_is_handed_on_when_it_comes(server: OpenAIServer) -> None:
    prompt = "What is the sea? <fault:stepwise>"
    pieces: list[str] = []
    seen: list[int] = []
    arrived = asyncio.Event()

    def on_text(piece: str) -> None:
        pieces.append(piece)
        arrived.set()

    async def step_by_step() -> Response:
        async with closing(make(server)) as provider:
            row = asyncio.create_task(provider.invoke(Request(prompt=prompt), on_text))
            server.step()  # tells of the role
            for _ in range(8):
                arrived.clear()
                server.step()
                await arrived.wait()
                seen.append(len(pieces))
            assert not row.done()
            for _ in range(3):  # reason, usage, end
                server.step()
            return await row

    response = asyncio.run(step_by_step())

    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert response.text == "".join(pieces) == answer_to(prompt)


def test_no_piece_comes_after_a_row_was_given_up(server: OpenAIServer) -> None:
    pieces: list[str] = []
    arrived = asyncio.Event()

    def on_text(piece: str) -> None:
        pieces.append(piece)
        arrived.set()

    async def give_up() -> None:
        async with closing(make(server)) as provider:
            prompt = "What is the sea? <fault:stepwise>"
            row = asyncio.create_task(provider.invoke(Request(prompt=prompt), on_text))
            server.step()
            server.step()
            await arrived.wait()
            row.cancel()
            await asyncio.wait([row])
            await asyncio.to_thread(server.wait_until, lambda seen: seen.abandoned == 1)

    asyncio.run(give_up())

    assert len(pieces) == 1


@pytest.mark.parametrize(
    "name",
    [
        "stream-ignored",
        "stream-refused",
        "stream-not-done",
        "stream-crlf",
        "stream-single-newlines",
        "stream-json-lines",
        "stream-unended-line",
        "stream-pings",
        "stream-two-choices",
    ],
)
def test_odd_streams_are_understood(server: OpenAIServer, name: str) -> None:
    prompt = f"What is the sea? <fault:{name}>"

    response, pieces = stream(server, prompt)

    assert (response.text, response.finish_reason) == (answer_to(prompt), "stop")
    assert response.output_tokens == 8
    assert "".join(pieces) in ("", response.text)


@pytest.mark.parametrize(
    ("name", "text", "finish_reason"),
    [
        ("parts", "Hello there", "stop"),
        ("null-length", "", "length"),
        ("null-filter", "", "content_filter"),
        ("tool-calls", "", "stop"),
        ("refusal", "I will not.", "stop"),
        ("bytewise", MANY_SCRIPTS, "stop"),
        ("stream-whole-message", "All at once", "stop"),
        ("stream-old-completion", "Hello there", "stop"),
    ],
)
def test_unusual_completions_are_understood_in_pieces(
    server: OpenAIServer, name: str, text: str, finish_reason: str
) -> None:
    response, pieces = stream(server, f"<fault:{name}>")

    assert (response.text, response.finish_reason) == (text, finish_reason)
    assert "".join(pieces) == text


def test_stream_that_says_only_that_it_is_done_has_no_known_reason(server: OpenAIServer) -> None:
    prompt = "<fault:stream-no-reason>"

    response, _ = stream(server, prompt)

    assert (response.text, response.finish_reason) == (answer_to(prompt), None)


def test_server_that_refuses_to_stream_is_asked_once(server: OpenAIServer) -> None:
    async def two_rows() -> None:
        async with closing(make(server)) as provider:
            for n in range(2):
                await provider.invoke(Request(prompt=f"{n} <fault:stream-refused>"), print)

    asyncio.run(two_rows())

    assert ["stream" in body for body in server.seen.bodies] == [True, False, False]


STREAM_CODES = {
    "throttled": ["stream-error-choice"],
    "unavailable": ["stream-error"],
    "server_error": ["stream-error-llama", "stream-error-tgi"],
    "incomplete_response": ["stream-no-end", "stream-in-mid-event", "stream-abort"],
    "invalid_response": ["stream-garbage", "stream-only-pings"],
}
IN_PIECES_TOO = {
    (name, code)
    for code, names in CODES.items()
    for name in names
    if name not in {"null", "odd-parts"}  # in pieces they say nothing, and then stop
}


@pytest.mark.parametrize(
    ("name", "code"),
    sorted(
        IN_PIECES_TOO | {(name, code) for code, names in STREAM_CODES.items() for name in names}
    ),
)
def test_fault_in_a_stream_has_its_code(server: OpenAIServer, name: str, code: str) -> None:
    with pytest.raises(InvocationError) as caught:
        stream(server, f"<fault:{name}>")

    assert caught.value.code == code
    assert caught.value.message.endswith((".", "?"))


def test_stream_that_stops_coming_is_a_timeout(server: OpenAIServer) -> None:
    with pytest.raises(InvocationError, match="raise request_timeout_s") as caught:
        stream(server, "<fault:slow>", request_timeout_s=0.1)

    assert caught.value.code == "timeout"


def test_stream_is_used_up_so_that_its_connection_serves_again(server: OpenAIServer) -> None:
    async def one_by_one() -> None:
        async with closing(make(server)) as provider:
            for n in range(3):
                await provider.invoke(Request(prompt=f"{n}"), lambda piece: None)

    asyncio.run(one_by_one())

    assert len(server.seen.client_ports) == 1


@pytest.mark.parametrize(("status", "error"), [(401, CredentialsError), (404, ProviderError)])
def test_what_stops_a_job_stops_a_trial(
    server: OpenAIServer, status: int, error: type[OutboardError]
) -> None:
    with pytest.raises(error):
        stream(server, f"<fault:{status}>")


@pytest.mark.parametrize("name", [*FAULTS, *STREAM_FAULTS])
def test_key_is_in_no_error_of_a_stream(
    server: OpenAIServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    shown = ""

    try:
        held = name in ("hang", "slow", "stepwise")
        stream(server, f"<fault:{name}>", request_timeout_s=0.1 if held else 30.0)
    except OutboardError as error:
        shown += "".join(traceback.format_exception(error)) + str(error.to_record())

    assert KEY not in shown
