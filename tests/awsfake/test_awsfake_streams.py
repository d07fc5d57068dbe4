"""Streamed answers, as boto3 and the decoder of botocore take them apart."""

import json
from typing import Any

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError
from hypothesis import given
from hypothesis import strategies as st
from tests.awsfake.deploying import NAME, serve
from tests.awsfake.driver import LMI_IMAGE, TGI_IMAGE, VLLM_IMAGE
from tests.awsfake.server import AwsFake
from tests.awsfake.streams import frame, parts
from tests.openai_server import answer_to
from urllib3.exceptions import ProtocolError


def events(runtime: Any, payload: Any) -> list[bytes]:
    """Return the payload parts of a streamed answer."""
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName=NAME, Body=json.dumps(payload), ContentType="application/json"
    )
    try:
        return [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    finally:
        answer["Body"].close()


def lines(runtime: Any, payload: Any) -> list[str]:
    text = b"".join(events(runtime, payload)).decode()
    return [line for line in text.split("\n") if line]


@given(
    st.binary(max_size=300),
    st.dictionaries(st.text("abc:-", min_size=1, max_size=9), st.text(max_size=20), max_size=4),
    st.integers(1, 50),
)
def test_frames_are_those_that_botocore_reads(
    payload: bytes, headers: dict[str, str], step: int
) -> None:
    buffer, data = EventStreamBuffer(), frame(payload, headers)

    found = []
    for start in range(0, len(data), step):
        buffer.add_data(data[start : start + step])
        found += list(buffer)

    assert [(event.payload, event.headers) for event in found] == [(payload, headers)]


def test_parts_do_not_end_where_characters_do() -> None:
    data = "größer ".encode() * 40

    found = [frame[-4 - 41 : -4] for frame in parts(data)]

    assert any(part[0] & 0xC0 == 0x80 for part in found)


def test_tgi_streams_server_sent_events(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, image=TGI_IMAGE)

    got = [json.loads(line.removeprefix("data:")) for line in lines(runtime, {"inputs": "hello"})]

    assert "".join(line["token"]["text"] for line in got) == answer_to("hello")
    assert got[0]["generated_text"] is None
    assert got[-1]["generated_text"] == answer_to("hello")
    assert got[-1]["details"]["finish_reason"] == "eos_token"


def test_lmi_streams_json_lines(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, image=LMI_IMAGE)

    got = [json.loads(line) for line in lines(runtime, {"inputs": "hello"})]
    chat = {"messages": [{"role": "user", "content": "hello"}]}
    spoken = [json.loads(line) for line in lines(runtime, chat)]

    assert "".join(line["token"]["text"] for line in got) == answer_to("hello")
    assert got[-1]["details"]["finish_reason"] == "eos_token"
    assert spoken[-1]["choices"][0]["finish_reason"] == "eos_token"


def test_vllm_streams_chunks_until_done(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, image=VLLM_IMAGE)

    *chunks, last = lines(runtime, {"messages": [{"role": "user", "content": "hello"}]})

    got = [json.loads(line.removeprefix("data: "))["choices"][0] for line in chunks]
    assert "".join(c["delta"].get("content", "") for c in got) == answer_to("hello")
    assert got[-1]["finish_reason"] == "stop"
    assert last == "data: [DONE]"


def test_old_jumpstart_sends_all_at_once(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker, payload_format="jumpstart")

    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName=NAME, Body=b'{"inputs": "hello"}', CustomAttributes="accept_eula=true"
    )
    got = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])

    assert json.loads(got) == [{"generation": answer_to("hello")}]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("stream-timeout", "ModelStreamError"),
        ("stream-broken", "ModelStreamError"),
        ("stream-failure", "InternalStreamFailure"),
    ],
)
def test_stream_can_end_in_an_error(
    fake: AwsFake, sagemaker: Any, runtime: Any, fault: str, code: str
) -> None:
    serve(fake, sagemaker)

    with pytest.raises(EventStreamError) as caught:
        events(runtime, {"inputs": f"<fault:{fault}>"})

    assert caught.value.response["Error"]["Code"] == code


def test_stream_can_end_in_the_middle_of_a_frame_and_say_nothing(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    got = b"".join(events(runtime, {"inputs": "<fault:stream-truncated>"}))

    assert got
    assert b"finish_reason" not in got


def test_frame_can_be_damaged(fake: AwsFake, sagemaker: Any, runtime: Any) -> None:
    serve(fake, sagemaker)

    with pytest.raises(ChecksumMismatch):
        events(runtime, {"inputs": "<fault:stream-bad-checksum>"})


def test_connection_can_break_in_the_middle_of_a_stream(
    fake: AwsFake, sagemaker: Any, runtime: Any
) -> None:
    serve(fake, sagemaker)

    with pytest.raises(ProtocolError):
        events(runtime, {"inputs": "<fault:cut>"})


@pytest.mark.parametrize("fault", ["ThrottlingException", "ModelError-500"])
def test_refusal_comes_before_the_stream(
    fake: AwsFake, sagemaker: Any, runtime: Any, fault: str
) -> None:
    serve(fake, sagemaker)

    with pytest.raises(ClientError) as caught:
        events(runtime, {"inputs": f"<fault:{fault}>"})

    assert caught.value.response["Error"]["Code"] == fault.split("-", maxsplit=1)[0]
