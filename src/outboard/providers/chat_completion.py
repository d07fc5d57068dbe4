"""The chat completion format of the OpenAI protocol, in bytes."""

from collections.abc import Mapping
from typing import Any

import orjson

from outboard.config import GenerationConfig
from outboard.errors import ConfigError, InvocationError
from outboard.providers import Request, Response
from outboard.providers.json_text import json_text
from outboard.providers.server_error import ServerError, error_in, excerpt

# What we decide ourselves; `n` would buy answers that nobody sees.
_RESERVED = frozenset({"messages", "model", "n", "stream", "stream_options"})

#: Our word for a server's finish reason; one that is missing here is unknown.
FINISH_REASONS: dict[str, str] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
# Reasons that explain an answer without text: all tokens spent on thinking, a filter, a tool.
_EXPLAIN_NO_TEXT = frozenset(
    {"length", "max_tokens", "content_filter", "tool_calls", "function_call"}
)


def body_head(model: str | None, generation: GenerationConfig) -> bytes:
    """Return the part of the request body that is the same for every row.

    Without a `model`, the server serves only one; `extra` may name it then.

    `repetition_penalty` goes out under two names: vLLM and SGLang read that one, llama.cpp
    reads `repeat_penalty`, and each ignores the other's. They and `top_k` are sent only when
    set, because OpenAI's own service refuses them. `extra` comes last and wins.

    Raises
    ------
    ConfigError
        If `extra` holds what cannot be sent, or would break the exchange.
    """
    extra = generation.extra
    reserved_here = _RESERVED if model is not None else _RESERVED - {"model"}
    if reserved := sorted(reserved_here & extra.keys()):
        raise ConfigError(
            f"extra must not hold {', '.join(reserved)}: outboard sets that itself. Leave it out.",
            field="extra",
        )
    settings: dict[str, Any] = {
        "max_tokens": generation.max_new_tokens,
        "temperature": 0 if generation.greedy else generation.temperature,
        "top_p": generation.top_p,
        "top_k": generation.top_k,
        "repetition_penalty": generation.repetition_penalty,
        "repeat_penalty": generation.repetition_penalty,
        "seed": generation.seed,
        "stop": list(generation.stop) or None,
    }
    body = {k: v for k, v in ({"model": model} | settings).items() if v is not None}
    if "max_completion_tokens" in extra:
        del body["max_tokens"]  # the newer name for it; OpenAI refuses both at once
    try:
        encoded = orjson.dumps(body | extra)
    except TypeError as fault:
        raise ConfigError(
            f"extra cannot be written as JSON: {fault}. Change that value.",
            field="extra",
        ) from fault
    return encoded[:-1] + b',"messages":['


def max_answer_tokens(generation: GenerationConfig) -> int:
    """Return the most tokens that `body_head` asks for, `extra` taken into account."""
    for name in ("max_completion_tokens", "max_tokens"):
        if isinstance(limit := generation.extra.get(name), int):
            return limit
    return generation.max_new_tokens


def streaming(head: bytes) -> bytes:
    """Return a `body_head` that asks for the answer in pieces."""
    return b'{"stream":true,"stream_options":{"include_usage":true},' + head[1:]


def encode(head: bytes, request: Request) -> bytes:
    """Return the request body for one row, from `body_head` and its messages.

    Raises
    ------
    InvocationError
        If the prompt is not Unicode text.
    """
    user = json_text(request.prompt)
    if request.system is None:
        return b'%b{"role":"user","content":%b}]}' % (head, user)
    system = json_text(request.system)
    return b'%b{"role":"system","content":%b},{"role":"user","content":%b}]}' % (head, system, user)


def decode(body: bytes, *, secret: str | None = None) -> Response | ServerError:
    """Return the response in a reply with status 200, or the error that hides there.

    A finish reason that we have no word for, tool calls among them, counts as ``stop`` if
    the generation came to its end by itself, else it is None. A refusal's text is the answer.

    Raises
    ------
    InvocationError
        Code incomplete_response if the answer ends too early, invalid_response if it is not
        a chat completion.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        if body.startswith(b"{") and not body.endswith((b"}", b"}\n")):
            raise InvocationError(
                "The answer ends in the middle of its JSON.", code="incomplete_response"
            ) from fault
        raise InvocationError(
            f"The answer is not JSON but {excerpt(body, secret)!r}. Is base_url right?",
            code="invalid_response",
        ) from fault
    return completion_in(payload, body, secret=secret)


def completion_in(
    payload: Any,  # noqa: ANN401 - whatever a server sends
    body: bytes,
    *,
    secret: str | None = None,
) -> Response | ServerError:
    """Return the response in the JSON `payload` that `body` holds; see `decode`."""
    try:
        choice = payload["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        text = message.get("content")
    except (KeyError, IndexError, TypeError, AttributeError):
        if error := error_in(payload, status=500, secret=secret):
            return error
        raise _unknown_shape(body, secret) from None
    if not isinstance(reason, str):
        reason = None
    if reason == "error":
        return error_in(choice, status=500, secret=secret) or ServerError(status=500, message="")
    if reason == "abort":
        raise InvocationError("The server broke off this answer.", code="incomplete_response")
    if not isinstance(text, str):
        text = text_of(message, reason)
        if text is None:
            raise _unknown_shape(body, secret)
    usage = payload.get("usage")
    return Response(
        text=text,
        finish_reason=FINISH_REASONS.get(reason) if reason else None,
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
    )


def text_of(message: Mapping[str, Any], reason: str | None) -> str | None:
    """Return the text of a message, whose content need not be a string; None if it has none."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts or not content else None
    if content is not None:
        return None
    if isinstance(refusal := message.get("refusal"), str):
        return refusal
    return "" if reason in _EXPLAIN_NO_TEXT else None


def _unknown_shape(body: bytes, secret: str | None) -> InvocationError:
    return InvocationError(
        f"The answer is JSON, but no chat completion: {excerpt(body, secret)!r}.",
        code="invalid_response",
    )


def _count(usage: object, name: str) -> int | None:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and 0 <= count < 2**53 else None
