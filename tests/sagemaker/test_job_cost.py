"""What a job has cost, told from the ledger; and what it may cost."""

import dataclasses
import time
from typing import Any

import pytest
from tests.job_runs import datasource_of, launch, questions
from tests.openai_server import OpenAIServer
from tests.recorded_jobs import record_job
from tests.sagemaker.test_budget import ENTRY
from tests.waiting import wait_until

from outboard.config import FinetuningProvider
from outboard.errors import ConfigError, JobCancelledError
from outboard.job import Job
from outboard.job_status import JobStatus
from outboard.workspace import Workspace

HOUR_S = 3_600.0


@pytest.fixture
def job(workspace: Workspace) -> Job:
    """A job on SageMaker that has ended."""
    return record_job(
        datasource_of(questions(1)), provider=FinetuningProvider.AWS_SAGEMAKER, model_name="m"
    )


def record(job: Job, name: str, *, hours: float, is_closed: bool = True, **changes: Any) -> None:
    """Write down that an endpoint of the job has run for so long."""
    table = Workspace.current().store.endpoints
    values: dict[str, Any] = {
        "name": name,
        "job_id": job.id,
        "usd_per_hour": 7.09,
        "instance_count": 2,
    }
    table.plan(dataclasses.replace(ENTRY, **values | changes))
    began_at = time.time() - hours * HOUR_S
    table.opened(name, began_at)
    if is_closed:
        table.closed(name, began_at + hours * HOUR_S)


def test_job_costs_what_its_endpoints_have_cost(job: Job) -> None:
    record(job, "outboard-a", hours=0.5)
    record(job, "outboard-b", hours=1.0)

    assert job.progress.cost_usd == pytest.approx(1.5 * 2 * 7.09)


def test_endpoint_that_runs_still_costs_more_and_more(job: Job) -> None:
    record(job, "outboard-a", hours=0.5, is_closed=False)

    before = job.progress.cost_usd or 0.0
    assert before == pytest.approx(0.5 * 2 * 7.09, rel=1e-3)
    wait_until(lambda: (job.progress.cost_usd or 0.0) > before)


def test_job_that_has_created_nothing_has_cost_nothing(job: Job) -> None:
    assert job.progress.cost_usd == 0.0


def test_one_unknown_price_makes_the_cost_unknown(job: Job) -> None:
    record(job, "outboard-a", hours=0.5)
    record(job, "outboard-b", hours=1.0, usd_per_hour=None)

    assert job.progress.cost_usd is None


def test_endpoints_of_other_jobs_do_not_count(job: Job) -> None:
    record(job, "outboard-a", hours=0.5, job_id="job-2")

    assert job.progress.cost_usd == 0.0


@pytest.mark.parametrize(
    ("call", "cost_usd"),
    [
        ({"provider": FinetuningProvider.LOCAL}, 0.0),
        ({"provider": FinetuningProvider.OPENAI}, None),
        (
            {
                "provider": FinetuningProvider.AWS_SAGEMAKER,
                "deployment": {"endpoint_name": "of-mine"},
            },
            None,
        ),
    ],
)
def test_cost_of_what_we_do_not_rent(
    workspace: Workspace, call: dict[str, Any], cost_usd: float | None
) -> None:
    job = record_job(datasource_of(questions(1)), **call)

    assert job.progress.cost_usd == cost_usd


def test_job_is_resumed_with_another_budget(workspace: Workspace, server: OpenAIServer) -> None:
    job = launch(server, datasource_of(["Never mind.<fault:hang>"]), max_concurrency=1)
    server.wait_until(lambda seen: seen.in_flight > 0)
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.wait(timeout=30)
    server.release()

    job.resume(max_cost_usd=12.5)

    job.wait(timeout=30)
    assert job.call.deployment_config.max_cost_usd == 12.5
    assert job.call.deployment_config.max_concurrency == 1


def test_budget_that_is_none_is_refused_before_the_job_is_resumed(workspace: Workspace) -> None:
    job = record_job(datasource_of(questions(1)), status=JobStatus.CANCELLED)

    with pytest.raises(ConfigError, match="max_cost_usd must be"):
        job.resume(max_cost_usd=-1)

    assert job.status is JobStatus.CANCELLED
