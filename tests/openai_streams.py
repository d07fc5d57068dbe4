"""Chat completions in pieces, as `tests.openai_server` sends them."""

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

DONE = b"data: [DONE]\n\n"


def pieces_of(text: str) -> list[str]:
    """Return the tokens of a text, that put together make it again."""
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def event(payload: object) -> bytes:
    """Return one event with JSON in it, its text not escaped."""
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def chunk(choice: object, **others: Any) -> dict[str, Any]:
    """Return what one event holds."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "tiny-chat"}
    return base | {"choices": [choice]} | others


def events_of(completion: Any, *, usage: bool = True) -> list[bytes]:
    """Return the events that tell of a whole completion: role, pieces, reason, usage, end."""
    events = [event(chunk({"index": 0, "delta": {"role": "assistant", "content": ""}}))]
    choice = completion["choices"][0]
    message = choice["message"]
    beside = {name: value for name, value in message.items() if name not in {"role", "content"}}
    content = message.get("content")
    deltas: list[dict[str, Any]] = [{"content": content}]
    if isinstance(content, str):
        deltas = [{"content": piece} for piece in pieces_of(content)]
    deltas += [{name: value} for name, value in beside.items()]
    events += [
        event(chunk({"index": 0, "delta": delta, "finish_reason": None})) for delta in deltas
    ]
    last = {name: value for name, value in choice.items() if name not in {"index", "message"}}
    events.append(event(chunk({"index": 0, "delta": {}} | last)))
    if usage and "usage" in completion:
        events.append(event(chunk(None) | {"choices": [], "usage": completion["usage"]}))
    return [*events, DONE]


def stream_reply(events: Sequence[bytes]) -> web.Response:
    """Return a reply that holds events."""
    return web.Response(body=b"".join(events), content_type="text/event-stream")
