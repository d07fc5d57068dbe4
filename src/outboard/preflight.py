"""Everything that can be known to be wrong before the first paid request."""

import re
from dataclasses import dataclass

from outboard import providers
from outboard.errors import ConfigError, NotFoundError, OutboardError, PromptTemplateError
from outboard.preparation import Preparation, Problem
from outboard.row_scan import Scan, scan_rows
from outboard.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class PreflightReport:
    """What is wrong with a call, before anything is paid for. Prints as a readable list."""

    #: Worst first.
    problems: tuple[Problem, ...]
    #: Rows chosen; None if that cannot be told.
    n_rows: int | None
    #: Rows looked at, from the first on: as many as two seconds allow.
    n_rows_checked: int
    #: Share of those rows whose prompt stood there before, in [0, 1].
    duplicate_share: float

    @property
    def ok(self) -> bool:
        """True if nothing keeps the job from being launched."""
        return not any(problem.severity == "error" for problem in self.problems)

    def __str__(self) -> str:
        rows = "rows unknown" if self.n_rows is None else f"{self.n_rows:,} rows chosen"
        head = f"Preflight: {rows}, {self.n_rows_checked:,} looked at; "
        if not self.problems:
            return f"{head}nothing is wrong."
        errors = sum(problem.severity == "error" for problem in self.problems)
        head += f"{errors} errors, {len(self.problems) - errors} warnings."
        return "\n".join([head, *(f"  {p.severity}: {p}" for p in self.problems)])

    __repr__ = __str__


def problem_of(fault: OutboardError) -> Problem:
    """Return a fault that was caught as a problem that is reported."""
    x_uids: tuple[str, ...] = ()
    fields = {"datasource": "datasource_uids", "x_uid": "x_uids", "model": "external_model_name"}
    at_fault: str | None = None
    match fault:
        case ConfigError():
            at_fault = fault.field
        case PromptTemplateError():
            at_fault = "prompt_template"
        case NotFoundError():
            at_fault = fields.get(fault.kind or "")
            x_uids = fault.ids[:20] if fault.kind == "x_uid" else ()
    return Problem(
        severity="error",
        code=_code_of(type(fault)),
        message=fault.message,
        field=at_fault,
        x_uids=x_uids,
    )


def _code_of(error_class: type[OutboardError]) -> str:
    """Return e.g. ``not_found`` for `NotFoundError`."""
    words = re.findall("[A-Z][a-z]*", error_class.__name__.removesuffix("Error"))
    return "_".join(words).lower()


def create_provider(preparation: Preparation) -> providers.Provider:
    call = preparation.call
    return providers.create(
        call.served_by,
        call.model_name,
        generation=call.generation_config,
        deployment=call.deployment_config,
        assets_dir=Workspace.current().assets_dir,
    )


async def examine(preparation: Preparation) -> PreflightReport:
    problems = [problem_of(fault) for fault in preparation.faults] + preparation.warnings
    provider: providers.Provider | None = None
    try:
        provider = create_provider(preparation)
        await provider.check()
    except OutboardError as fault:
        problems.append(problem_of(fault))
    scan = Scan(n_rows=0)
    try:
        if preparation.selection is not None:
            scan = await scan_rows(preparation.selection, provider)
            problems += scan.problems
    finally:
        if provider is not None:
            await provider.close()
    return PreflightReport(
        problems=tuple(sorted(problems, key=_worst_first)),
        n_rows=scan.n_rows if preparation.selection is not None else None,
        n_rows_checked=scan.n_rows_checked,
        duplicate_share=scan.duplicate_share,
    )


def _worst_first(problem: Problem) -> bool:
    return problem.severity != "error"
