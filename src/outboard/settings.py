"""Settings models whose errors are told in our own words."""

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from outboard.errors import ConfigError


class Settings(BaseModel):
    """Base of the configs: frozen, strictly typed, no unknown keys, None means the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    #: What the public API calls these settings, e.g. ``"generation_config"``.
    parameter: ClassVar[str]
    #: Second names that are accepted -> ours.
    aliases: ClassVar[Mapping[str, str]] = {}
    #: Names of other tools -> ours. Not accepted, because the meaning may differ: suggested.
    foreign_names: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)
        except ValidationError as failure:
            raise _config_error(type(self), failure) from None

    @classmethod
    def parse(cls, value: "Mapping[str, Any] | Self | None") -> Self:
        """Return settings from what a user passed: a dict, settings, or None for the defaults.

        Raises
        ------
        ConfigError
            Names the setting, the value, what is allowed, and for an unknown name the nearest.
        """
        if isinstance(value, Mapping):
            return cls(**{str(key): item for key, item in value.items()})
        return cls() if value is None else cls.model_validate(value)

    def given(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults, as plain JSON values.

        `parse` makes equal settings of them again.
        """
        return self.model_dump(mode="json", exclude_defaults=True)

    def __hash__(self) -> int:
        # Dicts cannot be hashed; leaving them out keeps equal settings at equal hashes.
        return hash(tuple(v for v in vars(self).values() if not isinstance(v, dict)))

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        fields = type(self).model_fields
        yield from ((name, value) for name, value in self.given().items() if fields[name].repr)

    @model_validator(mode="before")
    @classmethod
    def _with_our_names(cls, values: object) -> object:
        if isinstance(values, cls):
            return values
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"{cls.parameter} takes a dict or a {cls.__name__}, got {type(values).__name__}.",
                field=cls.parameter,
            )
        ours: dict[str, object] = {}
        for key, value in values.items():
            name = cls.aliases.get(key, key)
            if value is None and name in cls.model_fields:
                continue
            if name in ours:
                other = next(alias for alias, field in cls.aliases.items() if field == name)
                raise ConfigError(
                    f"{other} and {name} are two names of one setting. Pass only one.", field=name
                )
            # Scalars of numpy and of its kin say so by their shape, and know their Python value.
            ours[name] = value.item() if getattr(value, "shape", None) == () else value
        return ours


#: What a value should have been, for pydantic's types of errors.
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "True or False",
    "string_too_short": "text that is not empty",
    "tuple_type": "text or a list of texts",
    "dict_type": "a dict",
}


def _config_error(settings: type[Settings], failure: ValidationError) -> ConfigError:
    """Put pydantic's findings into one message in our own words."""
    messages: list[str] = []
    errors = failure.errors()
    for error in errors:
        top, *rest = error["loc"]
        field = f"{top}{''.join(f'[{part!r}]' for part in rest)}"
        context = error.get("ctx", {})
        known = settings.model_fields.get(str(top))
        may_be_secret = known is not None and not known.repr
        given = error["input"]
        got = f", got {type(given).__name__ if may_be_secret else reprlib.repr(given)}"
        match error["type"]:
            case "extra_forbidden":
                suggestion = _suggestion(settings, field)
                messages.append(f"{settings.parameter} has no setting {field!r}: {suggestion}")
            case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
                messages.append(f"{field} must be {_bounds(settings, str(top))}{got}.")
            case "literal_error":
                messages.append(f"{field} must be {context['expected']}{got}.")
            case "value_error":
                messages.append(str(context["error"]))
            case "string_type":
                # The value stays unsaid: it may be a secret in the wrong place.
                messages.append(f"{field} must be text, got {type(error['input']).__name__}.")
            case kind:
                expected = _EXPECTED.get(kind, error["msg"].removeprefix("Input should be "))
                messages.append(f"{field} must be {expected}{got}.")
    return ConfigError(" ".join(messages), field=str(errors[0]["loc"][0]))


def _suggestion(settings: type[Settings], name: str) -> str:
    """Say what an unknown name may have meant: the same name in other words, else a near one."""
    others = [each for each in Settings.__subclasses__() if each is not settings]
    for cutoff in (1.0, 0.7):
        for owner in (settings, *others):
            # Folded, so that the spellings maxTokens and max-tokens are found as well.
            ours = {_folded(n): n for n in owner.model_fields}
            ours |= {_folded(n): field for n, field in owner.aliases.items()}
            ours |= {_folded(n): field for n, field in owner.foreign_names.items()}
            near = difflib.get_close_matches(_folded(name), ours, n=1, cutoff=cutoff)
            if near and owner is settings:
                return f"did you mean {ours[near[0]]!r}?"
            if near:
                return f"{ours[near[0]]!r} belongs to {owner.parameter}."
    fields = settings.model_fields
    passed_on = " (a parameter of the server's own goes into extra)" if "extra" in fields else ""
    return f"known are {', '.join(fields)}{passed_on}."


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _bounds(settings: type[Settings], name: str) -> str:
    """Say in words what values the field takes, e.g. 'between 0 and 2'."""
    schema = settings.model_json_schema()["properties"][name]
    number = next((each for each in schema.get("anyOf", ()) if each["type"] != "null"), schema)
    unit = f" {schema['unit']}" if "unit" in schema else ""
    high = f"{number['maximum']:,.15g}{unit}"
    if "exclusiveMinimum" in number:
        return f"greater than {number['exclusiveMinimum']:,.15g} and at most {high}"
    return f"between {number['minimum']:,.15g} and {high}"
