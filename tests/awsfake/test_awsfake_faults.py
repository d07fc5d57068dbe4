"""Everything that can go wrong with an invocation, as boto3 tells it."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ResponseStreamingError,
)
from tests.awsfake.deploying import NAME, serve
from tests.awsfake.invoking import ask, failed, raw
from tests.awsfake.runtime_faults import FAULTS, Draw
from tests.awsfake.server import AwsFake
from tests.awsfake.signing import send_signed, signed
from tests.openai_server import answer_to

FAILED_GENERATION = {
    "generated_text": "",
    "details": {"finish_reason": "error", "generated_tokens": 0},
}


@pytest.mark.parametrize(
    ("fault", "code", "status", "message"),
    [
        ("ThrottlingException", "ThrottlingException", 400, "Rate exceeded"),
        ("ThrottlingException-null", "ThrottlingException", 400, None),
        ("ModelNotReadyException", "ModelNotReadyException", 429, "still downloading or loading"),
        ("InternalDependencyException", "InternalDependencyException", 530, "Contact customer"),
        ("InternalFailure", "InternalFailure", 500, "An internal failure occurred."),
        ("ServiceUnavailable", "ServiceUnavailable", 503, "The service is unavailable."),
        ("AccessDeniedException", "AccessDeniedException", 403, "You may not."),
        ("ExpiredTokenException", "ExpiredTokenException", 403, "security token included"),
        ("InvalidSignatureException", "InvalidSignatureException", 403, "Signature expired"),
        ("bad-gateway", "502", 502, None),
        ("gateway-timeout", "504", 504, None),
        ("ModelError-503", "ModelError", 424, "Received server error (503) from primary with mes"),
        ("ModelError-400", "ModelError", 424, "Received client error (400) from primary with mes"),
        ("out-of-memory", "ModelError", 424, "CUDA out of memory."),
        ("overloaded", "ModelError", 424, "Model is overloaded"),
    ],
)
def test_refusal_is_parsed_by_boto3(
    fake: AwsFake, runtime: Any, *, fault: str, code: str, status: int, message: str | None
) -> None:
    fake.running_endpoint(NAME)

    error = failed(runtime, f"hello <fault:{fault}>")

    assert error["Error"]["Code"] == code
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    assert message is None or message in error["Error"]["Message"]


def test_model_error_has_its_members_beside_the_error(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    with pytest.raises(runtime.exceptions.ModelError) as caught:
        ask(runtime, {"inputs": "<fault:ModelError-500>"})

    response = caught.value.response
    group = f"/aws/sagemaker/Endpoints/{NAME}"
    assert response["OriginalStatusCode"] == 500
    assert response["OriginalMessage"] == '{"error": "This is a 500."}'
    assert response["LogStreamArn"] == f"arn:aws:logs:us-east-1:123456789012:log-group:{group}"
    assert response["Error"]["Message"] == (
        'Received server error (500) from primary with message "{"error": "This is a 500."}". '
        "See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        f"#logEventViewer:group={group} in account 123456789012 for more information."
    )


def test_model_that_takes_more_than_a_minute_loses_sagemakers_patience(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)
    errors: list[dict[str, Any]] = []
    call = threading.Thread(
        target=lambda: errors.append(failed(runtime, "<fault:slow seconds=61>"))
    )

    call.start()
    fake.wait_for("fault:slow")
    fake.advance(60)
    call.join()

    assert errors[0]["OriginalStatusCode"] == 0
    assert (
        "Your invocation timed out while waiting for a response from container primary"
        in (errors[0]["Error"]["Message"])
    )


def test_model_may_take_up_to_a_minute(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, latency_s=59)
    answers: list[Any] = []
    call = threading.Thread(target=lambda: answers.append(ask(runtime, {"inputs": "hello"})))

    call.start()
    fake.wait_for("InvokeEndpoint")
    fake.advance(59)
    call.join()

    assert answers[0]["generated_text"] == answer_to("hello")


def test_slow_model_answers_after_its_time(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker)
    prompt, answers = "<fault:slow seconds=60>", list[Any]()
    call = threading.Thread(target=lambda: answers.append(ask(runtime, {"inputs": prompt})))

    call.start()
    fake.wait_for("fault:slow")
    fake.advance(60)
    call.join()

    assert answers[0]["generated_text"] == answer_to(prompt)


def test_marker_counts_and_sets_headers(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker)
    prompt = "<fault:ServiceUnavailable*2 x-amz-retry-after=1500>"

    errors = [failed(runtime, prompt) for _ in range(2)]
    answer = ask(runtime, {"inputs": prompt})

    headers = [error["ResponseMetadata"]["HTTPHeaders"] for error in errors]
    assert [h["x-amz-retry-after"] for h in headers] == ["1500", "1500"]
    assert answer["generated_text"] == answer_to(prompt)
    assert fake.seen()["prompts"] == {prompt: 3}
    assert fake.seen()["events"]["fault:ServiceUnavailable"] == 2


@pytest.mark.parametrize("fault", ["ModelError-429", "ThrottlingException", "not-json"])
def test_headers_of_a_marker_go_with_every_kind_of_fault(
    fake: AwsFake, sagemaker: Any, fault: str
) -> None:
    serve(fake, sagemaker)
    body = json.dumps({"inputs": f"<fault:{fault} x-amz-retry-after=7>"}).encode()

    _, headers, _ = send_signed(fake, f"/endpoints/{NAME}/invocations", body, {})

    assert headers["x-amz-retry-after"] == "7"


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("empty", b""),
        ("not-json", b"<html>Loading</html>"),
        ("wrong-shape", b'{"predictions": [0.5, 0.25]}'),
        ("empty-list", b"[]"),
        ("null-text", b'[{"generated_text": null}]'),
        ("error-finish", json.dumps(FAILED_GENERATION).encode()),
        ("error-in-200", b'{"error": "CUDA out of memory", "code": 424}'),
    ],
)
def test_answer_with_200_can_be_none(
    fake: AwsFake, sagemaker: Any, runtime: Any, fault: str, body: bytes
) -> None:
    serve(fake, sagemaker)

    answer = raw(runtime, {"inputs": f"<fault:{fault}>"})

    assert answer["Body"].read() == body


def test_connection_can_break_before_the_answer(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    with pytest.raises(ConnectionClosedError):
        ask(runtime, {"inputs": "<fault:reset>"})


def test_connection_can_break_in_the_middle_of_the_answer(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    with pytest.raises(ResponseStreamingError):
        ask(runtime, {"inputs": "<fault:cut>"})


def test_client_that_hangs_up_is_noticed(fake: AwsFake, sagemaker: Any) -> None:
    serve(fake, sagemaker)
    path, body = f"/endpoints/{NAME}/invocations", b'{"inputs": "<fault:hang>"}'
    connection = HTTPConnection(fake.url.removeprefix("http://"))

    connection.request("POST", path, body=body, headers=signed("POST", fake.url + path, body))
    fake.wait_for("in_flight")
    connection.close()

    fake.wait_for("abandoned")
    assert fake.seen()["in_flight"] == 0


def test_share_of_faults_is_drawn_from_the_seed_and_the_prompt(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)
    fake.fault_rates({"ThrottlingException": 0.3, "ModelError-500": 0.1}, seed=7)

    def outcomes() -> Iterator[str]:
        for number in range(40):
            try:
                ask(runtime, {"inputs": f"row {number}"})
                yield "sound"
            except ClientError as error:
                yield str(error.response["Error"]["Code"])

    drawn = list(outcomes())

    draw = Draw({"ThrottlingException": 0.3, "ModelError-500": 0.1}, 7)
    expected = [draw.fault_for(f"row {number}", 1)[0] for number in range(40)]
    assert [fault and fault.split("-")[0] for fault in expected] == [
        None if code == "sound" else code for code in drawn
    ]
    assert set(drawn) == {"sound", "ThrottlingException", "ModelError"}


def test_every_fault_has_a_test() -> None:
    here = Path(__file__).parent
    tests = "".join(p.read_text("utf-8") for p in here.glob("test_awsfake_*.py"))

    assert [
        name for name in FAULTS if f'"{name}"' not in tests and f"fault:{name}" not in tests
    ] == []
