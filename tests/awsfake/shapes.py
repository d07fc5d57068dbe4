"""The check of a request against botocore's own description of the service."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import botocore.session
from tests.awsfake.wire import AwsError, Json


@lru_cache
def service_model(service: str) -> Any:
    """Return botocore's description of a service: it never ages behind the client's."""
    return botocore.session.get_session().get_service_model(service)


def check(service: str, operation: str, given: Json) -> None:
    """Raise ValidationException for what AWS would refuse by the shape alone.

    Unknown members are ignored, as AWS does.
    """
    shape = service_model(service).operation_model(operation).input_shape
    faults = list(_faults(shape, given, ""))
    if faults:
        plural = "s" if len(faults) > 1 else ""
        raise AwsError(
            "ValidationException",
            f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}",
        )


def _faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            _expect(isinstance(value, dict), value, "a structure")
            for name, member in shape.members.items():
                yield from _member_faults(shape, name, member, value.get(name), path)
        case "list":
            _expect(isinstance(value, list), value, "a list")
            yield from _size_faults(shape, value, len(value), path)
            for number, item in enumerate(value, 1):
                yield from _faults(shape.member, item, f"{path}.{number}.member")
        case "map":
            _expect(isinstance(value, dict), value, "a map")
            for key, item in value.items():
                yield from _faults(shape.value, item, f"{path}.{key}")
        case "string":
            _expect(isinstance(value, str), value, "String")
            yield from _text_faults(shape, value, path)
        case "integer" | "long" | "float" | "double":
            _expect(isinstance(value, int | float), value, "Number")
            yield from _range_faults(shape, value, path)
        case "boolean":
            _expect(isinstance(value, bool), value, "Boolean")


def _member_faults(shape: Any, name: str, member: Any, value: Any, path: str) -> Iterator[str]:
    here = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
    if value is not None:
        yield from _faults(member, value, here)
    elif name in shape.required_members:
        yield _fault("null", here, "Member must not be null")


def _text_faults(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        choices = ", ".join(shape.enum)
        yield _fault(f"'{value}'", path, f"Member must satisfy enum value set: [{choices}]")
    yield from _size_faults(shape, f"'{value}'", len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        text = f"Member must satisfy regular expression pattern: ^{pattern.removeprefix('^')}"
        yield _fault(f"'{value}'", path, text)


def _size_faults(shape: Any, shown: Any, length: int, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        text = f"Member must have length greater than or equal to {least}"
        yield _fault(shown, path, text)
    if most is not None and length > most:
        yield _fault(shown, path, f"Member must have length less than or equal to {most}")


def _range_faults(shape: Any, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        text = f"Member must have value greater than or equal to {least}"
        yield _fault(f"'{value}'", path, text)
    if most is not None and value > most:
        yield _fault(f"'{value}'", path, f"Member must have value less than or equal to {most}")


def _fault(shown: Any, path: str, constraint: str) -> str:
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _expect(holds: bool, value: Any, wanted: str) -> None:
    if not holds:
        raise AwsError(
            "SerializationException", f"{type(value).__name__} cannot be converted to {wanted}"
        )


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Java's Unicode classes, as near as Python has them.
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\w"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
