"""Errors as values that cross processes with their parts."""

import inspect
import json
import pickle
import re
from typing import Any, get_type_hints

import pytest

from outboard import errors
from outboard.errors import JobTimeoutError, NotFoundError, OutboardError

ERRORS: list[type[OutboardError]] = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, OutboardError)
]
SAMPLES: dict[object, object] = {
    str: "throttled",
    str | None: "x",
    int | None: 7,
    float | None: 1.5,
    tuple[str, ...]: ("a", "b"),
}

every_error = pytest.mark.parametrize("error_class", ERRORS)


def sample(error_class: type[OutboardError]) -> OutboardError:
    """Return an error with a value for every part that its class declares."""
    parts = {name: SAMPLES[kind] for name, kind in get_type_hints(error_class).items()}
    return error_class("The thing broke. Mend it.", **parts)


@every_error
def test_an_error_crosses_json_with_its_class_its_message_and_its_parts(
    error_class: type[OutboardError],
) -> None:
    error = sample(error_class)

    again = OutboardError.from_record(json.loads(json.dumps(error.to_record())))

    assert type(again) is error_class
    assert again.message == str(again) == "The thing broke. Mend it."
    assert vars(again) == vars(error)


@every_error
def test_an_error_crosses_pickle_with_its_class_its_message_and_its_parts(
    error_class: type[OutboardError],
) -> None:
    error = sample(error_class)

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is error_class
    assert again.message == error.message
    assert vars(again) == vars(error)


@every_error
def test_a_part_that_is_not_given_has_a_value_all_the_same(
    error_class: type[OutboardError],
) -> None:
    error = error_class("It broke.")

    assert all(hasattr(error, part) for part in get_type_hints(error_class))
    assert error.to_record()["parts"] == {}


@every_error
@pytest.mark.parametrize("part", ["no_such_part", "args", "to_record", "with_traceback"])
def test_a_part_that_the_class_does_not_declare_is_refused(
    error_class: type[OutboardError], part: str
) -> None:
    unknown: dict[str, Any] = {part: 1}

    with pytest.raises(TypeError, match=f"{error_class.__name__} has no part '{part}'"):
        error_class("It broke.", **unknown)


def test_an_error_of_a_newer_version_is_still_an_error_with_its_parts() -> None:
    record = {"error": "QuotaError", "message": "Too many.", "parts": {"quota": "instances"}}

    error = OutboardError.from_record(record)

    assert type(error) is OutboardError
    assert error.to_record()["parts"] == {"quota": "instances"}


def test_a_note_added_on_the_way_is_no_part() -> None:
    error = NotFoundError("No such job.", kind="job", ids=("a1",))

    error.add_note("while resuming")

    assert error.to_record()["parts"] == {"kind": "job", "ids": ("a1",)}


def test_whoever_catches_the_base_catches_every_error() -> None:
    with pytest.raises(OutboardError):
        raise JobTimeoutError("Job a1 did not end in 5 s.", job_id="a1")


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if name := re.match(r"[\s|`-]*(?P<name>\w+Error)\b", line):
            depth = name.start("name")
            while above and above[-1][0] >= depth:
                above.pop()
            drawn[name["name"]] = above[-1][1] if above else "Exception"
            above.append((depth, name["name"]))

    real = {error_class.__name__: error_class.__mro__[1].__name__ for error_class in ERRORS}

    assert drawn == real
