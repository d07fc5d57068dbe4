"""What the command line writes: safe for a terminal, plain in a pipe."""

import datetime
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import click
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Terminal control sequences: CSI (colours, cursor), OSC and its like (title, clipboard), others.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)

# Between two columns of a table.
_GAP = 3
# What is left of a wider column at least, where a terminal is narrow: a status is not cut.
_NARROWEST = 9

# What may reorder or hide the text around it, besides controls.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe(text: str) -> str:
    """Return text without anything that steers a terminal; line breaks and tabs stay.

    Prompts, answers, column names and server messages are not ours: they may hold escape
    sequences that recolour, overwrite or hide what is shown, or reach the clipboard.
    """
    text = _ESCAPE.sub("", text.replace("\r\n", "\n"))
    return "".join(
        character
        for character in text
        if character in "\n\t"
        or (unicodedata.category(character) not in {"Cc", "Cs"} and character not in _BIDI)
    )


def one_line(text: str, limit: int = 200) -> str:
    """Return safe text on one line, cut to `limit` characters."""
    line = " ".join(safe(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def console(*, stderr: bool = False, wide: bool = False) -> Console:
    """Return a console that takes text as it is: no markup, no colours in a pipe.

    Parameters
    ----------
    stderr : bool
        Write to stderr.
    wide : bool
        In a pipe, never fold a line: each row of a table is one line there.
    """
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if wide and not made.is_terminal:
        made.width = 1_000_000
    return made


def say(message: str) -> None:
    """Write a line for people, on stderr."""
    click.echo(safe(message), err=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table, one line each.

    In a narrow terminal columns are cut, but for the first one, which names the row: what is
    too wide all the same is left to the terminal to fold.
    """
    out = console(wide=True)
    names = [one_line(column) for column in columns]
    cells = [[one_line(_shown(value)) for value in row] for row in rows]
    widths = [max(map(cell_len, texts)) for texts in zip(names, *cells, strict=True)]
    widths = _fitting(widths, out.width)
    out.width = max(out.width, _total(widths))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    last = len(names) - 1
    for index, (name, width) in enumerate(zip(names, widths, strict=True)):
        # What stands last may be a sentence: it gets as many lines as it needs.
        table.add_column(Text(name), width=width, no_wrap=index < last, overflow="ellipsis")
    for row in cells:
        table.add_row(*map(Text, row))
    print_rendered(out, table)


def _fitting(widths: Sequence[int], width: int) -> list[int]:
    """Return the columns' widths in a terminal: all but the first give way, the widest first."""
    fitting = list(widths)
    while len(fitting) > 1 and _total(fitting) > width:
        widest = max(range(1, len(fitting)), key=fitting.__getitem__)
        if fitting[widest] <= _NARROWEST:
            break
        fitting[widest] -= 1
    return fitting


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def print_rendered(out: Console, table: Table) -> None:
    """Print a table without the blanks that fill up its lines."""
    with out.capture() as captured:
        out.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), color=out.is_terminal)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names with their values, one line each; None is left out."""
    shown = {name: _shown(value) for name, value in fields.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name:<{width}}  {one_line(value, limit=2_000)}")


def print_json(value: object) -> None:
    """Print a value as JSON, for programs."""
    # ASCII only: an escape sequence in an answer then reaches no terminal.
    click.echo(json.dumps(value, indent=2, default=_plain))


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:,.1f}"
        case datetime.datetime():
            # By way of the timestamp: pandas' own datetimes know no local time zone.
            return f"{datetime.datetime.fromtimestamp(value.timestamp()):%Y-%m-%d %H:%M:%S}"
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _plain(value: object) -> object:
    match value:
        case datetime.datetime():
            return value.isoformat()
        case tuple() | set() | frozenset():
            return list(value)
        case _:
            return str(value)
