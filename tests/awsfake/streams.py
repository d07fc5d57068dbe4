"""Streamed answers: the container's lines, in AWS's event-stream frames."""

import json
import struct
from binascii import crc32
from collections.abc import Iterator

from tests.awsfake.containers import (
    Ask,
    Completion,
    finish_reason,
    pieces,
    reply_to,
    usage_of,
)
from tests.awsfake.wire import Json

#: Bytes of one payload part. Odd, so that parts align with neither lines nor characters.
PART_BYTES = 41

_STRING = 7


def frame(payload: bytes, headers: dict[str, str]) -> bytes:
    """Return one message of application/vnd.amazon.eventstream, string headers only."""
    block = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value
        for name, value in ((name, text.encode()) for name, text in headers.items())
    )
    prelude = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack("!I", crc32(prelude)) + block + payload
    return message + struct.pack("!I", crc32(message))


def part(payload: bytes) -> bytes:
    """Return a frame with a part of the answer."""
    return frame(
        payload,
        {
            ":event-type": "PayloadPart",
            ":content-type": "application/octet-stream",
            ":message-type": "event",
        },
    )


def exception(kind: str, members: Json) -> bytes:
    """Return a frame that ends the stream with an error."""
    return frame(
        json.dumps(members).encode(),
        {
            ":exception-type": kind,
            ":content-type": "application/json",
            ":message-type": "exception",
        },
    )


def parts(data: bytes) -> Iterator[bytes]:
    """Return the frames of an answer, cut without regard to its lines."""
    for start in range(0, len(data), PART_BYTES):
        yield part(data[start : start + PART_BYTES])


def streamed(ask: Ask, completion: Completion) -> tuple[str, bytes]:
    """Return the content type and all bytes of a container's streamed answer."""
    match ask.shape:
        case "tgi":
            return "text/event-stream", b"".join(
                _sse(b"data:", line) for line in _tgi(ask, completion)
            )
        case "openai" | "tgi-chat":
            lines = b"".join(_sse(b"data: ", line) for line in _chunks(ask, completion))
            return "text/event-stream", lines + b"data: [DONE]\n\n"
        case "lmi" | "lmi-chat":
            spoken = _lmi(ask, completion) if ask.shape == "lmi" else _chunks(ask, completion)
            return "application/jsonlines", b"".join(_line(line) for line in spoken)
        case _:
            # The old JumpStart containers answer in one piece.
            return "application/json", _line(reply_to(ask, completion))


def _tgi(ask: Ask, completion: Completion) -> Iterator[Json]:
    *first, last = pieces(completion.text)
    for number, piece in enumerate(first):
        token = _token(number, piece)
        yield {"index": number, "token": token, "generated_text": None, "details": None}
    yield {
        "index": len(first),
        "token": _token(len(first), last),
        "generated_text": completion.text,
        "details": {
            "finish_reason": finish_reason(ask, completion),
            "generated_tokens": completion.output_tokens,
            "seed": ask.seed,
        },
    }


def _lmi(ask: Ask, completion: Completion) -> Iterator[Json]:
    *first, last = pieces(completion.text)
    for number, piece in enumerate(first):
        yield {"token": {"id": number, "text": piece, "log_prob": -0.5}}
    yield {
        "token": {"id": len(first), "text": last, "log_prob": -0.5},
        "generated_text": completion.text,
        "details": {
            "finish_reason": finish_reason(ask, completion),
            "generated_tokens": completion.output_tokens,
            "inputs": ask.prompt,
        },
    }


def _chunks(ask: Ask, completion: Completion) -> Iterator[Json]:
    for piece in pieces(completion.text):
        yield _chunk({"content": piece}, None)
    yield _chunk({}, finish_reason(ask, completion))
    if ask.include_usage:
        yield {**_chunk({}, None), "choices": [], "usage": usage_of(completion)}


def _chunk(delta: Json, reason: str | None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def _token(number: int, text: str) -> Json:
    return {"id": number, "text": text, "logprob": -0.5, "special": False}


def _sse(prefix: bytes, value: Json) -> bytes:
    return prefix + _line(value) + b"\n"


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"
