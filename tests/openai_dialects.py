"""How the servers that `tests.openai_server` stands for differ in their manners."""

from typing import Any, Literal

from aiohttp import web
from tests.openai_faults import error_reply

#: 'plain' is like OpenAI's own service; 'unlisted' has no /models; 'website' is no API at all.
Dialect = Literal["vllm", "llamacpp", "plain", "unlisted", "website"]


def tokens_in(text: str) -> int:
    """Return how many tokens the server counts in a text: its words."""
    return len(text.split())


def models_reply(dialect: Dialect, model: str, context_length: int) -> web.Response:
    """Answer /v1/models."""
    entry: dict[str, Any] = {"id": model, "object": "model"}
    match dialect:
        case "vllm":
            entry |= {"owned_by": "vllm", "max_model_len": context_length}
        case "llamacpp":
            entry |= {"owned_by": "llamacpp", "aliases": [f"{model}-alias"], "meta": None}
        case "unlisted":
            return error_reply(404, "Not Found")
        case "website":
            return web.Response(text="<html>Welcome!</html>", content_type="text/html")
    return web.json_response({"object": "list", "data": [entry, {"id": "other-model"}]})


def props_reply(dialect: Dialect, slots: int, context_length: int) -> web.Response:
    """Answer /props."""
    if dialect != "llamacpp":
        return error_reply(404, "Not Found")
    settings = {"n_ctx": context_length}
    return web.json_response({"default_generation_settings": settings, "total_slots": slots})


def tokenize_reply(dialect: Dialect, body: dict[str, Any]) -> web.Response:
    """Answer /tokenize."""
    match dialect:
        case "vllm":
            count = tokens_in(body["prompt"])
            return web.json_response({"tokens": list(range(count)), "count": count})
        case "llamacpp":
            return web.json_response({"tokens": list(range(tokens_in(body["content"])))})
        case _:
            return error_reply(404, "Not Found")


def too_long_reply(dialect: Dialect, n_prompt: int, context_length: int) -> web.Response:
    """Refuse a prompt that the context does not hold."""
    match dialect:
        case "llamacpp":
            text = f"request ({n_prompt} tokens) exceeds the available context size"
            return error_reply(400, text, kind="exceed_context_size_error", code=400)
        case "vllm":
            text = f"This model's maximum context length is {context_length} tokens."
            return error_reply(400, text, kind="BadRequestError", code=400)
        case _:
            return error_reply(400, "Too long.", code="context_length_exceeded")
