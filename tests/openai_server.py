"""An OpenAI-compatible server on loopback that answers predictably, or fails as told.

In a test, in a thread of its own::

    with OpenAIServer(latency_s=0.02) as server:
        ...  # talk to server.base_url, then look at server.seen

As a process, for benchmarks and for tests that kill things; it prints its base_url on one
line, serves until its standard input ends, and tells what it saw under ``/seen``::

    python -m tests.openai_server --latency 0.02 --fault-rates '{"429": 0.05, "reset": 0.01}'

Every answer follows from the prompt alone (`answer_to`), so a test can prove that each row
got its own. Faults come by marker or by chance:

``<fault:NAME>``, ``<fault:NAME*2>``, ``<fault:NAME retry-after=3>`` in the prompt: each time,
the first two times, with that response header (several separated by ``;``).

``fault_rates={"429": 0.05}``: that share of requests. What happens to the n-th request for a
prompt follows from `seed`, the prompt and n, not from the order in which requests arrive.

``NAME`` is an HTTP status or a key of `tests.openai_faults.FAULTS`, or of
`tests.openai_stream_faults.STREAM_FAULTS` where the answer is asked for in pieces.
"""

import argparse
import asyncio
import json
import re
import ssl
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Self

import orjson
import uvloop
from aiohttp import web
from tests.openai_dialects import (
    Dialect,
    models_reply,
    props_reply,
    tokenize_reply,
    tokens_in,
    too_long_reply,
)
from tests.openai_faults import FAULTS, FaultContext, error_reply
from tests.openai_stream_faults import STREAM_FAULTS
from tests.openai_streams import events_of, stream_reply

MARKER = re.compile(r"<fault:(?P<name>[\w-]+)(?:\*(?P<times>\d+))?(?: (?P<headers>[^>]*))?>")


def answer_to(prompt: str, *, system: str | None = None) -> str:
    """Return the whole answer to a prompt: eight words, different for every prompt."""
    digest = sha256(f"{system or ''}\0{prompt}".encode()).hexdigest()
    return " ".join(digest[i : i + 8] for i in range(0, 64, 8))


@dataclass
class Seen:
    """What the server has seen. Read it when no request is under way, or to wait on."""

    #: Chat completions that arrived, by prompt.
    prompts: Counter[str] = field(default_factory=Counter)
    #: Requests of any kind, by path.
    paths: Counter[str] = field(default_factory=Counter)
    #: Faults that were played, by name.
    faults: Counter[str] = field(default_factory=Counter)
    #: Values of the Authorization header, None for none.
    authorizations: set[str | None] = field(default_factory=set)
    #: Client ports of the chat completions: one for each connection.
    client_ports: set[int] = field(default_factory=set)
    #: Headers of the last request.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Bodies of the last thousand chat completions.
    bodies: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=1_000))
    #: Chat completions being answered, now and at most.
    in_flight: int = 0
    max_in_flight: int = 0
    #: Chat completions whose client went away before the answer.
    abandoned: int = 0

    @property
    def requests(self) -> int:
        """Chat completions that arrived."""
        return self.prompts.total()


class OpenAIServer:
    """The server; see the module's text.

    Parameters
    ----------
    model : str
        The only model there is.
    dialect : Dialect
        Whose manners to show: model list, /tokenize, /props and the wording of errors. 'plain'
        is like OpenAI's own service, 'unlisted' has no /models, 'website' is no API at all.
    latency_s : float
        Time until an answer.
    context_length : int
        Tokens of prompt and answer together; more is refused.
    api_key : str, optional
        The only key accepted. Default: any or none.
    revoke_after : int, optional
        Refuse the key after so many chat completions.
    fault_rates : mapping
        Fault name -> probability.
    seed : int
        Of the draw for `fault_rates`.
    loading_replies : int
        How many requests, of any kind but to a llama.cpp's /models, find it still loading.
    slots : int
        What a llama.cpp says it works on at a time.
    port : int
        Port to listen on; 0 takes a free one.
    tls : ssl.SSLContext, optional
        Speak HTTPS with it.
    connect_status : int
        Answer to CONNECT: the server also serves as a plain HTTP proxy, before itself.
    """

    def __init__(
        self,
        *,
        model: str = "tiny-chat",
        dialect: Dialect = "vllm",
        latency_s: float = 0.0,
        context_length: int = 2_048,
        api_key: str | None = None,
        revoke_after: int | None = None,
        fault_rates: Mapping[str, float] | None = None,
        seed: int = 0,
        loading_replies: int = 0,
        slots: int = 4,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        connect_status: int = 405,
    ) -> None:
        self.model = model
        self.dialect = dialect
        self.latency_s = latency_s
        self.context_length = context_length
        self.api_key = api_key
        self.revoke_after = revoke_after
        self.fault_rates = dict(fault_rates or {})
        self.seed = seed
        self.loading_replies = loading_replies
        self.slots = slots
        self.seen = Seen()
        self.port = port
        self.tls = tls
        self.connect_status = connect_status
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._released = asyncio.Event()
        self._steps = asyncio.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name="openai-server", daemon=True)

    @property
    def root_url(self) -> str:
        """Address of the server."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """Address of the API."""
        return f"{self.root_url}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def release(self) -> None:
        """Let go on what the faults 'hang' and 'slow' hold back, now and from now on."""
        self._loop.call_soon_threadsafe(self._released.set)

    def step(self) -> None:
        """Let the fault 'stepwise' send one event."""
        self._loop.call_soon_threadsafe(self._steps.release)

    def wait_until(self, holds: Callable[[Seen], bool], *, timeout_s: float = 30.0) -> None:
        """Block until `holds(seen)` is true; raise TimeoutError if that takes too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self.seen), timeout_s):
                raise TimeoutError(f"not within {timeout_s:g} s; seen so far: {self.seen}")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=2**27, middlewares=[self._front_door])
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.get("/v1/models", self._models),
                web.get("/props", self._props),
                web.post("/tokenize", self._tokenize),
                web.get("/seen", self._tell),
            ]
        )
        # At its end it cuts off who waits; a timeout of 0 would let aiohttp wait for ever.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.01
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1_024, ssl_context=self.tls)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    @web.middleware
    async def _front_door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Count, let the loading time pass, ask for the key."""
        if request.method == "CONNECT":
            return web.Response(status=self.connect_status)
        if request.path == "/seen":
            return await handler(request)  # type: ignore[no-any-return]
        with self._changed:
            self.seen.paths[request.path] += 1
            self.seen.authorizations.add(request.headers.get("Authorization"))
            self.seen.headers = request.headers
            self._changed.notify_all()
        early = self.dialect == "llamacpp" and request.path == "/v1/models"
        if self.loading_replies > 0 and not early:
            self.loading_replies -= 1
            return error_reply(503, "Loading model", kind="unavailable_error")
        if not self._lets_in(request):
            return error_reply(401, "Incorrect API key provided: sk-t***last", kind="auth")
        return await handler(request)  # type: ignore[no-any-return]

    def _lets_in(self, request: web.Request) -> bool:
        if self.revoke_after is not None and self.seen.requests >= self.revoke_after:
            return False
        expected = f"Bearer {self.api_key}"
        return self.api_key is None or request.headers.get("Authorization") == expected

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        prompt = body["messages"][-1]["content"]
        with self._changed:
            self.seen.prompts[prompt] += 1
            attempt = self.seen.prompts[prompt]
            self.seen.bodies.append(body)
            if request.transport is not None:
                self.seen.client_ports.add(request.transport.get_extra_info("peername")[1])
            self.seen.in_flight += 1
            self.seen.max_in_flight = max(self.seen.max_in_flight, self.seen.in_flight)
            self._changed.notify_all()
        try:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            return await self._reply(request, body, prompt, attempt)
        except asyncio.CancelledError:
            with self._changed:
                self.seen.abandoned += 1
            raise
        finally:
            with self._changed:
                self.seen.in_flight -= 1
                self._changed.notify_all()

    async def _reply(
        self, request: web.Request, body: dict[str, Any], prompt: str, attempt: int
    ) -> web.StreamResponse:
        name, headers = self._fault_for(prompt, attempt)
        whole = self._completion(body, prompt)
        reply = _streamed(whole, body)
        if name is None:
            return reply
        self.seen.faults[name] += 1
        context = FaultContext(
            request=request, reply=reply, whole=whole, steps=self._steps, released=self._released
        )
        if name.isdecimal():
            response: web.StreamResponse = error_reply(int(name), f"This is a {name}.")
        else:
            response = await (FAULTS | STREAM_FAULTS)[name](context)
        if isinstance(response, web.Response) and response is not whole:
            response = _streamed(response, body)
        if not response.prepared:
            response.headers.update(headers)
        return response

    def _fault_for(self, prompt: str, attempt: int) -> tuple[str | None, dict[str, str]]:
        if marker := MARKER.search(prompt):
            if attempt > int(marker["times"] or attempt):
                return None, {}
            pairs = (pair.split("=", 1) for pair in (marker["headers"] or "").split(";") if pair)
            return marker["name"], {name.strip(): value for name, value in pairs}
        if self.fault_rates:
            draw = Random(f"{self.seed}/{prompt}/{attempt}").random()
            for name, rate in self.fault_rates.items():
                if draw < rate:
                    return name, {}
                draw -= rate
        return None, {}

    def _completion(self, body: dict[str, Any], prompt: str) -> web.Response:
        """Answer as the model would, within its context and the request's settings."""
        if body.get("model") != self.model and self.dialect != "llamacpp":
            return error_reply(404, f"The model `{body.get('model')}` does not exist.")
        system = next((m["content"] for m in body["messages"] if m["role"] == "system"), None)
        n_prompt, limit = tokens_in(prompt) + tokens_in(system or ""), body.get("max_tokens", 16)
        if n_prompt + (0 if self.dialect == "llamacpp" else limit) > self.context_length:
            return too_long_reply(self.dialect, n_prompt, self.context_length)
        words = answer_to(prompt, system=system).split()
        text, finish_reason = " ".join(words[:limit]), "length" if limit < len(words) else "stop"
        for stop in body.get("stop", ()):
            if stop in text:
                text, finish_reason = text[: text.index(stop)], "stop"
        return web.json_response(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": self.model,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": text},
                        "finish_reason": finish_reason,
                    }
                ],
                "usage": {"prompt_tokens": n_prompt, "completion_tokens": tokens_in(text)},
            }
        )

    async def _models(self, request: web.Request) -> web.Response:
        return models_reply(self.dialect, self.model, self.context_length)

    async def _props(self, request: web.Request) -> web.Response:
        return props_reply(self.dialect, self.slots, self.context_length)

    async def _tokenize(self, request: web.Request) -> web.Response:
        return tokenize_reply(self.dialect, orjson.loads(await request.read()))

    async def _tell(self, request: web.Request) -> web.Response:
        seen = self.seen
        return web.json_response(
            {
                "requests": seen.requests,
                "prompts": seen.prompts,
                "faults": seen.faults,
                "max_in_flight": seen.max_in_flight,
                "abandoned": seen.abandoned,
            }
        )


def _streamed(reply: web.Response, body: dict[str, Any]) -> web.Response:
    """Return a completion as the request wants it, in one piece or many; all else as it is."""
    if not body.get("stream") or reply.status != 200 or not isinstance(reply.body, bytes):
        return reply
    try:
        completion = orjson.loads(reply.body)
        sound = isinstance(completion["choices"][0]["message"], dict)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return reply
    usage = (body.get("stream_options") or {}).get("include_usage", False)
    return stream_reply(events_of(completion, usage=usage)) if sound else reply


def main() -> None:
    """Serve as a process of its own until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tiny-chat")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--fault-rates", type=json.loads, default={}, metavar="JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    server = OpenAIServer(
        model=given.model,
        latency_s=given.latency,
        fault_rates=given.fault_rates,
        seed=given.seed,
        port=given.port,
    )
    with server:
        print(server.base_url, flush=True)  # noqa: T201 - the one thing that the parent reads
        sys.stdin.read()


if __name__ == "__main__":
    main()
