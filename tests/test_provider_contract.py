"""What every provider promises, whatever is behind it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.awsfake.driver import VLLM_IMAGE
from tests.awsfake.server import AwsFake
from tests.llama_cpp_server import llama_cpp_server
from tests.openai_server import OpenAIServer

from outboard.assets import MODEL, fetch_model
from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.errors import AssetError, InvocationError, NotFoundError, ProviderError
from outboard.providers import JobContext, Provider, ProviderEvent, Request, Response, create
from outboard.providers.local_model import KNOWN_MODELS
from outboard.store import Store

CONTEXT_LENGTH = 512
GREEDY = {"do_sample": False, "max_new_tokens": 8}
#: What is raised for a model that cannot be had.
UNUSABLE = (ProviderError, AssetError, NotFoundError)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One provider with something behind it."""

    kind: FinetuningProvider
    model_name: str
    deployment: dict[str, Any]
    #: Deployment settings, or a model's name, with which nothing works.
    broken_deployment: dict[str, Any]
    broken_model: str
    assets_dir: Path
    #: Folder of model files with which nothing works, where it is another one.
    broken_assets_dir: Path | None = None
    job: JobContext | None = None
    #: False where only the model's container has a tokenizer, and tells nothing of it.
    tells_tokens: bool = True

    def make(self, **generation: Any) -> Provider:
        """Return the provider, not yet open."""
        settings = GREEDY | generation
        return self._create(self.model_name, self.deployment, self.assets_dir, **settings)

    def make_broken(self) -> Provider:
        """Return the provider with nothing behind it."""
        assets_dir = self.broken_assets_dir or self.assets_dir
        return self._create(self.broken_model, self.broken_deployment, assets_dir)

    def _create(
        self, model: str, deployment: dict[str, Any], assets_dir: Path, **generation: Any
    ) -> Provider:
        return create(
            self.kind,
            model,
            generation=GenerationConfig(**generation),
            deployment=DeploymentConfig(**deployment),
            assets_dir=assets_dir,
            job=self.job,
        )


@pytest.fixture(scope="module", params=["openai", "openai-llama.cpp", "local", "sagemaker"])
def case(
    request: pytest.FixtureRequest, assets_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    nobody = {"base_url": "http://127.0.0.1:1/v1", "startup_timeout_s": 0.1}
    match request.param:
        case "openai":
            with OpenAIServer(context_length=CONTEXT_LENGTH) as server:
                yield Case(
                    kind=FinetuningProvider.OPENAI,
                    model_name=server.model,
                    deployment={"base_url": server.base_url},
                    broken_deployment=nobody,
                    broken_model=server.model,
                    assets_dir=assets_dir,
                )
        case "openai-llama.cpp":
            model_file = _model_file(assets_dir)
            with llama_cpp_server(model_file, context_length=CONTEXT_LENGTH) as base_url:
                yield Case(
                    kind=FinetuningProvider.OPENAI,
                    model_name=str(model_file),
                    deployment={"base_url": base_url},
                    broken_deployment=nobody,
                    broken_model=str(model_file),
                    assets_dir=assets_dir,
                )
        case "local":
            deployment = {"context_length": CONTEXT_LENGTH, "max_concurrency": 2}
            damaged = tmp_path_factory.mktemp("local") / MODEL.file_name
            damaged.write_bytes(b"no model")
            yield Case(
                kind=FinetuningProvider.LOCAL,
                model_name=str(_model_file(assets_dir)),
                deployment=deployment,
                broken_deployment=deployment,
                broken_model=next(iter(KNOWN_MODELS)),
                assets_dir=assets_dir,
                broken_assets_dir=damaged.parent,
            )
        case "sagemaker":
            with pytest.MonkeyPatch.context() as patch, AwsFake(speed=0) as fake:
                patch.setattr(boto3, "DEFAULT_SESSION", None)
                for name, value in fake.environment().items():
                    patch.setenv(name, value)
                patch.setenv("OUTBOARD_AWS_SPEED", "100")
                fake.plan("*", step_s=300.0, context_length=CONTEXT_LENGTH)
                fake.training_job("my-job")
                folder = tmp_path_factory.mktemp("sagemaker")
                yield Case(
                    kind=FinetuningProvider.AWS_SAGEMAKER,
                    model_name="my-job",
                    deployment={"image_uri": VLLM_IMAGE},
                    broken_deployment={},
                    broken_model="nobody",
                    assets_dir=folder,
                    job=JobContext(
                        job_id="job-1",
                        ledger=Store(folder / "outboard.db").endpoints,
                        start_watcher=lambda: None,
                    ),
                    tells_tokens=False,
                )
                fake.assert_nothing_left()


def _model_file(assets_dir: Path) -> Path:
    return fetch_model(assets_dir)


@asynccontextmanager
async def opened(provider: Provider) -> AsyncIterator[Provider]:
    try:
        await provider.open(lambda event: None)
        yield provider
    finally:
        await provider.close()


async def answer(provider: Provider, prompt: str, *, system: str | None = None) -> str:
    return (await provider.invoke(Request(prompt=prompt, system=system))).text


def run_open(provider: Provider, action: Callable[[Provider], Any]) -> Any:
    """Run `action` on the provider while it is open."""

    async def session() -> Any:
        async with opened(provider):
            return await action(provider)

    return asyncio.run(session())


def test_check_passes_and_costs_no_open(case: Case) -> None:
    async def check_only() -> None:
        provider = case.make()
        try:
            await provider.check()
        finally:
            await provider.close()

    asyncio.run(check_only())


def test_check_tells_what_open_would_fail_on(case: Case) -> None:
    async def check_broken() -> None:
        provider = case.make_broken()
        try:
            await provider.check()
        finally:
            await provider.close()

    with pytest.raises(UNUSABLE):
        asyncio.run(check_broken())


def test_open_reports_its_way_and_ends_ready(case: Case) -> None:
    events: list[ProviderEvent] = []

    async def open_and_close() -> ProviderEvent:
        provider = case.make()
        try:
            await provider.open(events.append)
            return events[-1]
        finally:
            await provider.close()

    assert asyncio.run(open_and_close()).kind == "ready"
    assert all(event.message for event in events)


def test_failed_open_says_so_and_can_be_closed_twice(case: Case) -> None:
    async def fail() -> None:
        provider = case.make_broken()
        with pytest.raises(UNUSABLE):
            await provider.open(lambda event: None)
        await provider.close()
        await provider.close()

    asyncio.run(fail())


def test_close_is_safe_twice_and_without_open(case: Case) -> None:
    async def close_twice() -> None:
        provider = case.make()
        await provider.close()
        await provider.close()

    asyncio.run(close_twice())


def test_response_holds_text_and_counts(case: Case) -> None:
    response = run_open(case.make(), lambda p: p.invoke(Request(prompt="What is the sea?")))

    assert response.text
    assert response.input_tokens >= 4
    assert 1 <= response.output_tokens <= 8


def test_pieces_of_an_answer_make_its_text(case: Case) -> None:
    prompts = ["Tell me a long story.", "What is the sea?", "Name a colour."]
    pieces: dict[str, list[str]] = {prompt: [] for prompt in prompts}
    loop_threads = set()

    async def in_pieces(provider: Provider, prompt: str) -> Response:
        def on_text(piece: str) -> None:
            loop_threads.add(threading.get_ident())
            pieces[prompt].append(piece)

        return await provider.invoke(Request(prompt=prompt), on_text)

    async def one_by_one_and_together(provider: Provider) -> tuple[list[Any], list[Any]]:
        together = await asyncio.gather(*(in_pieces(provider, prompt) for prompt in prompts))
        return together, [await provider.invoke(Request(prompt=prompt)) for prompt in prompts]

    streamed, whole = run_open(case.make(), one_by_one_and_together)

    assert streamed == whole
    assert ["".join(pieces[prompt]) for prompt in prompts] == [r.text for r in streamed]
    assert all(len(some) > 1 for some in pieces.values())
    assert loop_threads == {threading.get_ident()}


def test_no_piece_comes_once_a_row_is_cancelled(case: Case) -> None:
    pieces: list[str] = []

    async def cancel_at_the_first_piece(provider: Provider) -> int:
        arrived = asyncio.Event()

        def on_text(piece: str) -> None:
            pieces.append(piece)
            arrived.set()

        row = asyncio.create_task(provider.invoke(Request(prompt="Tell me a story."), on_text))
        await asyncio.wait(
            {row, asyncio.create_task(arrived.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        row.cancel()
        await asyncio.wait({row})
        n_pieces = len(pieces)
        await answer(provider, "Say hello.")
        return n_pieces

    n_pieces = run_open(case.make(max_new_tokens=300), cancel_at_the_first_piece)

    assert len(pieces) == n_pieces


def test_empty_prompt_is_answered_like_any_other(case: Case) -> None:
    response = run_open(case.make(), lambda p: p.invoke(Request(prompt="")))

    assert response.finish_reason in ("stop", "length")


def test_answer_cut_by_the_token_limit_says_so(case: Case) -> None:
    provider = case.make(max_new_tokens=3)

    response = run_open(provider, lambda p: p.invoke(Request(prompt="Tell me a long story.")))

    assert response.finish_reason == "length"
    assert response.output_tokens == 3


def test_answer_ends_before_a_stop_string(case: Case) -> None:
    whole = run_open(case.make(), lambda p: answer(p, "Tell me a long story."))
    stop = whole.split()[2]

    response = run_open(
        case.make(stop=[stop]), lambda p: p.invoke(Request(prompt="Tell me a long story."))
    )

    assert response.text == whole[: whole.index(stop)]
    assert response.finish_reason == "stop"


def test_system_prompt_reaches_the_model(case: Case) -> None:
    system = "You are a pirate. " * 20

    async def with_and_without(provider: Provider) -> list[Any]:
        return [
            await provider.invoke(Request(prompt="Who are you?", system=system)),
            await provider.invoke(Request(prompt="Who are you?")),
        ]

    with_system, without = run_open(case.make(), with_and_without)

    assert with_system.input_tokens >= without.input_tokens + 40
    assert with_system.text != without.text


def test_greedy_answers_are_the_same_each_time(case: Case) -> None:
    async def twice(provider: Provider) -> list[str]:
        return [await answer(provider, "What is the moon?") for _ in range(2)]

    first, second = run_open(case.make(), twice)

    assert first == second


def test_rows_in_flight_each_get_their_own_answer(case: Case) -> None:
    prompts = ["What is two plus two?", "Name a colour.", "Say hello.", "What is a dog?"]

    async def alone_and_together(provider: Provider) -> tuple[list[str], list[str]]:
        alone = [await answer(provider, prompt) for prompt in prompts]
        together = await asyncio.gather(*(answer(provider, prompt) for prompt in prompts))
        return alone, together

    alone, together = run_open(case.make(), alone_and_together)

    assert together == alone
    assert len(set(alone)) == len(prompts)


def test_prompt_beyond_the_limit_is_the_rows_fault_alone(case: Case) -> None:
    async def too_long_then_short(provider: Provider) -> str:
        limit = provider.limits.max_prompt_tokens
        assert limit is None or limit < CONTEXT_LENGTH
        assert (limit is not None) is case.tells_tokens
        with pytest.raises(InvocationError) as caught:
            await answer(provider, "word " * (limit or CONTEXT_LENGTH) + "word")
        assert caught.value.code == "prompt_too_long"
        return await answer(provider, "Say hello.")

    assert run_open(case.make(), too_long_then_short)


def test_tokens_are_counted_before_open(case: Case) -> None:
    async def count() -> list[int | None]:
        provider = case.make()
        try:
            return [await provider.count_tokens(text) for text in ("one", "one two three four")]
        finally:
            await provider.close()

    one, four = asyncio.run(count())

    if not case.tells_tokens:
        assert (one, four) == (None, None)
        return
    assert one is not None
    assert four is not None
    assert 1 <= one < four <= 8


def test_limits_are_known_once_open(case: Case) -> None:
    provider = case.make()

    async def limits(provider: Provider) -> Any:
        return provider.limits

    known = run_open(provider, limits)

    assert known.max_concurrency >= 1
    assert (known.max_prompt_tokens or 0) > 0 or not case.tells_tokens


def test_cancelled_invocation_leaves_nothing_behind(case: Case) -> None:
    # The test server hangs on the marker; to a real model it is text like any other.
    prompt = "Count to one thousand, in words. <fault:hang>"
    threads = set(threading.enumerate())

    async def cancel_one_then_go_on(provider: Provider) -> None:
        row = asyncio.create_task(answer(provider, prompt))
        await asyncio.wait({row}, timeout=0.3)
        row.cancel()
        await asyncio.wait({row})

        assert row.cancelled()
        assert await answer(provider, "Say hello.")

    async def session() -> set[asyncio.Task[Any]]:
        async with opened(case.make(max_new_tokens=300)) as provider:
            await cancel_one_then_go_on(provider)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(session()) == set()
    assert set(threading.enumerate()) == threads
