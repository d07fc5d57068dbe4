from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from outboard.errors import DatasourceError
from outboard.panel.variables import kernel_variables, table_of, variable_page


class Explosive:
    """Somebody's object that does not like to be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class ExplosiveDataFrame(pd.DataFrame):
    """A table that cannot tell its size."""

    @property
    def shape(self) -> Any:
        raise RuntimeError


def test_tables_are_listed_with_their_sizes() -> None:
    rows = {"a": [1, 2, 3], "b": [4, 5, 6]}
    variables: dict[str, object] = {
        "frame": pd.DataFrame(rows),
        "Cold": pl.DataFrame(rows),
        "arrow": pa.table(rows),
        "batch": pa.RecordBatch.from_pydict(rows),
    }

    items = variable_page(variables)["items"]

    assert [(item["name"], item["kind"]) for item in items] == [
        ("arrow", "Table"),
        ("batch", "RecordBatch"),
        ("Cold", "DataFrame"),
        ("frame", "DataFrame"),
    ]
    assert {(item["n_rows"], item["n_columns"]) for item in items} == {(3, 2)}


@pytest.mark.parametrize(
    "value",
    [
        1,
        "text",
        [1],
        {"a": [1]},
        None,
        np.zeros((2, 2)),
        pd.Series([1]),
        pl.Series([1]),
        pa.array([1]),
        pa.chunked_array([[1]]),
        pa.schema([("a", pa.int64())]),
        pd.DataFrame,
        pd,
        pytest.param(Explosive(), id="explosive"),
    ],
)
def test_what_is_no_table_is_not_listed(value: object) -> None:
    assert variable_page({"x": value})["items"] == []
    with pytest.raises(DatasourceError, match="is no table"):
        table_of({"x": value}, "x")


def test_names_that_begin_with_an_underscore_are_the_kernels() -> None:
    table = pa.table({"a": [1]})

    assert variable_page({"_": table, "_5": table, "__": table})["items"] == []


def test_table_that_cannot_tell_its_size_is_listed_without() -> None:
    (item,) = variable_page({"x": ExplosiveDataFrame({"a": [1]})})["items"]

    assert (item["n_rows"], item["n_columns"]) == (None, None)


def test_variable_that_is_gone_is_named() -> None:
    with pytest.raises(DatasourceError, match="has no variable 'df' any more"):
        table_of({}, "df")


def test_outside_of_ipython_there_are_no_variables() -> None:
    assert kernel_variables() == {}
