"""What users may pass as settings, and what they are told when they may not."""

import json
import pickle
from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.errors import ConfigError
from outboard.settings import Settings

BOTH: list[type[Settings]] = [GenerationConfig, DeploymentConfig]
FIELDS = [(config, name) for config in BOTH for name in config.model_fields]


def refusal(make: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make()
    return caught.value


# -- What is accepted


@pytest.mark.parametrize("config", BOTH)
def test_nothing_an_empty_dict_and_the_config_itself_are_accepted(config: type[Settings]) -> None:
    assert config.parse(None) == config.parse({}) == config.parse(config()) == config()


def test_settings_are_returned_as_they_are() -> None:
    settings = GenerationConfig(top_k=3)

    assert GenerationConfig.parse(settings) is settings


def test_any_mapping_will_do() -> None:
    assert GenerationConfig.parse(MappingProxyType({"top_k": 3})).top_k == 3


def test_pydantics_own_way_in_accepts_and_refuses_the_same() -> None:
    settings = GenerationConfig(top_k=3)

    assert GenerationConfig.model_validate(settings) is settings
    assert GenerationConfig.model_validate({"max_tokens": 3}).max_new_tokens == 3
    assert refusal(lambda: GenerationConfig.model_validate_json('{"top_k": 0}')).field == "top_k"


@pytest.mark.parametrize(("config", "name"), FIELDS)
def test_none_stands_for_the_default_of_every_field(config: type[Settings], name: str) -> None:
    assert config.parse({name: None}) == config()


def test_max_tokens_is_another_name_of_max_new_tokens() -> None:
    assert GenerationConfig.parse({"max_tokens": 7}).max_new_tokens == 7


def test_one_name_left_empty_does_not_contradict_the_other() -> None:
    given = {"max_tokens": None, "max_new_tokens": 7}

    assert GenerationConfig.parse(given).max_new_tokens == 7


@pytest.mark.parametrize("stop", ["END", ["END"], ("END",)])
def test_stop_is_one_text_or_several(stop: object) -> None:
    assert GenerationConfig.parse({"stop": stop}).stop == ("END",)


def test_a_whole_number_is_a_number() -> None:
    settings = DeploymentConfig.parse({"request_timeout_s": 5})

    assert settings.request_timeout_s == 5.0


def test_scalars_of_numpy_are_taken_for_what_they_hold() -> None:
    settings = GenerationConfig.parse(
        {
            "max_new_tokens": np.int64(5),
            "temperature": np.float32(0.5),
            "do_sample": np.bool_(True),
            "system_prompt": np.str_("Be brief."),
            "extra": {"bias": np.arange(2), "min_p": np.float32(0.5)},
        }
    )

    assert settings.given() == {
        "max_new_tokens": 5,
        "temperature": 0.5,
        "do_sample": True,
        "system_prompt": "Be brief.",
        "extra": {"bias": [0, 1], "min_p": 0.5},
    }


def test_a_string_enum_is_a_string() -> None:
    class Payload(StrEnum):
        TGI = "tgi"

    assert DeploymentConfig.parse({"payload_format": Payload.TGI}).payload_format == "tgi"


@pytest.mark.parametrize(
    "address",
    ["http://localhost:8000/v1", "https://models.example", "http://[::1]:80/", "http://10.0.0.1"],
)
def test_a_web_address_is_kept_as_written(address: str) -> None:
    assert DeploymentConfig.parse({"base_url": address}).base_url == address


@pytest.mark.parametrize(
    ("given", "greedy"),
    [
        ({}, False),
        ({"do_sample": False}, True),
        ({"temperature": 0}, True),
        ({"do_sample": False, "temperature": 0}, True),
        ({"do_sample": True}, False),
        ({"temperature": 0.7, "top_p": 0.9}, False),
    ],
)
def test_greedy_is_asked_for_by_either_setting(given: dict[str, object], greedy: bool) -> None:
    assert GenerationConfig.parse(given).greedy is greedy


# -- What is refused


@pytest.mark.parametrize(
    ("config", "given", "message"),
    [
        (GenerationConfig, {"max_new_tokens": True}, "must be a whole number, got True."),
        (GenerationConfig, {"max_new_tokens": "5"}, "must be a whole number, got '5'."),
        (GenerationConfig, {"max_new_tokens": 5.0}, "must be a whole number, got 5.0."),
        (GenerationConfig, {"max_new_tokens": 0}, "must be between 1 and 131,072 tokens, got 0."),
        (GenerationConfig, {"temperature": 3.5}, "must be between 0 and 2, got 3.5."),
        (GenerationConfig, {"temperature": False}, "must be a number, got False."),
        (GenerationConfig, {"temperature": np.bool_(True)}, "must be a number, got True."),
        (GenerationConfig, {"temperature": float("nan")}, "must be a finite number, got nan."),
        (GenerationConfig, {"temperature": float("inf")}, "must be a finite number, got inf."),
        (GenerationConfig, {"top_p": 0}, "must be greater than 0 and at most 1, got 0."),
        (GenerationConfig, {"do_sample": 1}, "must be True or False, got 1."),
        (GenerationConfig, {"do_sample": "yes"}, "must be True or False, got 'yes'."),
        (GenerationConfig, {"seed": 2**31}, "between 0 and 2,147,483,647, got 2147483648."),
        (GenerationConfig, {"stop": 3}, "must be text or a list of texts, got 3."),
        (GenerationConfig, {"stop": ["a", 3]}, "stop[1] must be text, got int."),
        (GenerationConfig, {"stop": ""}, "stop[0] must be text that is not empty, got ''."),
        (GenerationConfig, {"extra": [1]}, "must be a dict, got [1]."),
        (GenerationConfig, {"extra": {0: 1}}, "extra has the key 0; keys must be text."),
        (GenerationConfig, {"extra": {"a": [{1}]}}, "extra['a'][0] must be text, a number,"),
        (GenerationConfig, {"extra": {"a": np.inf}}, "extra['a'] must be a finite number"),
        (DeploymentConfig, {"max_lifetime_s": 10**9}, "must be between 60 and 2,592,000 s, got"),
        (DeploymentConfig, {"max_cost_usd": 0}, "greater than 0 and at most 1,000,000 USD, got 0."),
        (DeploymentConfig, {"payload_format": "x"}, "'lmi', 'openai' or 'jumpstart', got 'x'."),
        (DeploymentConfig, {"mode": "batch"}, "must be 'realtime', got 'batch'."),
        (DeploymentConfig, {"endpoint_name": ""}, "must be text that is not empty, got ''."),
        (DeploymentConfig, {"instance_type": 5}, "must be text, got int."),
        (DeploymentConfig, {"environment": [1]}, "must be a dict, got list."),
        (DeploymentConfig, {"environment": {1: "a"}}, "has the name 1; names must be text."),
        (DeploymentConfig, {"environment": {"N": 4}}, "environment['N'] must be text, got int."),
        (DeploymentConfig, {"base_url": "localhost:80"}, "must be an http:// or https:// address"),
        (DeploymentConfig, {"base_url": "http://h/v1?a=1"}, "address without a query"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_should_have_been(
    config: type[Settings], given: dict[str, object], message: str
) -> None:
    error = refusal(lambda: config.parse(given))

    assert message in str(error)
    assert str(error).startswith(next(iter(given)))
    assert error.field == next(iter(given))


def test_every_wrong_value_is_named_at_once() -> None:
    error = refusal(lambda: GenerationConfig.parse({"top_k": 0, "temperature": 9, "topq": 1}))

    assert all(name in str(error) for name in ("top_k", "temperature", "topq"))


def test_a_long_value_is_cut_in_the_message() -> None:
    error = refusal(lambda: GenerationConfig.parse({"temperature": "9" * 100_000}))

    assert len(str(error)) < 200


def test_a_dict_that_holds_itself_is_refused() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless

    error = refusal(lambda: GenerationConfig.parse({"extra": endless}))

    assert str(error) == "extra is nested too deeply, or holds itself."


@pytest.mark.parametrize("value", ["top_k=3", 3, ["top_k"], DeploymentConfig()])
def test_what_is_not_a_dict_is_refused_by_its_type(value: Any) -> None:
    error = refusal(lambda: GenerationConfig.parse(value))

    expected = f"takes a dict or a GenerationConfig, got {type(value).__name__}."
    assert str(error) == f"generation_config {expected}"
    assert error.field == "generation_config"


@pytest.mark.parametrize(
    ("config", "name", "suggestion"),
    [
        (GenerationConfig, "temprature", "did you mean 'temperature'?"),
        (GenerationConfig, "temp", "did you mean 'temperature'?"),
        (GenerationConfig, "max_tokns", "did you mean 'max_new_tokens'?"),
        (GenerationConfig, "maxTokens", "did you mean 'max_new_tokens'?"),
        (GenerationConfig, "max_length", "did you mean 'max_new_tokens'?"),
        (GenerationConfig, "max_completion_tokens", "did you mean 'max_new_tokens'?"),
        (GenerationConfig, "instance_type", "'instance_type' belongs to deployment_config."),
        (GenerationConfig, "min_p", "(a parameter of the server's own goes into extra)."),
        (DeploymentConfig, "temperature", "'temperature' belongs to generation_config."),
        (DeploymentConfig, "max_tokens", "'max_new_tokens' belongs to generation_config."),
        (DeploymentConfig, "max_lenght", "'max_new_tokens' belongs to generation_config."),
        (DeploymentConfig, "initial_instance_count", "did you mean 'instance_count'?"),
        (DeploymentConfig, "timeout", "did you mean 'request_timeout_s'?"),
        (DeploymentConfig, "api_key", "did you mean 'api_key_env'?"),
        (DeploymentConfig, "region", "known are instance_type, instance_count,"),
    ],
)
def test_an_unknown_name_gets_the_one_it_may_have_meant(
    config: type[Settings], name: str, suggestion: str
) -> None:
    error = refusal(lambda: config.parse({name: None}))

    assert f"{config.parameter} has no setting {name!r}: " in str(error)
    assert suggestion in str(error)
    assert error.field == name


def test_a_key_that_is_no_text_is_an_unknown_name() -> None:
    given: Any = {1: 2}

    assert "has no setting '1'" in str(refusal(lambda: GenerationConfig.parse(given)))


@pytest.mark.parametrize("config", BOTH)
def test_every_suggested_name_exists_and_is_not_its_own_suggestion(config: type[Settings]) -> None:
    suggested = config.aliases | config.foreign_names  # type: ignore[operator]

    assert set(suggested.values()) <= config.model_fields.keys()
    assert not suggested.keys() & config.model_fields.keys()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_tokens": 5, "max_new_tokens": 5},
            "max_tokens and max_new_tokens are two names of one setting. Pass only one.",
        ),
        (
            {"do_sample": True, "temperature": 0},
            (
                "do_sample=True draws at random, but temperature=0 is greedy. "
                "Raise temperature or set do_sample=False."
            ),
        ),
        (
            {"do_sample": False, "temperature": 0.7},
            (
                "do_sample=False decodes greedily, so temperature=0.7 would have no effect. "
                "Leave out temperature or set do_sample=True."
            ),
        ),
        (
            {"do_sample": False, "top_k": 5},
            (
                "do_sample=False decodes greedily, so top_k=5 would have no effect. "
                "Leave out top_k or set do_sample=True."
            ),
        ),
        (
            {"max_new_tokens": 5, "extra": {"max_tokens": 9}},
            (
                "extra['max_tokens'] contradicts max_new_tokens, which is set beside it. "
                "Pass only one."
            ),
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    given: dict[str, object], message: str
) -> None:
    assert str(refusal(lambda: GenerationConfig.parse(given))) == message


# -- Secrets


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "sk-s3cret"},
        {"api_key_env": "sk-s3cret"},
        {"api_key_env": "hf_s3cret"},
        {"api_key_env": b"sk-s3cret"},
        {"base_url": "https://user:s3cret@models.example/v1"},
        {"base_url": "user:s3cret@models.example"},
        {"base_url": "https://models.example/v1?key=s3cret"},
        {"environment": {"HF_TOKEN": b"s3cret"}},
        {"environment": {b"HF_TOKEN": "s3cret"}},
    ],
)
def test_no_message_repeats_a_value_that_may_be_a_key(given: dict[str, object]) -> None:
    error = refusal(lambda: DeploymentConfig.parse(given))

    assert "s3cret" not in repr(error.to_record())


def test_the_containers_environment_stays_out_of_the_repr() -> None:
    settings = DeploymentConfig(environment={"HF_TOKEN": "s3cret"}, instance_count=2)

    assert repr(settings) == "DeploymentConfig(instance_count=2)"
    assert "s3cret" not in str(settings)


# -- Settings as values


def test_the_repr_shows_only_what_was_given() -> None:
    assert repr(GenerationConfig(temperature=0, stop=("a",))) == (
        "GenerationConfig(temperature=0.0, stop=['a'])"
    )
    assert repr(GenerationConfig()) == "GenerationConfig()"


def test_settings_cannot_be_changed() -> None:
    settings = GenerationConfig()

    with pytest.raises(ValueError, match="frozen"):
        settings.top_k = 3


generation_settings = st.fixed_dictionaries(
    {},
    optional={
        "max_new_tokens": st.integers(1, 131_072),
        "temperature": st.floats(0, 2, exclude_min=True),
        "top_p": st.floats(0, 1, exclude_min=True),
        "do_sample": st.just(True),
        "stop": st.lists(st.text(min_size=1), max_size=3),
        "system_prompt": st.text(),
        "extra": st.dictionaries(
            st.text().filter(lambda key: key not in GenerationConfig.model_fields),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
            max_size=3,
        ),
    },
)


@given(values=generation_settings)
def test_what_was_given_makes_the_same_settings_again(values: dict[str, Any]) -> None:
    settings = GenerationConfig.parse(values)

    again = GenerationConfig.parse(json.loads(json.dumps(settings.given())))

    assert again == settings
    assert hash(again) == hash(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings


# -- The JSON schema, which the panel's forms are drawn from


@pytest.mark.parametrize(("config", "name"), FIELDS)
def test_a_form_can_be_drawn_for_every_field(config: type[Settings], name: str) -> None:
    schema = config.model_json_schema()["properties"][name]

    assert schema["title"]
    assert schema["description"].endswith(".")
    assert "default" in schema
    assert schema["providers"]
    assert set(schema["providers"]) <= set(FinetuningProvider)
    options = schema.get("anyOf", [schema])
    for number in (each for each in options if each.get("type") in {"integer", "number"}):
        assert "minimum" in number or "exclusiveMinimum" in number
        assert "maximum" in number


@pytest.mark.parametrize(("config", "name"), FIELDS)
def test_a_unit_in_a_fields_name_is_its_unit_in_the_schema(
    config: type[Settings], name: str
) -> None:
    unit = config.model_json_schema()["properties"][name].get("unit")

    for ending, expected in {"_s": "s", "_usd": "USD", "_tokens": "tokens"}.items():
        if name.endswith(ending):
            assert unit == expected


def test_the_schema_is_plain_json() -> None:
    for config in BOTH:
        assert json.loads(json.dumps(config.model_json_schema())) == config.model_json_schema()


@pytest.mark.parametrize("environment", [["hf_secret"], "HF_TOKEN=hf_secret", 7])
def test_environment_of_the_wrong_kind_is_not_repeated(environment: object) -> None:
    with pytest.raises(ConfigError, match="environment must be a dict") as caught:
        DeploymentConfig.parse({"environment": environment})

    assert "hf_secret" not in str(caught.value)
    assert "7" not in str(caught.value)
