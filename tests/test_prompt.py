"""Which column fills each name, and what is sent for each row."""

import gc
import weakref
from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.errors import ConfigError, InvocationError, OutboardError, PromptTemplateError
from outboard.prompt import PromptPlan, PromptTemplate, RenderedPrompt
from outboard.template import MAX_PROMPT_CHARS


def plan(
    prompt: str,
    columns: Collection[str],
    *,
    system: str | None = None,
    mappings: Mapping[str, str] | None = None,
) -> PromptPlan:
    return PromptPlan.for_columns(
        columns,
        prompt=PromptTemplate(prompt),
        system=None if system is None else PromptTemplate(system),
        mappings=mappings,
    )


def only_problem(of: PromptPlan) -> OutboardError:
    (problem,) = of.problems
    return problem


# -- Which column fills a name


def test_a_name_is_a_column() -> None:
    made = plan("{first name}: {a.b[0]}", ["first name", "a.b[0]", "unused"])

    assert made.render({"first name": "Ada", "a.b[0]": 1}).prompt == "Ada: 1"
    assert made.columns == ("first name", "a.b[0]")


def test_a_name_is_a_mapped_role() -> None:
    made = plan("{instruction}", ["question"], mappings={"question": "instruction"})

    assert made.render({"question": "Why?"}).prompt == "Why?"
    assert made.columns == ("question",)


def test_a_mapped_column_keeps_its_own_name_as_well() -> None:
    made = plan("{instruction} {question}", ["question"], mappings={"question": "instruction"})

    assert made.render({"question": "Why?"}).prompt == "Why? Why?"
    assert made.columns == ("question",)


def test_a_mapped_role_wins_over_a_column_of_its_name_with_a_warning() -> None:
    made = plan("{context}", ["context", "body"], mappings={"body": "context"})

    assert made.render({"body": "from body"}).prompt == "from body"
    assert made.warnings == (
        (
            "{context} is filled from the column 'body', which has that role; "
            "the column 'context' is not used."
        ),
    )


def test_columns_called_like_a_role_have_it_by_default() -> None:
    made = plan("{instruction}", ["instruction", "response"])

    rendered = made.render({"instruction": "Why?", "response": "Because."})

    assert rendered == RenderedPrompt(prompt="Why?", system=None, reference="Because.")


def test_the_default_mapping_needs_no_column_that_is_not_used() -> None:
    made = plan("{text}", ["text"])

    assert made.problems == ()
    assert made.columns == ("text",)


def test_only_what_is_needed_is_read() -> None:
    made = plan(
        "{b} {a} {b}",
        ["unused", "reference", "a", "b", "c"],
        system="{c} {a}",
        mappings={"reference": "response"},
    )

    assert made.columns == ("b", "a", "c", "reference")


# -- What keeps a table from being rendered


def test_the_default_template_without_an_instruction_says_how_to_map_one() -> None:
    problem = only_problem(plan("{instruction}", ["question", "answer"]))

    assert isinstance(problem, PromptTemplateError)
    assert 'column_mappings={"question": "instruction"}' in str(problem)


def test_every_missing_name_is_named_with_the_nearest_there_is() -> None:
    made = plan("Say {qestion} {zzz}", ["question", "q"], mappings={"q": "instruction"})

    problem = only_problem(made)

    assert str(problem) == (
        "The prompt template uses {qestion} (did you mean {question}?) and {zzz}, but there are "
        "only the columns question, q and the mapped role instruction."
    )
    assert isinstance(problem, PromptTemplateError)
    assert problem.names == ("qestion", "zzz")
    assert problem.position == 4


def test_a_mapped_column_may_be_missing_while_no_template_uses_its_role() -> None:
    mappings = {"question": "instruction", "answer": "response", "docs": "context"}

    made = plan("{instruction}", ["question", "answers"], mappings=mappings)

    assert made.problems == ()
    assert made.columns == ("question",)
    assert made.warnings == (
        (
            "There is no column 'answer' (did you mean 'answers'?) for the role 'response': "
            "there will be no reference answers."
        ),
        "There is no column 'docs' for the role 'context': it is not needed.",
    )


def test_a_column_named_in_the_mapping_has_to_be_there_if_its_role_is_used() -> None:
    mappings = {"qestion": "instruction", "zzz": "context"}

    problem = only_problem(plan("{instruction} {context}", ["question"], mappings=mappings))

    assert isinstance(problem, ConfigError)
    assert problem.field == "column_mappings"
    assert str(problem) == (
        "column_mappings names 'qestion' (did you mean 'question'?) and 'zzz', "
        "but there are only the columns question."
    )


def test_all_problems_are_found_at_once() -> None:
    made = plan("{instruction} {x}", ["a"], system="{y}", mappings={"b": "instruction"})

    assert [str(problem).split(" uses ")[0] for problem in made.problems[1:]] == [
        "The prompt template",
        "The system prompt",
    ]
    assert isinstance(made.problems[0], ConfigError)


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_template_has_nothing_to_send(prompt: str) -> None:
    assert "The prompt template is empty" in str(only_problem(plan(prompt, ["a"])))


def test_a_table_that_does_not_fit_is_not_rendered() -> None:
    made = plan("{zzz}", ["a"])

    with pytest.raises(PromptTemplateError, match="zzz"):
        made.render({"a": "x"})


def test_a_wrong_mapping_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'context'"):
        plan("{a}", ["a"], mappings={"a": "contxt"})


def test_braces_doubled_around_a_column_are_warned_of() -> None:
    made = plan("{{question}} {question}", ["question"])

    assert made.render({"question": "Why?"}).prompt == "{question} Why?"
    assert made.warnings == (
        (
            "{{question}} is sent as the text {question}. "
            "Write {question} to put in the row's value."
        ),
    )


# -- What is sent for a row


@pytest.mark.parametrize("name", ["instruction", "question"])
def test_a_row_without_an_instruction_is_not_sent(name: str) -> None:
    made = plan(f"{{{name}}}", ["question"], mappings={"question": "instruction"})

    with pytest.raises(InvocationError) as caught:
        made.render({"question": float("nan")})

    assert caught.value.code == "missing_value"
    assert "'question'" in str(caught.value)


def test_a_column_called_instruction_has_to_have_a_value_too() -> None:
    made = plan("{instruction}", ["instruction", "a"], mappings={"a": "context"})

    with pytest.raises(InvocationError, match="'instruction' has no value"):
        made.render({"instruction": None})


def test_other_nulls_are_empty_text() -> None:
    made = plan("{instruction}|{context}|", ["instruction", "context"])

    assert made.render({"instruction": "Why?", "context": None}).prompt == "Why?||"


def test_a_system_prompt_is_rendered_from_the_same_row() -> None:
    made = plan("{a}", ["a", "b"], system="You are {b}.")

    assert made.render({"a": "Hi", "b": "Bo"}).system == "You are Bo."


@pytest.mark.parametrize("system", ["", " \n", "{instruction}"])
def test_a_system_prompt_without_text_is_not_sent(system: str) -> None:
    made = plan("Hi", ["instruction"], system=system)

    assert made.render({"instruction": None}).system is None


@pytest.mark.parametrize(("value", "reference"), [(None, None), (7, "7"), (b"\xff", None)])
def test_a_reference_never_keeps_a_row_from_being_sent(
    value: object, reference: str | None
) -> None:
    made = plan("Hi {a}", ["a", "gold"], mappings={"gold": "response"})

    assert made.render({"a": "Bo", "gold": value}).reference == reference


def test_the_reference_is_not_sent_unless_a_template_names_it() -> None:
    columns = ["a", "response"]
    row = {"a": "Hi", "response": "s3cret"}

    assert "s3cret" not in plan("{a}", columns).render(row).prompt
    assert plan("{response}", columns).render(row).prompt == "s3cret"


# -- A batch of rows


def test_one_bad_row_does_not_stop_the_batch() -> None:
    made = plan("{instruction} {x}", ["instruction", "x"])
    columns: dict[str, list[object]] = {
        "instruction": ["a", None, "c", "d", "e"],
        "x": ["1", "2", b"\xff", "x" * MAX_PROMPT_CHARS, 5],
    }

    rendered = list(made.render_batch(columns, 5))

    assert [
        each.code if isinstance(each, InvocationError) else each.prompt for each in rendered
    ] == ["a 1", "missing_value", "invalid_value", "request_too_large", "e 5"]


def test_a_system_prompt_that_cannot_be_rendered_fails_its_row() -> None:
    made = plan("Hi", ["photo"], system="{photo}")

    (fault,) = made.render_batch({"photo": [b"\xff"]}, 1)

    assert isinstance(fault, InvocationError)
    assert fault.code == "invalid_value"


def test_the_error_of_a_row_does_not_keep_its_batch_alive() -> None:
    class Values(list[object]):
        """A list that can be watched."""

    values = Values([None, b"\xff"])
    made = plan("{instruction}", ["instruction"])

    faults = list(made.render_batch({"instruction": values}, 2))
    watch = weakref.ref(values)
    del values
    gc.collect()

    assert len(faults) == 2
    assert watch() is None


def test_a_template_without_names_is_sent_for_every_row() -> None:
    made = plan("Hi", ["a"])

    assert [
        each.prompt for each in made.render_batch({}, 2) if isinstance(each, RenderedPrompt)
    ] == [
        "Hi",
        "Hi",
    ]


def test_rows_are_rendered_only_as_they_are_taken() -> None:
    rows = plan("{a}", ["a"]).render_batch({"a": ["first"]}, 10**12)

    first = next(rows)

    assert isinstance(first, RenderedPrompt)
    assert first.prompt == "first"


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(rows=st.lists(st.tuples(values, values), max_size=5))
def test_a_batch_renders_like_its_rows_one_by_one(rows: list[tuple[object, object]]) -> None:
    made = plan("{a} and {b}", ["a", "b"])

    batch = list(
        made.render_batch({"a": [a for a, _ in rows], "b": [b for _, b in rows]}, len(rows))
    )

    assert batch == [made.render({"a": a, "b": b}) for a, b in rows]
    assert [each.prompt for each in batch if isinstance(each, RenderedPrompt)] == [
        made.prompt.render({"a": a, "b": b}) for a, b in rows
    ]
