"""How the OpenAI provider finds a server, identifies itself, and learns what it can do."""

import asyncio
import socket
from typing import Any

import pytest
from tests.openai_client import check, closing, make, use
from tests.openai_server import OpenAIServer

from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import ConfigError, CredentialsError, OutboardError, ProviderError
from outboard.providers import Limits, ProviderEvent
from outboard.providers.model_list import ModelList
from outboard.providers.openai import OpenAIProvider

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def events_of_open(server: OpenAIServer | str, **settings: Any) -> list[ProviderEvent]:
    events: list[ProviderEvent] = []
    use(make(server, **settings), lambda p: p.open(events.append))
    return events


def limits_of(server: OpenAIServer, **settings: Any) -> Limits:
    provider = make(server, **settings)
    use(provider, lambda p: p.check())
    return provider.limits


def count_of(server: OpenAIServer | str, text: str) -> int | None:
    return use(make(server), lambda p: p.count_tokens(text))


# --- the address


def test_missing_address_says_which_setting_to_pass() -> None:
    with pytest.raises(ConfigError, match=r'deployment_config=\{"base_url"') as caught:
        OpenAIProvider("m", generation=GenerationConfig(), deployment=DeploymentConfig())

    assert caught.value.field == "base_url"


def test_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.base_url}/")
        check(server, base_url=None)

        assert server.seen.paths == {"/v1/models": 1}


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "localhost:8000/v1",
        "ftp://localhost/v1",
        "http://",
        "http://[half",
        "http://host:99999/v1",
        "http://user:secret@host/v1",
        "http://host/v1?key=secret",
    ],
)
def test_unusable_address_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)

    with pytest.raises(ConfigError, match="OPENAI_BASE_URL must begin with http://") as caught:
        make("", base_url=None)

    assert "secret" not in caught.value.message


def test_address_without_v1_is_answered_with_the_right_one() -> None:
    with (
        OpenAIServer() as server,
        pytest.raises(ProviderError, match=f"The API begins at {server.base_url}, not at"),
    ):
        check(server.root_url)


def test_website_is_recognised_as_no_api() -> None:
    with (
        OpenAIServer(dialect="website") as server,
        pytest.raises(ProviderError, match="not as an OpenAI-compatible server does"),
    ):
        check(server)


def test_server_that_lists_no_models_is_accepted() -> None:
    with OpenAIServer(dialect="unlisted") as server:
        check(server)
        check(server.root_url)


# --- the key


def test_key_is_sent_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not this one")
    monkeypatch.setenv("TEAM_KEY", f" {KEY}\n")

    with OpenAIServer(api_key=KEY) as server:
        check(server, api_key_env="TEAM_KEY")

        assert server.seen.authorizations == {f"Bearer {KEY}"}


def test_key_is_sent_from_the_usual_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    with OpenAIServer(api_key=KEY) as server:
        check(server)


def test_no_key_is_sent_where_there_is_none() -> None:
    with OpenAIServer() as server:
        check(server)

        assert server.seen.authorizations == {None}


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_named_variable_without_a_key_stops_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("TEAM_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEAM_KEY", value)

    with OpenAIServer() as server:
        with pytest.raises(CredentialsError, match="TEAM_KEY, named by api_key_env, is not set"):
            check(server, api_key_env="TEAM_KEY")

        assert not server.seen.paths


@pytest.mark.parametrize("value", ["sk-secret\r\nX-Evil: 1", "sk-sécret"])
def test_key_with_impossible_characters_is_refused_unshown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)

    with pytest.raises(CredentialsError, match="OPENAI_API_KEY holds characters") as caught:
        make("http://127.0.0.1:1/v1")

    assert value[:4] not in caught.value.message


def test_wrong_key_names_the_variable_and_not_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-wrong")

    with (
        OpenAIServer(api_key=KEY) as server,
        pytest.raises(
            CredentialsError, match="Check the environment variable OPENAI_API_KEY"
        ) as caught,
    ):
        check(server)

    assert "sk-" not in caught.value.message


def test_missing_key_says_how_to_give_one() -> None:
    with (
        OpenAIServer(api_key=KEY) as server,
        pytest.raises(CredentialsError, match=r"No key was sent: .*api_key_env"),
    ):
        check(server)


# --- the model


def test_unknown_model_is_answered_with_the_names_on_offer() -> None:
    with (
        OpenAIServer(model="qwen-7b-tuned") as server,
        pytest.raises(ProviderError, match="It offers 'qwen-7b-tuned', 'other-model'"),
    ):
        check(server, model="qwen-7b-tune")


@pytest.mark.parametrize("listed", ["llama3:latest", "models/llama3"])
def test_model_is_found_by_the_name_that_its_server_takes(listed: str) -> None:
    with OpenAIServer(model=listed) as server:
        check(server, model="llama3")


def test_model_is_found_by_its_alias() -> None:
    with OpenAIServer(dialect="llamacpp") as server:
        check(server, model="tiny-chat-alias")


def test_long_model_list_is_told_nearest_first_and_shortened() -> None:
    models = ModelList({f"model-{n}": {} for n in range(50)})

    told = models.describe(nearest_to="model-42x")

    assert told.startswith("'model-42', ")
    assert told.endswith(" and 40 more")


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"null", b"<html>", b'{"data": "x"}', b'{"data": [1, {"id": "a"}]}']
)
def test_odd_model_lists_are_read_without_surprise(body: bytes) -> None:
    models = ModelList.parse(body)

    assert models is None or set(models.entries) <= {"a"}


# --- what it learns


def test_vllm_tells_how_long_a_prompt_may_be() -> None:
    with OpenAIServer(context_length=1_000) as server:
        limits = limits_of(server, max_new_tokens=200)

    assert limits == Limits(max_concurrency=64, max_prompt_tokens=800)


def test_prompt_as_long_as_the_limit_is_accepted_and_one_more_refused() -> None:
    with OpenAIServer(context_length=100) as server:
        longest = limits_of(server, max_new_tokens=20).max_prompt_tokens
        assert longest is not None

        fits = use(make(server, max_new_tokens=20), lambda p: p.count_tokens("word " * longest))

    assert fits == longest == 80


def test_llama_cpp_tells_its_slots_and_context() -> None:
    with OpenAIServer(dialect="llamacpp", context_length=512, slots=3) as server:
        limits = limits_of(server)

    assert limits == Limits(max_concurrency=3, max_prompt_tokens=511)


def test_other_servers_leave_the_prompt_length_open() -> None:
    with OpenAIServer(dialect="plain") as server:
        limits = limits_of(server)

    assert limits == Limits(max_concurrency=64)


def test_adapter_takes_its_length_from_the_model_beneath() -> None:
    models = ModelList.parse(
        b'{"data": [{"id": "base", "max_model_len": 4096},'
        b' {"id": "tuned", "parent": "base", "max_model_len": null}]}'
    )

    assert models is not None
    assert models.context_length(models.entries["tuned"]) == 4096


@pytest.mark.parametrize(
    "settings", [{"max_new_tokens": 100}, {"extra": {"max_completion_tokens": 500}}]
)
def test_answer_that_leaves_no_room_for_a_prompt_is_refused(settings: dict[str, Any]) -> None:
    with (
        OpenAIServer(context_length=100) as server,
        pytest.raises(ProviderError, match="takes 100 tokens, prompt and answer together"),
    ):
        check(server, **settings)


@pytest.mark.parametrize("dialect", ["vllm", "llamacpp"])
def test_tokens_are_counted_by_the_server_before_open(dialect: Any) -> None:
    with OpenAIServer(dialect=dialect) as server:
        assert count_of(server, "three small words") == 3


@pytest.mark.parametrize("dialect", ["plain", "unlisted"])
def test_tokens_are_not_guessed_where_the_server_counts_none(dialect: Any) -> None:
    with OpenAIServer(dialect=dialect) as server:
        assert count_of(server, "three small words") is None
        assert "/tokenize" not in server.seen.paths


def test_tokens_are_not_guessed_for_half_a_character() -> None:
    with OpenAIServer() as server:
        assert count_of(server, "\ud800") is None


def test_tokens_are_not_guessed_without_a_server() -> None:
    assert count_of(f"http://127.0.0.1:{free_port()}/v1", "three small words") is None


def test_server_is_asked_only_once_what_it_is() -> None:
    async def count_twice(provider: OpenAIProvider) -> None:
        await provider.count_tokens("a")
        await provider.count_tokens("b")

    with OpenAIServer() as server:
        use(make(server), count_twice)

        assert server.seen.paths == {"/v1/models": 1, "/tokenize": 2}


# --- patience


def test_nobody_listening_fails_the_check_at_once() -> None:
    with pytest.raises(ProviderError, match="Start it, or correct base_url"):
        check(f"http://127.0.0.1:{free_port()}/v1")


def test_unknown_host_fails_the_check() -> None:
    with pytest.raises(ProviderError, match="Start it, or correct base_url"):
        check("http://no-such-host.invalid/v1")


def test_loading_server_passes_the_check() -> None:
    with OpenAIServer(loading_replies=1) as server:
        check(server)


@pytest.mark.parametrize("dialect", ["vllm", "llamacpp"])
def test_open_waits_for_a_server_that_is_loading(dialect: Any) -> None:
    with OpenAIServer(dialect=dialect, loading_replies=1) as server:
        events = events_of_open(server)

    assert [event.kind for event in events] == ["waiting", "ready"]
    assert "Loading model" in events[0].message


def test_open_gives_up_on_a_server_that_loads_for_too_long() -> None:
    with (
        OpenAIServer(loading_replies=1_000) as server,
        pytest.raises(ProviderError, match="Loading model"),
    ):
        events_of_open(server, startup_timeout_s=0.5)


def test_open_waits_a_little_for_a_server_that_is_not_there_yet() -> None:
    server = OpenAIServer(port=free_port())
    events: list[ProviderEvent] = []

    def start_when_missed(event: ProviderEvent) -> None:
        if not events:
            server.__enter__()
        events.append(event)

    provider = make(f"http://127.0.0.1:{server.port}/v1")
    use(provider, lambda p: p.open(start_when_missed))
    server.__exit__()

    assert [event.kind for event in events] == ["waiting", "ready"]
    assert events[0].data["patience_s"] == 10.0


def test_open_does_not_wait_for_what_waiting_cannot_heal() -> None:
    events: list[ProviderEvent] = []

    with OpenAIServer() as server, pytest.raises(ProviderError, match="does not offer a model"):
        use(make(server, model="nobody"), lambda p: p.open(events.append))

    assert not events


def test_failed_open_can_be_closed_twice() -> None:
    async def fail() -> None:
        async with closing(make("http://127.0.0.1:1/v1", startup_timeout_s=0.1)) as provider:
            with pytest.raises(OutboardError):
                await provider.open(lambda event: None)
            await provider.close()

    asyncio.run(fail())
