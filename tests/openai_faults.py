"""The ways in which `tests.openai_server` can fail, by name."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class FaultContext:
    """What a fault has to work with."""

    request: web.Request
    #: The sound reply that it spoils or keeps back.
    reply: web.Response
    #: The same in one piece, where the reply is a stream.
    whole: web.Response
    #: One is let through for each event of a stream.
    steps: asyncio.Semaphore
    #: Set when the test lets hanging requests go.
    released: asyncio.Event

    @property
    def transport(self) -> asyncio.Transport:
        """The connection that the request came by."""
        return cast("asyncio.Transport", self.request.transport)  # uvloop's is of its own kind

    @property
    def sound_body(self) -> bytes:
        """The bytes of the sound reply."""
        body = self.reply.body
        assert isinstance(body, bytes)
        return body

    @property
    def completion(self) -> Any:
        """The sound reply as JSON values."""
        assert isinstance(self.whole.body, bytes)
        return json.loads(self.whole.body)


Fault = Callable[[FaultContext], Awaitable[web.StreamResponse]]


def error_reply(
    status: int, message: str, *, kind: str | None = None, code: str | int | None = None
) -> web.Response:
    """Return an error in OpenAI's shape."""
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status)


async def reset(context: FaultContext) -> web.StreamResponse:
    """Break the connection before any reply."""
    context.transport.abort()
    return context.reply


async def hang(context: FaultContext) -> web.StreamResponse:
    """Say nothing until released."""
    await context.released.wait()
    return context.reply


async def slow(context: FaultContext) -> web.StreamResponse:
    """Send half of the body, the rest when released."""
    body = context.sound_body
    response = await begin(context, {"Content-Length": str(len(body))})
    await response.write(body[: len(body) // 2])
    await context.released.wait()
    await response.write(body[len(body) // 2 :])
    return response


async def cut(context: FaultContext) -> web.StreamResponse:
    """Promise more bytes than are sent."""
    body = context.sound_body
    response = await begin(context, {"Content-Length": str(len(body))})
    await response.write(body[: len(body) // 2])
    context.transport.close()
    return response


async def cut_unannounced(context: FaultContext) -> web.StreamResponse:
    """Send half of a body whose length nobody was told."""
    return await _raw(
        context, b"HTTP/1.0 200 OK\r\n\r\n" + context.sound_body[: len(context.sound_body) // 2]
    )


async def not_http(context: FaultContext) -> web.StreamResponse:
    """Send what is no HTTP."""
    return await _raw(context, b"220 mail.example.org ESMTP ready\r\n\r\n")


async def huge(context: FaultContext) -> web.StreamResponse:
    """Send a body without end."""
    response = await begin(context, {})
    block = b" " * 2**20
    while True:
        await response.write(block)  # ends when the client hangs up


async def redirect(context: FaultContext) -> web.StreamResponse:
    """Point to another host."""
    return web.Response(status=307, headers={"Location": "http://elsewhere.invalid/v1"})


async def echo_key(context: FaultContext) -> web.StreamResponse:
    """Refuse, and repeat the key."""
    key = context.request.headers.get("Authorization", "").removeprefix("Bearer ")
    return error_reply(400, f"Key {key} may not do this.")


async def begin(context: FaultContext, headers: dict[str, str]) -> web.StreamResponse:
    """Send the head of the sound reply."""
    response = web.StreamResponse(headers={"Content-Type": context.reply.content_type} | headers)
    await response.prepare(context.request)
    return response


async def _raw(context: FaultContext, data: bytes) -> web.StreamResponse:
    context.transport.write(data)
    context.transport.close()
    return context.reply


def _body(body: bytes | str, *, status: int = 200) -> Fault:
    """Return a fault that replies with a fixed body."""

    async def fault(context: FaultContext) -> web.StreamResponse:
        data = body.encode() if isinstance(body, str) else body
        return web.Response(body=data, status=status, content_type="application/json")

    return fault


def _choice(**changes: object) -> Fault:
    """Return a fault that changes the first choice of a sound reply."""

    async def fault(context: FaultContext) -> web.StreamResponse:
        completion = context.completion
        completion["choices"][0] |= changes
        return web.json_response(completion)

    return fault


def _without(name: str) -> Fault:
    """Return a fault that leaves something out of a sound reply."""

    async def fault(context: FaultContext) -> web.StreamResponse:
        completion = context.completion
        del completion[name]
        return web.json_response(completion)

    return fault


def _error(status: int, message: str, **parts: Any) -> Fault:
    async def fault(context: FaultContext) -> web.StreamResponse:
        return error_reply(status, message, **parts)

    return fault


def _message(**message: object) -> dict[str, object]:
    return {"role": "assistant", **message}


FAULTS: dict[str, Fault] = {
    # The connection
    "reset": reset,
    "hang": hang,
    "slow": slow,
    "cut": cut,
    "cut-unannounced": cut_unannounced,
    "not-http": not_http,
    "huge": huge,
    "redirect": redirect,
    # Bodies that are no completion
    "empty": _body(""),
    "html": _body("<html><title>Sign in</title>"),
    "json-list": _body("[1, 2]"),
    "json-string": _body('"hello"'),
    "no-choices": _without("choices"),
    "empty-choices": _body('{"choices": []}'),
    "choice-is-text": _body('{"choices": ["hello"]}'),
    "half-character": _body(r'{"choices": [{"message": {"content": "\ud800"}}]}'),
    # Completions out of the ordinary
    "parts": _choice(
        message=_message(content=[{"type": "text", "text": "Hello "}, {"text": "there"}])
    ),
    "odd-parts": _choice(message=_message(content=[{"type": "image"}])),
    "null": _choice(message=_message(content=None)),
    "null-length": _choice(message=_message(content=None), finish_reason="length"),
    "null-filter": _choice(message=_message(content=None), finish_reason="content_filter"),
    "tool-calls": _choice(
        message=_message(content=None, tool_calls=[{}]), finish_reason="tool_calls"
    ),
    "refusal": _choice(message=_message(content=None, refusal="I will not.")),
    "no-reason": _choice(finish_reason=None),
    "odd-reason": _choice(finish_reason="bored"),
    "aborted": _choice(finish_reason="abort"),
    "failed-choice": _choice(
        finish_reason="error", error={"code": 502, "message": "Upstream broke."}
    ),
    "no-usage": _without("usage"),
    # Errors in a 200
    "error-429-in-200": _body('{"error": {"code": 429, "message": "Slow down."}}'),
    "error-limit-in-200": _body('{"error": {"type": "rate_limit_error", "message": "Slow"}}'),
    "error-text-in-200": _body('{"error": "CUDA out of memory"}'),
    "error-request-in-200": _body('{"error": {"type": "invalid_request_error", "message": "?"}}'),
    # Errors as particular servers word them
    "quota": _error(429, "You exceeded your current quota", kind="insufficient_quota"),
    "larger-than-limit": _error(429, "Request too large for tiny-chat: Limit 10, Requested 20"),
    "openai-too-long": _error(400, "Too long.", code="context_length_exceeded"),
    "vllm-too-long": _body(
        '{"object": "error", "message": "This model\'s maximum context length is 4096 tokens.",'
        ' "type": "BadRequestError", "code": 400}',
        status=400,
    ),
    "tgi-too-long": _body(
        '{"error": "Input validation error: `inputs` must have less than 10 tokens.",'
        ' "error_type": "validation"}',
        status=422,
    ),
    "fastapi": _body('{"detail": [{"loc": ["body", "seed"], "msg": "not an int"}]}', status=422),
    "plain-text": _body("out\x00 of\x1b[31m\n luck " + "x" * 1_000, status=400),
    "echo-key": echo_key,
}
