"""What a call will cost, held against what it may, before it is launched."""

from dataclasses import dataclass, field

from outboard.budget import refuse_hosting
from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.cost_estimate import (
    CostEstimate,
    Range,
    assumed_latency_s,
    estimate,
    measured_latency_s,
)
from outboard.errors import OutboardError
from outboard.preparation import Preparation, Problem
from outboard.pricing import Hosting
from outboard.providers import Provider
from outboard.workspace import Workspace

# A mean does not get better with more.
_MOST_LATENCIES = 1_000


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was found about the costs of a call."""

    #: None if nothing is rented for it, or if the price is unknown.
    estimate: CostEstimate | None = None
    #: Seconds from launch to end as a range; None if unknown.
    duration_s: Range | None = None
    #: What it costs, in one line for people.
    text: str = ""
    problems: list[Problem] = field(default_factory=list)


def weigh_costs(preparation: Preparation, provider: Provider) -> Costs:
    """Estimate what a call costs, going by an earlier run of the same model if there was one.

    Parameters
    ----------
    preparation : Preparation
        The call.
    provider : Provider
        After its `check`.
    """
    hosting, call = provider.hosting, preparation.call
    wanted = call.deployment_config.max_concurrency
    concurrency = wanted or provider.limits.max_concurrency
    n_rows = None if preparation.selection is None else preparation.selection.total
    latencies_s = _latencies_s(call)
    measured = measured_latency_s(latencies_s, concurrency=concurrency) if latencies_s else None
    if hosting is None:
        low_s, high_s = measured or (0.0, 0.0)
        rounds = 0 if n_rows is None else n_rows / max(1, min(concurrency, n_rows))
        return Costs(
            duration_s=(rounds * low_s, rounds * high_s) if measured and rounds else None,
            text=_without_hosting(call),
        )
    found = None
    if n_rows is not None:
        found = estimate(
            hosting,
            n_rows=n_rows,
            latency_s=measured or assumed_latency_s(call.generation_config.max_new_tokens),
            concurrency=concurrency,
            measured=measured is not None,
        )
    return Costs(
        estimate=found,
        duration_s=None if found is None else (found.low_s, found.high_s),
        text=f"Billed by the hour: {hosting}." if found is None else found.summary,
        problems=_problems(call, hosting, found),
    )


def _without_hosting(call: InferenceCall) -> str:
    match call.served_by:
        case FinetuningProvider.LOCAL:
            return "Free: it runs on this machine."
        case FinetuningProvider.OPENAI:
            return "Whatever the server charges, which is not known here."
        case FinetuningProvider.AWS_SAGEMAKER:
            return (
                f"Nothing is created: the endpoint {call.deployment_config.endpoint_name} runs "
                "already, and is billed by the hour to whoever runs it."
            )


def _problems(call: InferenceCall, hosting: Hosting, found: CostEstimate | None) -> list[Problem]:
    budget = call.deployment_config.max_cost_usd
    if budget is None and hosting.price is None:
        message = (
            f"Nobody knows what {hosting.instance_type} costs here: allow the action "
            "pricing:GetProducts to be told. Until then the endpoint costs what it costs."
        )
        return [Problem(severity="warning", code="unknown_price", message=message)]
    if budget is None:
        return []
    try:
        refuse_hosting(hosting, max_cost_usd=budget)
    except OutboardError as fault:
        message = fault.message
        return [Problem(severity="error", code="budget", message=message, field="max_cost_usd")]
    if found is None or found.high_usd <= budget:
        return []
    certain = "will" if found.low_usd > budget else "may"
    message = (
        f"The job {certain} be stopped before its last row: max_cost_usd is ${budget:,.2f}, and "
        f"${found.low_usd:,.2f} to ${found.high_usd:,.2f} are expected. What is finished by then "
        "is kept; resume(max_cost_usd=...) goes on."
    )
    return [Problem(severity="warning", code="budget", message=message, field="max_cost_usd")]


def _latencies_s(call: InferenceCall) -> list[float]:
    """Return how long answers took in the newest run like this one; none without such a run."""
    store = Workspace.current().store
    for job in store.jobs.all():
        if _is_like(job.call, call) and job.succeeded:
            return store.responses.latencies_s(job.seq, _MOST_LATENCIES)
    return []


def _is_like(one: InferenceCall, other: InferenceCall) -> bool:
    first, second = one.deployment_config, other.deployment_config
    return (
        (one.model_name, one.served_by, dict(one.generation))
        == (other.model_name, other.served_by, dict(other.generation))
    ) and (first.instance_type, first.instance_count) == (
        second.instance_type,
        second.instance_count,
    )
