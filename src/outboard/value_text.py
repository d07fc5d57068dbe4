"""The text that stands for one value of a row."""

import json
import math
from collections.abc import Mapping
from typing import Any

from outboard.errors import InvocationError

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def as_text(value: object) -> str | None:
    """Return the text that a prompt shows for a value, or None for a null.

    Nulls are None, NaN, NaT, ``pandas.NA`` and NaN decimals. Lists, tuples, dicts and NumPy
    arrays become compact JSON, with null for every NaN, infinity or null inside. Everything
    else becomes its `str`, whatever the locale.

    Raises
    ------
    ValueError
        If the value has no text form: bytes, a dict or list that holds itself, or an integer
        of more digits than Python converts.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError(f"{type(value).__name__} have no text form")
    try:
        if isinstance(value, (list, tuple, dict)) or getattr(value, "shape", None):
            return _COMPACT.encode(_as_json(value))
        return None if _is_null(value) else str(value)
    except RecursionError:
        raise ValueError("it is nested too deeply, or holds itself") from None


def text_of(column: str, value: object, *, required: bool) -> str:
    """Return the text of a column's value in one row; a null is empty text.

    Raises
    ------
    InvocationError
        With code ``missing_value`` if a `required` value is null, or ``invalid_value`` if the
        value has no text form.
    """
    reason = ""
    try:
        text = as_text(value)
    except ValueError as failure:
        reason = str(failure)
    # Raised outside of the handler: the errors of a batch are kept, their tracebacks not.
    if reason:
        raise InvocationError(
            f"Column {column!r} cannot be put into a prompt: {reason}. "
            "Convert it to text, or leave the column out of the template.",
            code="invalid_value",
        )
    if text is None and required:
        raise InvocationError(
            f"Column {column!r} has no value in this row, and the instruction cannot be empty. "
            "Fill it in, or leave the row out.",
            code="missing_value",
        )
    return text or ""


def _as_json(value: object) -> object:
    """Return what the JSON encoder takes as it is, with None for every null."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes() | bytearray() | memoryview():
            raise ValueError(f"it holds {type(value).__name__}, which have no text form")
        case Mapping():
            return {str(key): _as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [_as_json(item) for item in value]
        case _:
            return _foreign_as_json(value)


def _foreign_as_json(value: Any) -> object:  # noqa: ANN401 - asked for what it can, not what it is
    match getattr(value, "shape", None):
        case (_, *_):  # an array or a Series
            return [_as_json(item) for item in value]
        case () if value.dtype.kind in "biuf":  # a number of NumPy's
            return _as_json(value.item())
        case _:
            return None if _is_null(value) else str(value)


def _is_null(value: object) -> bool:
    try:
        return bool(value != value)  # noqa: PLR0124 - only a NaN differs from itself
    except (TypeError, ValueError, ArithmeticError):
        # pandas.NA and signalling NaNs refuse to be compared, even with themselves.
        return True
