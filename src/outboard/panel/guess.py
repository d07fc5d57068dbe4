"""Guesses from a table's columns which role each has."""

import re
from collections.abc import Collection, Mapping

from outboard.datasource import get_datasource
from outboard.roles import FineTuningColumnType

Role = FineTuningColumnType

#: Names that columns of a role often have, the likeliest first.
_SYNONYMS: dict[FineTuningColumnType, tuple[str, ...]] = {
    Role.INSTRUCTION: (
        ("instruction", "instructions", "question", "query", "prompt", "input", "inputs", "text")
        + ("user", "user_message", "request", "task", "problem", "sentence", "message", "utterance")
    ),
    Role.CONTEXT: (
        ("context", "contexts", "passage", "document", "documents", "retrieved_context")
        + ("background", "article", "evidence", "knowledge", "source_text", "paragraph")
    ),
    Role.PROMPT_PREFIX: (
        "prompt_prefix",
        "system",
        "system_prompt",
        "system_message",
        "prefix",
        "preamble",
    ),
    Role.RESPONSE: (
        ("response", "best_answer", "answer", "reference", "reference_answer", "expected")
        + ("expected_answer", "ground_truth", "gold", "target", "label", "output", "completion")
        + ("answers", "summary", "assistant")
    ),
}
# Narrow roles first: "system_prompt" is no instruction, "answer_text" no input.
_ORDER = (Role.PROMPT_PREFIX, Role.RESPONSE, Role.CONTEXT, Role.INSTRUCTION)

_TEXT = re.compile(r"(large_)?(string|utf8)(_view)?|dictionary<values=(large_)?string.*")


def guess_mappings(datasource_uids: Collection[int]) -> dict[str, str] | None:
    """Return which columns of some tables probably have which role; None for the default.

    Only columns that all the tables have are looked at.

    Raises
    ------
    NotFoundError
        If there is no such datasource.
    """
    tables = [get_datasource(uid) for uid in datasource_uids]
    if not tables:
        return None
    shared = set(tables[0].columns).intersection(*(table.columns for table in tables))
    first = {field.name: str(field.type) for field in tables[0].schema}
    return guess({name: kind for name, kind in first.items() if name in shared})


def guess(columns: Mapping[str, str]) -> dict[str, str] | None:
    """Return column -> role for columns with their Arrow types; None for the default.

    A column called like a role has that role. Otherwise names that are often used for a role
    count, then names that hold one of those. If nothing looks like an instruction and one text
    column is left, that is it. A role has one column, a column one role.
    """
    if Role.INSTRUCTION in columns:
        return None
    column_of: dict[FineTuningColumnType, str] = {
        role: str(role) for role in Role if role in columns
    }
    for matches in (_is_called, _holds):
        for role in _ORDER:
            if role not in column_of and (name := matches(role, _free(role, columns, column_of))):
                column_of[role] = name
    if Role.INSTRUCTION not in column_of:
        texts = _free(Role.INSTRUCTION, columns, column_of)
        if len(texts) == 1:
            column_of[Role.INSTRUCTION] = texts[0]
    if Role.INSTRUCTION not in column_of:
        return None
    return {column_of[role]: str(role) for role in Role if role in column_of}


def _free(
    role: FineTuningColumnType,
    columns: Mapping[str, str],
    column_of: Mapping[FineTuningColumnType, str],
) -> list[str]:
    """Return the columns without a role that may have this one: instructions are text."""
    return [
        name
        for name, kind in columns.items()
        if name not in column_of.values()
        and (role is not Role.INSTRUCTION or _TEXT.fullmatch(kind))
    ]


def _is_called(role: FineTuningColumnType, columns: Collection[str]) -> str | None:
    folded = {_folded(name): name for name in reversed(list(columns))}
    return next((folded[each] for each in _SYNONYMS[role] if each in folded), None)


def _holds(role: FineTuningColumnType, columns: Collection[str]) -> str | None:
    for synonym in _SYNONYMS[role]:
        for name in columns:
            if synonym in _folded(name).split("_") or f"_{synonym}" in f"_{_folded(name)}":
                return name
    return None


def _folded(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()
