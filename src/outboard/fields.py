"""The kinds of field that settings are made of."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.config import JsonDict


def setting(
    title: str,
    *,
    help: str,  # noqa: A002 - the word that the panel's forms show it under
    providers: tuple[str, ...],
    default: object = None,
    unit: str | None = None,
    shown: bool = True,
) -> Any:  # noqa: ANN401 - as pydantic's Field, it stands for a value of any field's type
    """Return a pydantic field that a form can be drawn from.

    Parameters
    ----------
    title, help : str
        Label, and what the setting does in a sentence or two.
    providers : tuple of str
        Providers that heed the setting.
    default : object
        Its value when it is not given.
    unit : str, optional
        Unit of its numbers, e.g. ``"tokens"`` or ``"s"``.
    shown : bool
        False keeps a value that may be secret out of the repr.
    """
    extra: JsonDict = {"providers": list(providers)}
    if unit:
        extra["unit"] = unit
    return Field(
        default=default, title=title, description=help, repr=shown, json_schema_extra=extra
    )


def _one_or_more(value: object) -> object:
    match value:
        case str():
            return (value,)
        case list():
            return tuple(value)
        case _:
            return value


def _json_only(value: object) -> object:
    try:
        return _as_json(value, "extra") if isinstance(value, Mapping) else value
    except RecursionError:
        raise ValueError("extra is nested too deeply, or holds itself.") from None


def _as_json(value: object, where: str) -> object:
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, got {value}.")
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_as_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise ValueError(f"{where} has the key {key!r}; keys must be text.")
            return {key: _as_json(item, f"{where}[{key!r}]") for key, item in value.items()}
        case _ if hasattr(value, "tolist"):  # arrays and scalars of numpy and its kin
            return _as_json(value.tolist(), where)
        case _:
            raise ValueError(
                f"{where} must be text, a number, True, False, None, a list or a dict, "
                f"got {type(value).__name__}."
            )


def _texts_only(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    # The values may be access tokens: no message repeats one.
    for name, text in value.items():
        if not isinstance(name, str):
            raise ValueError(f"environment has the name {name!r}; names must be text.")
        if not isinstance(text, str):
            raise ValueError(
                f"environment[{name!r}] must be text, got {type(text).__name__}. "
                "Write it in quotes, as the container will read it."
            )
    return dict(value)


def _address(value: str) -> str:
    # Neither message repeats the value: it may hold a key.
    if "@" in value:
        raise ValueError(
            "base_url must not hold a user name or password. Put the key into an environment "
            "variable and name that variable in api_key_env."
        )
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError(
            "base_url must be an http:// or https:// address without a query, "
            "e.g. http://localhost:8000/v1."
        )
    return value


def _variable_name(value: str) -> str:
    # Capitals only, so that a key put here by mistake is refused, not printed later on.
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
        raise ValueError(
            "api_key_env must be the name of an environment variable in capitals, e.g. "
            "OPENAI_API_KEY, never the key itself (what was given is not shown)."
        )
    return value


#: Text with at least one character.
Text = Annotated[str, Field(min_length=1)]

#: Stop strings: one text, or a list or tuple of them.
Texts = Annotated[tuple[Text, ...], BeforeValidator(_one_or_more)]

#: Parameters for a model server: whatever JSON can carry, by name.
JsonObject = Annotated[dict[str, Any], BeforeValidator(_json_only)]

#: Environment variables: text by name.
Environment = Annotated[dict[str, str], BeforeValidator(_texts_only)]

#: Where an HTTP server's API begins.
Address = Annotated[str, AfterValidator(_address)]

#: Name of an environment variable that holds a secret.
VariableName = Annotated[str, AfterValidator(_variable_name)]
