"""What SageMaker's refusals mean, as they come over the wire."""

import json
from typing import Any

import pytest

from outboard.errors import CredentialsError, InvocationError, OutboardError, ProviderError
from outboard.providers.http import Reply
from outboard.providers.sagemaker.service_error import ServiceError
from outboard.retry import RULES

FRONT_DOOR = ":http://internal.amazon.com/coral/com.amazon.coral.service/"


def error(
    status: int, kind: str = "", body: object = None, headers: dict[str, str] | None = None
) -> OutboardError:
    """Return what a reply means to us."""
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    named = {"x-amzn-ErrorType": kind} if kind else {}
    reply = Reply(status, named | (headers or {}), data)
    return ServiceError.read(reply).to_error(endpoint_name="my-endpoint", region="eu-west-1")


def model_error(status: int, said: object, **members: Any) -> OutboardError:
    """Return what a container's error means, in SageMaker's wrapping."""
    text = said if isinstance(said, str) else json.dumps(said)
    body = {
        "Message": f'Received client error ({status}) from primary with message "{text}".',
        "OriginalStatusCode": status,
        "OriginalMessage": text,
    }
    return error(424, "ModelError", body | members)


def row_code(found: OutboardError) -> str:
    assert isinstance(found, InvocationError)
    assert found.code in RULES
    return found.code


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "ThrottlingException", "throttled"),
        (400, "TooManyRequestsException", "throttled"),
        (429, "", "throttled"),
        (429, "ModelNotReadyException", "not_ready"),
        (530, "InternalDependencyException", "unavailable"),
        (503, "ServiceUnavailable", "unavailable"),
        (500, "InternalFailure", "server_error"),
        (502, "", "unavailable"),
        (504, "", "unavailable"),
        (400, "ValidationError", "rejected"),
        (418, "", "rejected"),
        (413, "", "request_too_large"),
    ],
)
def test_refusals_of_one_request_have_their_codes(status: int, kind: str, code: str) -> None:
    assert row_code(error(status, kind)) == code


@pytest.mark.parametrize(
    "body",
    [
        {"message": None},
        {},
        b"",
        b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        b"[1, 2",
        [7],
        {"message": {"odd": 1}},
    ],
)
def test_refusal_reads_well_whatever_its_body_holds(body: object) -> None:
    found = error(503, "ServiceUnavailable", body)

    said = "SageMaker is not available for the moment (ServiceUnavailable, 503)"
    assert found.message.startswith(said)
    assert "None" not in found.message
    assert found.message.endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        {"__type": "ThrottlingException"},
        {"__type": "com.amazonaws.sagemaker#ThrottlingException"},
        {"code": "ThrottlingException"},
    ],
)
def test_kind_is_read_from_the_body_where_no_header_tells_it(body: object) -> None:
    assert row_code(error(400, body=body)) == "throttled"


@pytest.mark.parametrize(
    "text",
    [
        "HTTP content length exceeded 6291456 bytes.",
        "1 validation error detected: Member must have length less than or equal to 6291456",
    ],
)
def test_request_that_is_too_large_is_called_so(text: str) -> None:
    assert row_code(error(400, "ValidationError", {"message": text})) == "request_too_large"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"x-amz-retry-after": "0"}, 0.0),
        ({"x-amz-retry-after": "soon", "Retry-After": "3"}, 3.0),
        ({"x-amz-retry-after": "-1"}, None),
        ({"x-amz-retry-after": "9" * 40}, None),
        ({"Retry-After": "7"}, 7.0),
        ({}, None),
    ],
)
def test_wait_that_is_asked_for_is_kept(headers: dict[str, str], wait_s: float | None) -> None:
    throttled = error(400, "ThrottlingException", headers=headers)
    overloaded = error(
        424, "ModelError", {"OriginalStatusCode": 429, "OriginalMessage": "busy"}, headers
    )

    assert isinstance(throttled, InvocationError)
    assert throttled.retry_after_s == wait_s
    assert isinstance(overloaded, InvocationError)
    assert overloaded.retry_after_s == wait_s


# --- the model's container


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, {"object": "error", "message": "bad", "code": 400}, "rejected"),
        (422, {"error": "Input validation error: `top_p`", "error_type": "validation"}, "rejected"),
        (424, {"error": "`inputs` cannot be empty", "code": 424}, "rejected"),
        (413, {"error": "too big"}, "request_too_large"),
        (408, "", "timeout"),
        (429, {"error": "Model is overloaded", "error_type": "overloaded"}, "throttled"),
        (502, "", "unavailable"),
        (503, {"error": "starting"}, "unavailable"),
        (504, "", "unavailable"),
        (500, {"error": "CUDA out of memory.", "error_type": "generation"}, "model_error"),
        (424, {"error": "Request failed", "error_type": "generation"}, "model_error"),
        (424, {"error": "CUDA out of memory", "code": 424}, "model_error"),
        (500, "", "model_error"),
        (0, "connection refused", "model_error"),
        (
            422,
            {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 9"},
            "prompt_too_long",
        ),
        (
            424,
            {"error": "This model's maximum context length is 9 tokens.", "code": 424},
            "prompt_too_long",
        ),
        (
            400,
            {"message": "This model's maximum context length is 9 tokens.", "object": "error"},
            "prompt_too_long",
        ),
        (0, "Your invocation timed out while waiting for a response from container x", "timeout"),
    ],
)
def test_errors_of_the_container_have_their_codes(status: int, said: object, code: str) -> None:
    assert row_code(model_error(status, said)) == code


def test_error_of_the_container_names_its_log() -> None:
    found = model_error(500, {"error": "CUDA out of memory."})

    assert found.message == (
        "The model failed on this request (500): CUDA out of memory. Its log is in CloudWatch, "
        "group /aws/sagemaker/Endpoints/my-endpoint."
    )


def test_model_error_without_its_members_is_read_from_the_message() -> None:
    found = error(424, "ModelError", {"Message": "Received server error (0) from primary."})

    assert row_code(found) == "model_error"
    assert "Received server error (0) from primary." in found.message


@pytest.mark.parametrize("status", [404, 405])
def test_container_that_takes_no_such_request_ends_the_job(status: int) -> None:
    found = model_error(status, {"message": "The model `x` does not exist.", "object": "error"})

    assert isinstance(found, ProviderError)
    assert "payload_format" in found.message


def test_licence_that_was_not_accepted_ends_the_job() -> None:
    found = model_error(500, {"error": "Need to pass custom_attributes='accept_eula=true'"})

    assert isinstance(found, ProviderError)
    assert "'payload_format': 'jumpstart'" in found.message


# --- what concerns all rows


@pytest.mark.parametrize("suffix", ["", FRONT_DOOR])
def test_missing_permission_is_named(suffix: str) -> None:
    text = "User: arn:aws:iam::1:user/u is not authorized to perform: sagemaker:InvokeEndpoint"
    found = error(403, f"AccessDeniedException{suffix}", {"message": text})

    assert isinstance(found, CredentialsError)
    assert "permission sagemaker:InvokeEndpoint" in found.message
    assert "arn:aws:iam::1:user/u" in found.message


@pytest.mark.parametrize("kind", ["OptInRequired", "SubscriptionRequiredException"])
def test_account_that_may_not_use_the_service_is_a_matter_of_credentials(kind: str) -> None:
    assert isinstance(error(403, kind, {"message": "no"}), CredentialsError)


@pytest.mark.parametrize(
    ("kind", "text", "advice"),
    [
        ("ExpiredTokenException", "The security token included is expired", "Sign in again"),
        ("UnrecognizedClientException", "The token is invalid.", "unknown or mistyped"),
        ("InvalidSignatureException", "The signature does not match", "unknown or mistyped"),
        ("InvalidSignatureException", "Signature expired: 2026... (... - 5 min.)", "clock"),
        ("InvalidSignatureException", "Signature not yet current: 2026...", "clock"),
        ("RequestTimeTooSkewed", "The difference is too skewed", "clock"),
    ],
)
def test_refused_keys_say_why_without_repeating_what_was_signed(
    kind: str, text: str, advice: str
) -> None:
    found = error(403, kind + FRONT_DOOR, {"message": text})

    assert isinstance(found, CredentialsError)
    assert advice in found.message
    assert text not in found.message


def test_endpoint_that_is_gone_ends_the_job() -> None:
    text = "Endpoint My-Endpoint of account 123456789012 not found."
    found = error(400, "ValidationError", {"message": text})

    assert isinstance(found, ProviderError)
    assert "no endpoint 'my-endpoint' in eu-west-1 any more" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "Inference Component Name header is required for endpoints to which you plan to deploy.",
        "Inference Component abc not found.",
    ],
)
def test_wrong_inference_component_ends_the_job(text: str) -> None:
    found = error(400, "ValidationError", {"message": text})

    assert isinstance(found, ProviderError)
    assert text.rstrip(".") in found.message


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "UnknownOperationException"), (404, ""), (405, "")]
)
def test_address_of_something_else_ends_the_job(status: int, kind: str) -> None:
    found = error(status, kind, {"message": "What?"})

    assert isinstance(found, ProviderError)
    assert "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME" in found.message


@pytest.mark.parametrize("status", [302, 307, 401, 403, 407])
def test_stranger_on_the_way_ends_the_job(status: int) -> None:
    found = error(status, body=b"<html>Please sign on to the network</html>")

    assert isinstance(found, ProviderError)
    assert not isinstance(found, CredentialsError)
    assert "HTTPS_PROXY" in found.message
    assert "sign on to the network" in found.message
