"""Answers that are still being written can be read, and are gone once they are not."""

import time
from pathlib import Path

import pytest

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.job_status import JobStatus
from outboard.lease import LEASE_S, lease_for_this_process
from outboard.store import Store
from outboard.store.jobs import JobRecord
from outboard.store.partials import MOST_CHARS
from outboard.store.responses import LeaseLostError, ResponseRecord

CALL = InferenceCall(model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=(1,))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "outboard.db")


def running(store: Store, job_id: str = "job-1") -> JobRecord:
    lease = lease_for_this_process(worker=None, now=time.time())
    store.jobs.add(job_id, CALL, launch_token=job_id, x_uids=None, total=3, lease=lease, trial=True)
    job = store.jobs.claim(job_id, lease_for_this_process(worker="w", now=time.time()))
    assert job is not None
    assert store.jobs.begin_running(job.seq, "w")
    return job


def commit(store: Store, job: JobRecord, *ordinals: int, worker: str = "w") -> None:
    records = [
        ResponseRecord(n, 1, 100 + n, 0, True, "whole", "stop", None, None, 1, 1, 0.1, 1)
        for n in ordinals
    ]
    expires_at = time.time() + LEASE_S
    store.responses.commit(job.seq, worker, records, rows_per_s=None, expires_at=expires_at)


def test_partial_answers_come_back_by_the_order_of_their_rows(store: Store) -> None:
    job = running(store)

    store.partials.replace(job.seq, {(7, 107): "seven", (2, 102): "two"})

    assert store.partials.of_job(job.seq) == [(2, 102, "two"), (7, 107, "seven")]


def test_a_row_keeps_what_was_written_last_and_the_others_theirs(store: Store) -> None:
    job = running(store)
    store.partials.replace(job.seq, {(0, 100): "The", (1, 101): "A"})

    store.partials.replace(job.seq, {(0, 100): "The sea"})

    assert store.partials.of_job(job.seq) == [(0, 100, "The sea"), (1, 101, "A")]


def test_of_a_long_partial_answer_the_end_is_kept(store: Store) -> None:
    job = running(store)

    store.partials.replace(job.seq, {(0, 100): "x" * MOST_CHARS + "end"})

    ((_, _, text),) = store.partials.of_job(job.seq)
    assert len(text) == MOST_CHARS
    assert text.endswith("xend")


def test_the_commit_of_a_response_takes_its_partial_answer_away(store: Store) -> None:
    job = running(store)
    store.partials.replace(job.seq, {(0, 100): "The", (1, 101): "A"})

    commit(store, job, 0, 2)

    assert store.partials.of_job(job.seq) == [(1, 101, "A")]


def test_a_commit_that_fails_takes_nothing_away(store: Store) -> None:
    job = running(store)
    store.partials.replace(job.seq, {(0, 100): "The"})

    with pytest.raises(LeaseLostError):
        commit(store, job, 0, worker="another")

    assert store.partials.of_job(job.seq) == [(0, 100, "The")]


def test_partial_answers_of_other_jobs_are_left_alone(store: Store) -> None:
    first, second = running(store), running(store, "job-2")
    for job in (first, second):
        store.partials.replace(job.seq, {(0, 100): job.id})

    commit(store, first, 0)
    store.jobs.finish(first.seq, "w", JobStatus.SUCCEEDED)

    assert store.partials.of_job(first.seq) == []
    assert store.partials.of_job(second.seq) == [(0, 100, "job-2")]


def test_a_job_that_has_ended_has_no_partial_answers(store: Store) -> None:
    job = running(store)
    store.partials.replace(job.seq, {(0, 100): "The"})

    store.jobs.finish(job.seq, "w", JobStatus.FAILED)
    store.partials.replace(job.seq, {(1, 101): "too late"})

    assert store.partials.of_job(job.seq) == []


def test_what_a_killed_worker_left_is_gone_once_its_job_is_resumed(store: Store) -> None:
    job = running(store)
    store.partials.replace(job.seq, {(0, 100): "The"})
    store.jobs.abandon(job.seq, "w")
    seen = store.jobs.get(job.id)
    assert seen is not None

    lease = lease_for_this_process(worker=None, now=time.time())
    assert store.jobs.requeue(seen, lease, retry_failed=False)

    assert store.partials.of_job(job.seq) == []


def test_a_trial_is_known_as_one_for_good(store: Store) -> None:
    job = running(store)
    store.jobs.finish(job.seq, "w", JobStatus.SUCCEEDED)

    again = store.jobs.get(job.id)

    assert job.trial
    assert again is not None
    assert again.trial
