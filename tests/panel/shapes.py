"""Says how a value from JSON differs from the shape that a message should have."""

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from outboard.panel import replies

#: Request type -> shape of its reply.
REPLIES: dict[str, Any] = {
    "describe": replies.Description,
    "datasources": replies.DatasourcePage,
    "variables": replies.VariablePage,
    "register": replies.DatasourceItem,
    "guess_mappings": replies.Guess,
    "preview": replies.PreviewReply,
    "escape_braces": replies.Escaped,
    "preflight": replies.PreflightReply,
    "launch": replies.Launched,
    "cancel": replies.Done,
    "resume": replies.Done,
    "retry_failed": replies.Done,
    "watch": replies.Done,
    "jobs": replies.JobPage,
    "rows": replies.RowsReply,
    "prompts": replies.PromptsReply,
    "row": replies.RowDetail,
    "log": replies.LogTail,
    "events": replies.EventPage,
    "export": replies.Exported,
    "as_python": replies.PythonCode,
    "presets": replies.PresetPage,
    "save_preset": replies.Done,
    "load_preset": replies.Preset,
    "delete_preset": replies.Done,
}


def differences(shape: Any, value: object, at: str = "") -> list[str]:
    """Return where a value is not of its shape: keys too many, too few, wrong types."""
    origin, parts = get_origin(shape), get_args(shape)
    if is_typeddict(shape):
        return _of_record(shape, value, at)
    if origin in {Union, types.UnionType}:
        found = [differences(part, value, at) for part in parts]
        return [] if [] in found else min(found, key=len)
    if origin in {list, tuple} and isinstance(value, list | tuple):
        kinds = [parts[0]] * len(value) if origin is list else list(parts)
        return _of_items(dict(enumerate(kinds)), dict(enumerate(value)), at)
    if origin is dict and isinstance(value, dict):
        return _of_items(dict.fromkeys(value, parts[1]), value, at)
    return [] if _is_of(shape, value) else [f"{at}: {value!r} is no {shape}"]


def _is_of(shape: Any, value: object) -> bool:
    if shape is Any:
        return True
    if get_origin(shape) is Literal:
        return value in get_args(shape)
    expected = type(None) if shape is None else shape
    return type(value) is expected or (expected is float and type(value) is int)


def _of_record(shape: Any, value: object, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is no {shape.__name__}"]
    return _of_items(get_type_hints(shape), value, at)


def _of_items(shapes: dict[Any, Any], values: dict[Any, Any], at: str) -> list[str]:
    wrong = [f"{at}.{key}: not expected" for key in values if key not in shapes]
    wrong += [f"{at}.{key}: missing" for key in shapes if key not in values]
    for key in shapes.keys() & values.keys():
        wrong += differences(shapes[key], values[key], f"{at}.{key}")
    return wrong
