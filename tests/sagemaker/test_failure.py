"""What AWS says of an endpoint that it could not start becomes what to do."""

import pytest
from tests.awsfake.plan import FAILURE_REASONS
from tests.sagemaker.own_endpoint import planned

from outboard.providers.sagemaker.failure import alternatives, explain_failure, explain_quota

TYPES = [
    *("ml.g4dn.12xlarge", "ml.g5.xlarge", "ml.g5.12xlarge", "ml.g5.24xlarge", "ml.g5.48xlarge"),
    *("ml.g6.12xlarge", "ml.g6e.12xlarge", "ml.m5.12xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge"),
]


@pytest.mark.parametrize("outcome", FAILURE_REASONS)
def test_every_reason_that_is_known_has_advice_of_its_own(outcome: str) -> None:
    reason = FAILURE_REASONS[outcome].format(variant="AllTraffic", image="i", endpoint="e")

    message = explain_failure(reason, entry=planned()).message

    assert "AWS gave up" not in message
    assert f"AWS said: {reason.rstrip('.')}." in message


@pytest.mark.parametrize("reason", ["", "Something nobody has met", "{region} % {0}\nnew line"])
def test_an_unknown_reason_is_passed_on_in_one_line(reason: str) -> None:
    message = explain_failure(reason, entry=planned()).message

    assert "AWS gave up on it" in message
    assert "\n" not in message


def test_a_long_reason_is_cut() -> None:
    assert len(explain_failure("x" * 100_000, entry=planned()).message) < 2_000


def test_only_the_last_lines_of_a_log_are_shown() -> None:
    lines = [f"line {number}" for number in range(50)]

    message = explain_failure("ping health check", entry=planned(), log_lines=lines).message

    assert message.endswith("\n  line 45\n  line 46\n  line 47\n  line 48\n  line 49")


def test_missing_capacity_names_types_that_may_do() -> None:
    reason = FAILURE_REASONS["capacity"]

    message = explain_failure(reason, entry=planned(), instance_types=TYPES).message

    assert "such as ml.g6.12xlarge, ml.g6e.12xlarge, ml.g4dn.12xlarge, or another" in message


@pytest.mark.parametrize(
    ("instance_type", "others"),
    [
        ("ml.g5.12xlarge", ["ml.g6.12xlarge", "ml.g6e.12xlarge", "ml.g4dn.12xlarge"]),
        ("ml.g5.24xlarge", ["ml.g5.48xlarge"]),
        ("ml.p4d.24xlarge", []),
        ("ml.unheard-of", []),
    ],
)
def test_alternatives_are_kindred_and_no_smaller(instance_type: str, others: list[str]) -> None:
    assert alternatives(instance_type, TYPES) == others


def test_a_quota_is_told_with_its_name_its_value_and_its_use() -> None:
    said = (
        "The account-level service limit 'ml.g5.12xlarge for endpoint usage' is 1 Instances, with "
        "current utilization of 1 Instances and a request delta of 2 Instances. Please contact AWS"
    )

    message = explain_quota(said, entry=planned(instance_count=2)).message

    assert "quota 'ml.g5.12xlarge for endpoint usage' in us-east-1 is 1, of which 1" in message
    assert "2 more are asked for" in message
    assert "us-east-1.console.aws.amazon.com/servicequotas" in message


def test_a_limit_in_words_that_nobody_knows_is_passed_on() -> None:
    message = explain_quota("Too many endpoints.", entry=planned(region="cn-north-1")).message

    assert "AWS said: Too many endpoints." in message
    assert "cn-north-1.console.amazonaws.cn/servicequotas" in message
