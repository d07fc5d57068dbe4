import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.providers.server_error import code_of_status
from outboard.retry import LONGEST_RETRY_AFTER_S, RULES, Rule, retry_delay, rule_for

every_code = st.sampled_from(sorted(RULES))


def delay(
    code: str, attempts: int, *, retry_after_s: float | None = None, seed: int = 0
) -> float | None:
    return retry_delay(code, attempts, retry_after_s=retry_after_s, rng=Random(seed))


@pytest.mark.parametrize("code", sorted(RULES))
def test_request_is_sent_as_often_as_its_rule_allows(code: str) -> None:
    sent = 1
    while delay(code, sent) is not None:
        sent += 1

    assert sent == RULES[code].max_attempts


@given(code=every_code, attempts=st.integers(1, 20), seed=st.integers())
def test_delay_stays_within_the_window_of_its_attempt(code: str, attempts: int, seed: int) -> None:
    waited = delay(code, attempts, seed=seed)

    rule = RULES[code]
    if waited is not None:
        assert 0 <= waited <= min(rule.cap_s, rule.base_s * 2 ** (attempts - 1))


def test_delay_grows_with_the_attempts_up_to_the_cap() -> None:
    longest = [max(delay("throttled", n, seed=s) or 0 for s in range(200)) for n in range(1, 12)]

    assert longest[0] <= 0.5
    assert 15 < longest[6] <= 30
    assert 15 < longest[10] <= 30


def test_rows_throttled_together_do_not_come_back_together() -> None:
    rng = Random(1)
    delays = {retry_delay("throttled", 5, retry_after_s=2.0, rng=rng) for _ in range(64)}

    assert len(delays) == 64


@given(code=every_code, asked_s=st.floats(0, LONGEST_RETRY_AFTER_S), seed=st.integers())
def test_server_is_never_asked_again_before_the_time_it_named(
    code: str, asked_s: float, seed: int
) -> None:
    waited = delay(code, 1, retry_after_s=asked_s, seed=seed)

    assert waited is None or waited >= asked_s


@given(asked_s=st.floats(allow_nan=False))
def test_no_server_can_park_a_row_for_hours_or_send_it_into_the_past(asked_s: float) -> None:
    waited = delay("throttled", 1, retry_after_s=asked_s)

    assert waited is not None
    assert math.isfinite(waited)
    assert 0 <= waited <= LONGEST_RETRY_AFTER_S + 0.5


def test_same_seed_draws_the_same_delay() -> None:
    assert delay("unavailable", 3, seed=7) == delay("unavailable", 3, seed=7)


def test_unknown_code_is_not_retried() -> None:
    assert rule_for("struck by lightning") == Rule(max_attempts=1)
    assert delay("struck by lightning", 1) is None


@pytest.mark.parametrize(
    "code", ["rejected", "prompt_too_long", "request_too_large", "missing_value", "invalid_value"]
)
def test_rows_own_fault_is_neither_retried_nor_held_against_the_server(code: str) -> None:
    rule = RULES[code]

    assert rule.max_attempts == 1
    assert not rule.server_side
    assert not rule.slows_down


@pytest.mark.parametrize("code", ["throttled", "unavailable", "timeout"])
def test_signs_of_overload_slow_the_sender_down(code: str) -> None:
    assert RULES[code].slows_down


def test_timeout_is_tried_once_more_because_its_answer_may_be_paid_for() -> None:
    assert RULES["timeout"].max_attempts == 2


@pytest.mark.parametrize("attempts", [0, -1])
def test_attempts_count_from_one(attempts: int) -> None:
    with pytest.raises(ValueError, match="attempts counts from 1"):
        delay("throttled", attempts)


def test_every_http_status_has_a_rule() -> None:
    assert {code_of_status(status) for status in range(300, 600)} <= RULES.keys()
