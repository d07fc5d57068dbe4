"""Requests and answers of the OpenAI provider, and everything that can go wrong with one."""

import asyncio
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from tests.openai_client import ask, closing, make, use
from tests.openai_faults import FAULTS
from tests.openai_server import OpenAIServer, answer_to

from outboard.errors import (
    ConfigError,
    CredentialsError,
    InvocationError,
    OutboardError,
    ProviderError,
)
from outboard.providers import Request, Response

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def shared() -> Iterator[OpenAIServer]:
    """A server for tests that look only at the answer."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server for tests that also look at what it has seen."""
    with OpenAIServer() as server:
        yield server


def sent_body(server: OpenAIServer, **settings: Any) -> dict[str, Any]:
    ask(server, "hello", **settings)
    body = server.seen.bodies[-1]
    del body["messages"]
    return body


# --- what is sent


def test_default_settings_send_only_the_answer_length(server: OpenAIServer) -> None:
    assert sent_body(server) == {"model": "tiny-chat", "max_tokens": 256}


def test_settings_are_sent_in_the_words_of_the_protocol(server: OpenAIServer) -> None:
    body = sent_body(
        server,
        max_new_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=20,
        repetition_penalty=1.2,
        seed=3,
        stop=("END", "\n\n"),
    )

    assert body == {
        "model": "tiny-chat",
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 20,
        "repetition_penalty": 1.2,
        "repeat_penalty": 1.2,
        "seed": 3,
        "stop": ["END", "\n\n"],
    }


def test_do_sample_false_is_sent_as_temperature_zero(server: OpenAIServer) -> None:
    assert sent_body(server, do_sample=False)["temperature"] == 0


def test_do_sample_true_leaves_the_temperature_to_the_server(server: OpenAIServer) -> None:
    assert "temperature" not in sent_body(server, do_sample=True)


def test_extra_is_sent_as_it_is(server: OpenAIServer) -> None:
    body = sent_body(server, temperature=0.5, extra={"min_p": 0.1, "guided_choice": ["a", "b"]})

    assert body["temperature"] == 0.5
    assert (body["min_p"], body["guided_choice"]) == (0.1, ["a", "b"])


def test_max_completion_tokens_in_extra_replaces_max_tokens(server: OpenAIServer) -> None:
    body = sent_body(server, extra={"max_completion_tokens": 99})

    assert body == {"model": "tiny-chat", "max_completion_tokens": 99}


@pytest.mark.parametrize("name", ["messages", "model", "n", "stream", "stream_options"])
def test_extra_must_not_break_the_exchange(name: str) -> None:
    with pytest.raises(ConfigError, match=f"extra must not hold {name}") as caught:
        make("http://127.0.0.1:1/v1", extra={name: 2})

    assert caught.value.field == "extra"


@pytest.mark.parametrize("value", [2**70, "\ud800"])
def test_extra_that_no_server_could_read_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="extra cannot be written as JSON") as caught:
        make("http://127.0.0.1:1/v1", extra={"logit_bias": value})

    assert caught.value.field == "extra"


def test_system_prompt_goes_first_as_system_message(server: OpenAIServer) -> None:
    request = Request(prompt="hello", system='Say "hi"')

    use(make(server), lambda p: p.invoke(request))

    assert server.seen.bodies[-1]["messages"] == [
        {"role": "system", "content": 'Say "hi"'},
        {"role": "user", "content": "hello"},
    ]


@pytest.mark.parametrize("prompt", ['"quoted" \\ {braces}', "naïve 日本語 🦜", "a\0b\u2028c\n", ""])
def test_any_text_reaches_the_server_unchanged(server: OpenAIServer, prompt: str) -> None:
    response = ask(server, prompt)

    assert server.seen.bodies[-1]["messages"][0]["content"] == prompt
    assert response.text == answer_to(prompt)


@pytest.mark.parametrize(
    "request_", [Request(prompt="\ud800"), Request(prompt="", system="\udfff")]
)
def test_half_a_character_is_the_rows_own_fault(server: OpenAIServer, request_: Request) -> None:
    with pytest.raises(InvocationError, match="lone surrogate") as caught:
        use(make(server), lambda p: p.invoke(request_))

    assert caught.value.code == "rejected"
    assert server.seen.requests == 0


# --- what comes back


def test_concurrent_rows_each_get_their_own_answer(server: OpenAIServer) -> None:
    prompts = [f"question {n}" for n in range(200)]

    async def all_at_once() -> list[Response]:
        async with closing(make(server)) as provider:
            return await asyncio.gather(*(provider.invoke(Request(prompt=p)) for p in prompts))

    responses = asyncio.run(all_at_once())

    assert [r.text for r in responses] == [answer_to(p) for p in prompts]
    assert set(server.seen.prompts.values()) == {1}


def test_requests_in_flight_stay_within_max_concurrency() -> None:
    async def burst(server: OpenAIServer) -> None:
        async with closing(make(server, max_concurrency=3)) as provider:
            requests = [Request(prompt=str(n)) for n in range(12)]
            await asyncio.gather(*map(provider.invoke, requests))

    with OpenAIServer(latency_s=0.01) as server:
        asyncio.run(burst(server))

        assert server.seen.max_in_flight == 3


def test_connections_are_used_again(server: OpenAIServer) -> None:
    async def one_by_one() -> None:
        async with closing(make(server)) as provider:
            for n in range(10):
                await provider.invoke(Request(prompt=str(n)))

    asyncio.run(one_by_one())

    assert len(server.seen.client_ports) == 1


def test_tokens_and_finish_reason_are_reported(shared: OpenAIServer) -> None:
    response = ask(shared, "three words here", max_new_tokens=2)

    assert (response.input_tokens, response.output_tokens) == (3, 2)
    assert response.finish_reason == "length"


@pytest.mark.parametrize(
    ("name", "text", "finish_reason"),
    [
        ("parts", "Hello there", "stop"),
        ("null-length", "", "length"),
        ("null-filter", "", "content_filter"),
        ("tool-calls", "", "stop"),
        ("refusal", "I will not.", "stop"),
    ],
)
def test_unusual_completions_are_understood(
    shared: OpenAIServer, name: str, text: str, finish_reason: str
) -> None:
    response = ask(shared, f"<fault:{name}>")

    assert (response.text, response.finish_reason) == (text, finish_reason)


@pytest.mark.parametrize("name", ["no-reason", "odd-reason"])
def test_unknown_finish_reason_is_none(shared: OpenAIServer, name: str) -> None:
    assert ask(shared, f"<fault:{name}>").finish_reason is None


def test_absent_usage_leaves_the_token_counts_open(shared: OpenAIServer) -> None:
    response = ask(shared, "<fault:no-usage>")

    assert (response.input_tokens, response.output_tokens) == (None, None)


# --- what fails, and is the row's or the moment's fault

CODES = {
    "throttled": ["429", "error-429-in-200", "error-limit-in-200"],
    "unavailable": ["502", "503", "504", "524", "529", "failed-choice"],
    "server_error": ["500", "501", "507", "error-text-in-200"],
    "timeout": ["408"],
    "connection": ["reset"],
    "incomplete_response": ["cut", "cut-unannounced", "aborted"],
    "invalid_response": [
        "not-http",
        "huge",
        "empty",
        "html",
        "json-list",
        "json-string",
        "no-choices",
        "empty-choices",
        "choice-is-text",
        "half-character",
        "null",
        "odd-parts",
    ],
    "rejected": ["400", "409", "422", "fastapi", "plain-text", "error-request-in-200"],
    "request_too_large": ["413", "larger-than-limit"],
    "prompt_too_long": ["openai-too-long", "vllm-too-long", "tgi-too-long"],
}


@pytest.mark.parametrize(
    ("name", "code"), [(name, code) for code, names in CODES.items() for name in names]
)
def test_fault_has_its_code(shared: OpenAIServer, name: str, code: str) -> None:
    with pytest.raises(InvocationError) as caught:
        ask(shared, f"<fault:{name}>")

    assert caught.value.code == code
    assert caught.value.message.endswith((".", "?"))


@pytest.mark.parametrize("name", ["hang", "slow"])
def test_answer_that_does_not_come_in_time_is_a_timeout(shared: OpenAIServer, name: str) -> None:
    with pytest.raises(InvocationError, match="raise request_timeout_s") as caught:
        ask(shared, f"<fault:{name}>", request_timeout_s=0.1)

    assert caught.value.code == "timeout"


def test_request_that_hung_is_answered_once_released(server: OpenAIServer) -> None:
    async def wait_for_it() -> Response:
        async with closing(make(server)) as provider:
            answer = asyncio.create_task(provider.invoke(Request(prompt="<fault:hang>")))
            await asyncio.to_thread(server.wait_until, lambda seen: seen.in_flight == 1)
            server.release()
            return await answer

    assert asyncio.run(wait_for_it()).text == answer_to("<fault:hang>")


def test_server_that_goes_away_between_rows_is_a_connection_fault() -> None:
    async def survive(server: OpenAIServer) -> None:
        async with closing(make(server)) as provider:
            await provider.invoke(Request(prompt="first"))
            await asyncio.to_thread(server.__exit__)
            await provider.invoke(Request(prompt="second"))

    server = OpenAIServer()
    server.__enter__()
    with pytest.raises(InvocationError) as caught:
        asyncio.run(survive(server))

    assert caught.value.code == "connection"


def test_over_long_prompt_is_named_with_what_to_do(shared: OpenAIServer) -> None:
    with pytest.raises(
        InvocationError, match=r"Shorten the row, or lower max_new_tokens"
    ) as caught:
        ask(shared, "word " * 5_000)

    assert caught.value.code == "prompt_too_long"
    assert "maximum context length is 2048" in caught.value.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("retry-after=7", 7.0),
        ("retry-after=1.5", 1.5),
        ("retry-after-ms=250;retry-after=1", 0.25),
        ("retry-after=Wed, 21 Oct 2026 07:28:30 GMT;date=Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("x-ratelimit-remaining-requests=0;x-ratelimit-reset-requests=1m2.5s", 62.5),
        ("", None),
    ],
)
def test_wait_that_the_server_asks_for_is_kept(
    shared: OpenAIServer, headers: str, seconds: float | None
) -> None:
    with pytest.raises(InvocationError) as caught:
        ask(shared, f"<fault:429 {headers}>")

    assert caught.value.retry_after_s == seconds


def test_server_message_is_one_bounded_line(shared: OpenAIServer) -> None:
    with pytest.raises(InvocationError) as caught:
        ask(shared, "<fault:plain-text>")

    assert "out of [31m luck xxx" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


# --- what fails, and stops the job


def test_key_revoked_in_mid_run_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", KEY)

    async def two_rows(server: OpenAIServer) -> None:
        async with closing(make(server, api_key_env="TEAM_KEY")) as provider:
            await provider.invoke(Request(prompt="one"))
            await provider.invoke(Request(prompt="two"))

    with (
        OpenAIServer(api_key=KEY, revoke_after=1) as server,
        pytest.raises(CredentialsError, match="environment variable TEAM_KEY") as caught,
    ):
        asyncio.run(two_rows(server))

    assert caught.value.provider == "openai"
    assert server.seen.requests == 1


def test_forbidden_stops_the_job(shared: OpenAIServer) -> None:
    with pytest.raises(CredentialsError, match=r"This is a 403\. No key was sent"):
        ask(shared, "<fault:403>")


@pytest.mark.parametrize("name", ["402", "quota"])
def test_account_without_credit_stops_the_job(shared: OpenAIServer, name: str) -> None:
    with pytest.raises(ProviderError, match="no credit left"):
        ask(shared, f"<fault:{name}>")


def test_redirect_stops_the_job_and_is_not_followed(shared: OpenAIServer) -> None:
    with pytest.raises(ProviderError, match=r"redirects to 'http://elsewhere\.invalid/v1'"):
        ask(shared, "<fault:redirect>")


def test_model_that_is_not_there_stops_the_job_and_names_those_that_are(
    shared: OpenAIServer,
) -> None:
    with pytest.raises(ProviderError, match="It offers 'tiny-chat', 'other-model'"):
        ask(shared, "hello", model="tiny-chta")


def test_not_found_for_a_model_that_is_listed_doubts_the_address(shared: OpenAIServer) -> None:
    with pytest.raises(ProviderError, match="base_url is where the API begins"):
        ask(shared, "<fault:404>")


# --- what stays hidden, and what is left behind


@pytest.mark.parametrize("name", [*FAULTS, "401", "403", "404", "500"])
def test_key_is_in_no_error_and_no_log(
    shared: OpenAIServer,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    provider = make(shared, request_timeout_s=0.1 if name in ("hang", "slow") else 30.0)
    shown = repr(provider)

    try:
        use(provider, lambda p: p.invoke(Request(prompt=f"<fault:{name}>")))
    except OutboardError as error:
        shown += "".join(traceback.format_exception(error)) + str(error.to_record())

    assert KEY not in shown + caplog.text


def test_cancelled_invocation_hangs_up(server: OpenAIServer) -> None:
    async def give_up() -> set[asyncio.Task[Any]]:
        async with closing(make(server)) as provider:
            row = asyncio.create_task(provider.invoke(Request(prompt="<fault:hang>")))
            await asyncio.to_thread(server.wait_until, lambda seen: seen.in_flight == 1)
            row.cancel()
            await asyncio.wait([row])
            await asyncio.to_thread(server.wait_until, lambda seen: seen.abandoned == 1)
        return asyncio.all_tasks()

    assert len(asyncio.run(give_up())) == 1


def test_closed_provider_refuses_to_work(shared: OpenAIServer) -> None:
    async def too_late() -> None:
        provider = make(shared)
        await provider.close()
        await provider.invoke(Request(prompt="hello"))

    with pytest.raises(ProviderError, match="is closed"):
        asyncio.run(too_late())
