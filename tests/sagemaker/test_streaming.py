"""Answers in pieces from a model behind an endpoint."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.awsfake.server import AwsFake
from tests.awsfake.streams import exception, frame, part, parts
from tests.openai_server import answer_to
from tests.openai_streams import pieces_of
from tests.sagemaker.test_invoke import ENDPOINT, IMAGES, ask, invoker, use

from outboard.errors import CredentialsError, InvocationError
from outboard.providers import Request, Response
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.event_stream import EventStream
from outboard.providers.sagemaker.invoke import Invoker
from outboard.providers.sagemaker.payload import PayloadFormat
from outboard.providers.streamed_answer import StreamedAnswer

STREAMING = [PayloadFormat.TGI, PayloadFormat.LMI, PayloadFormat.OPENAI]


def stream(sender: Invoker, prompt: str = "Say hi") -> tuple[Response, list[str]]:
    """Return the response to one prompt, and the pieces that came before it."""
    pieces: list[str] = []
    response = use(sender, lambda i: i.invoke(Request(prompt=prompt), pieces.append))
    return response, pieces


def serve(fake: AwsFake, payload_format: PayloadFormat) -> None:
    fake.plan(payload_format=payload_format)
    fake.running_endpoint(ENDPOINT, image=IMAGES[payload_format])


def paths_asked(fake: AwsFake) -> list[bool]:
    """Return for each request that reached the model whether it asked for a stream."""
    return [bool(body.get("stream")) for body in fake.seen()["bodies"]]


@pytest.mark.parametrize("payload_format", STREAMING)
def test_pieces_come_from_every_container_that_streams(
    fake: AwsFake, aws: Aws, payload_format: PayloadFormat
) -> None:
    serve(fake, payload_format)

    sender = invoker(aws, payload_format=payload_format.value, max_new_tokens=3)
    response, pieces = stream(sender)

    assert pieces == pieces_of(answer_to("Say hi"))[:3]
    assert response.text == "".join(pieces)
    assert (response.finish_reason, response.output_tokens) == ("length", 3)
    assert paths_asked(fake) == [True]


def test_container_that_cannot_stream_is_not_asked_to(fake: AwsFake, aws: Aws) -> None:
    serve(fake, PayloadFormat.JUMPSTART)

    response, pieces = stream(invoker(aws, payload_format="jumpstart"))

    assert response.text == answer_to("Say hi")
    assert pieces == []
    assert paths_asked(fake) == [False]


def test_inference_component_is_named_in_a_stream(fake: AwsFake, aws: Aws) -> None:
    serve(fake, PayloadFormat.TGI)
    fake.inference_component("adapter-7", ENDPOINT)

    _, pieces = stream(invoker(aws, component="adapter-7"))

    assert pieces
    assert fake.seen()["headers"][0]["X-Amzn-SageMaker-Inference-Component"] == "adapter-7"


def test_who_may_not_stream_is_answered_whole(fake: AwsFake, aws: Aws) -> None:
    serve(fake, PayloadFormat.TGI)
    fake.deny("sagemaker:InvokeEndpointWithResponseStream")

    async def two_rows(sender: Invoker) -> list[str]:
        rows = [await sender.invoke(Request(prompt=f"{n}"), print) for n in range(2)]
        return [row.text for row in rows]

    assert use(invoker(aws), two_rows) == [answer_to("0"), answer_to("1")]
    assert paths_asked(fake) == [False, False]


def test_who_may_ask_in_no_way_is_told_so(fake: AwsFake, aws: Aws) -> None:
    serve(fake, PayloadFormat.TGI)
    fake.deny("sagemaker:InvokeEndpointWithResponseStream")
    fake.deny("sagemaker:InvokeEndpoint")

    with pytest.raises(CredentialsError, match="sagemaker:InvokeEndpoint"):
        stream(invoker(aws))


@pytest.mark.parametrize("name", ["wrong-shape", "not-json"])
def test_stream_in_an_unknown_shape_is_asked_for_whole(fake: AwsFake, aws: Aws, name: str) -> None:
    serve(fake, PayloadFormat.TGI)

    response, pieces = stream(invoker(aws), f"Say hi <fault:{name}*1>")

    assert response.text == answer_to(f"Say hi <fault:{name}*1>")
    assert pieces == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("stream-timeout", "timeout"),
        ("stream-broken", "incomplete_response"),
        ("stream-failure", "server_error"),
        ("stream-truncated", "incomplete_response"),
        ("stream-bad-checksum", "invalid_response"),
        ("cut", "incomplete_response"),
        ("reset", "connection"),
        ("ThrottlingException", "throttled"),
        ("ModelNotReadyException", "not_ready"),
        ("out-of-memory", "model_error"),
        ("empty", "empty_response"),
        ("error-finish", "server_error"),
        ("error-in-200", "model_error"),
        ("ModelError-400", "rejected"),
    ],
)
def test_fault_of_a_stream_has_its_code(fake: AwsFake, aws: Aws, name: str, code: str) -> None:
    serve(fake, PayloadFormat.TGI)

    with pytest.raises(InvocationError) as caught:
        stream(invoker(aws), f"Row <fault:{name}>")

    assert caught.value.code == code
    assert caught.value.message.endswith(".")


def test_stream_is_signed_anew_once_keys_have_expired(fake: AwsFake, aws: Aws) -> None:
    serve(fake, PayloadFormat.TGI)

    response, pieces = stream(invoker(aws), "Row <fault:ExpiredTokenException*1>")

    assert response.text == "".join(pieces) == answer_to("Row <fault:ExpiredTokenException*1>")


def test_nothing_is_streamed_unless_somebody_looks(fake: AwsFake, aws: Aws) -> None:
    serve(fake, PayloadFormat.TGI)

    ask(invoker(aws))

    assert paths_asked(fake) == [False]


# --- frames


@given(st.binary(max_size=200), st.integers(1, 60))
def test_what_the_container_sent_comes_out_of_its_frames(data: bytes, step: int) -> None:
    frames, found = b"".join(parts(data)), bytearray()

    def take(piece: bytes) -> bool:
        found.extend(piece)
        return False

    read = EventStream(take)
    for start in range(0, len(frames), step):
        assert not read.take(frames[start : start + step])

    assert bytes(found) == data


def failure(data: bytes) -> InvocationError:
    """Return what a stream ends with that holds these frames."""
    with pytest.raises(InvocationError) as caught:
        EventStream(lambda piece: False).take(data)
    return caught.value


def test_exception_says_what_it_was_told() -> None:
    error = failure(exception("ModelStreamError", {"Message": "Out of\nluck", "ErrorCode": "X"}))

    assert (error.code, error.message) == (
        "model_error",
        "The model failed in the middle of its answer (ModelStreamError): Out of luck.",
    )


def test_error_that_is_no_exception_is_told_by_its_header() -> None:
    headers = {":message-type": "error", ":error-code": "Oops", ":error-message": "No luck"}

    error = failure(frame(b"", headers))

    assert (error.code, error.message) == (
        "server_error",
        "SageMaker failed in the middle of an answer (Oops): No luck.",
    )


@pytest.mark.parametrize("data", [b"<html>Sign in please</html>", struct.pack("!II", 2**31, 4) * 4])
def test_what_is_no_frame_is_an_invalid_response(data: bytes) -> None:
    assert failure(data).code == "invalid_response"


def test_stream_ends_with_its_last_event() -> None:
    read = EventStream(StreamedAnswer(print).take)

    assert read.take(part(b"data: [DONE]\n\n"))


# --- what containers say in pieces


def body_of(*lines: bytes) -> tuple[bytes, list[Any]]:
    pieces: list[Any] = []
    answer = StreamedAnswer(pieces.append)
    for line in lines:
        answer.take(line)
    return answer.body(), pieces


def test_end_of_text_token_is_no_part_of_the_answer() -> None:
    body, pieces = body_of(
        b'data:{"token":{"id":1,"text":"Hi","special":false},"generated_text":null}\n\n',
        b'data:{"token":{"id":2,"text":"</s>","special":true},"generated_text":"Hi",'
        b'"details":{"finish_reason":"eos_token","generated_tokens":2}}\n\n',
    )

    assert pieces == ["Hi"]
    assert b'"generated_text":"Hi"' in body
    assert b"eos_token" in body


@pytest.mark.parametrize(
    "last",
    [
        b'data:{"error":"Request failed during generation","error_type":"generation"}\n\n',
        b'{"error": "Request failed during generation", "code": 424}\n',
    ],
)
def test_error_in_the_middle_takes_the_place_of_the_answer(last: bytes) -> None:
    first = b'{"token": {"id": 1, "text": "Hi"}}\n'
    prefix = b"data:" if last.startswith(b"data") else b""

    body, pieces = body_of(prefix + first, last)

    assert pieces == ["Hi"]
    assert b"Request failed" in body
    assert b"Hi" not in body
