"""The ways in which a stream of `tests.openai_server` can be odd or fail, by name."""

from collections.abc import Callable

from aiohttp import web
from tests.openai_faults import Fault, FaultContext, begin, error_reply
from tests.openai_streams import DONE, chunk, event, events_of, stream_reply

#: An answer whose characters take one to four bytes, right-to-left letters among them.
MANY_SCRIPTS = (
    "größer \U0001f99c 日本語 \u05e9\u05dc\u05d5\u05dd e\u0301 \U0001f468\u200d\U0001f469"
)


async def stepwise(context: FaultContext) -> web.StreamResponse:
    """Send each event of a stream when a step is made."""
    if context.reply is context.whole:
        return context.whole
    response = await begin(context, {})
    for part in events_of(context.completion):
        await context.steps.acquire()
        await response.write(part)
    return response


async def bytewise(context: FaultContext) -> web.StreamResponse:
    """Send the stream of an answer in many scripts, byte by byte."""
    completion = context.completion
    completion["choices"][0]["message"]["content"] = MANY_SCRIPTS
    response = await begin(context, {})
    for byte in b"".join(events_of(completion)):
        await response.write(bytes([byte]))
    return response


def _stream(spoil: Callable[[list[bytes]], list[bytes]]) -> Fault:
    """Return a fault that changes the events of a sound stream."""

    async def fault(context: FaultContext) -> web.StreamResponse:
        return stream_reply(spoil(events_of(context.completion)))

    return fault


def _broken_off(payload: object) -> Fault:
    """Return a fault that ends a stream with an event of its own."""
    return _stream(lambda events: [*events[:4], event(payload), DONE])


async def stream_ignored(context: FaultContext) -> web.StreamResponse:
    """Answer in one piece all the same."""
    return context.whole


async def stream_refused(context: FaultContext) -> web.StreamResponse:
    """Answer only who does not ask for a stream."""
    if context.reply is context.whole:
        return context.reply
    return error_reply(400, "Streaming is not supported by this model.")


STREAM_FAULTS: dict[str, Fault] = {
    "stepwise": stepwise,
    "bytewise": bytewise,
    "stream-ignored": stream_ignored,
    "stream-refused": stream_refused,
    "stream-not-done": _stream(lambda events: events[:-1]),
    "stream-no-reason": _stream(lambda events: [*events[:-3], DONE]),
    "stream-no-end": _stream(lambda events: events[:-3]),
    "stream-in-mid-event": _stream(lambda events: [*events[:4], events[4][:25]]),
    "stream-crlf": _stream(
        lambda events: [
            b": keep-alive\r\n\r\nevent: message\r\nid: 1\r\n" + e.replace(b"\n", b"\r\n")
            for e in events
        ]
    ),
    "stream-single-newlines": _stream(
        lambda events: [e.replace(b"\n\n", b"\n").replace(b"data: ", b"data:") for e in events]
    ),
    "stream-json-lines": _stream(
        lambda events: [e.removeprefix(b"data: ").replace(b"\n\n", b"\n") for e in events[:-1]]
    ),
    "stream-unended-line": _stream(lambda events: [*events[:-1], DONE.strip()]),
    "stream-garbage": _stream(lambda events: [*events[:4], b"data: oops\n\n", *events[4:]]),
    "stream-pings": _stream(
        lambda events: [x for e in events for x in (event({"type": "ping"}), e)]
    ),
    "stream-only-pings": _stream(lambda events: [event({"type": "ping"}), DONE]),
    "stream-whole-message": _stream(
        lambda events: [
            event(
                chunk({"index": 0, "message": {"content": "All at once"}, "finish_reason": "stop"})
            ),
            DONE,
        ]
    ),
    "stream-two-choices": _stream(
        lambda events: [
            e for c in events for e in (c, event(chunk({"index": 1, "delta": {"content": "x"}})))
        ]
    ),
    "stream-old-completion": _stream(
        lambda events: [
            event(chunk({"index": 0, "text": "Hello ", "finish_reason": None})),
            event(chunk({"index": 0, "text": "there", "finish_reason": "stop"})),
            DONE,
        ]
    ),
    "stream-error": _broken_off({"error": {"code": 503, "message": "Overloaded."}}),
    "stream-error-choice": _broken_off(
        {
            "error": {"code": 429, "message": "Slow down."},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        }
    ),
    "stream-error-tgi": _broken_off(
        {"error": "Input validation error: `inputs` must have less than 10 tokens."}
    ),
    "stream-error-llama": _stream(
        lambda events: [*events[:4], b'error: {"code": 500, "message": "no slot"}\n\n']
    ),
    "stream-abort": _broken_off(chunk({"index": 0, "delta": {}, "finish_reason": "abort"})),
}
