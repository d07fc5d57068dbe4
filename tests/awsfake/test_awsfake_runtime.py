"""Invocations: what containers answer, and everything that can go wrong."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, serve
from tests.awsfake.driver import LMI_IMAGE, TGI_IMAGE, VLLM_IMAGE
from tests.awsfake.runtime_faults import FAULTS, Draw
from tests.awsfake.server import AwsFake
from tests.awsfake.signing import send_signed
from tests.openai_server import OpenAIServer, answer_to

ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{NAME}"

FAILED_GENERATION = {
    "generated_text": "",
    "details": {"finish_reason": "error", "generated_tokens": 0},
}


def ask(runtime: Any, payload: Any, **given: Any) -> Any:
    """Return the answer of a model as JSON values."""
    return json.loads(raw(runtime, payload, **given)["Body"].read())


def raw(runtime: Any, payload: Any, **given: Any) -> dict[str, Any]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent = {"EndpointName": NAME, "ContentType": "application/json", "Body": body}
    return dict(runtime.invoke_endpoint(**sent | given))


def failed(runtime: Any, prompt: str, **parameters: Any) -> dict[str, Any]:
    """Return the error response to a prompt."""
    with pytest.raises(ClientError) as caught:
        ask(runtime, {"inputs": prompt, "parameters": parameters})
    return dict(caught.value.response)


def chat(text: str, **settings: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **settings}


# --- shapes


def test_tgi_answers_with_a_list_and_details_on_request(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker, image=TGI_IMAGE)

    plain = ask(runtime, {"inputs": "hello"})
    cut = ask(runtime, {"inputs": "hello", "parameters": {"max_new_tokens": 3, "details": True}})

    assert plain == [{"generated_text": answer_to("hello")}]
    assert cut[0]["generated_text"] == " ".join(answer_to("hello").split()[:3])
    assert cut[0]["details"]["finish_reason"] == "length"
    assert cut[0]["details"]["generated_tokens"] == 3
    assert "".join(t["text"] for t in cut[0]["details"]["tokens"]) == cut[0]["generated_text"]


def test_lmi_answers_with_an_object(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, image=LMI_IMAGE)

    answer = ask(runtime, {"inputs": "hello", "parameters": {"details": True}})

    assert answer["generated_text"] == answer_to("hello")
    assert answer["details"]["finish_reason"] == "eos_token"
    assert answer["details"]["inputs"] == "hello"


@pytest.mark.parametrize(
    ("image", "reason"), [(VLLM_IMAGE, "stop"), (LMI_IMAGE, "eos_token"), (TGI_IMAGE, "stop")]
)
def test_chat_is_answered_by_every_container_that_knows_it(
    fake: AwsFake, sagemaker: Any, runtime: Any, image: str, reason: str
) -> None:
    serve(fake, sagemaker, image=image)
    system = {"role": "system", "content": "Be brief."}

    answer = ask(runtime, {"messages": [system, *chat("hello")["messages"]]})
    cut = ask(runtime, chat("hello", max_tokens=2))

    assert answer["choices"][0]["message"]["content"] == answer_to("hello", system="Be brief.")
    assert answer["choices"][0]["finish_reason"] == reason
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}
    assert cut["choices"][0]["finish_reason"] == "length"


def test_old_jumpstart_wants_its_licence_accepted(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker, payload_format="jumpstart")
    dialog = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    accepted = {"CustomAttributes": "accept_eula=true"}

    text = ask(runtime, {"inputs": "hello"}, **accepted)
    spoken = ask(runtime, {"inputs": [dialog]}, **accepted)
    error = failed(runtime, "hello")

    assert text == [{"generation": answer_to("hello")}]
    assert spoken == [
        {
            "generation": {
                "role": "assistant",
                "content": answer_to("hello", system="Be brief."),
            }
        }
    ]
    assert "custom_attributes='accept_eula=true'" in error["OriginalMessage"]


def test_stop_strings_and_full_text_are_heeded(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, image=TGI_IMAGE)
    words = answer_to("hello").split()
    parameters = {"stop": [words[2]], "return_full_text": True, "details": True}

    (answer,) = ask(runtime, {"inputs": "hello", "parameters": parameters})

    assert answer["generated_text"] == f"hello{words[0]} {words[1]} "
    assert answer["details"]["finish_reason"] == "stop_sequence"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
        ({"temperature": 0}, "`temperature` must be strictly positive"),
        ({"top_k": 0}, "`top_k` must be strictly positive"),
        ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
        ({"stop": list("abcde")}, "`stop` supports up to 4 stop sequences"),
        ({"max_new_tokens": 2_048}, "must be <= 2048. Given: 1 `inputs` tokens and 2048"),
    ],
)
def test_tgi_refuses_what_its_router_refuses(
    fake: AwsFake, sagemaker: Any, runtime: Any, parameters: dict[str, Any], message: str
) -> None:
    serve(fake, sagemaker, image=TGI_IMAGE)

    error = failed(runtime, "hello", **parameters)

    assert error["OriginalStatusCode"] == 422
    assert message in json.loads(error["OriginalMessage"])["error"]


@pytest.mark.parametrize(
    ("image", "payload", "status"),
    [
        (TGI_IMAGE, b"{", 422),
        (TGI_IMAGE, b"[]", 422),
        (TGI_IMAGE, b'{"inputs": ""}', 422),
        (LMI_IMAGE, b'{"prompt": "x"}', 424),
        (LMI_IMAGE, b'{"inputs": "x", "parameters": {"max_new_tokens": 4096}}', 424),
        (VLLM_IMAGE, b'{"inputs": "x"}', 400),
        (VLLM_IMAGE, b'{"messages": []}', 400),
    ],
)
def test_payload_for_another_container_is_refused_by_it(
    fake: AwsFake, make_client: MakeClient, image: str, payload: bytes, status: int
) -> None:
    fake.running_endpoint(NAME, image=image)

    with pytest.raises(ClientError) as caught:
        raw(make_client("sagemaker-runtime"), payload)

    assert caught.value.response["OriginalStatusCode"] == status
    assert caught.value.response["Error"]["Code"] == "ModelError"


def test_answer_carries_the_headers_of_sagemaker(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    answer = raw(runtime, {"inputs": "hello"})
    answer["Body"].read()

    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ContentType"] == "application/json"
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_real_model_can_do_the_talking(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, image=TGI_IMAGE)
    with OpenAIServer(dialect="llamacpp") as server:
        fake.use_engine(server.base_url)

        (answer,) = ask(
            runtime, {"inputs": "hello", "parameters": {"max_new_tokens": 4, "details": True}}
        )
        server.context_length = 1
        error = failed(runtime, "hello again")

    assert answer["generated_text"] == " ".join(answer_to("hello").split()[:4])
    assert answer["details"]["finish_reason"] == "length"
    assert error["OriginalStatusCode"] == 400
    assert server.seen.bodies[0]["max_tokens"] == 4


# --- refusals of SageMaker


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


# --- faults on order


@pytest.mark.parametrize(
    ("fault", "code", "status", "message"),  # code and message as boto3 tells them
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


def test_client_that_hangs_up_is_noticed(
    fake: AwsFake, sagemaker: Any, make_client: MakeClient
) -> None:
    serve(fake, sagemaker)
    config = Config(read_timeout=0.05, retries={"total_max_attempts": 1})
    impatient = make_client("sagemaker-runtime", config=config)

    with pytest.raises(ReadTimeoutError):
        ask(impatient, {"inputs": "<fault:hang>"})

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


def test_every_fault_has_a_test() -> None:
    here = Path(__file__).parent
    tests = "".join(p.read_text("utf-8") for p in here.glob("test_awsfake_*.py"))

    assert [
        name for name in FAULTS if f'"{name}"' not in tests and f"fault:{name}" not in tests
    ] == []
