import pyarrow as pa
import pytest

import outboard
from outboard.errors import NotFoundError
from outboard.panel.guess import guess, guess_mappings


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("question best_answer answers", {"question": "instruction", "best_answer": "response"}),
        ("prompt completion", {"prompt": "instruction", "completion": "response"}),
        ("context query", {"query": "instruction", "context": "context"}),
        (
            "system_prompt user_message gold",
            {"user_message": "instruction", "system_prompt": "prompt_prefix", "gold": "response"},
        ),
        (
            "Question RetrievedContext modelAnswer",
            {
                "Question": "instruction",
                "RetrievedContext": "context",
                "modelAnswer": "response",
            },
        ),
        ("input target", {"input": "instruction", "target": "response"}),
        ("review", {"review": "instruction"}),
        ("first second", None),
        ("instruction answer", None),
        ("", None),
    ],
)
def test_roles_are_guessed_from_names(columns: str, expected: dict[str, str] | None) -> None:
    assert guess(dict.fromkeys(columns.split(), "string")) == expected


def test_numbers_are_no_instructions() -> None:
    assert guess({"text": "int64", "review": "string"}) == {"review": "instruction"}


def test_no_column_has_two_roles_and_no_role_two_columns() -> None:
    found = guess(dict.fromkeys(["question", "prompt", "answer", "label", "output"], "string"))

    assert found == {"question": "instruction", "answer": "response"}


@pytest.mark.usefixtures("workspace")
def test_only_columns_that_all_tables_have_are_guessed() -> None:
    one = outboard.create_datasource(pa.table({"question": ["a"], "answer": ["b"]}))
    other = outboard.create_datasource(pa.table({"question": ["a"], "label": ["b"]}))

    assert guess_mappings([one, other]) == {"question": "instruction"}
    assert guess_mappings([]) is None


@pytest.mark.usefixtures("workspace")
def test_roles_of_a_table_that_is_gone_are_not_found() -> None:
    with pytest.raises(NotFoundError):
        guess_mappings([99])
