"""Rendered prompts of real rows, without a call to the model."""

from dataclasses import dataclass, replace
from itertools import islice

from outboard.errors import ConfigError, InvocationError
from outboard.prompt import RenderedPrompt
from outboard.providers import Provider
from outboard.selection import Row, Selection


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """What would be sent for one row."""

    datasource_uid: int
    x_uid: str
    #: The user message; None if the row cannot be sent.
    prompt: str | None = None
    #: The system message; None for none.
    system: str | None = None
    #: Tokens of prompt and system message, without the chat template's own; None where the
    #: provider has no tokenizer at hand.
    n_tokens: int | None = None
    #: Why the row cannot be sent; None if it can.
    problem: str | None = None

    def __str__(self) -> str:
        tokens = "" if self.n_tokens is None else f" ({self.n_tokens} tokens)"
        head = f"-- datasource {self.datasource_uid}, {self.x_uid}{tokens} --"
        system = "" if self.system is None else f"[system] {self.system}\n"
        text = f"Cannot be sent: {self.problem}" if self.prompt is None else self.prompt
        return f"{head}\n{system}{text}"


async def preview(selection: Selection, limit: int, provider: Provider | None) -> list[PreviewRow]:
    """Render the first rows of a selection.

    Parameters
    ----------
    selection : Selection
        The rows.
    limit : int
        How many.
    provider : Provider, optional
        Counts the tokens.

    Raises
    ------
    ConfigError
        If `limit` is no whole number above 0.
    """
    if not isinstance(limit, int) or limit < 1:
        raise ConfigError(
            f"limit is the number of rows to render, 1 or more, got {limit!r}.", field="limit"
        )
    return [await preview_row(row, provider) for row in islice(selection.rows(), limit)]


async def preview_row(row: Row, provider: Provider | None) -> PreviewRow:
    """Return one row as it would be sent; `provider` counts the tokens."""
    shown = PreviewRow(datasource_uid=row.datasource_uid, x_uid=f"doc::{row.row_uid}")
    match row.prompt:
        case InvocationError() as fault:
            return replace(shown, problem=fault.message)
        case RenderedPrompt(prompt=prompt, system=system):
            n_tokens = await _count(provider, prompt, system)
            return replace(shown, prompt=prompt, system=system, n_tokens=n_tokens)


async def _count(provider: Provider | None, prompt: str, system: str | None) -> int | None:
    if provider is None:
        return None
    total = 0
    for text in (prompt, system or ""):
        n_tokens = await provider.count_tokens(text) if text else 0
        if n_tokens is None:
            return None
        total += n_tokens
    return total
