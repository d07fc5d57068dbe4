"""What a job will cost is told before it is launched."""

import dataclasses
from typing import Any

import boto3
import pytest
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of, questions
from tests.recorded_jobs import answered, record_job

from outboard import ExternalModel
from outboard.config import FinetuningProvider
from outboard.cost_estimate import (
    START_S,
    STOP_S,
    CostEstimate,
    assumed_latency_s,
    estimate,
    measured_latency_s,
)
from outboard.preflight import PreflightReport
from outboard.pricing import Hosting, Price
from outboard.workspace import Workspace

HOSTING = Hosting(
    instance_type="ml.g5.12xlarge",
    instance_count=1,
    price=Price(usd_per_hour=7.09, region="us-east-1", source="pricing api"),
)
#: A type that neither the fake's price list nor the package's table has.
UNPRICED = "ml.inf1.xlarge"


def estimated(hosting: Hosting = HOSTING, **changes: Any) -> CostEstimate:
    values: dict[str, Any] = {"n_rows": 5_000, "latency_s": (6.0, 6.0), "concurrency": 32}
    found = estimate(hosting, **values | changes)
    assert found is not None
    return found


@pytest.fixture
def account(
    workspace: Workspace,
    fake: AwsFake,
    boto_session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> AwsFake:
    """An account with a training job, seen from a workspace."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto_session)  # it is quick from then on
    fake.training_job("my-job")
    return fake


def preflight(n_rows: int = 100, **deployment: Any) -> PreflightReport:
    return ExternalModel("my-job").preflight(
        [datasource_of(questions(n_rows))],
        generation_config={"max_new_tokens": 240},
        deployment_config=deployment,
    )


def test_cost_is_that_of_start_rows_and_end() -> None:
    found = estimated(start_s=(600, 600), stop_s=(120, 120))

    # 5,000 rows of 6 s, 32 at a time: 938 s, and 720 s around them.
    assert found.low_s == found.high_s == pytest.approx(1_657.5)
    assert found.low_usd == found.high_usd == pytest.approx(3.264, abs=0.001)


def test_range_is_as_wide_as_what_is_not_known() -> None:
    found = estimated(latency_s=(1.0, 16.0))

    assert found.low_s == pytest.approx(START_S[0] + 5_000 / 32 + STOP_S[0])
    assert found.high_s == pytest.approx(START_S[1] + 16 * 5_000 / 32 + STOP_S[1])
    assert found.low_usd < found.high_usd


def test_few_rows_do_not_fill_all_slots() -> None:
    one = estimated(n_rows=1, concurrency=1, start_s=(0, 0), stop_s=(0, 0))
    same = estimated(n_rows=1, concurrency=64, start_s=(0, 0), stop_s=(0, 0))

    assert one.low_s == same.low_s == 6.0


def test_every_instance_is_paid_for() -> None:
    two = dataclasses.replace(HOSTING, instance_count=2)

    assert estimated(two).low_usd == pytest.approx(2 * estimated().low_usd)
    assert estimated(two).usd_per_day == pytest.approx(2 * 24 * 7.09)


def test_unknown_price_has_no_estimate() -> None:
    unpriced = dataclasses.replace(HOSTING, price=None)

    assert estimate(unpriced, n_rows=1, latency_s=(1, 2), concurrency=1) is None


def test_estimate_reads_well() -> None:
    text = str(estimated(latency_s=(4.0, 9.0)))

    assert text == (
        "about $1.94 to $4.90 for 5,000 rows on ml.g5.12xlarge at $7.09/h (pricing api), 16 to "
        "41 min from its creation to its deletion (answer times are not measured yet: try a few "
        "rows first). Forgotten, it would cost $170 a day."
    )


def test_longer_answers_are_expected_to_take_longer() -> None:
    short, long = assumed_latency_s(64), assumed_latency_s(512)

    assert short[0] < short[1]
    assert long[0] == 8 * short[0]
    assert long[1] == 8 * short[1]


def test_more_measurements_narrow_the_range() -> None:
    few = measured_latency_s([4.0, 8.0] * 4, concurrency=1)
    many = measured_latency_s([4.0, 8.0] * 400, concurrency=1)

    assert few[0] < many[0] < 6.0 < many[1] < few[1]


def test_one_measurement_tells_little() -> None:
    assert measured_latency_s([6.0], concurrency=64) == (3.0, 12.0)


def test_trial_that_left_slots_free_may_be_slower_in_earnest() -> None:
    alone = measured_latency_s([6.0, 6.0], concurrency=2)
    among_many = measured_latency_s([6.0, 6.0], concurrency=64)

    assert alone == (6.0, 6.0)
    assert among_many == (6.0, 12.0)


def test_no_measurement_is_refused() -> None:
    with pytest.raises(ValueError, match="no latency"):
        measured_latency_s([], concurrency=1)


# --- as part of a preflight


def test_preflight_tells_what_the_job_will_cost(account: AwsFake) -> None:
    report = preflight(100)

    assert report.problems == ()
    assert report.cost_estimate is not None
    assert report.cost_estimate.n_rows == 100
    assert report.cost_estimate.hosting == HOSTING
    assert not report.cost_estimate.measured
    assert "cost: about $" in str(report)
    account.assert_nothing_left()


def test_earlier_run_of_the_model_narrows_the_estimate(account: AwsFake) -> None:
    assumed = preflight(2_000).cost_estimate
    record_job(
        datasource_of(questions(100)),
        answer=lambda row: answered(row, "yes", latency_s=5.0 + row.ordinal % 2),
        provider=FinetuningProvider.AWS_SAGEMAKER,
        model_name="my-job",
        generation={"max_new_tokens": 240},
    )

    measured = preflight(2_000).cost_estimate

    assert assumed is not None
    assert measured is not None
    assert measured.measured
    assert measured.high_s - measured.low_s < assumed.high_s - assumed.low_s
    assert "(answer times are measured)" in str(measured)


@pytest.mark.parametrize(
    "call",
    [
        {"model_name": "other-job"},
        {"generation": {"max_new_tokens": 8}},
        {"deployment": {"instance_type": "ml.g5.2xlarge"}},
        {"deployment": {"instance_count": 2}},
        {"provider": FinetuningProvider.OPENAI},
    ],
)
def test_run_of_something_else_measures_nothing(account: AwsFake, call: dict[str, Any]) -> None:
    like = {
        "provider": FinetuningProvider.AWS_SAGEMAKER,
        "model_name": "my-job",
        "generation": {"max_new_tokens": 240},
    }
    record_job(datasource_of(questions(3)), **like | call)

    found = preflight().cost_estimate

    assert found is not None
    assert not found.measured


def test_endpoint_of_somebody_elses_costs_the_job_nothing(account: AwsFake) -> None:
    account.running_endpoint("theirs")

    assert preflight(endpoint_name="theirs").cost_estimate is None


def test_unknown_price_is_a_warning(account: AwsFake) -> None:
    report = preflight(instance_type=UNPRICED)

    (problem,) = report.problems
    assert (problem.severity, problem.code) == ("warning", "unknown_price")
    assert "pricing:GetProducts" in problem.message
    assert report.cost_estimate is None


def test_unknown_price_with_a_budget_is_an_error(account: AwsFake) -> None:
    report = preflight(instance_type=UNPRICED, max_cost_usd=5)

    (problem,) = report.problems
    assert (problem.severity, problem.field) == ("error", "max_cost_usd")
    assert "max_cost_usd cannot be kept" in problem.message


def test_budget_that_pays_for_no_row_is_an_error(account: AwsFake) -> None:
    report = preflight(max_cost_usd=0.1)

    (problem,) = report.problems
    assert (problem.severity, problem.field) == ("error", "max_cost_usd")
    assert "Nothing was created" in problem.message


@pytest.mark.parametrize(("budget", "words"), [(0.6, "will be stopped"), (1.8, "may be stopped")])
def test_budget_that_does_not_reach_is_a_warning(
    account: AwsFake, budget: float, words: str
) -> None:
    report = preflight(max_cost_usd=budget)

    (problem,) = report.problems
    assert (problem.severity, problem.field) == ("warning", "max_cost_usd")
    assert words in problem.message


def test_budget_that_reaches_is_no_problem(account: AwsFake) -> None:
    assert preflight(max_cost_usd=50).problems == ()
