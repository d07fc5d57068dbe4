"""What is told of a job is true of one moment, whatever its worker does meanwhile."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.job import Job, JobStatus
from outboard.lease import lease_for_process
from outboard.store.jobs import JobRecord, JobTable
from outboard.workspace import Workspace

CALL = InferenceCall(model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=(1,))


class SlowReader(JobTable):
    """Reads a job's record, and sees things happen before it can look at it."""

    def __init__(self, workspace: Workspace, *happenings: Callable[[], object]) -> None:
        super().__init__(workspace.store._database)
        self._happenings = list(happenings)

    def get(self, job_id: str) -> JobRecord | None:
        record = super().get(job_id)
        if self._happenings:
            self._happenings.pop(0)()
        return record


@pytest.fixture
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that holds a lease and does nothing else."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        yield process
        process.kill()


@pytest.fixture
def record(workspace: Workspace, worker: "subprocess.Popen[bytes]") -> JobRecord:
    """A job that the worker is running."""
    jobs = workspace.store.jobs
    lease = lease_for_process(worker.pid, worker="w", now=time.time())
    jobs.add("j", CALL, launch_token="t", x_uids=None, total=1, lease=lease)
    record = jobs.claim("j", lease)
    assert record is not None
    assert jobs.begin_running(record.seq, "w")
    return record


def test_a_job_that_ends_while_it_is_looked_at_is_not_interrupted(
    workspace: Workspace, record: JobRecord, worker: "subprocess.Popen[bytes]"
) -> None:
    jobs = workspace.store.jobs

    def end() -> None:
        jobs.finish(record.seq, "w", JobStatus.SUCCEEDED)
        worker.kill()
        worker.wait()

    job = Job(workspace, "j")
    workspace.store.jobs = SlowReader(workspace, end)

    assert job.wait() == str(record.seq)


def test_a_worker_that_renews_its_lease_late_is_cancelled_all_the_same(
    workspace: Workspace, record: JobRecord
) -> None:
    jobs = workspace.store.jobs
    jobs.renew(record.seq, "w", 0.0)
    job = Job(workspace, "j")
    assert not job.status.live
    workspace.store.jobs = SlowReader(
        workspace, lambda: None, lambda: jobs.renew(record.seq, "w", time.time() + 15)
    )

    job.cancel()

    assert job.status is JobStatus.CANCELLING
