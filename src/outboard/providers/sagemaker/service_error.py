"""What a refusal by SageMaker itself means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from outboard.errors import CredentialsError, InvocationError, OutboardError, ProviderError
from outboard.providers.http import Reply
from outboard.providers.sagemaker.container_error import container_error
from outboard.providers.server_error import code_of_status, excerpt, one_line, retry_after_s

_NAME = "sagemaker"

_KEYS_REFUSED = re.compile(
    r"ExpiredToken|RequestExpired|TokenRefreshRequired|RequestTimeTooSkewed|InvalidSignature"
    r"|SignatureDoesNotMatch|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId"
    r"|IncompleteSignature|MissingAuthenticationToken|AuthFailure"
)
_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown")
_CODES = {
    "ModelNotReadyException": "not_ready",
    "InternalDependencyException": "unavailable",
    "ServiceUnavailable": "unavailable",
    "ServiceUnavailableException": "unavailable",
    "InternalFailure": "server_error",
    "InternalServerException": "server_error",
}
_WHAT_HAPPENED = {
    "throttled": "SageMaker asks for fewer requests",
    "not_ready": "The model is not loaded yet",
    "unavailable": "SageMaker is not available for the moment",
    "server_error": "SageMaker failed on this request",
    "timeout": "SageMaker gave up on this request",
    "rejected": "SageMaker refuses this request",
    "request_too_large": "This request is too large for SageMaker",
}
_ENDPOINT_GONE = re.compile(r"\bEndpoint \S+ of account \S+ not found", re.IGNORECASE)
_COMPONENT = re.compile(r"\binference component\b.*(required|not found|does not exist)", re.I)
_TOO_LARGE = re.compile(r"content length exceeded|length less than or equal to", re.IGNORECASE)
_CLOCK_OFF = re.compile(r"signature expired|not yet current|too skewed", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ServiceError:
    """A refusal as SageMaker words it."""

    status: int
    #: Name of the error, e.g. ``"ThrottlingException"``; empty if it bears none.
    kind: str
    #: Its text: one line, bounded; real refusals often have none.
    message: str
    headers: Mapping[str, str]
    #: HTTP status of the model's container and what it said, in a ModelError.
    original_status: int = 0
    original_body: bytes = b""

    @classmethod
    def read(cls, reply: Reply) -> "ServiceError":
        """Return the refusal in a reply whose status is not 200."""
        body = _json_object(reply.body)
        kind = reply.headers.get("x-amzn-ErrorType") or body.get("__type") or body.get("code")
        # The front door appends an address, other services put a namespace before the name.
        kind = str(kind or "").partition(":")[0].rpartition("#")[2]
        text = next((body[key] for key in ("message", "Message") if body.get(key)), None)
        original, original_status = body.get("OriginalMessage"), body.get("OriginalStatusCode")
        return cls(
            status=reply.status,
            kind=kind,
            message=one_line(str(text)) if text else "" if body else excerpt(reply.body, None),
            headers=reply.headers,
            original_status=original_status if isinstance(original_status, int) else 0,
            original_body=str(original or text or "").encode("utf-8", "replace"),
        )

    @property
    def keys_refused(self) -> bool:
        """True if the signature or its keys are refused, which newer ones may heal."""
        return bool(_KEYS_REFUSED.search(self.kind))

    @property
    def streaming_refused(self) -> bool:
        """True if what is refused may be that the answer was to come in pieces."""
        if "AccessDenied" in self.kind:
            return True  # a policy may name it on its own
        if self.kind == "UnknownOperationException" or self.status in (404, 405):
            return True
        if self.kind == "ModelError":
            return b"stream" in self.original_body.lower()
        return self.status == 400 and "stream" in self.message.lower()

    @property
    def wait_s(self) -> float | None:
        """What the reply asks us to wait, in seconds; None if nothing.

        ``x-amz-retry-after`` counts in milliseconds (botocore, retries/standard.py).
        """
        milliseconds = self.headers.get("x-amz-retry-after", "")
        if milliseconds.isdecimal() and len(milliseconds) <= 12:
            return int(milliseconds) / 1_000
        return retry_after_s(self.headers)

    def to_error(self, *, endpoint_name: str, region: str) -> OutboardError:
        """Return what it means: for its row, or for all of them."""
        where = f"endpoint {endpoint_name!r} in {region}"
        if self.keys_refused:
            return self._keys_error(where)
        if self.kind == "ModelError":
            fault = container_error(
                self.original_status, self.original_body, endpoint_name=endpoint_name
            )
            if isinstance(fault, InvocationError):
                fault.retry_after_s = self.wait_s
            return fault
        return self._error_for_all(where) or self._error_for_one()

    def _keys_error(self, where: str) -> CredentialsError:
        # What is said about a wrong signature may quote what was signed: it is left out.
        if _CLOCK_OFF.search(self.message):
            reason = "this machine's clock is minutes off. Set it"
        elif "Expired" in self.kind:
            reason = "they have expired. Sign in again"
        else:
            reason = "they are unknown or mistyped. Renew them"
        return CredentialsError(
            f"AWS does not accept the credentials for {where} ({self.kind}): {reason}, then "
            "resume the job: finished rows are kept.",
            provider=_NAME,
        )

    def _error_for_all(self, where: str) -> ProviderError | None:
        said = f" AWS said: {self.message}." if self.message else ""
        if "AccessDenied" in self.kind or (self.status in (401, 403) and self.kind):
            return CredentialsError(
                f"These credentials may not call {where}. They need the permission "
                f"sagemaker:InvokeEndpoint on it.{said}",
                provider=_NAME,
            )
        if _ENDPOINT_GONE.search(self.message):
            return ProviderError(
                f"There is no {where} any more: somebody deleted it, or its time was up. "
                "Finished rows are kept; resume the job to go on.",
                provider=_NAME,
            )
        if _COMPONENT.search(self.message):
            return ProviderError(
                f"The inference component asked for is not the one on {where}.{said} Pass the "
                "component's name as external_model_name.",
                provider=_NAME,
            )
        if self.kind == "UnknownOperationException" or self.status in (404, 405):
            return ProviderError(
                f"What answers for {where} is not SageMaker's runtime ({self.status}).{said} "
                "Correct AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME or AWS_ENDPOINT_URL.",
                provider=_NAME,
            )
        if 300 <= self.status < 400 or self.status in (401, 403, 407):
            return ProviderError(
                f"Something on the way to {where} stepped in ({self.status}).{said} "
                "Look at HTTPS_PROXY with NO_PROXY, and at the network's sign-on page.",
                provider=_NAME,
            )
        return None

    def _error_for_one(self) -> InvocationError:
        code = _CODES.get(self.kind) or code_of_status(self.status)
        if _THROTTLED.search(self.kind):
            code = "throttled"
        elif code == "rejected" and _TOO_LARGE.search(self.message):
            code = "request_too_large"
        name = f"{self.kind}, {self.status}" if self.kind else str(self.status)
        said = f": {self.message}." if self.message else "."
        return InvocationError(
            f"{_WHAT_HAPPENED[code]} ({name}){said}", code=code, retry_after_s=self.wait_s
        )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}
