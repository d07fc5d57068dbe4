"""What users may pass as column mappings."""

from types import MappingProxyType
from typing import Any

import pytest

from outboard.errors import ConfigError
from outboard.roles import DEFAULT_COLUMN_MAPPINGS, FineTuningColumnType, parse_column_mappings


def test_roles_are_their_names_as_text() -> None:
    assert [*FineTuningColumnType] == ["instruction", "context", "prompt_prefix", "response"]
    assert f"{FineTuningColumnType.PROMPT_PREFIX}" == "prompt_prefix"


def test_the_default_maps_each_role_name_to_itself() -> None:
    assert set(DEFAULT_COLUMN_MAPPINGS) == set(FineTuningColumnType)
    assert all(column == role for column, role in DEFAULT_COLUMN_MAPPINGS.items())


def test_none_stands_for_a_copy_of_the_default() -> None:
    mappings = parse_column_mappings(None)

    mappings.clear()

    assert parse_column_mappings(None) == DEFAULT_COLUMN_MAPPINGS


@pytest.mark.parametrize("role", ["context", FineTuningColumnType.CONTEXT])
def test_a_role_may_be_plain_text(role: str) -> None:
    mappings = parse_column_mappings(MappingProxyType({"body text": role}))

    assert mappings == {"body text": FineTuningColumnType.CONTEXT}
    assert isinstance(mappings["body text"], FineTuningColumnType)


def test_no_column_needs_a_role() -> None:
    assert parse_column_mappings({}) == {}


@pytest.mark.parametrize(
    ("mappings", "message"),
    [
        ([("question", "instruction")], "takes a dict from column to role"),
        ("question", "got str"),
        ({"question": "instrction"}, "Did you mean 'instruction'?"),
        ({"question": "INSTRUCTION"}, "Did you mean 'instruction'?"),
        ({"question": "zzz"}, "Roles are instruction, context, prompt_prefix, response."),
        ({"question": None}, "gives 'question' the role None, which does not exist."),
        ({"question": 3}, "gives 'question' the role 3, which does not exist."),
        (
            {"instruction": "question"},
            'It goes from column to role: {"question": "instruction"}.',
        ),
        (
            {"a": "context", "b": "context"},
            "gives the role context to both 'a' and 'b'. A role takes one column",
        ),
        ({7: "context"}, "has the column 7; name it by its text."),
        ({"": "context"}, "has the column ''; name it by its text."),
    ],
)
def test_a_wrong_mapping_is_refused_with_what_is_wrong(mappings: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_column_mappings(mappings)

    assert message in str(caught.value)
    assert caught.value.field == "column_mappings"
