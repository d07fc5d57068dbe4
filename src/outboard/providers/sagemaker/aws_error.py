"""The error to raise for what botocore raises."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from botocore import exceptions

from outboard.config import FinetuningProvider
from outboard.errors import CredentialsError, ProviderError

PROVIDER = FinetuningProvider.AWS_SAGEMAKER.value

#: How to get credentials.
SIGN_IN = (
    "Set AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, name a profile of ~/.aws in AWS_PROFILE, "
    "run `aws sso login`, or call boto3.setup_default_session(...)."
)
#: How to go on with credentials that have run out.
SIGN_IN_AGAIN = (
    "Renew them (`aws sso login`, new environment variables, or boto3.setup_default_session"
    "(...)), then start or resume the job: finished rows are kept."
)

# botocore has no class for keys that are stale when they arrive (credentials.py).
_STALE = re.compile("refreshed credentials are still expired")
_DENIED = re.compile("AccessDenied|UnauthorizedOperation|NotAuthorized")
_EXPIRED = re.compile("^(ExpiredToken|RequestExpired|TokenRefreshRequired)")
_REFUSED = re.compile(
    "^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature|AuthFailure"
    "|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|InvalidToken)"
)
_THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded")
# SageMaker has no code of its own for it.
_NOT_FOUND = re.compile("could not find|not found|does not exist", re.IGNORECASE)
_ACTION = re.compile(r"to perform:? ([\w-]+:\w+)")
_RESOURCE = re.compile(r"on resource:? (arn:\S+)")


@contextmanager
def translated(*, secrets: Collection[str] = ()) -> Iterator[None]:
    """Turn what botocore raises inside into errors that say what to do.

    Parameters
    ----------
    secrets : collection of str
        Kept out of the errors: AWS quotes values that it refuses.

    Raises
    ------
    CredentialsError
        If there are no credentials, or AWS refuses them or the action; names the action.
    ProviderError
        If AWS cannot be reached, or refuses for another reason.
    """
    try:
        yield
    except RuntimeError as fault:
        if not _STALE.search(str(fault)):
            raise
        raise CredentialsError(
            f"The AWS credentials have expired, and newer ones are not there. {SIGN_IN_AGAIN}",
            provider=PROVIDER,
        ) from fault
    except (exceptions.ClientError, exceptions.BotoCoreError) as fault:
        error = error_of(fault)
        if not secrets:
            raise error from fault
        message = error.message
        for secret in filter(None, secrets):
            message = message.replace(secret, "***")
        # The fault itself quotes them still.
        raise type(error)(message, provider=PROVIDER) from None


def code_of(fault: exceptions.ClientError) -> str:
    """Return the name of the error that AWS answered with, e.g. ``"ValidationException"``."""
    return str(fault.response.get("Error", {}).get("Code", ""))


def message_of(fault: exceptions.ClientError) -> str:
    """Return what AWS said about it; services leave that out at times."""
    error = fault.response.get("Error", {})
    return " ".join(str(error.get("Message") or code_of(fault) or "no reason given").split())


def is_denied(fault: exceptions.ClientError) -> bool:
    """Return whether a call was refused because we may not make it."""
    return bool(_DENIED.search(code_of(fault)))


def is_not_found(fault: exceptions.ClientError) -> bool:
    """Return whether a call was refused because there is no such thing."""
    code, message = code_of(fault), message_of(fault)
    if code in {"ResourceNotFound", "ResourceNotFoundException"}:
        return True
    return code == "ValidationException" and bool(_NOT_FOUND.search(message))


def error_of(fault: exceptions.ClientError | exceptions.BotoCoreError) -> ProviderError:
    """Return the error to raise for what botocore has raised."""
    if isinstance(fault, exceptions.ClientError):
        return _refusal(fault)
    match fault:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return CredentialsError(
                f"There are no usable AWS credentials: {_words(fault)} {SIGN_IN}",
                provider=PROVIDER,
            )
        case (
            exceptions.ProfileNotFound()
            | exceptions.ConfigNotFound()
            | exceptions.ConfigParseError()
            | exceptions.InvalidConfigError()
        ):
            return CredentialsError(
                f"The settings for AWS are broken: {_words(fault)} Correct AWS_PROFILE, or the "
                "files in ~/.aws.",
                provider=PROVIDER,
            )
        case (
            exceptions.CredentialRetrievalError()
            | exceptions.MetadataRetrievalError()
            | exceptions.LoginError()
            | exceptions.NoAuthTokenError()
            | exceptions.RefreshWithMFAUnsupportedError()
            | exceptions.SSOError()
            | exceptions.TokenRetrievalError()
        ):
            return CredentialsError(
                f"AWS credentials could not be obtained: {_words(fault)} {SIGN_IN_AGAIN}",
                provider=PROVIDER,
            )
        case exceptions.HTTPClientError() | exceptions.ConnectionError():
            return ProviderError(
                f"AWS cannot be reached: {_words(fault)} Look at the network, at HTTPS_PROXY with "
                "NO_PROXY, and at AWS_CA_BUNDLE.",
                provider=PROVIDER,
            )
        case _:
            return ProviderError(
                f"The call to AWS could not be made: {_words(fault)}", provider=PROVIDER
            )


def _refusal(fault: exceptions.ClientError) -> ProviderError:
    code, operation = code_of(fault), fault.operation_name
    if is_denied(fault):
        action = _ACTION.search(message_of(fault))
        resource = _RESOURCE.search(message_of(fault))
        name = action[1] if action else operation
        where = f" on {resource[1]}" if resource else ""
        return CredentialsError(
            f"AWS does not allow {name}{where} with these credentials. Ask for a policy that "
            f"allows it. AWS said: {_sentence(message_of(fault))}",
            provider=PROVIDER,
        )
    if _EXPIRED.search(code):
        return CredentialsError(
            f"The AWS credentials have expired ({operation}: {code}). {SIGN_IN_AGAIN}",
            provider=PROVIDER,
        )
    if _REFUSED.search(code):
        # AWS's own text may quote what was signed: it is left out.
        return CredentialsError(
            f"AWS does not accept these credentials ({operation}: {code}). They may be mistyped, "
            f"deleted, of another partition, or this machine's clock is wrong. {SIGN_IN}",
            provider=PROVIDER,
        )
    if _THROTTLED.search(code):
        return ProviderError(
            f"AWS asks for fewer calls of {operation} and did not relent. Try again in a minute.",
            provider=PROVIDER,
        )
    return ProviderError(
        f"AWS refused {operation} ({code}): {_sentence(message_of(fault))}", provider=PROVIDER
    )


def _words(fault: exceptions.BotoCoreError) -> str:
    return _sentence(" ".join(str(fault).split()))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
