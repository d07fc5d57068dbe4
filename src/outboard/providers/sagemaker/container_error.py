"""What an error of the model's container means."""

import re

from outboard.errors import InvocationError, ProviderError
from outboard.providers.server_error import ServerError, code_of_status, read_error

_NAME = "sagemaker"
_TIMED_OUT = re.compile(r"timed out while waiting for a response from container", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(r"out of memory", re.IGNORECASE)
_LICENCE = b"accept_eula"

_WHAT_HAPPENED = {
    "throttled": "The model has too many requests waiting",
    "unavailable": "The model's container is overloaded or still starting",
    "model_error": "The model failed on this request",
    "timeout": "The model took longer than the 60 s that SageMaker grants",
    "rejected": "The model's container refuses this request",
    "request_too_large": "This request is too large for the model's container",
    "prompt_too_long": "The prompt is too long for the model",
}
_WHAT_NEXT = {
    "timeout": " Lower max_new_tokens or max_concurrency.",
    "request_too_large": " Shorten the row.",
    "prompt_too_long": " Shorten the row, or lower max_new_tokens.",
}


def log_group(endpoint_name: str) -> str:
    """Return the CloudWatch log group that an endpoint's containers write to."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def container_error(
    status: int, body: bytes, *, endpoint_name: str
) -> InvocationError | ProviderError:
    """Return what a container's error means: for its row, or for all of them.

    Parameters
    ----------
    status : int
        HTTP status of the container; 0 if it gave no reply.
    body : bytes
        What it said.
    endpoint_name : str
        Named in the error.
    """
    error = read_error(status, body)
    said = f": {error.message}." if error.message else "."
    if wants_licence(body):
        return ProviderError(
            f"The model behind endpoint {endpoint_name!r} runs only for those who accept its "
            f"licence{said} If you do, pass deployment_config={{'payload_format': 'jumpstart'}}.",
            provider=_NAME,
        )
    if status in (404, 405):
        return ProviderError(
            f"The container behind endpoint {endpoint_name!r} takes no such request ({status})"
            f"{said} Pass the payload_format that it speaks: 'tgi', 'lmi', 'openai' or "
            "'jumpstart'.",
            provider=_NAME,
        )
    code = _code(error)
    next_step = _WHAT_NEXT.get(code, "")
    if code in ("model_error", "unavailable"):
        next_step = f" Its log is in CloudWatch, group {log_group(endpoint_name)}."
    number = f" ({status})" if status else ""
    return InvocationError(f"{_WHAT_HAPPENED[code]}{number}{said}{next_step}", code=code)


def wants_licence(body: bytes) -> bool:
    """Return whether a container asks for its model's licence to be accepted in a header."""
    return _LICENCE in body


def _code(error: ServerError) -> str:
    if error.prompt_too_long:
        return "prompt_too_long"
    if _TIMED_OUT.search(error.message):
        return "timeout"
    if error.status == 424:
        # LMI answers so to a request that it cannot read, TGI when generating fails.
        failed = "generation" in error.kinds or _OUT_OF_MEMORY.search(error.message)
        return "model_error" if failed else "rejected"
    if not error.status:
        return "model_error"
    code = code_of_status(error.status)
    # Of a container, one of these most often comes again: a CUDA out-of-memory for one.
    return "model_error" if code == "server_error" else code
