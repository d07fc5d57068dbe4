"""What a file of rows holds: columns, their types, how many rows."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outboard.errors import DatasourceError

_BINARY = re.compile(r"(large_)?binary(_view)?|fixed_size_binary")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Columns and length of a table."""

    #: ``parquet``, ``csv``, ``jsonl`` (a row a line) or ``json`` (an array of rows).
    format: str
    #: Name -> Arrow type as text, in the table's order.
    columns: Mapping[str, str]
    n_rows: int


def check_names(names: Sequence[str], *, shown: str, path: str | None = None) -> None:
    """Raise `DatasourceError` if a prompt could not name each column.

    Parameters
    ----------
    names : sequence of str
        Column names, in order.
    shown : str
        The table, as messages name it.
    path : str, optional
        Its file, for the error's parts.
    """
    if not names:
        raise DatasourceError(f"There are no columns in {shown}. Give it at least one.", path=path)
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise DatasourceError(
                f"Column {position} of {shown} has no name. Name it, so that a prompt can.",
                path=path,
                column=name,
            )
        try:
            name.encode()
        except UnicodeEncodeError as fault:
            raise DatasourceError(
                f"Column {position} of {shown} has a name that is no text: {name!r} holds half "
                "of a surrogate pair. Rename it.",
                path=path,
                column=name,
            ) from fault
    repeated, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DatasourceError(
            f"There are {count} columns named {repeated!r} in {shown}. Rename all but one.",
            path=path,
            column=repeated,
        )


def holds_bytes(kind: str) -> bool:
    """Return True for an Arrow type, as text, whose values are bytes."""
    return _BINARY.match(kind) is not None


def bytes_column(name: str, *, shown: str) -> DatasourceError:
    """Return the error for a column that no prompt can show."""
    return DatasourceError(
        f"Column {name!r} of {shown} holds bytes, which a prompt cannot show. "
        "Decode it to text or leave the column out.",
        column=name,
    )
