"""The response in what a container answers, whatever its shape."""

from collections.abc import Mapping
from typing import Any

import orjson

from outboard.errors import InvocationError
from outboard.providers import Response
from outboard.providers.chat_completion import FINISH_REASONS, completion_in
from outboard.providers.sagemaker.container_error import container_error
from outboard.providers.sagemaker.payload import PayloadFormat
from outboard.providers.server_error import excerpt, one_line

_SHOWN_CHARS = 500


def decode(body: bytes, *, endpoint_name: str) -> Response:
    """Return the response in an answer with status 200.

    The shape is told by the answer, not by the format that was asked in: a list or an object,
    with ``generated_text``, ``generation``, ``choices`` or ``outputs``.

    Parameters
    ----------
    body : bytes
        What the container sent.
    endpoint_name : str
        Named in errors.

    Raises
    ------
    InvocationError
        Code incomplete_response if the answer ends too early, empty_response if there is none,
        server_error if the model says that it failed, invalid_response if it is of no known
        shape; the codes of `container_error` if it holds an error.
    ProviderError
        If it holds an error that all rows will meet.
    """
    payload = _parse(body)
    answer = _first(payload)
    if isinstance(answer, str):
        answer = {"generated_text": answer}
    if not isinstance(answer, dict):
        raise _unknown_shape(body)
    if "choices" in answer:
        response = _chat_or_completion(answer, body)
    else:
        response = _generated(answer, body, endpoint_name)
    if not response.text and response.output_tokens == 0 and response.finish_reason is None:
        raise InvocationError(
            "The model generated nothing, not one token, without saying why.",
            code="empty_response",
        )
    return response


def format_of_answer(body: bytes) -> PayloadFormat | None:
    """Return the format that a container speaks which answers so; None if that does not tell."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    match payload:
        case {"choices": _}:
            return PayloadFormat.OPENAI
        case {"generation": _} | [{"generation": _}, *_]:
            return PayloadFormat.JUMPSTART
        case [{"generated_text": _}, *_]:
            return PayloadFormat.TGI
        case {"generated_text": _} | {"outputs": _} | [{"outputs": _}, *_]:
            return PayloadFormat.LMI
        case _:
            return None


def _parse(body: bytes) -> object:
    if not body.strip():
        raise InvocationError("The container answered with nothing.", code="empty_response")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        at_end = fault.pos >= len(fault.doc) or body[-1] >= 0x80  # also within a character
        if at_end and body.lstrip()[:1] in (b"{", b"["):
            raise InvocationError(
                "The answer ends in the middle of its JSON.", code="incomplete_response"
            ) from fault
        shown = excerpt(body, None, max_chars=_SHOWN_CHARS)
        raise InvocationError(
            f"The container's answer is not JSON but {shown!r}.",
            code="invalid_response",
        ) from fault


def _first(payload: object) -> object:
    """Return the first answer of a list: containers that take batches answer with one."""
    while isinstance(payload, list) and payload:
        payload = payload[0]
    return payload


def _chat_or_completion(answer: dict[str, Any], body: bytes) -> Response:
    match answer["choices"]:
        case [{"text": str(text), **choice}, *_] if "message" not in choice:
            # The older completions of the same protocol, in the newer shape.
            message = {"content": text}
            answer = answer | {"choices": [choice | {"message": message}]}
    outcome = completion_in(answer, body)
    if isinstance(outcome, Response):
        return outcome
    raise _said_it_failed(outcome.message)


def _generated(answer: dict[str, Any], body: bytes, endpoint_name: str) -> Response:
    details = answer.get("details")
    if not isinstance(details, dict):
        details = {}
    reason = details.get("finish_reason")
    if reason == "error":
        raise _said_it_failed(details.get("error") or answer.get("error"))
    text = _text(answer)
    if text is None:
        if "error" in answer:
            code = answer.get("code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise container_error(status, body, endpoint_name=endpoint_name)
        raise _unknown_shape(body)
    prefill = details.get("prefill")
    return Response(
        text=text,
        finish_reason=FINISH_REASONS.get(reason) if isinstance(reason, str) else None,
        input_tokens=(len(prefill) or None) if isinstance(prefill, list) else None,
        output_tokens=_count(details.get("generated_tokens")),
    )


def _text(answer: Mapping[str, Any]) -> str | None:
    for name in ("generated_text", "generation", "outputs"):
        if name in answer:
            return _content(answer[name])
    return None


def _content(value: object) -> str | None:
    """Return the text of a string, of a message, or of the last of several messages."""
    match value:
        case str():
            return value
        case {"content": content} | {"generated_text": content} | [*_, content]:
            return _content(content)
        case _:
            return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**53 else None


def _said_it_failed(text: object) -> InvocationError:
    said = f": {one_line(text)}." if isinstance(text, str) and text else "."
    return InvocationError(
        f"The model answered 200, but with the finish reason 'error'{said}", code="server_error"
    )


def _unknown_shape(body: bytes) -> InvocationError:
    return InvocationError(
        "The container's answer is JSON, but in no shape that outboard knows: "
        f"{excerpt(body, None, max_chars=_SHOWN_CHARS)!r}.",
        code="invalid_response",
    )
