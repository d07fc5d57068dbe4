"""Looks at as many rows as two seconds allow, for those that the model would not answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from outboard.errors import InvocationError
from outboard.preparation import MOST_X_UIDS, Problem
from outboard.prompt import RenderedPrompt
from outboard.providers import Limits, Provider
from outboard.selection import Selection
from outboard.token_estimate import TokenEstimate

#: Seconds that a scan may take.
SCAN_S = 2.0
#: Share of repeated prompts from which on they are worth a warning.
_MANY_DUPLICATES = 0.05
# What makes a text so short that nobody needs to count: no tokenizer turns one byte of UTF-8
# into more than one token, no character has more than four bytes, and chat templates of a few
# dozen tokens come on top.
_MOST_BYTES_PER_CHAR = 4
_TEMPLATE_TOKENS = 64
#: Rows that a message names.
_SHOWN_X_UIDS = 5
# Rows whose tokens are counted to estimate those of all, and the share of the time for it.
_COUNTED_ROWS = 64
_COUNTING_SHARE = 0.4

CountTokens = Callable[[str], Awaitable[int | None]]


@dataclass(kw_only=True)
class Scan:
    """What a look at the rows found."""

    #: Rows chosen.
    n_rows: int
    #: Rows looked at, from the first on.
    n_rows_checked: int = 0
    #: Share of the rows looked at whose prompt stood there before, in [0, 1].
    duplicate_share: float = 0.0
    #: Tokens of all chosen rows as a range, chat templates not included; None if unknown.
    input_tokens: tuple[int, int] | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(kw_only=True)
class _Alike:
    """The rows of which one thing is to be told."""

    #: Of the first row.
    message: str = ""
    n_rows: int = 0
    #: Of the first rows, those that a problem names.
    x_uids: list[str] = field(default_factory=list)

    def add(self, row_uid: int) -> None:
        self.n_rows += 1
        if len(self.x_uids) < MOST_X_UIDS:
            self.x_uids.append(f"doc::{row_uid}")

    @property
    def listed(self) -> str:
        """The first x_uids, in brackets."""
        more = ", ..." if self.n_rows > _SHOWN_X_UIDS else ""
        return f"({', '.join(self.x_uids[:_SHOWN_X_UIDS])}{more})"


async def scan_rows(
    selection: Selection,
    provider: Provider | None,
    *,
    count_tokens: CountTokens | None = None,
    seconds: float = SCAN_S,
    clock: Callable[[], float] = time.monotonic,
) -> Scan:
    """Render rows and measure them, as far as the time goes.

    Parameters
    ----------
    selection : Selection
        The rows.
    provider : Provider, optional
        Knows the longest prompt, and counts tokens where a prompt may come near it.
    count_tokens : callable, optional
        Counts the tokens of some rows, to estimate those of all; by default sizes have to do.
    seconds : float
        When to stop.
    clock : callable
        Seconds, monotonic.

    Raises
    ------
    DatasourceError
        If a row cannot be read.
    """
    scan = Scan(n_rows=selection.total)
    faults: dict[str, _Alike] = {}
    blank = _Alike()
    # Hashes instead of prompts: a scan may pass half a million rows.
    seen: set[int] = set()
    n_prompts = 0
    tokens, counted_s = TokenEstimate(), 0.0
    deadline = clock() + seconds
    for row in selection.rows():
        fault: InvocationError | None
        if isinstance(row.prompt, InvocationError):
            fault = row.prompt
        else:
            n_prompts += 1
            seen.add(hash((row.prompt.prompt, row.prompt.system)))
            fault = await _too_long(row.prompt, provider, wait_s=deadline - clock())
            if not row.prompt.prompt.strip():
                blank.add(row.row_uid)
            text = _sent(row.prompt)
            n_tokens = None
            if count_tokens is not None and counted_s < seconds * _COUNTING_SHARE:
                began = clock()
                n_tokens = await _count(count_tokens, text, deadline - began)
                counted_s += clock() - began
                if n_tokens is None or tokens.n_counted >= _COUNTED_ROWS:
                    count_tokens = None  # it cannot, or it is known well enough
            tokens.add(len(text.encode()), n_tokens)
        if fault is not None:
            faults.setdefault(fault.code, _Alike(message=fault.message)).add(row.row_uid)
        scan.n_rows_checked += 1
        if clock() >= deadline:
            break
    if scan.n_rows_checked:
        scan.duplicate_share = (n_prompts - len(seen)) / scan.n_rows_checked
        scan.input_tokens = tokens.total(scan.n_rows)
    scan.problems = list(_problems(scan, faults, blank))
    return scan


async def _too_long(
    rendered: RenderedPrompt, provider: Provider | None, *, wait_s: float
) -> InvocationError | None:
    if provider is None:
        return None
    limits = provider.limits
    text = _sent(rendered)
    if _is_short(len(text) * _MOST_BYTES_PER_CHAR, limits):
        return None
    size_bytes = len(text.encode())
    if limits.max_request_bytes is not None and size_bytes > limits.max_request_bytes:
        return InvocationError(
            f"The prompt has {size_bytes:,} bytes, a request takes {limits.max_request_bytes:,} "
            "at most.",
            code="request_too_large",
        )
    n_tokens = (
        None if _is_short(size_bytes, limits) else await _count(provider.count_tokens, text, wait_s)
    )
    if limits.max_prompt_tokens is None or (n_tokens or 0) < limits.max_prompt_tokens:
        return None
    return InvocationError(
        f"The prompt has {n_tokens:,} tokens, the model takes {limits.max_prompt_tokens:,} "
        "at most, its chat template included.",
        code="prompt_too_long",
    )


def _sent(rendered: RenderedPrompt) -> str:
    return "\n".join(part for part in (rendered.system, rendered.prompt) if part)


async def _count(count_tokens: CountTokens, text: str, wait_s: float) -> int | None:
    try:
        async with asyncio.timeout(max(wait_s, 0)):
            return await count_tokens(text)
    except TimeoutError:
        return None


def _is_short(most_bytes: int, limits: Limits) -> bool:
    n_tokens = most_bytes + _TEMPLATE_TOKENS
    fits = limits.max_prompt_tokens is None or n_tokens <= limits.max_prompt_tokens
    return fits and (limits.max_request_bytes is None or most_bytes <= limits.max_request_bytes)


def _problems(scan: Scan, faults: dict[str, _Alike], blank: _Alike) -> Iterator[Problem]:
    looked_at = f"of the {scan.n_rows_checked:,} rows looked at"
    # A few bad rows fail by themselves; with more bad than good ones, the call is at fault,
    # and the job would be stopped.
    hopeless = sum(alike.n_rows for alike in faults.values()) * 2 > scan.n_rows_checked
    for code, alike in faults.items():
        share = "All" if alike.n_rows == scan.n_rows_checked else f"{alike.n_rows:,}"
        yield Problem(
            severity="error" if hopeless else "warning",
            code=code,
            message=f"{share} {looked_at} cannot be answered {alike.listed}. {alike.message}",
            hint="" if hopeless else "Otherwise they fail, and the others go on.",
            x_uids=tuple(alike.x_uids),
        )
    if blank.n_rows:
        yield Problem(
            severity="warning",
            code="blank_prompt",
            message=f"{blank.n_rows:,} {looked_at} give a blank prompt {blank.listed}.",
            hint="They are sent all the same; leave them out with x_uids.",
            x_uids=tuple(blank.x_uids),
        )
    if scan.duplicate_share >= _MANY_DUPLICATES:
        yield Problem(
            severity="warning",
            code="duplicates",
            message=f"{scan.duplicate_share:.0%} {looked_at} repeat an earlier prompt.",
            hint="Each of them is sent; leave them out with x_uids to save time or money.",
        )
