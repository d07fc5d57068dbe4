"""Figures as text: medians with their ranges, beside their targets."""

from collections.abc import Sequence
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH = 160


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median with the range, e.g. ``0.21 (0.20-0.24)``."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def verdict(value: float, *, at_most: float | None = None, at_least: float | None = None) -> str:
    """Say whether a value meets its target."""
    met = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
    return "met" if met else "MISSED"


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column flush left."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=_WIDTH, highlight=False).print(table)


def say(text: str) -> None:
    """Print a line."""
    Console(width=_WIDTH, highlight=False, markup=False).print(text)
