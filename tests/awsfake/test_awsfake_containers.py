"""What the containers behind endpoints take, refuse, and answer with."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
)
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, serve
from tests.awsfake.driver import LMI_IMAGE, TGI_IMAGE, VLLM_IMAGE
from tests.awsfake.invoking import ask, chat, failed, raw
from tests.awsfake.server import AwsFake
from tests.llama_cpp_server import llama_cpp_server
from tests.openai_server import OpenAIServer, answer_to

from outboard.assets import fetch_model


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


def test_embedded_engine_can_do_the_talking(
    fake: AwsFake, sagemaker: Any, runtime: Any, assets_dir: Path
) -> None:
    serve(fake, sagemaker, image=VLLM_IMAGE)
    with llama_cpp_server(fetch_model(assets_dir)) as base_url:
        fake.use_engine(base_url)

        answer = ask(runtime, chat("Say hello.", max_tokens=4, temperature=0))

    assert answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 4
