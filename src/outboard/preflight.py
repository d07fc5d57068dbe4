"""Everything that can be known to be wrong before the first paid request."""

import re
from dataclasses import dataclass

from outboard.cost_estimate import CostEstimate
from outboard.errors import (
    ConfigError,
    DatasourceError,
    NotFoundError,
    OutboardError,
    PromptTemplateError,
)
from outboard.preflight_cost import weigh_costs
from outboard.preparation import MOST_X_UIDS, Preparation, Problem
from outboard.row_scan import CountTokens, scan_rows


@dataclass(frozen=True, kw_only=True)
class PreflightReport:
    """What is wrong with a call, before anything is paid for. Prints as a readable list."""

    #: Errors first.
    problems: tuple[Problem, ...]
    #: Rows chosen; None if that cannot be told.
    n_rows: int | None
    #: Rows looked at, from the first on: as many as two seconds allow.
    n_rows_checked: int
    #: Share of those rows whose prompt stood there before, in [0, 1].
    duplicate_share: float
    #: What the job will probably cost; None if nothing is rented for it, or its price is unknown.
    cost_estimate: CostEstimate | None = None
    #: Tokens sent in all rows as a range, chat templates not included; None if unknown.
    input_tokens: tuple[int, int] | None = None
    #: Seconds from launch to end as a range; None if unknown.
    duration_s: tuple[float, float] | None = None
    #: What the job will cost, in one line for people; empty if the call is at fault.
    cost_text: str = ""

    @property
    def ok(self) -> bool:
        """True if nothing keeps the job from being launched."""
        return not any(problem.severity == "error" for problem in self.problems)

    def __str__(self) -> str:
        rows = "rows unknown" if self.n_rows is None else f"{_count(self.n_rows, 'row')} chosen"
        head = f"Preflight: {rows}, {self.n_rows_checked:,} looked at"
        cost = f"\n  cost: {self.cost_estimate}" if self.cost_estimate else ""
        if not self.problems:
            return f"{head}; nothing is wrong.{cost}"
        errors = sum(problem.severity == "error" for problem in self.problems)
        warnings = len(self.problems) - errors
        head += f"; {_count(errors, 'error')}, {_count(warnings, 'warning')}."
        return "\n".join([head, *(f"  {p.severity}: {p}" for p in self.problems)]) + cost

    __repr__ = __str__


async def examine(
    preparation: Preparation, *, count_tokens: CountTokens | None = None
) -> PreflightReport:
    """Look for everything that can be known to be wrong without a paid request.

    Parameters
    ----------
    preparation : Preparation
        The call, with the faults that were found while it was put together.
    count_tokens : callable, optional
        Counts the tokens of a text, for the estimate; by default sizes have to do.
    """
    provider = preparation.create_provider()
    problems = [problem_of(fault) for fault in preparation.faults] + preparation.warnings
    scan = costs = None
    try:
        if provider is not None:
            try:
                await provider.check()
                costs = weigh_costs(preparation, provider)
                problems += costs.problems
            except OutboardError as fault:
                problems.append(problem_of(fault))
                await provider.close()
                provider = None  # it does not know the model's limits, and would only be slow
        if preparation.selection is not None:
            scan = await scan_rows(preparation.selection, provider, count_tokens=count_tokens)
            problems += scan.problems
    except DatasourceError as fault:
        problems.append(problem_of(fault))
    finally:
        if provider is not None:
            await provider.close()
    return PreflightReport(
        problems=tuple(sorted(problems, key=_errors_first)),
        n_rows=None if preparation.selection is None else preparation.selection.total,
        n_rows_checked=scan.n_rows_checked if scan else 0,
        duplicate_share=scan.duplicate_share if scan else 0.0,
        cost_estimate=costs.estimate if costs else None,
        input_tokens=scan.input_tokens if scan else None,
        duration_s=costs.duration_s if costs else None,
        cost_text=costs.text if costs else "",
    )


def problem_of(fault: OutboardError) -> Problem:
    """Return a fault that was caught as a problem to report."""
    field: str | None = None
    x_uids: tuple[str, ...] = ()
    match fault:
        case ConfigError() | PromptTemplateError():
            field = fault.field
        case NotFoundError(kind="x_uid"):
            field, x_uids = "x_uids", fault.ids[:MOST_X_UIDS]
        case NotFoundError(kind="datasource") | DatasourceError():
            field = "datasource_uids"
        case NotFoundError(kind="model"):
            field = "external_model_name"
        case NotFoundError(kind="endpoint"):
            field = "endpoint_name"
    return Problem(
        severity="error",
        code=code_of(type(fault)),
        message=fault.message,
        field=field,
        x_uids=x_uids,
    )


def code_of(error_class: type[OutboardError]) -> str:
    """Return e.g. ``not_found`` for `NotFoundError`."""
    words = re.findall("[A-Z][a-z]*", error_class.__name__.removesuffix("Error"))
    return "_".join(words).lower()


def _errors_first(problem: Problem) -> bool:
    return problem.severity != "error"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
