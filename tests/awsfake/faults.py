"""Faults of operations, scripted by a test: refusals, lost replies, silence."""

from dataclasses import dataclass

from tests.awsfake.wire import AuthError, AwsError

_TEXTS = {
    "ThrottlingException": "Rate exceeded",
    "ExpiredTokenException": "The security token included in the request is expired",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "InternalFailure": "The request processing has failed because of an unknown error, exception "
    "or failure.",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
}
_STATUS = {"InternalFailure": 500, "ServiceUnavailable": 503}
_BY_FRONT_DOOR = {
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "AccessDeniedException",
}


@dataclass
class Rule:
    """The next calls of an operation, and what becomes of them."""

    operation: str
    #: ``reset``: the connection breaks before anything is done. ``lost-reply``: all is done, but
    #: the connection breaks instead of the answer. ``hang``, ``hang-reply``: the same with a
    #: wait, until the test releases it. Anything else is the code of an error to refuse with.
    fault: str
    message: str | None = None
    #: Calls that pass before the first fault.
    skip: int = 0
    #: Calls that fail; None for all from then on.
    times: int | None = 1


class OperationFaults:
    """The rules, tried in the order they were made."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def draw(self, operation: str) -> Rule | None:
        """Return the rule that this call falls under, or None."""
        for rule in self.rules:
            if rule.operation != operation or rule.times == 0:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None


def refusal(code: str, message: str | None = None) -> AwsError:
    """Return the error with this code, with AWS's own text where none is given."""
    text = _TEXTS.get(code) if message is None else message
    if code in _BY_FRONT_DOOR:
        return AuthError(code, text)
    return AwsError(code, text, status=_STATUS.get(code, 400))
