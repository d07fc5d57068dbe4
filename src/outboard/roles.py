"""Roles of dataset columns."""

from collections.abc import Mapping
from enum import StrEnum

from outboard.errors import ConfigError
from outboard.template import nearest


class FineTuningColumnType(StrEnum):
    """Role of a dataset column. Plain strings are accepted wherever a role is."""

    #: What the model is told or asked. The only role that has to have a value in every row.
    INSTRUCTION = "instruction"
    #: Material that the instruction is about.
    CONTEXT = "context"
    #: Text that goes before, e.g. what the model is; often used as the system prompt.
    PROMPT_PREFIX = "prompt_prefix"
    #: Reference answer: kept beside the model's, sent only if a template names it.
    RESPONSE = "response"


#: Column -> role where the user says nothing: columns called like a role have that role.
DEFAULT_COLUMN_MAPPINGS: dict[str, FineTuningColumnType] = {
    "context": FineTuningColumnType.CONTEXT,
    "instruction": FineTuningColumnType.INSTRUCTION,
    "prompt_prefix": FineTuningColumnType.PROMPT_PREFIX,
    "response": FineTuningColumnType.RESPONSE,
}


def parse_column_mappings(
    mappings: Mapping[str, str] | None,
) -> dict[str, FineTuningColumnType]:
    """Return a column mapping with its roles checked.

    Parameters
    ----------
    mappings : mapping or None
        Dataset column -> role. None stands for `DEFAULT_COLUMN_MAPPINGS`.

    Raises
    ------
    ConfigError
        If it is not a dict, a role does not exist, or two columns have one role.
    """
    if mappings is None:
        return dict(DEFAULT_COLUMN_MAPPINGS)
    if not isinstance(mappings, Mapping):
        raise mapping_error(
            'column_mappings takes a dict from column to role, e.g. {"question": "instruction"}, '
            f"got {type(mappings).__name__}."
        )
    column_of: dict[FineTuningColumnType, str] = {}
    for column, value in mappings.items():
        if not isinstance(column, str) or not column:
            raise mapping_error(f"column_mappings has the column {column!r}; name it by its text.")
        role = _parse_role(column, value)
        if role in column_of:
            raise mapping_error(
                f"column_mappings gives the role {role!s} to both {column_of[role]!r} and "
                f"{column!r}. A role takes one column: remove one of them."
            )
        column_of[role] = column
    return {column: role for role, column in column_of.items()}


def _parse_role(column: str, value: object) -> FineTuningColumnType:
    roles = list(FineTuningColumnType)
    if value in roles:
        return FineTuningColumnType(str(value))
    if column in roles:
        hint = f'It goes from column to role: {{"{value}": "{column}"}}.'
    elif isinstance(value, str) and (near := nearest(value, roles)):
        hint = f"Did you mean {str(near)!r}?"
    else:
        hint = f"Roles are {', '.join(roles)}."
    raise mapping_error(
        f"column_mappings gives {column!r} the role {value!r}, which does not exist. {hint}"
    )


def mapping_error(message: str) -> ConfigError:
    """Return the error for a wrong column mapping."""
    return ConfigError(message, field="column_mappings")
