from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from outboard import Workspace, create_datasource
from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.errors import ConfigError, InvocationError, NotFoundError
from outboard.selection import Row, Selection, parse_x_uids

pytestmark = pytest.mark.usefixtures("workspace")


def call(*datasource_uids: int) -> InferenceCall:
    return InferenceCall(
        model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=datasource_uids
    )


def selection(*uids: int, x_uids: list[int] | None = None) -> Selection:
    return Selection.of_call(call(*uids), x_uids)


def texts(rows: Iterable[Row]) -> list[str]:
    return [
        row.prompt.message if isinstance(row.prompt, InvocationError) else row.prompt.prompt
        for row in rows
    ]


@pytest.fixture
def letters() -> int:
    return create_datasource(pa.table({"instruction": list("abcde")}))


@pytest.fixture
def numbered() -> int:
    table = pa.table({"instruction": list("xyz"), "id": [40, 2, 7]})
    return create_datasource(table, uid_col="id")


# x_uids as users write them


@pytest.mark.parametrize(
    "x_uids",
    [
        ["doc::7", "doc::3"],
        ["7", "3"],
        [7, 3, 7],
        {3, 7},
        ("doc::7", 3),
        (n for n in (7, 3)),
        {3: "a", 7: "b"},
        [np.int64(7), np.uint8(3)],
        np.array([7, 3]),
        np.array(["doc::7", "3"]),
        pd.Index(["doc::7", "doc::3"]),
        pd.Index([7, 3]),
        pd.Series([7, 3]),
        pl.Series(["doc::7", "doc::3"]),
        pa.array([7, 3]),
        ["007", "doc::03"],
    ],
)
def test_x_uids_are_taken_in_every_form(x_uids: Iterable[object]) -> None:
    assert parse_x_uids(x_uids).tolist() == [3, 7]


def test_x_uids_of_64_bits_are_taken_as_text_too() -> None:
    assert parse_x_uids([f"doc::{2**63 - 1}"]).tolist() == [2**63 - 1]


def test_no_x_uids_are_none() -> None:
    assert parse_x_uids([]).tolist() == []


@pytest.mark.parametrize(
    "x_uid",
    [
        "",
        "doc::",
        "doc::-1",
        "doc:7",
        "seven",
        " 7",
        "1_0",
        "\N{ARABIC-INDIC DIGIT SEVEN}",
        -1,
        2**63,
        f"doc::{2**63}",
        "9" * 5_000,
        7.0,
        True,
    ]
    + [None, b"7", [7], np.bool_(True), float("nan")],
)
def test_malformed_x_uid_is_named(x_uid: object) -> None:
    with pytest.raises(ConfigError, match="No x_uid looks like") as caught:
        parse_x_uids([1, x_uid])

    assert caught.value.field == "x_uids"


def test_malformed_x_uids_are_named_together_up_to_ten() -> None:
    with pytest.raises(ConfigError, match=r"like 'a0', 'a1', .*'a9' \.\.\. \(12 in all\)\. An"):
        parse_x_uids(["doc::3", *(f"a{n}" for n in range(12))])


def test_long_malformed_x_uid_is_cut() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_x_uids(["x" * 1_000_000])

    assert len(caught.value.message) < 300


@pytest.mark.parametrize("x_uids", ["doc::7", 7, b"7", np.int64(7), np.array(7), 7.0])
def test_one_x_uid_alone_is_answered_with_the_list_to_write(x_uids: object) -> None:
    with pytest.raises(ConfigError, match=r"takes a list of x_uids, got .* alone\. Write \["):
        parse_x_uids(x_uids)  # type: ignore[arg-type]


def test_table_in_place_of_x_uids_is_answered_with_what_to_take_of_it() -> None:
    with pytest.raises(ConfigError, match=r"got a DataFrame\. Pass its index"):
        parse_x_uids(pd.DataFrame({"x_uid": ["doc::7"]}))


# Which rows


def test_every_row_comes_in_input_order(letters: int, numbered: int) -> None:
    chosen = selection(numbered, letters)

    assert chosen.total == 8
    assert texts(chosen.rows()) == list("xyzabcde")
    assert [row.row_uid for row in chosen.rows()] == [40, 2, 7, 0, 1, 2, 3, 4]


def test_x_uids_choose_rows_in_each_datasource_in_input_order(letters: int, numbered: int) -> None:
    chosen = selection(letters, numbered, x_uids=[2, 4, 40])

    assert chosen.total == 4
    found = [(row.datasource_uid, row.row_uid) for row in chosen.rows()]
    assert found == [(letters, 2), (letters, 4), (numbered, 40), (numbered, 2)]


def test_settled_rows_are_left_out(letters: int, numbered: int) -> None:
    chosen = selection(letters, numbered)
    ordinals = [row.ordinal for row in chosen.rows()]

    left = chosen.rows(settled=[ordinals[0], ordinals[2], ordinals[6]])

    assert texts(left) == list("bdexz")


def test_ordinals_are_the_same_whatever_is_settled_or_chosen(letters: int) -> None:
    everything = {row.row_uid: row.ordinal for row in selection(letters).rows()}

    some = selection(letters, x_uids=[1, 4]).rows(settled=[everything[1]])

    assert [(row.row_uid, row.ordinal) for row in some] == [(4, everything[4])]


def test_no_row_is_left_when_all_are_settled(letters: int) -> None:
    chosen = selection(letters)

    assert list(chosen.rows([row.ordinal for row in chosen.rows()])) == []


def test_row_that_cannot_be_sent_stands_among_the_others() -> None:
    uid = create_datasource(pa.table({"instruction": ["a", None, "c"]}))

    first, second, third = selection(uid).rows()

    assert isinstance(second.prompt, InvocationError)
    assert second.prompt.code == "missing_value"
    assert texts([first, third]) == ["a", "c"]


def test_rows_far_apart_are_found_across_reads() -> None:
    uid = create_datasource(pa.table({"instruction": [str(n) for n in range(2_000)]}))

    assert texts(selection(uid, x_uids=[3, 499, 500, 1999]).rows()) == ["3", "499", "500", "1999"]


def test_places_of_rows_are_told_without_reading_them(numbered: int) -> None:
    (part,) = selection(numbered, x_uids=[40, 7]).parts
    first = part.ordinals.start

    assert list(part.places(first)) == [([first, first + 2], [40, 7])]
    assert list(part.places(first + 1)) == [([first + 2], [7])]
    assert list(part.places(first + 3)) == []


def test_datasource_that_is_gone_is_named() -> None:
    with pytest.raises(NotFoundError, match="no datasource 12"):
        selection(12)


def test_rows_are_read_in_the_workspace_of_the_selection(letters: int, tmp_path: object) -> None:
    rows: Iterator[Row] = selection(letters).rows()

    with Workspace(f"{tmp_path}/other"):
        assert texts(rows) == list("abcde")


# Rows in the middle


def test_window_reads_the_chosen_rows_in_a_range_of_the_table(letters: int) -> None:
    part = selection(letters, x_uids=[0, 2, 3, 4]).parts[0]

    chunks = list(part.window(1, 4))

    assert [list(chunk.row_uids) for chunk in chunks] == [[2, 3]]
    assert [list(chunk.ordinals) for chunk in chunks] == [[2, 3]]


@pytest.mark.parametrize(("start", "stop"), [(5, 9), (3, 3), (4, 2)])
def test_window_without_rows_is_empty(letters: int, start: int, stop: int) -> None:
    assert list(selection(letters).parts[0].window(start, stop)) == []


def test_window_brings_every_column_when_asked_to(numbered: int) -> None:
    chunk = next(selection(numbered).parts[0].window(1, 3, every_column=True))

    assert chunk.table.to_pydict() == {"instruction": ["y", "z"], "id": [2, 7]}


def test_a_chosen_row_is_found_by_how_many_are_before_it(letters: int, numbered: int) -> None:
    chosen = selection(letters, numbered, x_uids=[2, 4, 40])

    found = [chosen.position(index) for index in range(chosen.total)]

    places = [(part.datasource.uid, at) for part, at in found]
    assert places == [(letters, 2), (letters, 4), (numbered, 0), (numbered, 1)]


def test_a_chosen_row_is_found_far_into_a_table() -> None:
    uid = create_datasource(pa.table({"instruction": [str(n) for n in range(10_000)]}))
    chosen = selection(uid, x_uids=list(range(1, 10_000, 2)))

    part, at = chosen.position(4_999)

    assert at == 9_999
    assert [chunk.table.to_pydict() for chunk in part.window(at, at + 1)] == [
        {"instruction": ["9999"]}
    ]


def test_a_row_past_the_last_one_is_an_error(letters: int) -> None:
    with pytest.raises(IndexError):
        selection(letters, x_uids=[1]).position(1)
    with pytest.raises(IndexError):
        selection(letters, x_uids=[1]).parts[0].position(1)
