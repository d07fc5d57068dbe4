"""What the model servers in SageMaker's containers take, refuse, and answer with."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from tests.awsfake.wire import Json
from tests.openai_dialects import tokens_in

#: The shape of one exchange. LMI and TGI speak the chat shape as well, told by ``messages``.
Shape = Literal["tgi", "lmi", "tgi-chat", "lmi-chat", "openai", "jumpstart", "jumpstart-chat"]

_BY_IMAGE = {
    "tgi-inference": "tgi",
    "djl-inference": "lmi",
    "vllm": "openai",
    "sglang": "openai",
    "jumpstart": "jumpstart",
}
_EULA = (
    "Need to pass custom_attributes='accept_eula=true' as part of header. This means you have "
    "read and accept the end-user license agreement (EULA) of the model. EULA can be found in "
    "model card description or from "
    "https://ai.meta.com/resources/models-and-libraries/llama-downloads/."
)


class ContainerError(Exception):
    """What a container answers with instead of 200. SageMaker wraps it into a ModelError."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        #: Response headers that go with it.
        self.headers: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a request asks of the model, whatever its shape."""

    shape: Shape
    prompt: str
    system: str | None = None
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    seed: int | None = None
    details: bool = False
    return_full_text: bool = False
    stream: bool = False
    #: Whether a stream of chunks is to tell at its end how many tokens there were.
    include_usage: bool = False


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What the model made of it."""

    text: str
    #: ``stop``, ``length`` or ``stop_sequence``.
    reason: str
    input_tokens: int
    output_tokens: int


def format_of_image(image: str | None) -> str:
    """Return the payload format that the containers of an image speak."""
    named = (kind for part, kind in _BY_IMAGE.items() if image and part in image)
    return next(named, "tgi")


def read_ask(body: bytes, payload_format: str, custom_attributes: str, context: int) -> Ask:
    """Return what a request asks for, or raise the ContainerError of its container."""
    try:
        payload = json.loads(body)
    except ValueError as cause:
        raise _refused(payload_format, "Failed to parse the request body as JSON") from cause
    if not isinstance(payload, dict):
        raise _refused(payload_format, "The request body must be a JSON object")
    if payload_format == "jumpstart" and "accept_eula=true" not in custom_attributes:
        raise ContainerError(500, json.dumps({"error": _EULA}))
    if "messages" in payload and payload_format != "jumpstart":
        ask = _chat_ask(payload, payload_format)
    else:
        ask = _plain_ask(payload, payload_format)
    tokens = tokens_in(ask.prompt) + tokens_in(ask.system or "")
    if tokens + ask.max_new_tokens > context:
        raise _too_long(payload_format, tokens, ask.max_new_tokens, context)
    return ask


def reply_to(ask: Ask, completion: Completion) -> Any:
    """Return the answer as JSON values, in the shape of the request's container."""
    text = ask.prompt + completion.text if ask.return_full_text else completion.text
    match ask.shape:
        case "tgi":
            answer: Json = {"generated_text": text}
            return [answer | _details(ask, completion)]
        case "lmi":
            return {"generated_text": text} | _details(ask, completion)
        case "jumpstart":
            return [{"generation": text}]
        case "jumpstart-chat":
            return [{"generation": {"role": "assistant", "content": text}}]
        case _:
            return _chat_completion(ask, completion)


def finish_reason(ask: Ask, completion: Completion) -> str:
    """Return why generation stopped, in the container's own word."""
    if completion.reason == "length":
        return "length"
    if ask.shape in {"openai", "tgi-chat"}:
        return "stop"
    return "stop_sequence" if completion.reason == "stop_sequence" else "eos_token"


def usage_of(completion: Completion) -> Json:
    """Return what the chat shape tells of the tokens."""
    return {
        "prompt_tokens": completion.input_tokens,
        "completion_tokens": completion.output_tokens,
        "total_tokens": completion.input_tokens + completion.output_tokens,
    }


def pieces(text: str) -> list[str]:
    """Return the tokens of a text, that put together make it again."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def _plain_ask(payload: Json, payload_format: str) -> Ask:
    if payload_format == "openai":
        raise _refused(payload_format, "[{'type': 'missing', 'loc': ('body', 'messages')}]")
    inputs, system = payload.get("inputs"), None
    parameters = payload.get("parameters") or {}
    shapes: dict[str, Shape] = {"lmi": "lmi", "jumpstart": "jumpstart"}
    shape = shapes.get(payload_format, "tgi")
    if payload_format == "jumpstart" and isinstance(inputs, list):
        shape = "jumpstart-chat"
        dialog = inputs[0]
        system = next((m["content"] for m in dialog if m["role"] == "system"), None)
        inputs = dialog[-1]["content"]
    if not isinstance(inputs, str) or not inputs:
        raise _refused(payload_format, "`inputs` cannot be empty")
    _check_sampling(parameters, payload_format)
    default = 30 if payload_format == "lmi" else 20
    stop = parameters.get("stop") or parameters.get("stop_sequences") or ()
    return Ask(
        shape=shape,
        prompt=inputs,
        system=system,
        max_new_tokens=parameters.get("max_new_tokens", default),
        stop=tuple(stop),
        temperature=parameters.get("temperature"),
        seed=parameters.get("seed"),
        details=bool(parameters.get("details")),
        return_full_text=bool(parameters.get("return_full_text")),
        stream=bool(payload.get("stream")),
    )


def _chat_ask(payload: Json, payload_format: str) -> Ask:
    messages = payload["messages"]
    if not isinstance(messages, list) or not messages:
        raise _refused(payload_format, "`messages` cannot be empty")
    shapes: dict[str, Shape] = {"tgi": "tgi-chat", "lmi": "lmi-chat"}
    stop = payload.get("stop") or ()
    return Ask(
        shape=shapes.get(payload_format, "openai"),
        prompt=messages[-1]["content"],
        system=next((m["content"] for m in messages if m["role"] == "system"), None),
        max_new_tokens=payload.get("max_tokens", 100),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        temperature=payload.get("temperature"),
        seed=payload.get("seed"),
        stream=bool(payload.get("stream")),
        include_usage=bool((payload.get("stream_options") or {}).get("include_usage")),
    )


def _check_sampling(parameters: Json, payload_format: str) -> None:
    """Refuse the values that TGI's router refuses; LMI takes them."""
    if payload_format not in {"tgi", "jumpstart"}:
        return
    top_p = parameters.get("top_p")
    if top_p is not None and not 0 < top_p < 1:
        raise _refused(payload_format, "`top_p` must be > 0.0 and < 1.0")
    for name in ("temperature", "top_k", "repetition_penalty", "max_new_tokens"):
        value = parameters.get(name)
        if value is not None and value <= 0:
            raise _refused(payload_format, f"`{name}` must be strictly positive")
    if len(parameters.get("stop", ())) > 4:
        raise _refused(payload_format, "`stop` supports up to 4 stop sequences")


def _refused(payload_format: str, text: str) -> ContainerError:
    """Return a container's refusal of a request, in its own words."""
    match payload_format:
        case "lmi":
            return ContainerError(424, json.dumps({"error": text, "code": 424}))
        case "openai":
            error = {"object": "error", "message": text, "type": "BadRequestError", "code": 400}
            return ContainerError(400, json.dumps(error))
        case _:
            error = {"error": f"Input validation error: {text}", "error_type": "validation"}
            return ContainerError(422, json.dumps(error))


def _too_long(payload_format: str, tokens: int, new_tokens: int, context: int) -> ContainerError:
    if payload_format in {"tgi", "jumpstart"}:
        return _refused(
            payload_format,
            f"`inputs` tokens + `max_new_tokens` must be <= {context}. Given: {tokens} `inputs` "
            f"tokens and {new_tokens} `max_new_tokens`",
        )
    return _refused(
        payload_format,
        f"This model's maximum context length is {context} tokens. However, you requested "
        f"{tokens + new_tokens} tokens ({tokens} in the messages, {new_tokens} in the completion).",
    )


def _details(ask: Ask, completion: Completion) -> Json:
    if not ask.details:
        return {}
    tokens: list[Json] = []
    for number, piece in enumerate(pieces(completion.text)):
        token: Json = {"id": number, "text": piece}
        token |= {"log_prob": -0.5} if ask.shape == "lmi" else {"logprob": -0.5, "special": False}
        tokens.append(token)
    details: Json = {
        "finish_reason": finish_reason(ask, completion),
        "generated_tokens": completion.output_tokens,
        "tokens": tokens,
    }
    own: Json = {"inputs": ask.prompt} if ask.shape == "lmi" else {"seed": ask.seed, "prefill": []}
    details |= own
    return {"details": details}


def _chat_completion(ask: Ask, completion: Completion) -> Json:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "lmi" if ask.shape == "lmi-chat" else "model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": completion.text},
                "logprobs": None,
                "finish_reason": finish_reason(ask, completion),
            }
        ],
        "usage": usage_of(completion),
    }
