"""An error as a model server words it, in our own terms."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import orjson
from yarl import URL

from outboard.errors import CredentialsError, InvocationError, ProviderError

#: Longest message of a server that is repeated in an error of ours.
MAX_MESSAGE_CHARS = 300

# Local servers are often given 'x' or 'EMPTY' for a key: no secret, but part of many words.
_SHORTEST_SECRET = 8
_UNAVAILABLE = frozenset({502, 503, 504, 520, 521, 522, 523, 524, 529})  # 52x: Cloudflare's
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|$)")
_LONGEST_DURATION = 30  # characters
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}

# OpenAI, vLLM, llama.cpp, TGI, SGLang, Ollama, Gemini, Anthropic, in this order of wording.
_TOO_LONG = re.compile(
    r"context.(length|size|window)|maximum model length|`inputs` (tokens|must have less than)"
    r"|input token count|(prompt|input) is too long|reduce the length of",
    re.IGNORECASE,
)
_TOO_LONG_KINDS = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_NO_CREDIT_KINDS = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
)

_WHAT_HAPPENED = {
    "throttled": "The server asks for fewer requests",
    "unavailable": "The server is overloaded or still starting",
    "server_error": "The server failed on this request",
    "timeout": "The server gave up on this request",
    "rejected": "The server refuses this request",
    "request_too_large": "This request is too large for the server",
    "prompt_too_long": "The prompt is too long for the model",
}
_WHAT_NEXT = {
    "request_too_large": " Shorten the row.",
    "prompt_too_long": " Shorten the row, or lower max_new_tokens.",
}


@dataclass(frozen=True, kw_only=True)
class ServerError:
    """An error as the server words it."""

    #: HTTP status; for an error inside a 200, the one it names.
    status: int
    #: Its own message: one line, bounded, maybe empty. Untrusted.
    message: str
    #: Its `code` and `type`, where they are words.
    kinds: frozenset[str] = frozenset()

    @property
    def prompt_too_long(self) -> bool:
        """True if the prompt, or prompt with answer, exceeds the model's context."""
        if self.kinds & _TOO_LONG_KINDS:
            return True
        # 424 is how DJL's containers refuse a request.
        return self.status in (400, 413, 422, 424) and bool(_TOO_LONG.search(self.message))

    @property
    def no_credit(self) -> bool:
        """True if the account has run dry, which no waiting heals."""
        return self.status == 402 or bool(self.kinds & _NO_CREDIT_KINDS)


def read_error(status: int, body: bytes, *, secret: str | None = None) -> ServerError:
    """Return the error in a reply whose status is not 200.

    Parameters
    ----------
    status : int
        HTTP status of the reply.
    body : bytes
        JSON in the shape of any known server, or whatever else came.
    secret : str, optional
        Text to black out, should the server repeat it.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    error = error_in(payload, status=status, secret=secret)
    if error is None:
        return ServerError(status=status, message=excerpt(body, secret))
    return ServerError(status=status, message=error.message, kinds=error.kinds)


def error_in(payload: object, *, status: int, secret: str | None) -> ServerError | None:
    """Find the error in a reply: OpenAI's shape, vLLM's older one, TGI's, FastAPI's."""
    if not isinstance(payload, Mapping):
        return None
    error = payload.get("error") or payload.get("detail")
    if isinstance(error, Mapping):
        message, code, kind = error.get("message"), error.get("code"), error.get("type")
    elif error:
        message, code, kind = error, None, payload.get("error_type")
    elif payload.get("object") == "error" or isinstance(payload.get("message"), str):
        message, code, kind = payload.get("message"), payload.get("code"), payload.get("type")
    else:
        return None
    kinds = frozenset(word for word in (code, kind) if isinstance(word, str))
    if isinstance(code, int) and 400 <= code < 600:
        status = code
    elif any("rate_limit" in word for word in kinds):
        status = 429
    elif "invalid_request_error" in kinds:
        status = 400
    text = message if isinstance(message, str) else orjson.dumps(message or "").decode()
    return ServerError(status=status, message=one_line(text, secret=secret), kinds=kinds)


def job_error(
    error: ServerError,
    headers: Mapping[str, str],
    *,
    provider: str,
    address: URL,
    key_variable: str | None,
) -> ProviderError | None:
    """Return what `error` means for all rows alike, or None if it concerns only the one.

    Parameters
    ----------
    error : ServerError
        What the server said.
    headers : mapping
        Headers of its reply.
    provider : str
        Kept in the error.
    address : URL
        Where the API begins.
    key_variable : str or None
        Environment variable that the key sent came from; None if none was sent.
    """
    said = f": {error.message}." if error.message else "."
    match error.status:
        case 401 | 403:
            # What a server says to a wrong key may hold a part of it.
            what = (
                "does not accept the key (401)." if error.status == 401 else f"forbids this{said}"
            )
            fix = (
                f"Check the environment variable {key_variable}."
                if key_variable
                else "No key was sent: put yours into an environment variable, and that "
                "variable's name into deployment_config['api_key_env']."
            )
            return CredentialsError(f"{address} {what} {fix}", provider=provider)
        case 404 | 405:
            message = (
                f"{address} does not take this request ({error.status}){said} Check the "
                "model's name, and that base_url is where the API begins; that often ends in /v1."
            )
        case status if 300 <= status < 400:
            message = (
                f"{address} redirects to {headers.get('Location', '')[:200]!r}, where no key is "
                "taken unasked. Set base_url to the address where the API is."
            )
        case _ if error.no_credit:
            message = (
                f"The account at {address} has no credit left{said} Top it up, then resume the job."
            )
        case _:
            return None
    return ProviderError(message, provider=provider)


def invocation_error(error: ServerError, headers: Mapping[str, str]) -> InvocationError:
    """Return what `error` means for the row that met it."""
    code = code_of_status(error.status)
    if error.prompt_too_long:
        code = "prompt_too_long"
    elif code == "throttled" and error.message.startswith("Request too large"):
        code = "request_too_large"  # OpenAI: larger than the limit for a whole minute
    said = f": {error.message}." if error.message else "."
    return InvocationError(
        f"{_WHAT_HAPPENED[code]} ({error.status}){said}{_WHAT_NEXT.get(code, '')}",
        code=code,
        retry_after_s=retry_after_s(headers),
    )


def code_of_status(status: int) -> str:
    """Return the `InvocationError.code` that an HTTP error status stands for."""
    match status:
        case 408:
            return "timeout"
        case 413:
            return "request_too_large"
        case 429:
            return "throttled"
        case _ if status in _UNAVAILABLE:
            return "unavailable"
        case _ if status >= 500:
            return "server_error"
        case _:
            return "rejected"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a reply asks us to wait, in seconds, or None.

    Understands `retry-after-ms`, `Retry-After` (seconds or a date, counted from the server's
    own clock where it tells that), and `x-ratelimit-reset-*` in forms such as ``6m0s``,
    ``1.5s`` and ``120ms`` for the limits whose `x-ratelimit-remaining-*` is 0.

    References
    ----------
    RFC 9110, section 10.2.3; OpenAI, "Rate limits in headers".
    """
    if (wait := _duration(headers.get("retry-after-ms", ""), unit="ms")) is not None:
        return wait
    if after := headers.get("Retry-After"):
        if (wait := _duration(after)) is not None:
            return wait
        until, now = _timestamp(after), _timestamp(headers.get("Date", ""))
        return None if until is None else max(0.0, until - (now or time.time()))
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def one_line(text: str, *, secret: str | None = None, max_chars: int = MAX_MESSAGE_CHARS) -> str:
    """Return a server's text fit for an error: one line, bounded, without `secret`."""
    if secret and len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "***")
    text = _CONTROL.sub(" ", text[: 8 * max_chars]).strip().rstrip(".")
    return text if len(text) <= max_chars else f"{text[: max_chars - 3]}..."


def excerpt(body: bytes, secret: str | None, *, max_chars: int = MAX_MESSAGE_CHARS) -> str:
    """Return the start of a body that we cannot read, fit for an error."""
    text = body[:65_536].decode("utf-8", "replace")
    return one_line(text, secret=secret, max_chars=max_chars)


def _duration(text: str, *, unit: str = "") -> float | None:
    """Return the seconds in '1.5', '6m0s' or '120ms'; a bare number counts in `unit`."""
    text = text.strip()
    parts = _DURATION.findall(text) if len(text) <= _LONGEST_DURATION else []
    if not parts or "".join(number + suffix for number, suffix in parts) != text:
        return None
    return sum(float(number) * _SECONDS[suffix or unit] for number, suffix in parts)


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
