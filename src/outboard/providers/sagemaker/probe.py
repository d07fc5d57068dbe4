"""Finds out which payload format an endpoint speaks."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from outboard.config import GenerationConfig
from outboard.errors import InvocationError, ProviderError
from outboard.providers import Request
from outboard.providers.sagemaker.answer import format_of_answer
from outboard.providers.sagemaker.container_error import wants_licence
from outboard.providers.sagemaker.payload import Payload, PayloadFormat
from outboard.providers.sagemaker.service_error import ServiceError
from outboard.providers.server_error import excerpt
from outboard.retry import retry_delay, rule_for

#: Sends a body in a format, and returns the answer or the refusal.
Exchange = Callable[[Payload, bytes], Awaitable[bytes | ServiceError]]

_ONE_TOKEN = GenerationConfig(max_new_tokens=1)
_REQUEST = Request(prompt="Hello")


async def find_format(exchange: Exchange, *, endpoint_name: str, region: str) -> PayloadFormat:
    """Return the format that an endpoint speaks, from its answers to requests for one token.

    Asks with ``inputs`` first, as text-generation servers read it, then with ``messages``.

    Parameters
    ----------
    exchange : callable
        Sends a request.
    endpoint_name, region : str
        Named in errors.

    Raises
    ------
    ProviderError
        If it understands neither, or does not answer at all.
    CredentialsError
        If it may not be asked.
    """
    heard = []
    for asked in (PayloadFormat.TGI, PayloadFormat.OPENAI):
        answer = await _ask(exchange, asked, endpoint_name, region)
        if isinstance(answer, PayloadFormat):
            return answer
        heard.append(f"{asked}: {answer}")
    raise ProviderError(
        f"Endpoint {endpoint_name!r} answers in no format that outboard knows ({'; '.join(heard)})."
        " Pass deployment_config={'payload_format': ...} with one of 'tgi', 'lmi', 'openai', "
        "'jumpstart', or deploy the model with another image_uri.",
        provider="sagemaker",
    )


async def _ask(
    exchange: Exchange, asked: PayloadFormat, endpoint_name: str, region: str
) -> PayloadFormat | str:
    """Ask in one format; return the format answered in, or what was said instead."""
    payload = Payload(asked, _ONE_TOKEN)
    body = payload.encode(_REQUEST)
    rng, attempts = Random(), 0  # noqa: S311 - jitter, no secret
    while True:
        try:
            answer = await exchange(payload, body)
        except InvocationError as fault:
            error = fault
        else:
            if isinstance(answer, bytes):
                return format_of_answer(answer) or excerpt(answer, None)
            if answer.kind == "ModelError":
                if wants_licence(answer.original_body):
                    return PayloadFormat.JUMPSTART
                if answer.original_status in (404, 405):
                    return answer.message
            refusal = answer.to_error(endpoint_name=endpoint_name, region=region)
            if not isinstance(refusal, InvocationError):
                raise refusal
            error = refusal
        attempts += 1
        delay_s = retry_delay(error.code, attempts, retry_after_s=error.retry_after_s, rng=rng)
        if delay_s is not None:
            await asyncio.sleep(delay_s)
        elif error.code == "model_error" or not rule_for(error.code).server_side:
            return error.message
        else:
            raise ProviderError(
                f"Endpoint {endpoint_name!r} could not be asked for its payload format: "
                f"{error.message} Resume the job when it is well again.",
                provider="sagemaker",
            ) from error
