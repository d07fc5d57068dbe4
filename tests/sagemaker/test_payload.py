"""The shapes of requests to containers, and of what they answer."""

import json
from typing import Any

import pytest

from outboard.config import GenerationConfig
from outboard.errors import ConfigError, InvocationError, OutboardError, ProviderError
from outboard.providers import Request, Response
from outboard.providers.sagemaker.answer import decode, format_of_answer
from outboard.providers.sagemaker.payload import Payload, PayloadFormat, format_of_image
from outboard.retry import RULES

TGI, LMI = PayloadFormat.TGI, PayloadFormat.LMI
OPENAI, JUMPSTART = PayloadFormat.OPENAI, PayloadFormat.JUMPSTART
INPUTS_FORMATS = [TGI, LMI, JUMPSTART]
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


def body(payload_format: PayloadFormat, request: Request | None = None, **settings: Any) -> Any:
    payload = Payload(payload_format, GenerationConfig(**settings))
    return json.loads(payload.encode(request or Request(prompt="Say hi")))


def parameters(payload_format: PayloadFormat, **settings: Any) -> dict[str, Any]:
    sent = body(payload_format, **settings)
    assert sent.keys() == {"inputs", "parameters"}
    always = {"details": True, "return_full_text": False, "max_new_tokens": 256}
    found: dict[str, Any] = sent["parameters"]
    if "max_new_tokens" in settings:
        always.pop("max_new_tokens")
    assert found.items() >= always.items()
    return {name: value for name, value in found.items() if name not in always}


# --- requests


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
def test_prompt_goes_out_verbatim(payload_format: PayloadFormat) -> None:
    prompt = 'Quote " slash \\ brace {x} line\nbreak émoji 🙂'

    assert body(payload_format, Request(prompt=prompt))["inputs"] == prompt


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
def test_system_prompt_stands_before_the_prompt_where_no_message_can_hold_it(
    payload_format: PayloadFormat,
) -> None:
    sent = body(payload_format, Request(prompt="Say hi", system="Be brief."))

    assert sent["inputs"] == "Be brief.\n\nSay hi"


def test_chat_has_a_system_message_and_no_model() -> None:
    sent = body(OPENAI, Request(prompt="Say hi", system="Be brief."), max_new_tokens=7)

    assert sent == {
        "max_tokens": 7,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Say hi"},
        ],
    }


def test_chat_names_the_model_that_extra_names() -> None:
    assert body(OPENAI, extra={"model": "lora-7"})["model"] == "lora-7"


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
def test_unset_settings_are_left_to_the_server(payload_format: PayloadFormat) -> None:
    assert parameters(payload_format) == {}


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
@pytest.mark.parametrize(
    "settings",
    [{"do_sample": False}, {"temperature": 0}, {"temperature": 0, "top_p": 0.9, "top_k": 5}],
)
def test_greedy_decoding_sends_nothing_that_would_turn_sampling_on(
    payload_format: PayloadFormat, settings: dict[str, Any]
) -> None:
    assert parameters(payload_format, **settings) == {"do_sample": False}


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
@pytest.mark.parametrize("settings", [{"temperature": 0.7}, {"top_p": 0.9}, {"top_k": 5}])
def test_a_sampling_setting_alone_turns_sampling_on(
    payload_format: PayloadFormat, settings: dict[str, Any]
) -> None:
    assert parameters(payload_format, **settings) == settings | {"do_sample": True}


def test_top_p_of_one_is_dropped_where_it_is_refused() -> None:
    settings = {"do_sample": True, "top_p": 1.0, "temperature": 1.0}

    assert "top_p" not in parameters(TGI, **settings)
    assert "top_p" not in parameters(JUMPSTART, **settings)
    assert parameters(LMI, **settings)["top_p"] == 1.0


def test_stop_strings_bear_the_name_that_each_server_reads() -> None:
    assert parameters(TGI, stop=["a", "b"]) == {"stop": ["a", "b"]}
    assert parameters(JUMPSTART, stop=["a"]) == {"stop": ["a"]}
    assert parameters(LMI, stop=["a"]) == {"stop_sequences": ["a"]}
    assert body(OPENAI, stop=["a"])["stop"] == ["a"]


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
def test_other_settings_keep_their_names(payload_format: PayloadFormat) -> None:
    settings = {"max_new_tokens": 9, "repetition_penalty": 1.1, "seed": 3}

    assert parameters(payload_format, **settings) == settings


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
def test_extra_goes_among_the_parameters_as_it_is(payload_format: PayloadFormat) -> None:
    extra = {"typical_p": 0.95, "truncate": 1000}

    assert parameters(payload_format, extra=extra) == extra


@pytest.mark.parametrize("payload_format", INPUTS_FORMATS)
@pytest.mark.parametrize("name", ["details", "return_full_text", "stream", "inputs", "parameters"])
def test_extra_cannot_change_what_an_answer_is_read_by(
    payload_format: PayloadFormat, name: str
) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        body(payload_format, extra={name: False})

    assert caught.value.field == "extra"


def test_chat_refuses_what_would_break_the_exchange() -> None:
    with pytest.raises(ConfigError, match="stream"):
        body(OPENAI, extra={"stream": True})


@pytest.mark.parametrize("payload_format", list(PayloadFormat))
def test_extra_that_json_cannot_carry_is_refused(payload_format: PayloadFormat) -> None:
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        body(payload_format, extra={"seed2": 2**80})


@pytest.mark.parametrize("payload_format", list(PayloadFormat))
@pytest.mark.parametrize(
    "request_", [Request(prompt="\ud800"), Request(prompt="", system="\ud800")]
)
def test_half_a_character_is_the_rows_own_fault(
    payload_format: PayloadFormat, request_: Request
) -> None:
    with pytest.raises(InvocationError, match="lone surrogate") as caught:
        body(payload_format, request_)

    assert caught.value.code == "rejected"


def test_only_the_older_jumpstart_models_are_told_that_their_licence_is_accepted() -> None:
    headers = {f: Payload(f, GenerationConfig()).headers for f in PayloadFormat}

    accepted = {"X-Amzn-SageMaker-Custom-Attributes": "accept_eula=true"}
    assert headers == {TGI: {}, LMI: {}, OPENAI: {}, JUMPSTART: accepted}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{REGISTRY}/huggingface-pytorch-tgi-inference:2.6.0-tgi3.2.3-gpu-py311", TGI),
        ("ghcr.io/huggingface/text-generation-inference:3.0", TGI),
        (f"{REGISTRY}/djl-inference:0.33.0-lmi15.0.0-cu128", LMI),
        (f"{REGISTRY}/djl-inference@sha256:0123", LMI),
        (f"{REGISTRY}/vllm:0.11-gpu-py312", OPENAI),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/sglang-fork:7", OPENAI),
        (f"{REGISTRY}/huggingface-pytorch-inference:2.1.0", None),
        ("vllm.example.com/ours:djl-inference", None),
    ],
)
def test_format_is_told_by_the_images_repository(
    image: str, expected: PayloadFormat | None
) -> None:
    assert format_of_image(image) == expected


# --- answers


def answered(answer: object) -> Response:
    return decode(json.dumps(answer).encode(), endpoint_name="my-endpoint")


def refused(answer: bytes | object) -> OutboardError:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(OutboardError) as caught:
        decode(data, endpoint_name="my-endpoint")
    return caught.value


def code_of(answer: bytes | object) -> str:
    error = refused(answer)
    assert isinstance(error, InvocationError)
    assert error.code in RULES
    return error.code


def message(content: object) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


@pytest.mark.parametrize(
    "answer",
    [
        [{"generated_text": "hi"}],
        {"generated_text": "hi"},
        [[{"generated_text": "hi"}]],
        {"generated_text": [{"role": "user", "content": "Say hi"}, message("hi")]},
        [{"generation": message("hi")}],
        [{"generation": "hi"}],
        {"generation": "hi"},
        {"outputs": "hi"},
        {"outputs": ["hi"]},
        {"outputs": [{"generated_text": "hi"}]},
        {"choices": [{"message": message("hi")}]},
        {"choices": [{"text": "hi"}]},
        [{"choices": [{"text": "hi"}]}],
        ["hi"],
        "hi",
    ],
    ids=json.dumps,
)
def test_text_is_found_in_every_shape(answer: object) -> None:
    assert answered(answer) == Response(text="hi")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("length", "length"),
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("content_filter", "content_filter"),
        ("solar flare", None),
        (7, None),
        (None, None),
    ],
)
def test_finish_reasons_are_put_in_our_words(said: object, expected: str | None) -> None:
    details = {"finish_reason": said, "generated_tokens": 3}

    assert answered([{"generated_text": "hi", "details": details}]).finish_reason == expected
    assert answered({"generated_text": "hi", "details": details}).finish_reason == expected


def test_tokens_are_counted_by_the_details() -> None:
    details = {"finish_reason": "length", "generated_tokens": 3, "prefill": [{}, {}]}

    response = answered([{"generated_text": "hi", "details": details}])

    assert (response.input_tokens, response.output_tokens) == (2, 3)


def test_empty_prefill_is_no_count_of_the_prompt() -> None:
    details = {"finish_reason": "length", "generated_tokens": 3, "prefill": []}

    assert answered([{"generated_text": "hi", "details": details}]).input_tokens is None


def test_tokens_are_counted_by_the_usage_of_a_chat() -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2}

    response = answered(
        {"choices": [{"message": message("hi"), "finish_reason": "eos_token"}], "usage": usage}
    )

    assert response == Response(text="hi", finish_reason="stop", input_tokens=4, output_tokens=2)


@pytest.mark.parametrize("details", [None, [], "none", {"generated_tokens": "many"}])
def test_odd_details_are_no_details(details: object) -> None:
    assert answered({"generated_text": "hi", "details": details}) == Response(text="hi")


def test_answer_that_ended_at_once_is_an_answer() -> None:
    details = {"finish_reason": "eos_token", "generated_tokens": 0}

    assert answered({"generated_text": "", "details": details}).text == ""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b" \n",
        {"generated_text": "", "details": {"generated_tokens": 0}},
        {"generated_text": "", "details": {"generated_tokens": 0, "finish_reason": None}},
        {"choices": [{"message": message("")}], "usage": {"completion_tokens": 0}},
    ],
)
def test_nothing_at_all_is_no_answer(answer: object) -> None:
    assert code_of(answer) == "empty_response"


@pytest.mark.parametrize(
    "answer",
    [
        {"generated_text": "", "details": {"finish_reason": "error", "generated_tokens": 0}},
        [{"generated_text": "par", "details": {"finish_reason": "error"}}],
        {"choices": [{"message": message(""), "finish_reason": "error"}]},
    ],
)
def test_finish_reason_error_is_the_servers_error(answer: object) -> None:
    assert code_of(answer) == "server_error"


def test_text_of_an_error_in_a_200_is_told() -> None:
    details = {"finish_reason": "error", "error": "Ran out\nof luck."}

    error = refused({"generated_text": "", "details": details})

    assert error.message.endswith("finish reason 'error': Ran out of luck.")


def test_every_cut_of_an_answer_is_told_from_a_wrong_one() -> None:
    details = {"finish_reason": "length", "generated_tokens": 2, "tokens": [{"id": 1}]}
    whole = json.dumps([{"generated_text": 'é "{[" 🙂', "details": details}], ensure_ascii=False)
    data = whole.encode()

    assert {code_of(data[:end]) for end in range(1, len(data))} == {"incomplete_response"}


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        7,
        None,
        [[]],
        [None],
        {"predictions": [0.5, 0.25]},
        [{"generated_text": None}],
        {"generated_text": {"unheard": "of"}},
        {"choices": []},
        {"choices": [{"text": None}]},
        b"<html>Loading</html>",
        b'data: {"token": 1}\n\n',
        b"[1, 2}",
        b"\x89PNG",
    ],
)
def test_unknown_shape_is_an_invalid_response(answer: object) -> None:
    assert code_of(answer) == "invalid_response"


def test_unknown_shape_is_shown_by_its_beginning_on_one_line() -> None:
    error = refused(json.dumps({"predictions": ["word"] * 1_000}, indent=1).encode())

    assert "predictions" in error.message
    assert "\n" not in error.message
    assert 500 < len(error.message) < 600


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "CUDA out of memory", "code": 424}, "model_error"),
        ({"error": "CUDA out of memory"}, "model_error"),
        ({"error": "`inputs` cannot be empty", "code": 424}, "rejected"),
        ({"error": "Model is overloaded", "code": 429}, "throttled"),
        ([{"error": "Something broke", "code": "E7"}], "model_error"),
    ],
)
def test_error_inside_a_200_counts_as_the_error_it_is(answer: object, code: str) -> None:
    assert code_of(answer) == code


def test_licence_asked_for_inside_a_200_concerns_all_rows() -> None:
    error = refused({"error": "Need to pass custom_attributes='accept_eula=true'"})

    assert isinstance(error, ProviderError)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([{"generated_text": "hi"}], TGI),
        ({"generated_text": "hi"}, LMI),
        ({"outputs": ["hi"]}, LMI),
        ([{"generation": "hi"}], JUMPSTART),
        ({"generation": message("hi")}, JUMPSTART),
        ({"choices": []}, OPENAI),
        ({"error": "no"}, None),
        ([], None),
    ],
)
def test_format_is_told_by_the_answer(answer: object, expected: PayloadFormat | None) -> None:
    assert format_of_answer(json.dumps(answer).encode()) == expected


def test_what_is_no_json_tells_no_format() -> None:
    assert format_of_answer(b"<html>") is None
