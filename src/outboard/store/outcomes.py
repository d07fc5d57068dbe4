"""The responses of a job as a table to look through, window by window."""

import sqlite3
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

from outboard.store.database import Database

#: A truncated row has succeeded, too.
Outcome = Literal["succeeded", "failed", "truncated"]

SortColumn = Literal[
    "ordinal",
    "x_uid",
    "status",
    "finish_reason",
    "response",
    "input_tokens",
    "output_tokens",
    "latency_s",
    "attempts",
    "error_code",
]

_FETCHED_ROWS = 10_000

#: Steps of SQLite's between two questions whether a search is still wanted: milliseconds.
_ASKED_STEPS = 100_000

#: Of a LIKE, SQLite takes at most 50,000.
_MOST_PATTERN_BYTES = 40_000

_OUTCOMES: dict[Outcome, str] = {
    "succeeded": "succeeded = 1",
    "failed": "succeeded = 0",
    "truncated": "(succeeded = 1 AND finish_reason IS 'length')",
}

_SORT_KEYS: dict[SortColumn, str] = {
    "ordinal": "ordinal",
    "x_uid": "row_uid",
    "status": "succeeded * 2 - (succeeded = 1 AND finish_reason IS 'length')",
    "finish_reason": "finish_reason",
    # The beginning tells texts apart, and is all that a sort of long ones can hold.
    "response": "substr(response, 1, 60) COLLATE NOCASE",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "latency_s": "latency_s",
    "attempts": "attempts",
    "error_code": "error_code",
}

_SEARCHED = ("response", "error_message", "error_code")


@dataclass(frozen=True, kw_only=True)
class OutcomeQuery:
    """Which rows, in which order."""

    #: Rows with any of these outcomes; empty for all.
    outcomes: frozenset[Outcome] = frozenset()
    #: Only rows with this in response, error or x_uid, whatever its case; in the x_uid, only
    #: with its number or the beginning of that. What follows a NUL in a response is found only
    #: if the text holds a NUL, or letters with a case beyond ASCII.
    text: str = ""
    #: What to sort by; a response by its first 60 characters, an x_uid by its number.
    column: SortColumn = "ordinal"
    #: Largest first.
    descending: bool = False

    @property
    def filters(self) -> bool:
        """True if there may be rows that do not match."""
        return bool(self.outcomes or self.text)


class OutcomeCells(NamedTuple):
    """One row of the table, its texts cut."""

    ordinal: int
    datasource_uid: int
    row_uid: int
    succeeded: int
    finish_reason: str | None
    response: str | None
    #: Length of the whole response, in characters.
    response_chars: int | None
    error_code: str | None
    error_message: str | None
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    attempts: int


class OutcomeTable:
    """Look through the rows that have an outcome."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def window(self, job_seq: int, start: int, stop: int, *, total: int | None) -> list[int]:
        """Return the ordinals at the places [start, stop) in input order.

        Parameters
        ----------
        total : int or None
            How many there are: those nearer to the end are looked for from there. None if
            there may be more at any moment.
        """
        from_end = total is not None and start > total // 2
        last = stop if total is None else min(stop, total)
        skipped, direction = (max(0, (total or 0) - last), "DESC") if from_end else (start, "ASC")
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT ordinal FROM responses WHERE job_seq = ?"
                f" ORDER BY ordinal {direction} LIMIT ? OFFSET ?",
                (job_seq, max(0, last - start), skipped),
            ).fetchall()
        ordinals = [row[0] for row in rows]
        return ordinals[::-1] if from_end else ordinals

    def order(
        self,
        job_seq: int,
        query: OutcomeQuery,
        *,
        limit: int = -1,
        wanted: Callable[[], bool] = lambda: True,
    ) -> "array[int] | None":
        """Return the ordinals of the rows that match, sorted.

        Null comes last in both directions; of equal rows, the one that comes first in the input.

        Parameters
        ----------
        query : OutcomeQuery
            Which rows, in which order.
        limit : int
            Only so many, all if negative. A few take a quarter of the time.
        wanted : callable
            Asked again and again. Once it returns False the search ends, and None is returned.
        """
        where: list[str] = ["job_seq = ?"]
        values: list[object] = [job_seq]
        if query.outcomes:
            where.append(f"({' OR '.join(_OUTCOMES[outcome] for outcome in query.outcomes)})")
        # SQLite takes null for the smallest value there is.
        direction = "DESC" if query.descending else "ASC NULLS LAST"
        with self._database.reading() as connection:
            if query.text:
                found, sought = _text_filter(query.text, connection)
                where.append(found)
                values.extend(sought)
            # A limit, whatever it is, keeps SQLite from its way to sort many.
            most = f" LIMIT {limit:d}" if limit >= 0 else ""
            cursor = connection.cursor()
            cursor.row_factory = None  # plain tuples take a third of the time
            connection.set_progress_handler(lambda: not wanted(), _ASKED_STEPS)
            try:
                cursor.execute(
                    f"SELECT ordinal FROM responses WHERE {' AND '.join(where)}"
                    f" ORDER BY {_SORT_KEYS[query.column]} {direction}, ordinal{most}",
                    values,
                )
                ordinals = array("q")
                while rows := cursor.fetchmany(_FETCHED_ROWS):
                    ordinals.extend(chain.from_iterable(rows))
            except sqlite3.OperationalError:
                if wanted():
                    raise
                return None
            finally:
                connection.set_progress_handler(None, 0)
        return ordinals

    def cells(self, job_seq: int, ordinals: Sequence[int], *, chars: int) -> list[OutcomeCells]:
        """Return what became of these rows, in their order; unknown ones are left out.

        No text is longer than `chars` characters, whatever the database holds.
        """
        marks = ", ".join("?" for _ in ordinals)
        with self._database.reading() as connection:
            connection.create_function("characters", 1, _characters, deterministic=True)
            rows = connection.execute(
                f"SELECT {_cut_columns(chars)} FROM responses"
                f" WHERE job_seq = ? AND ordinal IN ({marks})",
                (job_seq, *ordinals),
            ).fetchall()
        found = {row["ordinal"]: _cells(row, chars) for row in rows}
        return [found[ordinal] for ordinal in ordinals if ordinal in found]


def _text_filter(text: str, connection: sqlite3.Connection) -> tuple[str, list[object]]:
    pattern = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    # LIKE is the faster one, but knows the case of ASCII letters only, and ends at a NUL.
    is_plain = all((c.isascii() and c != "\0") or c.lower() == c.upper() for c in text)
    if is_plain and len(pattern.encode()) < _MOST_PATTERN_BYTES:
        found = [rf"{column} LIKE ? ESCAPE '\'" for column in _SEARCHED]
        values: list[object] = [f"%{pattern}%" for _ in found]
    else:
        folded = text.casefold()
        connection.create_function(
            "holds", 1, lambda value: folded in value.casefold(), deterministic=True
        )
        found = [f"({column} IS NOT NULL AND holds({column}))" for column in _SEARCHED]
        values = []
    if number := _number_pattern(text):
        found.append("row_uid LIKE ?")
        values.append(number)
    return f"({' OR '.join(found)})", values


def _number_pattern(text: str) -> str | None:
    """Return what the number of an x_uid is like if the x_uid holds `text`, or None."""
    prefix = text.rstrip("0123456789")
    number = text[len(prefix) :]
    # "doc" alone would be found everywhere.
    if not number or not "doc::".endswith(prefix.lower()):
        return None
    return f"{number}%" if prefix else f"%{number}%"


def _characters(text: str | None) -> int | None:
    return None if text is None else len(text)


def _cut_columns(chars: int) -> str:
    # As bytes: SQLite's own idea of a text ends at a NUL. A character has at most four.
    # Of no bytes, substr makes null.
    cut = {
        name: f"CASE {name} WHEN '' THEN '' ELSE"
        f" substr(CAST({name} AS BLOB), 1, {4 * chars}) END AS {name}"
        for name in ("response", "finish_reason", "error_code", "error_message")
    }
    cut["response_chars"] = (
        "CASE instr(CAST(response AS BLOB), x'00')"
        " WHEN 0 THEN length(response) ELSE characters(response) END AS response_chars"
    )
    return ", ".join(cut.get(name, name) for name in OutcomeCells._fields)


def _cells(row: sqlite3.Row, chars: int) -> OutcomeCells:
    return OutcomeCells._make(
        value.decode(errors="replace")[:chars] if isinstance(value, bytes) else value
        for value in row
    )
