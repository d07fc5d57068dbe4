"""The embedded model: a GGUF file, run in this process."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from outboard import assets
from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import (
    AssetError,
    ConfigError,
    InvocationError,
    OutboardError,
    ProviderError,
)
from outboard.providers import Limits, OnText, ProviderEvent, Report, Request, Response
from outboard.providers.gguf import trained_context_length
from outboard.providers.local_engine import DEFAULT_SLOTS, Engine
from outboard.providers.local_import import check_installed, import_engine
from outboard.providers.local_model import check_file, model_or_stand_in

#: Tokens of prompt and answer together where the user does not say. Every slot reserves its
#: own: 47 MB of memory each with the embedded model.
DEFAULT_CONTEXT_LENGTH = 2048

# What we decide ourselves; `n` would run several answers into one.
_RESERVED = frozenset({"messages", "model", "n", "return_progress", "stream", "stream_options"})

# Temperature before the filters, as in Transformers, TGI and vLLM; llama.cpp's own order has
# it last, so that the same top_p would keep other tokens here than on the real endpoint.
_SAMPLERS = ("penalties", "dry", "temperature", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p")

_PROGRESS_STEPS = 20


class LocalProvider:
    """Runs a GGUF model in this process, with several requests decoded together.

    Parameters
    ----------
    model_name : str
        See `resolve_model`. With ``instance_type="local"`` any other name is taken for that of
        a SageMaker model: the embedded model stands in for it, and `open` reports a warning.
    generation : GenerationConfig
        Decoding settings. Greedy, unless `do_sample`, `temperature`, `top_p` or `top_k` asks
        for sampling; then `temperature` is 1 where it is not set.
    deployment : DeploymentConfig
        `max_concurrency`, `context_length` and `request_timeout_s` are honoured.
    assets_dir : Path
        Folder of the fetched files.

    Raises
    ------
    ProviderError
        If the engine is not installed, or this processor cannot run it.
    NotFoundError
        If no model has this name.
    AssetError
        If the file that was named is not there, or no GGUF model.
    ConfigError
        If `generation.extra` holds what the provider sets itself.
    """

    def __init__(
        self,
        model_name: str,
        *,
        generation: GenerationConfig,
        deployment: DeploymentConfig,
        assets_dir: Path,
    ) -> None:
        check_installed()
        self._model, self._warning = model_or_stand_in(model_name, deployment, assets_dir)
        if self._model.asset is None:  # what needs no network is told before a launch
            check_file(self._model)
        self._settings = _request_settings(generation)
        self._timeout_s = deployment.request_timeout_s
        self._n_slots = min(DEFAULT_SLOTS, deployment.max_concurrency or DEFAULT_SLOTS)
        self._asked_context_length = deployment.context_length
        self._limits = self._limits_of(deployment.context_length or DEFAULT_CONTEXT_LENGTH)
        self._slots = asyncio.Semaphore(self._n_slots)
        # The engine's calls block: each request in flight takes a thread.
        self._pool = ThreadPoolExecutor(self._n_slots, thread_name_prefix="outboard-engine")
        self._engine: Engine | None = None
        self._tokenizer: Engine | None = None
        self._tokenizer_tried = False
        self._tokenizer_lock = asyncio.Lock()

    @property
    def limits(self) -> Limits:
        """What the model accepts. A longest prompt leaves room for one token of answer."""
        return self._limits

    @property
    def hosting(self) -> None:
        """None: nothing is rented for it."""
        return

    async def check(self) -> None:
        """Raise `ProviderError` if the engine cannot run here, or has no file to run.

        A file that is yet to be fetched is no fault.
        """
        await asyncio.to_thread(import_engine)
        try:
            await asyncio.to_thread(check_file, self._model)
        except AssetError as error:
            raise ProviderError(error.message, provider="local") from error

    async def open(self, report: Report) -> None:
        """Fetch the model if it is missing, verify it, load it."""
        if self._warning:
            report(ProviderEvent(kind="warning", message=self._warning))
        await asyncio.to_thread(import_engine)
        path = await self._fetch(report)
        report(ProviderEvent(kind="loading", message=f"Loading {path.name}."))
        context_length = self._asked_context_length or DEFAULT_CONTEXT_LENGTH
        trained = await asyncio.to_thread(trained_context_length, path)
        if trained is not None and trained < context_length:
            if self._asked_context_length:
                message = (
                    f"context_length={context_length} is more than {path.name} was trained for: "
                    f"each request gets {trained} tokens."
                )
                report(ProviderEvent(kind="warning", message=message))
            context_length = trained
        self._engine = await asyncio.to_thread(
            Engine, path, n_slots=self._n_slots, context_length=context_length
        )
        self._limits = self._limits_of(self._engine.context_length)
        at_once = "1 request" if self._n_slots == 1 else f"{self._n_slots} requests"
        ready = f"{path.name} is ready: {at_once} at a time."
        report(ProviderEvent(kind="ready", message=ready))

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        """Answer one request. More than `limits.max_concurrency` at a time wait their turn."""
        messages = [{"role": "user", "content": request.prompt}]
        if request.system is not None:
            messages.insert(0, {"role": "system", "content": request.system})
        async with self._slots:
            engine = self._engine
            if engine is None:
                raise ProviderError(
                    "The embedded model is not open. Call open() before invoke(), close() last.",
                    provider="local",
                )
            # Repetition counts over the whole prompt and answer, as in Transformers;
            # llama.cpp's default is 64 tokens.
            window = {"repeat_last_n": engine.context_length}
            body = window | self._settings | {"messages": messages}
            return await self._in_time(engine, body, on_text)

    async def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens in `text`, chat template not included.

        Before `open` the first call loads the model for one tiny request: 0.4 s, and 140 MB
        until `close`, because llama.cpp has no way to read the vocabulary alone. None if the
        model is yet to be fetched, or cannot be loaded; `check` says why.
        """
        engine = self._engine or await self._load_tokenizer()
        return None if engine is None else await asyncio.to_thread(engine.count_tokens, text)

    async def close(self) -> None:
        """Free the model. Requests still in flight fail."""
        engines, self._engine, self._tokenizer = (self._engine, self._tokenizer), None, None
        for engine in engines:
            if engine is not None:
                await asyncio.to_thread(engine.close)
        await asyncio.to_thread(self._pool.shutdown)

    def _limits_of(self, context_length: int) -> Limits:
        return Limits(max_concurrency=self._n_slots, max_prompt_tokens=context_length - 1)

    async def _in_time(
        self, engine: Engine, body: dict[str, Any], on_text: OnText | None
    ) -> Response:
        stopped = threading.Event()
        loop = asyncio.get_running_loop()

        def pass_on(piece: str) -> None:
            if on_text is not None and not stopped.is_set():
                on_text(piece)

        def from_thread(piece: str) -> None:
            if not stopped.is_set():  # by then the loop may be closed
                loop.call_soon_threadsafe(pass_on, piece)

        chat = partial(
            engine.chat,
            body,
            stopped=stopped.is_set,
            on_text=None if on_text is None else from_thread,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return await loop.run_in_executor(self._pool, chat)
        except TimeoutError as error:
            raise InvocationError(
                f"The embedded model took more than {self._timeout_s:g} s for one answer. "
                "Raise request_timeout_s, or lower max_new_tokens or max_concurrency.",
                code="timeout",
            ) from error
        finally:
            stopped.set()  # when cancelled, the thread is free at the model's next token

    async def _fetch(self, report: Report) -> Path:
        if self._model.asset is None:
            await asyncio.to_thread(check_file, self._model)
            return self._model.path
        loop = asyncio.get_running_loop()
        cancelled = threading.Event()
        on_progress = _progress_reporter(
            self._model.asset.title,
            lambda event: loop.call_soon_threadsafe(report, event),
            cancelled,
        )
        try:
            return await asyncio.to_thread(
                assets.fetch, self._model.asset, self._model.path.parent, on_progress
            )
        finally:
            cancelled.set()

    async def _load_tokenizer(self) -> Engine | None:
        async with self._tokenizer_lock:
            if not self._tokenizer_tried and self._model.path.exists():
                self._tokenizer_tried = True
                try:
                    self._tokenizer = await asyncio.to_thread(
                        Engine, self._model.path, n_slots=1, context_length=256, warm_up=False
                    )
                except OutboardError:
                    return None
        return self._tokenizer


def _progress_reporter(
    title: str, report: Callable[[ProviderEvent], Any], cancelled: threading.Event
) -> assets.OnProgress:
    reported_step = -1

    def on_progress(done: int, total: int) -> None:
        nonlocal reported_step
        if cancelled.is_set():
            raise asyncio.CancelledError
        step = done * _PROGRESS_STEPS // total
        if step > reported_step:
            reported_step = step
            message = f"Fetching {title}: {done / 1e6:.0f} of {total / 1e6:.0f} MB."
            data = {"done": done, "total": total}
            report(ProviderEvent(kind="downloading", message=message, data=data))

    return on_progress


def _request_settings(generation: GenerationConfig) -> dict[str, Any]:
    if reserved := sorted(_RESERVED & generation.extra.keys()):
        raise ConfigError(
            f"extra must not hold {', '.join(reserved)}: outboard sets that itself. Leave it out.",
            field="extra",
        )
    asks_for_sampling = generation.do_sample or any(
        value is not None for value in (generation.temperature, generation.top_p, generation.top_k)
    )
    temperature = 1.0 if generation.temperature is None else generation.temperature
    settings: dict[str, Any] = {
        "max_tokens": generation.max_new_tokens,
        "temperature": temperature if asks_for_sampling else 0.0,
        # llama.cpp filters by default (top_k 40, top_p 0.95, min_p 0.05); these turn it off.
        "top_k": generation.top_k or 0,
        "top_p": generation.top_p or 1.0,
        "min_p": 0.0,
        "samplers": list(_SAMPLERS),
        "repeat_penalty": generation.repetition_penalty or 1.0,
        "stop": list(generation.stop),
    }
    if generation.seed is not None:
        settings["seed"] = generation.seed
    return settings | generation.extra
