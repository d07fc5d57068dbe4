"""What a prompt shows for a value."""

import datetime as dt
import json
import math
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.errors import InvocationError
from outboard.value_text import as_text, text_of


class Colour(StrEnum):
    RED = "red"


#: More digits than Python is willing to write out.
ENORMOUS = 10**5_000


@pytest.mark.parametrize(
    "null",
    [
        None,
        float("nan"),
        np.float32("nan"),
        np.datetime64("NaT", "ns"),
        np.timedelta64("NaT", "ns"),
        pd.NaT,
        pd.NA,
        Decimal("NaN"),
        Decimal("sNaN"),
    ],
)
def test_a_null_of_any_kind_has_no_text(null: object) -> None:
    assert as_text(null) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (" as it is \n", " as it is \n"),
        (Colour.RED, "red"),
        (True, "True"),
        (0, "0"),
        (-1.5, "-1.5"),
        (float("inf"), "inf"),
        (2**63, "9223372036854775808"),
        (Decimal("1.10"), "1.10"),
        (Fraction(1, 3), "1/3"),
        (np.int64(5), "5"),
        (np.float32(0.1), "0.1"),
        (np.bool_(False), "False"),
        (np.str_("a"), "a"),
        (np.datetime64("2024-05-01"), "2024-05-01"),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (dt.datetime(2024, 5, 1, 9, 30, tzinfo=dt.UTC), "2024-05-01 09:30:00+00:00"),
        (pd.Timestamp("2024-05-01"), "2024-05-01 00:00:00"),
        (dt.timedelta(hours=1), "1:00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_scalar_is_shown_as_its_str(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "[]"),
        (("a", 1, None, True), '["a",1,null,true]'),
        ({"b": [1.5], "a": {}}, '{"b":[1.5],"a":{}}'),
        ({"größe": "ü"}, '{"größe":"ü"}'),
        ({1: "x", None: "y"}, '{"1":"x","None":"y"}'),
        ([float("nan"), float("inf"), Decimal("NaN"), pd.NA, pd.NaT], "[null,null,null,null,null]"),
        ([dt.date(2024, 5, 1), Decimal("1.10"), Colour.RED], '["2024-05-01","1.10","red"]'),
        ([np.int64(1), np.float64(0.5), np.bool_(True)], "[1,0.5,true]"),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array([0.5, np.nan]), "[0.5,null]"),
        (np.array(["a", None], dtype=object), '["a",null]'),
        (np.array(["2024-05-01", "NaT"], dtype="M8[D]"), '["2024-05-01",null]'),
        ({"scores": np.array([1, 2])}, '{"scores":[1,2]}'),
        (pd.Series([1, 2]), "[1,2]"),
    ],
)
def test_what_holds_values_is_shown_as_compact_json(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xd8", "bytes have no text form"),
        (bytearray(b"a"), "bytearray have no text form"),
        (memoryview(b"a"), "memoryview have no text form"),
        ([{"image": b"\xff"}], "it holds bytes"),
        (ENORMOUS, "digits"),
        ([ENORMOUS], "digits"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_a_text_form_is_refused(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        as_text(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(ValueError, match="holds itself"):
        as_text(endless)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def without_nan(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case list():
            return [without_nan(item) for item in value]
        case dict():
            return {key: without_nan(item) for key, item in value.items()}
        case _:
            return value


@given(value=st.lists(json_values) | st.dictionaries(st.text(), json_values))
def test_json_shows_everything_but_nan(value: Any) -> None:
    text = as_text(value)

    assert text is not None
    assert json.loads(text) == without_nan(value)


def test_a_null_is_empty_text_where_a_value_may_be_missing() -> None:
    assert text_of("note", None, required=False) == ""


def test_a_required_null_names_its_column() -> None:
    with pytest.raises(InvocationError) as caught:
        text_of("question", None, required=True)

    assert caught.value.code == "missing_value"
    assert str(caught.value) == (
        "Column 'question' has no value in this row, and the instruction cannot be empty. "
        "Fill it in, or leave the row out."
    )


def test_a_value_without_a_text_form_names_its_column() -> None:
    with pytest.raises(InvocationError) as caught:
        text_of("photo", b"\xff", required=False)

    assert caught.value.code == "invalid_value"
    assert str(caught.value) == (
        "Column 'photo' cannot be put into a prompt: bytes have no text form. "
        "Convert it to text, or leave the column out of the template."
    )
    assert caught.value.__context__ is None
