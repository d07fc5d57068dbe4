"""The request body that a container on SageMaker reads."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, assert_never

import orjson

from outboard.config import GenerationConfig
from outboard.errors import ConfigError
from outboard.providers import Request, chat_completion
from outboard.providers.json_text import json_text


class PayloadFormat(StrEnum):
    """The shapes of a request that containers understand."""

    #: Text Generation Inference: ``inputs`` beside ``parameters``.
    TGI = "tgi"
    #: DJL's Large Model Inference: the same, with names of its own.
    LMI = "lmi"
    #: The chat completions of the OpenAI protocol: vLLM, SGLang, later LMI, TGI's Messages.
    OPENAI = "openai"
    #: Older JumpStart models: TGI's shape, with the licence accepted in a header. Choosing it
    #: declares that you accept the model's licence.
    JUMPSTART = "jumpstart"


_BY_REPOSITORY = {
    "tgi-inference": PayloadFormat.TGI,
    "text-generation-inference": PayloadFormat.TGI,
    "djl-inference": PayloadFormat.LMI,
    "vllm": PayloadFormat.OPENAI,
    "sglang": PayloadFormat.OPENAI,
}

# What we decide ourselves; without `details`, no container tells a cut answer from a whole one.
_RESERVED = frozenset({"details", "inputs", "parameters", "return_full_text", "stream"})


def format_of_image(image_uri: str) -> PayloadFormat | None:
    """Return the format that the containers of an image speak; None if its name does not tell."""
    repository = image_uri.partition("/")[2].partition(":")[0].partition("@")[0]
    found = (known for part, known in _BY_REPOSITORY.items() if part in repository)
    return next(found, None)


class Payload:
    """Makes the request bodies of one job.

    Parameters
    ----------
    payload_format : PayloadFormat
        The shape that the container reads.
    generation : GenerationConfig
        Decoding settings. `extra` goes among the parameters as it is, and wins.

    Raises
    ------
    ConfigError
        If `extra` holds what cannot be sent, or would break the exchange.
    """

    def __init__(self, payload_format: PayloadFormat, generation: GenerationConfig) -> None:
        self.format = payload_format
        #: Headers that the format asks for, beside those of every request.
        self.headers: Mapping[str, str] = {}
        match payload_format:
            case PayloadFormat.OPENAI:
                self._fixed = chat_completion.body_head(None, generation)
            case PayloadFormat.LMI:
                self._fixed = _tail(_parameters(generation, stop="stop_sequences"), generation)
            case PayloadFormat.TGI | PayloadFormat.JUMPSTART:
                parameters = _parameters(generation, stop="stop")
                if parameters.get("top_p", 0) >= 1:
                    del parameters["top_p"]  # refused there: "must be > 0.0 and < 1.0"
                self._fixed = _tail(parameters, generation)
                if payload_format is PayloadFormat.JUMPSTART:
                    self.headers = {"X-Amzn-SageMaker-Custom-Attributes": "accept_eula=true"}
            case _:
                assert_never(payload_format)

    @property
    def streams(self) -> bool:
        """Whether an answer in pieces can be asked for."""
        return self.format is not PayloadFormat.JUMPSTART

    def encode_streaming(self, request: Request) -> bytes:
        """Return the body for one row whose answer is to come in pieces; see `encode`."""
        if self.format is PayloadFormat.OPENAI:
            return chat_completion.encode(chat_completion.streaming(self._fixed), request)
        return b'{"stream":true,' + self.encode(request)[1:]

    def encode(self, request: Request) -> bytes:
        """Return the body for one row.

        A system prompt becomes the system message where the format has one; elsewhere it goes
        before the prompt, with a blank line between.

        Raises
        ------
        InvocationError
            If the prompt is not Unicode text.
        """
        if self.format is PayloadFormat.OPENAI:
            return chat_completion.encode(self._fixed, request)
        prompt = request.prompt
        if request.system:
            prompt = f"{request.system}\n\n{prompt}"
        return b'{"inputs":%b,%b' % (json_text(prompt), self._fixed)


def _parameters(generation: GenerationConfig, *, stop: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "max_new_tokens": generation.max_new_tokens,
        "repetition_penalty": generation.repetition_penalty,
        "seed": generation.seed,
        stop: list(generation.stop) or None,
    }
    if generation.greedy:
        # Nothing else: TGI takes a temperature of 0 for an error, and a top_p for an order to
        # sample.
        parameters["do_sample"] = False
    else:
        sampling = {
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "top_k": generation.top_k,
        }
        parameters |= sampling
        # LMI heeds them only beside do_sample; TGI samples as soon as one of them is there.
        if generation.do_sample or any(value is not None for value in sampling.values()):
            parameters["do_sample"] = True
    return {name: value for name, value in parameters.items() if value is not None}


def _tail(parameters: dict[str, Any], generation: GenerationConfig) -> bytes:
    """Return what follows the prompt in the body of every row."""
    extra = generation.extra
    if reserved := sorted(_RESERVED & extra.keys()):
        raise ConfigError(
            f"extra must not hold {', '.join(reserved)}: outboard sets that itself. Leave it "
            "out; what extra holds goes among the request's parameters.",
            field="extra",
        )
    always = {"details": True, "return_full_text": False}
    try:
        return orjson.dumps({"parameters": parameters | extra | always})[1:]
    except TypeError as fault:
        raise ConfigError(
            f"extra cannot be written as JSON: {fault}. Change that value.", field="extra"
        ) from fault
