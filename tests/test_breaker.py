"""When a run stops because too many rows fail."""

import pytest

from outboard.breaker import Breaker
from outboard.errors import InvocationError, JobFailedError

REJECTED = InvocationError("The server says no.", code="rejected")
DOWN = InvocationError("No connection.", code="connection")


def test_half_of_the_first_rows_may_fail() -> None:
    breaker = Breaker("job-1")

    for _ in range(25):
        breaker.succeeded()
        breaker.failed(REJECTED)


def test_more_than_half_of_the_first_rows_stop_the_run_with_the_commonest_fault() -> None:
    breaker = Breaker("job-1")
    for _ in range(25):
        breaker.failed(REJECTED)

    with pytest.raises(JobFailedError, match=r"26 of its first 26 rows.*'rejected'.*says no") as e:
        breaker.failed(REJECTED)

    assert e.value.job_id == "job-1"
    assert "retry_failed()" in e.value.message


def test_rows_that_the_server_refuses_later_do_not_stop_the_run() -> None:
    breaker = Breaker("job-1")
    for _ in range(50):
        breaker.succeeded()

    for _ in range(1_000):
        breaker.failed(REJECTED)


def test_a_server_that_fails_fifty_rows_in_a_row_stops_the_run() -> None:
    breaker = Breaker("job-1")
    for _ in range(50):
        breaker.succeeded()
    for _ in range(49):
        breaker.failed(DOWN)

    with pytest.raises(JobFailedError, match="50 rows one after the other"):
        breaker.failed(DOWN)


def test_one_success_shows_that_the_server_is_up() -> None:
    breaker = Breaker("job-1")
    for _ in range(50):
        breaker.succeeded()

    for _ in range(10):
        for _ in range(49):
            breaker.failed(DOWN)
        breaker.succeeded()
