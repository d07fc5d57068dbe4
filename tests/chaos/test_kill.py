"""A worker killed with SIGKILL at any moment loses nothing, doubles nothing."""

import signal
from itertools import pairwise
from random import Random

import pytest
from tests.job_runs import (
    assert_every_row_has_its_own_outcome,
    datasource_of,
    launch,
    questions,
    signal_worker,
    stored_rows,
)
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

from outboard.errors import JobInterruptedError, JobTimeoutError
from outboard.job import Job, JobStatus
from outboard.journal import GROUP_S
from outboard.lease import LEASE_S
from outboard.workspace import Workspace

IN_FLIGHT = 8
LATENCY_S = 0.04
#: What a commit may take on a busy machine.
COMMIT_S = 0.15
#: Requests that one kill may cost: those in flight, and what is answered between two commits.
COST = IN_FLIGHT + int(IN_FLIGHT / LATENCY_S * (GROUP_S + COMMIT_S))


def wasted(server: OpenAIServer, workspace: Workspace) -> int:
    """Return how many requests were sent for nothing that is in the store."""
    return server.seen.requests - server.seen.faults.total() - len(stored_rows(workspace))


def wait_for_a_random_moment(job: Job, server: OpenAIServer, rng: Random) -> None:
    """Let the worker live for some time of its start, or for some requests."""
    if rng.random() < 0.3:
        with pytest.raises(JobTimeoutError):
            job.wait(timeout=rng.uniform(0.0, 0.8))  # until about the first request
        return
    n_requests = server.seen.requests + rng.randint(1, 40)
    server.wait_until(lambda seen: seen.requests >= n_requests)


@pytest.mark.timeout(300)
def test_a_worker_killed_at_twenty_moments_loses_and_doubles_nothing(workspace: Workspace) -> None:
    rng = Random(20)
    prompts = questions(2_000)  # more than are answered in between on a busy machine
    # Some rows are tried again, so that kills meet rows that wait for that.
    faults = {"500": 0.03, "reset": 0.02, "429": 0.02}
    with OpenAIServer(latency_s=LATENCY_S, fault_rates=faults) as server:
        job = launch(server, datasource_of(prompts), max_concurrency=IN_FLIGHT)
        costs = [0]
        for _ in range(20):
            wait_for_a_random_moment(job, server, rng)

            signal_worker(job, signal.SIGKILL)

            noticed_after_s = wait_until(lambda: job.status is JobStatus.INTERRUPTED)
            assert noticed_after_s < LEASE_S / 5
            with pytest.raises(JobInterruptedError, match=r"resume\(\)"):
                job.wait()
            server.wait_until(lambda seen: seen.in_flight == 0)
            costs.append(wasted(server, workspace))
            job.resume()
        server.latency_s = 0.0
        job.wait()

        assert_every_row_has_its_own_outcome(job, prompts)
        assert job.progress.failed == 0
        assert wasted(server, workspace) == costs[-1]
        assert max(b - a for a, b in pairwise(costs)) <= COST


@pytest.mark.parametrize("rows_left", [1, 3])
def test_a_worker_killed_over_its_last_rows_leaves_only_those(
    workspace: Workspace, server: OpenAIServer, rows_left: int
) -> None:
    prompts = questions(50) + [f"Late {n}<fault:hang>" for n in range(rows_left)]
    job = launch(server, datasource_of(prompts))
    wait_until(lambda: job.progress.pending == rows_left)

    signal_worker(job, signal.SIGKILL)
    wait_until(lambda: job.status is JobStatus.INTERRUPTED)
    server.release()
    job.resume()
    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert server.seen.requests == 50 + 2 * rows_left
