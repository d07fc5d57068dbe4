"""The OpenAI provider against a real llama.cpp server with a real model."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.llama_cpp_server import llama_cpp_server
from tests.openai_client import ask, check, closing, make, use

from outboard.assets import fetch_model
from outboard.errors import CredentialsError, InvocationError, ProviderError
from outboard.providers import Limits, Request

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(scope="module")
def model_file(assets_dir: Path) -> Path:
    return fetch_model(assets_dir)


@pytest.fixture(scope="module")
def base_url(model_file: Path) -> Iterator[str]:
    with llama_cpp_server(model_file, slots=2, context_length=256, api_key=KEY) as base_url:
        yield base_url


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def test_limits_are_those_of_a_slot(base_url: str, model_file: Path) -> None:
    provider = make(base_url, model=str(model_file))

    use(provider, lambda p: p.check())

    assert provider.limits == Limits(max_concurrency=2, max_prompt_tokens=255)


def test_wrong_key_is_refused(
    base_url: str, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-wrong")

    with pytest.raises(CredentialsError, match="OPENAI_API_KEY"):
        check(base_url, model=str(model_file))


def test_model_it_does_not_serve_is_refused(base_url: str, model_file: Path) -> None:
    with pytest.raises(ProviderError, match=model_file.name):
        check(base_url, model="gpt-4o")


def test_greedy_and_seeded_answers_repeat_and_penalties_tell(base_url: str) -> None:
    def answer(**settings: object) -> str:
        return ask(base_url, "Write about cats, cats, cats.", max_new_tokens=12, **settings).text

    greedy = answer(do_sample=False)

    assert answer(temperature=0) == greedy
    assert answer(do_sample=False, repetition_penalty=5.0) != greedy
    assert answer(temperature=1.0, seed=3) == answer(temperature=1.0, seed=3)
    assert answer(temperature=1.5, top_k=1) == greedy


def test_tokens_counted_are_those_a_prompt_adds(base_url: str, model_file: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog, naïvely. 日本語"

    async def measure() -> tuple[int | None, int]:
        async with closing(make(base_url, model=str(model_file), max_new_tokens=1)) as provider:
            long, short = [
                (await provider.invoke(Request(prompt=prompt))).input_tokens or 0
                for prompt in (f"a\n{text}", "a\n")
            ]
            return await provider.count_tokens(text), long - short

    counted, added = asyncio.run(measure())

    assert counted == added


def test_longest_prompt_is_answered_and_a_longer_one_refused(
    base_url: str, model_file: Path
) -> None:
    async def input_tokens(n_words: int) -> int | None:
        async with closing(make(base_url, model=str(model_file), max_new_tokens=4)) as provider:
            return (await provider.invoke(Request(prompt=" word" * n_words))).input_tokens

    template_tokens = ask(base_url, " word", max_new_tokens=1).input_tokens or 0

    assert asyncio.run(input_tokens(256 - template_tokens)) == 255
    with pytest.raises(InvocationError, match="exceeds the available context size") as caught:
        asyncio.run(input_tokens(257 - template_tokens))
    assert caught.value.code == "prompt_too_long"


def test_cancelled_rows_give_their_slots_back(base_url: str) -> None:
    async def cancel_more_than_there_are_slots() -> None:
        async with closing(make(base_url, max_new_tokens=200, do_sample=False)) as provider:
            rows = [
                asyncio.create_task(provider.invoke(Request(prompt=f"Count from {n}.")))
                for n in range(6)
            ]
            await asyncio.wait(rows, timeout=0.3)
            for row in rows:
                row.cancel()
            await asyncio.wait(rows)

    asyncio.run(cancel_more_than_there_are_slots())

    assert ask(base_url, "Say hello.", max_new_tokens=4, request_timeout_s=20).text
