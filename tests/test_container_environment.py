import pytest

from outboard.container_environment import refuse_secrets, resolve
from outboard.errors import ConfigError


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SM_VLLM_API_KEY", "password"]
    + ["db-password", "OPENAI_APIKEY", "GIT_CREDENTIALS", "PROXY_AUTH"],
)
def test_secret_given_by_value_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse_secrets({"SAFE": "1", name: "s3cret"})

    assert f'{{"{name}": "${{{name}}}"}}' in caught.value.message
    assert "s3cret" not in repr(caught.value.to_record())
    assert caught.value.field == "environment"


def test_secrets_are_named_together() -> None:
    with pytest.raises(ConfigError, match="'HF_TOKEN', 'API_KEY'"):
        refuse_secrets({"HF_TOKEN": "a", "API_KEY": "b"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_INPUT_TOKENS", "4096"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("OPTION_TOKENIZER", "mistral"),
        ("KEYBOARD", "qwerty"),
        ("MONKEY", "see"),
        ("HF_TOKEN", "${MY_TOKEN}"),
        ("HF_TOKEN", ""),
    ],
)
def test_what_is_no_secret_is_let_through(name: str, value: str) -> None:
    refuse_secrets({name: value})


def test_reference_becomes_the_variables_value() -> None:
    environment = {"HF_TOKEN": "${MY_TOKEN}", "MODEL": "m", "PRICE": "5 ${MY_TOKEN}"}

    resolved = resolve(environment, {"MY_TOKEN": "s3cret"})

    assert resolved == {"HF_TOKEN": "s3cret", "MODEL": "m", "PRICE": "5 ${MY_TOKEN}"}


def test_value_of_a_variable_is_not_looked_into_again() -> None:
    assert resolve({"A": "${B}"}, {"B": "${C}", "C": "c"}) == {"A": "${C}"}


def test_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match=r"environment\['HF_TOKEN'\].*variable MY_TOKEN") as fault:
        resolve({"HF_TOKEN": "${MY_TOKEN}"}, {})

    assert fault.value.field == "environment"
