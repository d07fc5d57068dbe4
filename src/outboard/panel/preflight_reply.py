"""Preflight of a draft, as the panel shows it."""

import asyncio
from array import array

from outboard.cost_estimate import CostEstimate
from outboard.panel.draft import prepare_draft
from outboard.panel.live_preview import problem_item
from outboard.panel.messages import Draft
from outboard.panel.replies import CostItem, PreflightReply
from outboard.panel.token_counter import TOKENS
from outboard.preflight import examine
from outboard.preparation import Problem
from outboard.unattended import billing_warning, unattended
from outboard.workspace import Workspace

_UNKNOWN = "Not known until what is wrong is put right."


def preflight_reply(draft: Draft, given: "array[int] | None") -> PreflightReply:
    """Return everything that is known to be wrong with a draft, with its size, time, cost.

    Parameters
    ----------
    draft : Draft
        What the panel shows.
    given : array of int, optional
        The x_uids that were passed in code.
    """
    preparation = prepare_draft(draft, given)
    report = asyncio.run(
        examine(preparation, count_tokens=lambda text: TOKENS.count(preparation, text))
    )
    problems = [*report.problems, *_billed_already()]
    return {
        "ok": report.ok,
        "problems": [problem_item(problem) for problem in problems],
        "n_rows": report.n_rows,
        "n_rows_checked": report.n_rows_checked,
        "duplicate_share": report.duplicate_share,
        "input_tokens": report.input_tokens,
        "duration_s": report.duration_s,
        "cost": None if report.cost_estimate is None else _cost(report.cost_estimate),
        "cost_text": report.cost_text or _UNKNOWN,
    }


def _billed_already() -> list[Problem]:
    """Return a warning for each endpoint that is paid for although nobody works with it."""
    return [
        Problem(severity="warning", code="unattended", message=billing_warning(entry))
        for entry in unattended(Workspace.current())
    ]


def _cost(estimate: CostEstimate) -> CostItem:
    assert estimate.hosting.usd_per_hour is not None  # else there is no estimate
    return {
        "low_usd": estimate.low_usd,
        "high_usd": estimate.high_usd,
        "usd_per_hour": estimate.hosting.usd_per_hour,
        "usd_per_day": estimate.usd_per_day,
        "measured": estimate.measured,
    }
