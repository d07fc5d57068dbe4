"""When a run stops because too many rows fail."""

import pytest

from outboard.breaker import Breaker
from outboard.errors import InvocationError, JobFailedError

REJECTED = InvocationError("The server says no.", code="rejected")
DOWN = InvocationError("No connection.", code="connection")
NULL = InvocationError("No instruction.", code="missing_value")


def test_half_of_the_first_rows_may_fail() -> None:
    breaker = Breaker("job-1")

    for place in range(0, 50, 2):
        breaker.succeeded()
        breaker.failed(REJECTED, place=place, attempts=1)


def test_more_than_half_of_the_first_rows_stop_the_run_with_the_commonest_fault() -> None:
    breaker = Breaker("job-1")
    for place in range(25):
        breaker.failed(REJECTED, place=place, attempts=1)

    with pytest.raises(JobFailedError, match=r"26 of its first 50 rows.*'rejected'.*says no") as e:
        breaker.failed(REJECTED, place=49, attempts=1)

    assert e.value.job_id == "job-1"
    assert "retry_failed()" in e.value.message


def test_faults_that_come_in_before_the_first_answers_do_not_count_for_more() -> None:
    breaker = Breaker("job-1")

    # Every third row is null, which is known at once; all others are still under way.
    for place in range(0, 300, 3):
        breaker.failed(NULL, place=place, attempts=0)


def test_rows_that_the_server_refuses_later_do_not_stop_the_run() -> None:
    breaker = Breaker("job-1")

    for place in range(50, 1_050):
        breaker.failed(REJECTED, place=place, attempts=1)


def test_a_server_that_fails_fifty_rows_in_a_row_stops_the_run() -> None:
    breaker = Breaker("job-1")
    breaker.succeeded()
    for place in range(50, 99):
        breaker.failed(DOWN, place=place, attempts=5)

    with pytest.raises(JobFailedError, match="50 rows one after the other"):
        breaker.failed(DOWN, place=99, attempts=5)


def test_rows_that_were_never_sent_do_not_hide_that_the_server_is_down() -> None:
    breaker = Breaker("job-1")
    for place in range(50, 99):
        breaker.failed(DOWN, place=place, attempts=5)
        breaker.failed(NULL, place=place, attempts=0)

    with pytest.raises(JobFailedError, match="50 rows one after the other"):
        breaker.failed(DOWN, place=99, attempts=5)


@pytest.mark.parametrize("sign_of_life", ["an answer", "a refusal"])
def test_one_sign_of_life_shows_that_the_server_is_up(sign_of_life: str) -> None:
    breaker = Breaker("job-1")

    for _ in range(10):
        for _ in range(49):
            breaker.failed(DOWN, place=100, attempts=5)
        if sign_of_life == "an answer":
            breaker.succeeded()
        else:
            breaker.failed(REJECTED, place=100, attempts=1)
