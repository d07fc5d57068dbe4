"""Whole jobs that may not cost more than they were allowed."""

import dataclasses
import time
from collections.abc import Iterator

import pytest
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of, questions
from tests.sagemaker.test_budget import ENTRY
from tests.waiting import wait_until

from outboard import ExternalModel, Job, get_job
from outboard.errors import BudgetExceededError, ConfigError
from outboard.job_status import JobStatus
from outboard.ledger import EntryState
from outboard.workspace import Workspace

BUDGET = {"max_cost_usd": 100.0}


@pytest.fixture
def account(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AwsFake]:
    """An account with a training job, left without a trace."""
    monkeypatch.setenv("OUTBOARD_AWS_SPEED", "1000")
    fake.training_job("my-job")
    yield fake
    fake.assert_nothing_left()


def launch(n_rows: int, **deployment: object) -> Job:
    model = ExternalModel("my-job")
    # Time on AWS is let pass by hand here, and by the worker at its own pace.
    settings = {"max_concurrency": 1, "startup_timeout_s": 86_400, **deployment}
    job_id = model.inference(
        [datasource_of(questions(n_rows))], deployment_config=settings, sync=False
    )
    return get_job(job_id)


def spend(job: Job, usd: float) -> None:
    """Write down that the job has had another endpoint for an hour."""
    now = time.time()
    spent = dataclasses.replace(
        ENTRY,
        name=f"outboard-for-{usd:g}",
        job_id=job.id,
        usd_per_hour=usd,
        state=EntryState.CLOSED,  # at once, or the watcher would see to it
        opened_at=now - 3_600,
        closed_at=now,
    )
    Workspace.current().store.endpoints.plan(spent)


def wait_for_deletion(job: Job) -> None:
    """Wait until the job's endpoint is being deleted."""
    wait_until(lambda: any(event.kind == "deleting" for event in job.events()))


def let_time_pass_until_ended(fake: AwsFake, job: Job) -> None:
    """Let minutes pass on AWS until the job has ended."""

    def ended() -> bool:
        fake.advance(60)
        return not job.status.live

    wait_until(ended, timeout_s=60)


def test_job_at_its_limit_keeps_its_rows_deletes_its_endpoint_and_goes_on_later(
    account: AwsFake,
) -> None:
    account.plan("*", step_s=60.0, latency_s=5.0)  # requests hang until time passes
    job = launch(4, **BUDGET)
    for number in (1, 2):
        account.wait_for("InvokeEndpoint", at_least=number)
        account.advance(5)
    account.wait_for("InvokeEndpoint", at_least=3)

    spend(job, 100.0)
    wait_for_deletion(job)
    let_time_pass_until_ended(account, job)

    with pytest.raises(BudgetExceededError, match="Finished rows are kept") as caught:
        job.wait(30)
    assert caught.value.max_cost_usd == 100.0
    assert job.status is JobStatus.FAILED
    assert job.progress.succeeded == 2
    account.assert_nothing_left()

    job.resume(max_cost_usd=300.0)
    let_time_pass_until_ended(account, job)

    job.wait(30)
    assert job.progress.succeeded == 4
    assert job.progress.cost_usd == pytest.approx(100.0, abs=1.0)


def test_limit_holds_while_the_endpoint_is_being_created(account: AwsFake) -> None:
    job = launch(3, **BUDGET)
    account.wait_for("CreateEndpoint")

    spend(job, 100.0)
    wait_for_deletion(job)
    let_time_pass_until_ended(account, job)

    with pytest.raises(BudgetExceededError):
        job.wait(30)


def test_job_resumed_without_more_money_creates_nothing(account: AwsFake) -> None:
    account.deny("sagemaker:CreateModel")
    job = launch(3, **BUDGET)
    let_time_pass_until_ended(account, job)
    spend(job, 100.0)

    job.resume()

    with pytest.raises(BudgetExceededError, match=r"resume\(max_cost_usd"):
        job.wait(30)


def test_budget_is_refused_before_anything_is_created_if_the_price_is_unknown(
    account: AwsFake,
) -> None:
    job = launch(3, instance_type="ml.inf1.xlarge", **BUDGET)

    with pytest.raises(ConfigError, match="nobody knows what"):
        job.wait(30)

    created = [event for event in account.seen()["events"] if event.startswith("Create")]
    assert created == []
