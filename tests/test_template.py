"""How a template is read and filled."""

import dataclasses
import doctest
import pickle
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from outboard import template as template_module
from outboard.errors import InvocationError, PromptTemplateError
from outboard.template import MAX_PROMPT_CHARS, PromptTemplate, escape_braces

names = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), min_size=1)
texts = st.text(st.characters(exclude_categories=["Cs"]))
pieces = st.lists(st.tuples(st.just("name"), names) | st.tuples(st.just("literal"), texts))


def refusal(text: Any) -> PromptTemplateError:
    with pytest.raises(PromptTemplateError) as caught:
        PromptTemplate(text)
    return caught.value


def fault_of(text: str) -> PromptTemplateError | None:
    try:
        PromptTemplate(text)
    except PromptTemplateError as fault:
        return fault
    return None


# -- Reading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("no names", ()),
        ("{a}", ("a",)),
        ("{b} {a} {b}", ("b", "a")),
        (
            "{first name}{a.b[0]}{x!r:>9}{größe}{0}",
            ("first name", "a.b[0]", "x!r:>9", "größe", "0"),
        ),
        ("{ a }", (" a ",)),
        ("{{a}}", ()),
        ("{{{a}}}", ("a",)),
        ('{"k"}', ('"k"',)),
    ],
)
def test_names_are_taken_verbatim_each_once_in_order(text: str, expected: tuple[str, ...]) -> None:
    assert PromptTemplate(text).names == expected


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a { b", 2, "It looks like JSON: double its braces, {{ and }}."),
        ("{", 0, "The '{' at line 1, character 1 of the prompt template has no partner."),
        ("a }", 2, "Write it twice, '}}', for a literal brace."),
        ("{a}}", 3, "The '}' at line 1, character 4 of the prompt template has no partner."),
        ("one\ntwo {a{b}", 8, "at line 2, character 5 of the prompt template"),
        ("a {}", 2, "The {} at line 1, character 3 of the prompt template names no column."),
        ('{"k": {context}}', 0, "It looks like JSON: double its braces, {{ and }}."),
        ('{\n  "k": {context}\n}', 0, "It looks like JSON: double its braces, {{ and }}."),
        ("{'k': {context}}", 0, "It looks like JSON: double its braces, {{ and }}."),
    ],
)
def test_a_brace_without_partner_is_refused_where_it_stands(
    text: str, position: int, message: str
) -> None:
    error = refusal(text)

    assert error.position == position
    assert message in str(error)


@pytest.mark.parametrize("text", [None, 3, b"{a}", ["{a}"]])
def test_what_is_not_text_is_no_template(text: object) -> None:
    assert f"got {type(text).__name__}" in str(refusal(text))


@given(text=st.text(st.sampled_from("{}ab \n\"'")))
def test_any_text_is_a_template_or_refused_at_one_of_its_braces(text: str) -> None:
    fault = fault_of(text)

    if fault is None:
        assert PromptTemplate(text).text == text
    else:
        assert fault.position is not None
        assert text[fault.position] in "{}"


# -- Rendering


@given(pieces=pieces, values=st.data())
@example(pieces=[("literal", "{"), ("name", "a"), ("literal", "}")], values=None)
def test_rendering_replaces_names_and_nothing_else(
    pieces: list[tuple[str, str]], values: st.DataObject | None
) -> None:
    text = "".join(
        f"{{{piece}}}" if kind == "name" else piece.replace("{", "{{").replace("}", "}}")
        for kind, piece in pieces
    )
    row = {
        piece: values.draw(texts) if values else "{{a}}" for kind, piece in pieces if kind == "name"
    }

    rendered = PromptTemplate(text).render(row)

    assert rendered == "".join(row[piece] if kind == "name" else piece for kind, piece in pieces)


def test_braces_in_a_value_are_text() -> None:
    row = {"a": "{b}{{b}}{", "b": "no"}

    assert PromptTemplate("{a}").render(row) == "{b}{{b}}{"


@pytest.mark.parametrize("name", ["a.__class__", "a[0]", "a!r", "a:>50000000", "0"])
def test_nothing_in_a_name_is_evaluated(name: str) -> None:
    with pytest.raises(PromptTemplateError) as caught:
        PromptTemplate(f"{{{name}}}").render({"a": "x"})

    assert caught.value.names == (name,)


def test_values_are_shown_as_text_and_nulls_as_nothing() -> None:
    template = PromptTemplate("{n}|{tags}|{note}|")

    assert template.render({"n": 3, "tags": ["a"], "note": float("nan")}) == '3|["a"]||'


def test_a_row_without_instruction_is_refused() -> None:
    with pytest.raises(PromptTemplateError, match="'instruction' has no value in this row"):
        PromptTemplate("{instruction}").render({"instruction": None})


def test_a_value_without_a_text_form_is_refused() -> None:
    with pytest.raises(PromptTemplateError, match="'photo' cannot be put into a prompt"):
        PromptTemplate("{photo}").render({"photo": b"\xff"})


def test_every_missing_name_is_named_with_the_nearest_there_is() -> None:
    template = PromptTemplate("{Question} { note } {ctx.title} {answr} {zzz}")

    with pytest.raises(PromptTemplateError) as caught:
        template.render({"question": "", "note": "", "ctx": "", "answer": ""})

    assert str(caught.value) == (
        "The prompt template uses {Question} (did you mean {question}?), "
        "{ note } (did you mean {note}?), {ctx.title} (did you mean {ctx}?), "
        "{answr} (did you mean {answer}?) and {zzz}, "
        "but the row has only question, note, ctx, answer."
    )
    assert caught.value.names == ("Question", " note ", "ctx.title", "answr", "zzz")
    assert caught.value.position == 0


@pytest.mark.parametrize("text", ['Say {"label": "good"}', "Say {\n  1\n}", "Say {'a'}"])
def test_a_missing_name_that_looks_like_json_is_to_be_escaped(text: str) -> None:
    with pytest.raises(PromptTemplateError) as caught:
        PromptTemplate(text).render({"question": ""})

    assert str(caught.value).endswith("It looks like JSON: double its braces, {{ and }}.")
    assert "\n" not in str(caught.value)
    assert caught.value.position == 4


def test_a_column_that_looks_like_json_is_a_column() -> None:
    assert PromptTemplate('{"k"}').render({'"k"': "v"}) == "v"


def test_a_long_name_is_cut_and_many_columns_are_counted_in_the_message() -> None:
    row = {f"column_{number}": "" for number in range(1_000)}

    with pytest.raises(PromptTemplateError) as caught:
        PromptTemplate("{" + "x" * 5_000 + "}").render(row)

    assert "column_19 and 980 more." in str(caught.value)
    assert len(str(caught.value)) < 500


def test_an_empty_row_has_nothing() -> None:
    with pytest.raises(PromptTemplateError, match=r"but the row is empty\."):
        PromptTemplate("{a}").render({})


def test_a_prompt_beyond_any_context_is_refused_before_it_is_built() -> None:
    # Built, it would take a hundred gigabytes.
    template = PromptTemplate("{a}" * 10_000)

    with pytest.raises(PromptTemplateError, match="at most 10,000,000"):
        template.render({"a": "x" * MAX_PROMPT_CHARS})


def test_a_prompt_of_the_longest_length_is_rendered() -> None:
    text = "x" * MAX_PROMPT_CHARS

    assert PromptTemplate("{a}").fill([text]) == text


def test_a_prompt_that_is_too_long_to_send_fails_with_its_code() -> None:
    with pytest.raises(InvocationError) as caught:
        PromptTemplate("{a}!").fill(["x" * MAX_PROMPT_CHARS])

    assert caught.value.code == "request_too_large"


# -- Templates as values


def test_templates_are_equal_by_their_text_and_cannot_be_changed() -> None:
    template = PromptTemplate("{a}")

    assert {template, PromptTemplate(text="{a}")} == {template}
    assert pickle.loads(pickle.dumps(template)).names == ("a",)
    assert repr(template) == "PromptTemplate(text='{a}')"
    with pytest.raises(dataclasses.FrozenInstanceError):
        template.text = "{b}"  # type: ignore[misc]


def test_the_docstrings_examples_are_true() -> None:
    assert doctest.testmod(template_module).failed == 0


# -- Escaping


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"k": {context}}', '{{"k": {context}}}'),
        ('{"a": {"b": {context}}}', '{{"a": {{"b": {context}}}}}'),
        ('{"k": 1} {context}', '{{"k": 1}} {context}'),
        ("{} {other} {context}", "{{}} {{other}} {context}"),
        ("{{context}} {", "{{{context}}} {{"),
        ("{context}", "{context}"),
        ("{{context}}", "{{context}}"),
        ("plain", "plain"),
    ],
)
def test_escaping_doubles_all_braces_but_those_of_known_names(text: str, expected: str) -> None:
    assert escape_braces(text, ["context"]) == expected


@given(text=st.text(st.sampled_from('{}ab"')), known=st.sets(st.sampled_from(["a", "b", "ab"])))
def test_escaped_text_is_a_template_that_renders_to_the_text_itself(
    text: str, known: set[str]
) -> None:
    escaped = escape_braces(text, known)

    assert escape_braces(escaped, known) == escaped
    template = PromptTemplate(escaped)
    assert set(template.names) <= known
    assume(escaped != text)
    assert template.render({name: f"{{{name}}}" for name in known}) == text
