"""The ways in which an invocation can fail, by name."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import cast

from aiohttp import web
from tests.awsfake.containers import ContainerError
from tests.awsfake.faults import refusal
from tests.awsfake.streams import exception, part, parts
from tests.awsfake.wire import AwsError

#: ``<fault:NAME>``, ``<fault:NAME*2>``, ``<fault:NAME x-amz-retry-after=1500;seconds=90>``.
MARKER = re.compile(r"<fault:(?P<name>[\w-]+)(?:\*(?P<times>\d+))?(?: (?P<pairs>[^>]*))?>")
#: What SageMaker gives a container for an answer.
MODEL_LIMIT_S = 60.0

_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
_NOT_READY = (
    "Either a serverless endpoint variant's resources are still being provisioned, or a "
    "multi-model endpoint is still downloading or loading the target model. Wait and try your "
    "request again."
)


@dataclass(frozen=True, kw_only=True)
class FaultContext:
    """What a fault has to work with."""

    request: web.Request
    #: The sound reply that it spoils or keeps back.
    reply: web.Response
    #: True for an event stream.
    streaming: bool
    #: Set when the test lets hanging requests go.
    released: asyncio.Event
    #: Waits for seconds of virtual time.
    sleep: Callable[[float], Awaitable[None]]
    #: What the marker says behind the name.
    pairs: Mapping[str, str] = field(default_factory=dict)

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

    async def start(self, length: int | None) -> web.StreamResponse:
        """Send the sound head, with a length or without."""
        headers = dict(self.reply.headers)
        headers.pop("Content-Length", None)
        if length is not None:
            headers["Content-Length"] = str(length)
        response = web.StreamResponse(headers=headers)
        await response.prepare(self.request)
        return response


Fault = Callable[[FaultContext], Awaitable[web.StreamResponse]]


@dataclass
class Draw:
    """Which fault a request meets: by a marker in its prompt, or by chance."""

    #: Fault name -> probability.
    rates: dict[str, float] = field(default_factory=dict)
    #: Of the chance. What happens to the n-th request for a prompt follows from it, the prompt
    #: and n, not from the order in which requests arrive.
    seed: int = 0

    def fault_for(self, prompt: str, attempt: int) -> tuple[str | None, dict[str, str]]:
        """Return the name of the fault, or None, with what its marker says behind it."""
        if marker := MARKER.search(prompt):
            if attempt > int(marker["times"] or attempt):
                return None, {}
            pairs = (pair.split("=", 1) for pair in (marker["pairs"] or "").split(";") if pair)
            return marker["name"], {name.strip(): value for name, value in pairs}
        if self.rates:
            draw = Random(f"{self.seed}/{prompt}/{attempt}").random()
            for name, rate in self.rates.items():
                if draw < rate:
                    return name, {}
                draw -= rate
        return None, {}


async def play(name: str, context: FaultContext) -> web.StreamResponse:
    """Play a fault by name; ``ModelError-<status>`` stands for any status of the container."""
    if name.startswith("ModelError-"):
        status = int(name.removeprefix("ModelError-"))
        raise ContainerError(status, json.dumps({"error": f"This is a {status}."}))
    return await FAULTS[name](context)


async def take(seconds: float, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Let a model take its time, or lose SageMaker's patience."""
    await sleep(min(seconds, MODEL_LIMIT_S))
    if seconds > MODEL_LIMIT_S:
        raise ContainerError(0, _TIMED_OUT)


async def reset(context: FaultContext) -> web.StreamResponse:
    """Break the connection before any reply."""
    context.transport.abort()
    return context.reply


async def hang(context: FaultContext) -> web.StreamResponse:
    """Say nothing until released."""
    await context.released.wait()
    return context.reply


async def slow(context: FaultContext) -> web.StreamResponse:
    """Take virtual seconds, 90 unless the marker says how many."""
    await take(float(context.pairs.get("seconds", "90")), context.sleep)
    return context.reply


async def cut(context: FaultContext) -> web.StreamResponse:
    """Promise more bytes than are sent."""
    body = context.sound_body
    response = await context.start(None if context.streaming else len(body))
    await response.write(body[: len(body) // 2])
    context.transport.close()
    return response


async def stream_truncated(context: FaultContext) -> web.StreamResponse:
    """End cleanly in the middle of a frame."""
    response = await context.start(None)
    await response.write(context.sound_body[: len(context.sound_body) // 2])
    await response.write_eof()
    return response


async def stream_bad_checksum(context: FaultContext) -> web.StreamResponse:
    """Send a frame that was damaged on its way."""
    frame = bytearray(part(b"damaged"))
    frame[-6] ^= 1
    return await _broken_stream(context, bytes(frame))


def _stream_exception(kind: str, **members: str) -> Fault:
    async def fault(context: FaultContext) -> web.StreamResponse:
        return await _broken_stream(context, exception(kind, members))

    return fault


async def _broken_stream(context: FaultContext, last: bytes) -> web.StreamResponse:
    """Send the first frame of the sound stream and then something else."""
    body = context.sound_body
    response = await context.start(None)
    await response.write(body[: int.from_bytes(body[:4])])
    await response.write(last)
    await response.write_eof()
    return response


def _refused(code: str, message: str | None = None, status: int | None = None) -> Fault:
    async def fault(context: FaultContext) -> web.StreamResponse:
        error = refusal(code, message)
        raise error if status is None else AwsError(code, message, status=status)

    return fault


def _plain(status: int, text: str, content_type: str = "text/html") -> Fault:
    """Return the reply of something that stands before the service."""

    async def fault(context: FaultContext) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type=content_type)

    return fault


def _answered(body: object) -> Fault:
    """Return a 200 of the container with another body."""

    async def fault(context: FaultContext) -> web.StreamResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if context.streaming:
            data = b"".join(parts(data))
        return web.Response(body=data, headers=context.reply.headers)

    return fault


def _container(status: int, body: object) -> Fault:
    async def fault(context: FaultContext) -> web.StreamResponse:
        raise ContainerError(status, json.dumps(body))

    return fault


async def throttled_in_silence(context: FaultContext) -> web.StreamResponse:
    """Throttle without a text, as the real service often does."""
    raise silent_throttling()


def silent_throttling() -> AwsError:
    """Return the throttling of an endpoint that is too busy."""
    return AwsError("ThrottlingException", None)


FAULTS: dict[str, Fault] = {
    # SageMaker's own refusals, by their names
    "ThrottlingException": _refused("ThrottlingException"),
    "ThrottlingException-null": throttled_in_silence,
    "ModelNotReadyException": _refused("ModelNotReadyException", _NOT_READY, 429),
    "InternalDependencyException": _refused(
        "InternalDependencyException",
        "Your request caused an exception with an internal dependency. Contact customer support.",
        530,
    ),
    "InternalFailure": _refused("InternalFailure", "An internal failure occurred.", 500),
    "ServiceUnavailable": _refused(
        "ServiceUnavailable", "The service is unavailable. Try your call again.", 503
    ),
    "AccessDeniedException": _refused("AccessDeniedException", "You may not."),
    "ExpiredTokenException": _refused("ExpiredTokenException"),
    "InvalidSignatureException": _refused(
        "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than ..."
    ),
    # What stands before the service
    "bad-gateway": _plain(502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "gateway-timeout": _plain(504, ""),
    # The connection
    "reset": reset,
    "hang": hang,
    "slow": slow,
    "cut": cut,
    # Errors of the container, wrapped into a ModelError
    "out-of-memory": _container(500, {"error": "CUDA out of memory.", "error_type": "generation"}),
    "overloaded": _container(429, {"error": "Model is overloaded", "error_type": "overloaded"}),
    # A 200 of the container that is no answer
    "empty": _answered(b""),
    "not-json": _answered(b"<html>Loading</html>"),
    "wrong-shape": _answered({"predictions": [0.5, 0.25]}),
    "empty-list": _answered([]),
    "null-text": _answered([{"generated_text": None}]),
    "error-finish": _answered(
        {"generated_text": "", "details": {"finish_reason": "error", "generated_tokens": 0}}
    ),
    "error-in-200": _answered({"error": "CUDA out of memory", "code": 424}),
    # Event streams
    "stream-timeout": _stream_exception(
        "ModelStreamError",
        Message="The model took longer than 8 minutes.",
        ErrorCode="ModelInvocationTimeExceeded",
    ),
    "stream-broken": _stream_exception(
        "ModelStreamError", Message="The stream broke.", ErrorCode="StreamBroken"
    ),
    "stream-failure": _stream_exception("InternalStreamFailure", Message="Internal failure."),
    "stream-truncated": stream_truncated,
    "stream-bad-checksum": stream_bad_checksum,
}
