"""Starts the worker process of a queued job."""

import logging
import threading
import time
from pathlib import Path

import psutil

from outboard.aws_session import pack_session
from outboard.config import FinetuningProvider
from outboard.detached import start_detached
from outboard.errors import CredentialsError, JobFailedError, WorkspaceError
from outboard.lease import lease_for_process
from outboard.store.jobs import JobRecord
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)


def start_worker(workspace: Workspace, job: JobRecord) -> None:
    """Start a process that executes `job` and outlives this one.

    What it prints goes to the job's log. AWS credentials that were set in code, with
    ``boto3.setup_default_session(...)``, are handed over to it.

    Raises
    ------
    JobFailedError
        If no process can be started; the job is marked failed, for `resume`.
    """
    try:
        process = start_detached(
            "outboard.worker",
            [str(workspace.path), job.id],
            log=log_path(workspace, job.id),
            aws_session=pack_session() if _is_on_aws(job) else None,
        )
    except (OSError, CredentialsError, WorkspaceError) as fault:
        error = JobFailedError(
            f"No worker could be started for job {job.id}: {str(fault).rstrip('.')}. "
            f"Mend that, then call get_job({job.id!r}).resume().",
            job_id=job.id,
        )
        workspace.store.jobs.fail_launch(job.seq, error)
        raise error from fault
    try:
        lease = lease_for_process(process.pid, worker=None, now=time.time())
        workspace.store.jobs.hand_over(job.seq, lease)
    except (psutil.NoSuchProcess, WorkspaceError) as fault:
        # The worker claims the job by itself. Only its death before that is now noticed no
        # sooner than the launcher's lease ends.
        logger.warning("Job %s could not be handed over to its worker: %s", job.id, fault)
    # Waits for the process, so that none stays behind as a zombie of this one.
    threading.Thread(target=process.wait, name=f"reap {job.id}", daemon=True).start()


def log_path(workspace: Workspace, job_id: str) -> Path:
    """Return where the workers of a job write their log."""
    return workspace.logs_dir / f"{job_id}.log"


def _is_on_aws(job: JobRecord) -> bool:
    return job.call.served_by is FinetuningProvider.AWS_SAGEMAKER
