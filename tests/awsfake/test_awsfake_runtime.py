"""Invocations that SageMaker itself answers for, and what is noted of them."""

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
)
from tests.awsfake.deploying import NAME, serve
from tests.awsfake.invoking import ask, failed
from tests.awsfake.server import AwsFake
from tests.awsfake.signing import send_signed
from tests.openai_server import answer_to

ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{NAME}"


def test_endpoint_that_is_not_in_service_is_not_found(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    unknown = failed(runtime, "hello")
    serve(fake, sagemaker, creating_s=1_000)
    creating = failed(runtime, "hello")
    fake.advance(1_000)
    ask(runtime, {"inputs": "hello"})
    with pytest.raises(ClientError) as other_case:
        ask(runtime, {"inputs": "hello"}, EndpointName=NAME.upper())
    fake.remove_endpoint(NAME)
    gone = failed(runtime, "hello")

    text = f"Endpoint {NAME} of account 123456789012 not found."
    assert {(e["Error"]["Code"], e["Error"]["Message"]) for e in (unknown, creating, gone)} == {
        ("ValidationError", text)
    }
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert NAME.upper() in str(other_case.value)
    assert fake.seen()["refused"] == {"ValidationError": 4}


def test_component_must_be_named_where_there_are_some(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    fake.running_endpoint(NAME)
    fake.inference_component("adapter", NAME)

    unnamed = failed(runtime, "hello")
    with pytest.raises(ClientError, match="Inference Component other not found"):
        ask(runtime, {"inputs": "hello"}, InferenceComponentName="other")
    answer = ask(runtime, {"inputs": "hello"}, InferenceComponentName="adapter")

    assert "Inference Component Name header is required" in unnamed["Error"]["Message"]
    assert answer == [{"generated_text": answer_to("hello")}]


def test_busy_endpoint_throttles_without_a_word(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker, max_in_flight=1)
    first = threading.Thread(target=ask, args=(runtime, {"inputs": "<fault:hang>"}))
    first.start()
    fake.wait_for("fault:hang")

    error = failed(runtime, "hello")
    fake.release()
    first.join()

    assert error["Error"]["Code"] == "ThrottlingException"
    assert error["Error"].get("Message") is None
    assert fake.seen()["max_in_flight"] == 1


def test_too_large_a_body_is_turned_away_at_the_door(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker, context_length=10_000_000)
    frame = len(json.dumps({"inputs": ""}))

    fits = ask(runtime, {"inputs": "x" * (6_291_456 - frame)})
    with pytest.raises(ClientError) as caught:
        ask(runtime, {"inputs": "x" * (6_291_457 - frame)})

    assert fits["generated_text"]
    assert caught.value.response["Error"] == {
        "Code": "413",
        "Message": "HTTP content length exceeded 6291456 bytes.",
    }


def test_denied_invocation_names_the_action(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker)
    fake.deny("sagemaker:InvokeEndpoint")

    error = failed(runtime, "hello")

    assert error["Error"]["Code"] == "AccessDeniedException"
    assert f"perform: sagemaker:InvokeEndpoint on resource: {ARN}" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_path_that_no_service_has_is_unknown(fake: AwsFake) -> None:
    status, headers, _ = send_signed(fake, f"/endpoints/{NAME}/async-invocations", b"{}", {})

    assert status == 404
    assert headers["x-amzn-ErrorType"] == "UnknownOperationException"


def test_what_was_asked_can_be_looked_at_but_no_signature(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    ask(runtime, {"inputs": "hello"}, CustomAttributes="accept_eula=true")

    seen = fake.seen()
    assert seen["bodies"] == [{"inputs": "hello"}]
    headers = {name.lower(): value for name, value in seen["headers"][0].items()}
    assert headers["x-amzn-sagemaker-custom-attributes"] == "accept_eula=true"
    assert "authorization" not in headers
    assert seen["connections"] == 1
