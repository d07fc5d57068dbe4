"""Rendered prompts of real rows, without a call to the model."""

from dataclasses import dataclass
from itertools import islice

from outboard.errors import InvocationError
from outboard.providers import Provider
from outboard.selection import Selection


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """What would be sent for one row."""

    datasource_uid: int
    x_uid: str
    #: The user message; None if the row cannot be sent.
    prompt: str | None
    #: The system message; None for none.
    system: str | None
    #: Tokens of prompt and system message, without the chat template's own; None where the
    #: provider has no tokenizer at hand.
    n_tokens: int | None
    #: Why the row cannot be sent; None if it can.
    problem: str | None

    def __str__(self) -> str:
        tokens = "" if self.n_tokens is None else f" ({self.n_tokens} tokens)"
        head = f"-- datasource {self.datasource_uid}, {self.x_uid}{tokens} --"
        system = "" if self.system is None else f"[system] {self.system}\n"
        return f"{head}\n{system}{self.problem if self.prompt is None else self.prompt}"


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
    """
    shown = []
    for row in islice(selection.rows(), limit):
        x_uid = f"doc::{row.row_uid}"
        if isinstance(row.prompt, InvocationError):
            prompt = system = n_tokens = None
            problem = row.prompt.message
        else:
            prompt, system, problem = row.prompt.prompt, row.prompt.system, None
            texts = [text for text in (prompt, system) if text is not None]
            n_tokens = await _count(texts, provider)
        shown.append(
            PreviewRow(
                datasource_uid=row.datasource_uid,
                x_uid=x_uid,
                prompt=prompt,
                system=system,
                n_tokens=n_tokens,
                problem=problem,
            )
        )
    return shown


async def _count(texts: list[str], provider: Provider | None) -> int | None:
    if provider is None:
        return None
    counts = [await provider.count_tokens(text) for text in texts]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
