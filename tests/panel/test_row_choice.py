import random
from array import array
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from tests.recorded_jobs import record_job

import outboard
from outboard.datasource import get_datasource
from outboard.errors import ConfigError, NotFoundError
from outboard.panel import messages
from outboard.panel.row_choice import ChosenRows, as_typed, choose, expression

pytestmark = pytest.mark.usefixtures("workspace")

CHOICES: TypeAdapter[Any] = TypeAdapter(messages.RowChoice)


def table(n_rows: int) -> int:
    return outboard.create_datasource(pa.table({"instruction": [str(n) for n in range(n_rows)]}))


def numbered(*numbers: int) -> int:
    rows: dict[str, Any] = {"instruction": [str(n) for n in numbers], "id": list(numbers)}
    return outboard.create_datasource(pa.table(rows), uid_col="id")


def chosen(*uids: int, given: "array[int] | None" = None, **choice: Any) -> ChosenRows:
    return choose(CHOICES.validate_python(choice), [get_datasource(uid) for uid in uids], given)


def numbers(rows: ChosenRows) -> list[int]:
    """Return the numbers, having seen that the Python expression gives the same."""
    assert rows.numbers is not None
    assert rows.python is not None
    scope = {"random": random, "outboard": outboard}
    given = [int(str(each).removeprefix("doc::")) for each in eval(rows.python, scope)]
    assert sorted(given) == rows.numbers.tolist()
    return rows.numbers.tolist()


def test_all_rows_need_no_x_uids() -> None:
    assert chosen(table(3), kind="all") == ChosenRows()


def test_first_rows_are_a_range() -> None:
    rows = chosen(table(9), kind="first", n=4)

    assert (numbers(rows), rows.python) == ([0, 1, 2, 3], "range(0, 4)")


def test_more_first_rows_than_there_are_do_no_harm() -> None:
    assert numbers(chosen(table(3), table(2), kind="first", n=10)) == [0, 1, 2]


def test_first_rows_of_a_table_with_numbers_of_its_own_are_those() -> None:
    assert numbers(chosen(numbered(40, 2, 7), kind="first", n=2)) == [2, 40]


def test_random_rows_are_the_same_for_the_same_seed() -> None:
    uid = table(1_000)
    draws = [numbers(chosen(uid, kind="random", n=20, seed=seed)) for seed in (1, 1, 2)]

    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 20


def test_random_rows_are_drawn_from_numbers_of_its_own() -> None:
    assert set(numbers(chosen(numbered(40, 2, 7), kind="random", n=2, seed=0))) < {40, 2, 7}


def test_random_rows_of_several_tables_are_hardly_more_than_asked_for() -> None:
    large, small = table(1_000), table(900)

    drawn = numbers(chosen(large, small, kind="random", n=100, seed=3))

    assert len([n for n in drawn if n < 900]) == 100
    assert 100 <= len(drawn) < 125


def test_more_random_rows_than_there_are_are_all_of_them() -> None:
    assert numbers(chosen(table(5), kind="random", n=9, seed=0)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doc::3, 7, 10-12", [3, 7, 10, 11, 12]),
        ("3 7\n10 - 12;3", [3, 7, 10, 11, 12]),
        ("doc::2-doc::4", [2, 3, 4]),
        ("2\N{EN DASH}4 6..7", [2, 3, 4, 6, 7]),
        ("007", [7]),
    ],
)
def test_typed_rows_are_read(text: str, expected: list[int]) -> None:
    assert numbers(chosen(table(20), kind="x_uids", x_uids=text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No row is named"),
        (" ,; ", "No row is named"),
        ("3, seven, 9", "'seven' is no x_uid"),
        ("3, -7", "is no x_uid"),
        ("9-3", r"'9-3' runs backwards\. Write 3-9"),
        ("0-99999999999", "makes it more than 1,000,000 rows"),
        ("1-800000 1-800000", "makes it more than 1,000,000 rows"),
        ("<b>x</b>", "is no x_uid"),
        ("9" * 5_000, "9…' is no x_uid"),
    ],
)
def test_typed_rows_that_cannot_be_read_are_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        chosen(table(20), kind="x_uids", x_uids=text)

    assert caught.value.field == "x_uids"
    assert len(caught.value.message) < 300


def test_rows_of_a_job_are_looked_up() -> None:
    job = record_job(table(9), x_uids=[2, 5])

    rows = chosen(kind="given", n=2, job_id=job.id)

    assert numbers(rows) == [2, 5]
    assert rows.python == f"outboard.get_job({job.id!r}).x_uids"


def test_rows_of_a_job_over_every_row_are_all() -> None:
    job = record_job(table(9))

    assert chosen(kind="given", n=9, job_id=job.id) == ChosenRows()


def test_rows_of_a_job_that_is_gone_are_not_found() -> None:
    with pytest.raises(NotFoundError):
        chosen(kind="given", n=9, job_id="job-0")


def test_rows_passed_in_code_are_kept() -> None:
    assert numbers(chosen(kind="given", n=2, given=array("q", [3, 8]))) == [3, 8]


def test_rows_passed_in_code_of_another_kernel_are_asked_for_again() -> None:
    with pytest.raises(ConfigError, match="Run the cell that passes them again"):
        chosen(kind="given", n=2)


@pytest.mark.parametrize(
    ("found", "python", "typed"),
    [
        ([], "[]", ""),
        ([4], "[4]", "4"),
        ([4, 5], "[4, 5]", "4, 5"),
        ([4, 5, 6], "range(4, 7)", "4-6"),
        ([1, 4, 5, 6, 9], "[1, *range(4, 7), 9]", "1, 4-6, 9"),
    ],
)
def test_numbers_are_written_short(found: list[int], python: str, typed: str) -> None:
    assert (expression(found), as_typed(found)) == (python, typed)
