"""Turns a choice of rows into x_uids, with the Python expression that gives the same."""

import random
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from outboard.datasource import Datasource
from outboard.errors import ConfigError
from outboard.job import get_job
from outboard.panel.messages import AllRows, FirstRows, GivenRows, NamedRows, RandomRows
from outboard.selection import parse_x_uids

RowChoice = AllRows | FirstRows | RandomRows | NamedRows | GivenRows

#: Most rows that can be typed.
MOST_TYPED = 1_000_000

_SINGLE = re.compile(r"(?:doc::)?(\d{1,18})", re.ASCII)
_RANGE = re.compile(r"(?:doc::)?(\d{1,18})(?:-|\.\.)(?:doc::)?(\d{1,18})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ChosenRows:
    """The x_uids of a choice."""

    #: Ascending, each once; None for every row.
    numbers: "array[int] | None" = None
    #: Python expression for them; None for every row.
    python: str | None = None
    #: What to import for it.
    imports: str = ""


def choose(
    choice: RowChoice, tables: Sequence[Datasource], given: "array[int] | None"
) -> ChosenRows:
    """Return the rows that are meant.

    Parameters
    ----------
    choice : RowChoice
        What the panel says.
    tables : sequence of Datasource
        What to choose from.
    given : array of int, optional
        The rows that were passed in code, if there are any.

    Raises
    ------
    ConfigError
        If a typed x_uid cannot be read, or the rows passed in code are not known any more.
    NotFoundError
        If the job that the rows are from is gone.
    """
    match choice:
        case AllRows():
            return ChosenRows()
        case FirstRows(n=n):
            return _first(n, tables)
        case RandomRows(n=n, seed=seed):
            return _random(n, seed, tables)
        case NamedRows(x_uids=text):
            return _listed(array("q", sorted(set(_typed(text)))))
        case GivenRows(job_id=job_id):
            return _given(given) if job_id is None else _of_job(job_id)
        case _:
            assert_never(choice)


def expression(numbers: Sequence[int]) -> str:
    """Return ascending numbers as a short Python expression, e.g. ``[3, *range(7, 12)]``."""
    runs = list(_runs(numbers))
    if len(runs) == 1 and len(runs[0]) > 2:
        return repr(runs[0])
    shown = (f"*{run!r}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
    return f"[{', '.join(shown)}]"


def as_typed(numbers: Sequence[int]) -> str:
    """Return ascending numbers as they would be typed, e.g. ``3, 7-11``."""
    shown = (
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run))
        for run in _runs(numbers)
    )
    return ", ".join(shown)


def _given(numbers: "array[int] | None") -> ChosenRows:
    if numbers is None:
        raise ConfigError(
            "The rows that were passed in code are not known to this kernel any more. Run the "
            "cell that passes them again, or choose others.",
            field="x_uids",
        )
    return _listed(numbers)


def _of_job(job_id: str) -> ChosenRows:
    x_uids = get_job(job_id).x_uids
    if x_uids is None:
        return ChosenRows()
    python = f"outboard.get_job({job_id!r}).x_uids"
    return ChosenRows(numbers=parse_x_uids(x_uids), python=python)


def _listed(numbers: "array[int]") -> ChosenRows:
    return ChosenRows(numbers=numbers, python=expression(numbers))


def _first(n: int, tables: Sequence[Datasource]) -> ChosenRows:
    if all(table.uid_col is None for table in tables):
        longest = max((table.n_rows for table in tables), default=0)
        numbers = range(min(n, longest))
        return ChosenRows(numbers=array("q", numbers), python=repr(numbers))
    return _listed(array("q", sorted({uid for table in tables for uid in table.uids()[:n]})))


def _random(n: int, seed: int, tables: Sequence[Datasource]) -> ChosenRows:
    draw = random.Random(seed)  # noqa: S311 - to look at rows, not to keep a secret
    chosen: set[int] = set()
    # An x_uid holds in every table: what was drawn from a larger one is in a smaller one, too.
    for table in sorted(tables, key=lambda table: -table.n_rows):
        uids = table.uids()
        there = chosen.intersection(uids) if chosen else set()
        left = uids if not there else [uid for uid in uids if uid not in there]
        chosen.update(draw.sample(left, max(0, min(n - len(there), len(left)))))
    numbers = array("q", sorted(chosen))
    if len(tables) == 1 and tables[0].uid_col is None:
        rows = range(tables[0].n_rows)
        python = f"random.Random({seed}).sample({rows!r}, {min(n, len(rows))})"
        return ChosenRows(numbers=numbers, python=python, imports="import random")
    return _listed(numbers)


def _typed(text: str) -> Iterator[int]:
    plain = text.replace("\N{EN DASH}", "-")
    tokens = re.sub(r"\s*(-|\.\.)\s*", r"\1", plain).replace(",", " ").replace(";", " ").split()
    if not tokens:
        raise ConfigError(
            "No row is named. Type x_uids, e.g. doc::3, 7, 10-12.",
            field="x_uids",
        )
    total = 0
    for token in tokens:
        numbers = _numbers_of(token)
        total += len(numbers)
        if total > MOST_TYPED:
            raise ConfigError(
                f"{_short(token)} makes it more than {MOST_TYPED:,} rows, which is the most that "
                "can be typed. Choose all rows, or pass x_uids in code.",
                field="x_uids",
            )
        yield from numbers


def _numbers_of(token: str) -> range:
    if single := _SINGLE.fullmatch(token):
        return range(int(single[1]), int(single[1]) + 1)
    if bounds := _RANGE.fullmatch(token):
        first, last = int(bounds[1]), int(bounds[2])
        if first > last:
            raise ConfigError(
                f"{_short(token)} runs backwards. Write {last}-{first}.", field="x_uids"
            )
        return range(first, last + 1)
    raise ConfigError(
        f"{_short(token)} is no x_uid. Type numbers as in doc::3, 7, 10-12.", field="x_uids"
    )


def _short(token: str) -> str:
    return repr(token if len(token) <= 40 else f"{token[:39]}…")


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield range(numbers[start], numbers[at - 1] + 1)
            start = at
