"""Looks at as many rows as two seconds allow, for those that the model would not answer."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from outboard.errors import InvocationError
from outboard.preparation import Problem
from outboard.providers import Provider
from outboard.selection import Row, Selection

#: Seconds that a scan may take.
SCAN_S = 2.0
#: Rows that a problem names.
_NAMED_ROWS = 20
#: Every token of a byte-level tokenizer stands for a byte at least; chat templates add some.
_TEMPLATE_TOKENS = 64


@dataclass(kw_only=True)
class Scan:
    """What a look at the rows found."""

    #: Rows chosen.
    n_rows: int
    #: Rows looked at, from the first on.
    n_rows_checked: int = 0
    #: Share of the rows looked at whose prompt stood there before, in [0, 1].
    duplicate_share: float = 0.0
    problems: list[Problem] = field(default_factory=list)


async def scan_rows(
    selection: Selection,
    provider: Provider | None,
    *,
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
    seconds : float
        When to stop.
    clock : callable
        Seconds, monotonic.
    """
    scan = Scan(n_rows=selection.total)
    deadline = clock() + seconds
    faults: defaultdict[str, list[tuple[str, InvocationError]]] = defaultdict(list)
    seen: Counter[int] = Counter()
    for row in selection.rows():
        fault = row.prompt if isinstance(row.prompt, InvocationError) else None
        if fault is None:
            assert not isinstance(row.prompt, InvocationError)
            seen[hash((row.prompt.prompt, row.prompt.system))] += 1
            fault = await _too_long(row, provider)
        if fault is not None:
            faults[fault.code].append((f"doc::{row.row_uid}", fault))
        scan.n_rows_checked += 1
        if clock() >= deadline:
            break
    if seen.total():
        scan.duplicate_share = 1.0 - len(seen) / seen.total()
    scan.problems = list(_problems(scan, faults))
    return scan


async def _too_long(row: Row, provider: Provider | None) -> InvocationError | None:
    limit = provider.limits.max_prompt_tokens if provider else None
    if provider is None or limit is None or isinstance(row.prompt, InvocationError):
        return None
    text = row.prompt.prompt + (row.prompt.system or "")
    if len(text) * 4 + _TEMPLATE_TOKENS <= limit or len(text.encode()) + _TEMPLATE_TOKENS <= limit:
        return None
    n_tokens = await provider.count_tokens(text)
    if n_tokens is None or n_tokens < limit:
        return None
    return InvocationError(
        f"The prompt has {n_tokens:,} tokens, the model takes {limit:,} at most.",
        code="prompt_too_long",
    )


def _problems(
    scan: Scan, faults: dict[str, list[tuple[str, InvocationError]]]
) -> Iterator[Problem]:
    looked_at = f"of the {scan.n_rows_checked:,} rows looked at"
    for code, rows in faults.items():
        every = len(rows) == scan.n_rows_checked
        names = tuple(x_uid for x_uid, _ in islice(rows, _NAMED_ROWS))
        yield Problem(
            # A few bad rows fail by themselves; nothing but bad rows is a mistake in the call.
            severity="error" if every else "warning",
            code=code,
            message=f"{'All' if every else f'{len(rows):,}'} {looked_at} cannot be answered, "
            f"e.g. {names[0]}: {rows[0][1].message}",
            hint="Mend the template or the mapping." if every else "They will fail, others go on.",
            x_uids=names,
        )
    if scan.duplicate_share >= 0.05:
        yield Problem(
            severity="warning",
            code="duplicates",
            message=f"{scan.duplicate_share:.0%} {looked_at} repeat an earlier prompt.",
            hint="Each is sent and paid for.",
        )
