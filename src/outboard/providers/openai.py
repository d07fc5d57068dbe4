"""The provider for servers that speak the OpenAI chat protocol."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
from yarl import URL

from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.errors import InvocationError, OutboardError, ProviderError
from outboard.providers import Limits, OnText, ProviderEvent, Report, Request, Response
from outboard.providers.chat_completion import (
    body_head,
    decode,
    encode,
    max_answer_tokens,
    streaming,
)
from outboard.providers.http import HttpServer, Reply, is_loopback
from outboard.providers.model_list import LlamaCppProps, ModelList
from outboard.providers.server_address import api_key, base_url, key_variable
from outboard.providers.server_error import ServerError, invocation_error, job_error, read_error
from outboard.providers.streamed_answer import StreamedAnswer

_NAME = FinetuningProvider.OPENAI.value
_DEFAULT_CONCURRENCY = 64
_PROBE_TIMEOUT_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 5.0

#: How long `open` bears with a server that does not answer as it should, in seconds, by
#: `InvocationError.code`. Nobody listening is most likely a wrong address, and no one should
#: wait half an hour to learn that. A server that says it is loading gets the whole start-up
#: timeout.
_PATIENCE_S = {"connection": 10.0, "server_error": 10.0, "timeout": 60.0}
_STARTING = frozenset({"unavailable", "throttled"})

_STREAM_HEADERS = {"Accept": "text/event-stream, application/json"}


class OpenAIProvider:
    """Reaches a model behind ``/chat/completions``: vLLM, llama.cpp, Ollama, TGI, SGLang, OpenAI.

    Parameters
    ----------
    model_name : str
        The served model's name, as ``/models`` lists it.
    generation : GenerationConfig
        Decoding settings; `extra` goes into the request body as it is.
    deployment : DeploymentConfig
        `base_url` (else the environment variable ``OPENAI_BASE_URL``), `api_key_env` (default
        ``OPENAI_API_KEY``, if that is set), `max_concurrency`, the two timeouts.

    Raises
    ------
    ConfigError
        If there is no usable server address, or `extra` cannot be sent.
    CredentialsError
        If `api_key_env` names a variable that holds no usable key.
    """

    def __init__(
        self, model_name: str, *, generation: GenerationConfig, deployment: DeploymentConfig
    ) -> None:
        self._model = model_name
        self._generation = generation
        self._startup_timeout_s = deployment.startup_timeout_s
        self._base_url = base_url(deployment)
        self._completions_url = self._base_url / "chat/completions"
        self._key_variable = key_variable(deployment)
        self._key = api_key(deployment)
        self._body_head = body_head(model_name, generation)
        self._http = HttpServer(
            self._base_url,
            provider=_NAME,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            max_connections=deployment.max_concurrency or _DEFAULT_CONCURRENCY,
            timeout_s=deployment.request_timeout_s,
        )
        self._limits = Limits(max_concurrency=_DEFAULT_CONCURRENCY)
        self._owner: str | None = None  # "vllm", "llamacpp"...: who lists the model
        self._asked = False
        self._streams = True  # until it refuses to

    @property
    def limits(self) -> Limits:
        """What the model accepts, as far as the server tells."""
        return self._limits

    @property
    def hosting(self) -> None:
        """None: nothing is rented for it."""
        return

    async def check(self) -> None:
        """Ask the server for its models.

        Raises
        ------
        ProviderError
            If the server cannot be reached, is none, or lacks the model.
        CredentialsError
            If it refuses the key.
        """
        try:
            await self._ask()
        except InvocationError as fault:
            if fault.code not in _STARTING:  # that is for `open` to sit out
                raise self._out_of_reach(fault) from fault

    async def open(self, report: Report) -> None:
        """Wait until the server is ready, as long as it gives reason to hope.

        Raises
        ------
        ProviderError
            If the server cannot be reached, is none, lacks the model, or is not ready within
            `startup_timeout_s`.
        CredentialsError
            If it refuses the key.
        """
        if self._key and self._base_url.scheme == "http" and not is_loopback(self._host):
            report(
                ProviderEvent(
                    kind="warning",
                    message=f"The key in {self._key_variable} goes to {self._host} unencrypted.",
                )
            )
        now = asyncio.get_running_loop().time
        start, pause = now(), _FIRST_PAUSE_S
        while True:
            try:
                await self._ask()
                break
            except InvocationError as fault:
                patience = self._startup_timeout_s
                if fault.code not in _STARTING:
                    patience = min(patience, _PATIENCE_S.get(fault.code, 0.0))
                waited = now() - start
                if waited + pause > patience:
                    raise self._out_of_reach(fault) from fault
                report(
                    ProviderEvent(
                        kind="waiting",
                        message=f"Waiting for {self._base_url}: {fault.message}",
                        data={"waited_s": round(waited, 1), "patience_s": patience},
                    )
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        report(ProviderEvent(kind="ready", message=f"{self._model} is ready at {self._base_url}."))

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        """Send one chat completion and return its first choice.

        With `on_text` the answer is asked for in pieces. A server that answers in one piece all
        the same is understood; one that refuses is asked again, and not again for pieces.

        Raises
        ------
        InvocationError
            If this request failed; `code` says how.
        CredentialsError
            If the server refuses the key.
        ProviderError
            If it does not know the model or the address, redirects, or the account has run
            dry: no further row can succeed.
        """
        reply = None
        if on_text is not None and self._streams:
            reply = await self._streamed(request, on_text)
        if reply is None:
            reply = await self._http.post(self._completions_url, encode(self._body_head, request))
        if reply.status == 200:
            outcome = decode(reply.body, secret=self._key)
            if isinstance(outcome, Response):
                return outcome
        else:
            outcome = self._read_error(reply)
            if reply.status == 404:
                with suppress(InvocationError):
                    await self._ask()  # says so if it is the model that is not there
        raise self._failure(outcome, reply.headers)

    async def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens in `text`; None unless the server is vLLM or llama.cpp."""
        if not self._asked:
            with suppress(OutboardError):  # `check` and `open` are there to tell it
                await self._ask()
            self._asked = True
        match self._owner:
            case "vllm":
                question = {"model": self._model, "prompt": text, "add_special_tokens": False}
            case "llamacpp":
                question = {"content": text}
            case _:
                return None
        try:
            reply = await self._http.post(self._root / "tokenize", orjson.dumps(question))
            return len(orjson.loads(reply.body)["tokens"])
        except (OutboardError, ValueError, LookupError, TypeError):
            return None

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._http.close()

    async def _streamed(self, request: Request, on_text: OnText) -> Reply | None:
        """Return the reply to a request for an answer in pieces, put together.

        None if the server refuses such requests.
        """
        answer = StreamedAnswer(on_text)
        body = encode(streaming(self._body_head), request)
        url, headers = self._completions_url, _STREAM_HEADERS
        reply = await self._http.post_streaming(url, body, answer.take, headers=headers)
        if reply.status == 200:
            return reply._replace(body=answer.body())
        if reply.status in (400, 422, 501) and b"stream" in reply.body.lower():
            self._streams = False
            return None
        return reply

    async def _ask(self) -> None:
        """Learn from the server whether it is ready, has the model, and what that accepts."""
        reply = await self._get(self._base_url / "models")
        self._asked = True
        if reply.status in (404, 405, 501):
            await self._look_for_v1()
            return
        if reply.status != 200:
            raise self._failure(self._read_error(reply), reply.headers)
        models = ModelList.parse(reply.body)
        if models is None:
            raise ProviderError(
                f"{self._base_url} answers, but not as an OpenAI-compatible server does. "
                "base_url must point to where the API begins; that often ends in /v1.",
                provider=_NAME,
            )
        entry = models.find(self._model)
        if entry is None and models.entries:
            raise ProviderError(
                f"{self._base_url} does not offer a model {self._model!r}. It offers "
                f"{models.describe(nearest_to=self._model)}. Pass one of these names.",
                provider=_NAME,
            )
        if entry is not None:
            await self._learn(models, entry)

    async def _learn(self, models: ModelList, entry: Mapping[str, Any]) -> None:
        self._owner = entry.get("owned_by")
        if self._owner == "llamacpp":
            await self._ask_llama_cpp()
            return
        context, answer = models.context_length(entry), max_answer_tokens(self._generation)
        if context is None:
            return
        if context <= answer:
            raise ProviderError(
                f"{self._model} takes {context} tokens, prompt and answer together, so "
                f"max_new_tokens={answer} leaves no room for a prompt. Lower it.",
                provider=_NAME,
            )
        self._limits = replace(self._limits, max_prompt_tokens=context - answer)

    async def _ask_llama_cpp(self) -> None:
        # Its /models answers while the model is still loading, /props not until it is there.
        reply = await self._get(self._root / "props")
        if reply.status in (401, 403, 503):
            raise self._failure(self._read_error(reply), reply.headers)
        props = LlamaCppProps.parse(reply.body)
        self._limits = Limits(
            max_concurrency=props.slots or _DEFAULT_CONCURRENCY,
            # The prompt must leave room for one token; an answer that meets the end is cut.
            max_prompt_tokens=props.context_length and props.context_length - 1,
        )

    async def _look_for_v1(self) -> None:
        """Accept a server that lists no models, unless it does so under /v1."""
        if self._base_url.name == "v1":
            return
        nested = self._base_url / "v1"
        reply = await self._get(nested / "models")
        if reply.status == 200 and ModelList.parse(reply.body):
            raise ProviderError(
                f"The API begins at {nested}, not at {self._base_url}. Correct base_url.",
                provider=_NAME,
            )

    async def _get(self, url: URL) -> Reply:
        return await self._http.get(url, timeout_s=_PROBE_TIMEOUT_S)

    @property
    def _root(self) -> URL:
        return self._base_url.parent if self._base_url.name == "v1" else self._base_url

    @property
    def _host(self) -> str:
        return self._base_url.host or ""

    def _read_error(self, reply: Reply) -> ServerError:
        return read_error(reply.status, reply.body, secret=self._key)

    def _failure(self, error: ServerError, headers: Mapping[str, str]) -> OutboardError:
        fatal = job_error(
            error,
            headers,
            provider=_NAME,
            address=self._base_url,
            key_variable=self._key_variable if self._key else None,
        )
        return fatal or invocation_error(error, headers)

    def _out_of_reach(self, fault: InvocationError) -> ProviderError:
        return ProviderError(
            f"The server is not ready: {fault.message} Start it, or correct base_url.",
            provider=_NAME,
        )
