"""A handle on one inference run, in whichever process it executes."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.datasource import get_datasource
from outboard.errors import (
    JobCancelledError,
    JobInterruptedError,
    JobStateError,
    JobTimeoutError,
    NotFoundError,
    OutboardError,
)
from outboard.job_progress import JobProgress
from outboard.job_status import JobStatus
from outboard.launcher import log_path, start_worker
from outboard.lease import lease_for_this_process
from outboard.ledger import total_cost_usd
from outboard.model_source import ModelSource
from outboard.store.events import JobEvent
from outboard.store.jobs import JobRecord
from outboard.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Job", "JobStatus", "get_job", "list_jobs"]

_POLL_S = 0.1


class Job:
    """One inference run: look at it, wait for it, stop it, go on with it.

    Every property looks at the workspace afresh, so that any number of handles, in any
    process, tell the same story. Get one from `get_job`.
    """

    def __init__(self, workspace: Workspace, job_id: str) -> None:
        self._workspace = workspace
        self._id = job_id

    @property
    def id(self) -> str:
        """The job's id, valid in every process that uses the same workspace."""
        return self._id

    @property
    def status(self) -> JobStatus:
        """Where the job is in its life."""
        return self._look()[1]

    @property
    def progress(self) -> JobProgress:
        """How far it is."""
        record = self._record()
        return JobProgress.of(record, cost_usd=cost_usd_of(self._workspace, record))

    @property
    def error(self) -> OutboardError | None:
        """What stopped the job, as the class that was raised in its worker; or None."""
        return error_of(self._workspace, *self._look())

    @property
    def call(self) -> InferenceCall:
        """What was asked for."""
        return self._record().call

    @property
    def x_uids(self) -> list[str] | None:
        """The chosen x_uids, or None if every row was."""
        numbers = self._workspace.store.jobs.x_uids(self._record().seq)
        return None if numbers is None else [f"doc::{number}" for number in numbers]

    @property
    def model_source_uid(self) -> str:
        """Uid of the responses, for `get_model_source`; filled while the job runs."""
        return str(self._record().seq)

    @property
    def log_path(self) -> Path:
        """The file that the job's workers write their log to."""
        return log_path(self._workspace, self._id)

    def wait(self, timeout: float | None = None) -> str:
        """Block until the job has ended.

        Parameters
        ----------
        timeout : float, optional
            Longest wait in seconds; None waits for ever.

        Returns
        -------
        str
            Uid of the model source.

        Raises
        ------
        JobTimeoutError
            If the job goes on after `timeout`. It is left running.
        OutboardError
            What stopped the job: the very error that its worker met, `JobCancelledError` or
            `JobInterruptedError`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (look := self._look())[1].live:
            left = _POLL_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise JobTimeoutError(
                    f"Job {self._id} is still {look[1]} after {timeout:g} s. It goes on; "
                    "wait() again, or cancel() it.",
                    job_id=self._id,
                )
            time.sleep(min(left, _POLL_S))
        if (error := error_of(self._workspace, *look)) is not None:
            raise error
        return self.model_source_uid

    def cancel(self) -> None:
        """Ask the job to stop; finished rows are kept. Does nothing once it has ended.

        Returns at once. Requests in flight are abandoned within about a second.
        """
        record, status = self._look()
        jobs = self._workspace.store.jobs
        # One that seemed interrupted may be in the hands of a worker again.
        if status is not JobStatus.INTERRUPTED or not jobs.cancel_interrupted(record):
            jobs.request_cancel(record.seq)

    def resume(self, *, max_cost_usd: float | None = None) -> None:
        """Go on with the rows that have no outcome yet, in a new worker.

        Parameters
        ----------
        max_cost_usd : float, optional
            What the job may cost from now on, with what it has cost already. By default what
            `deployment_config` said.

        Raises
        ------
        JobStateError
            If the job is running, or has succeeded.
        NotFoundError, DatasourceChangedError
            If a datasource of it was deleted, or its file changed.
        ConfigError
            If `max_cost_usd` cannot be a budget.
        """
        record, status = self._look()
        if not status.resumable:
            again = " To send failed rows again, call retry_failed()." if record.failed else ""
            raise JobStateError(
                f"Job {self._id} is {status}: there is nothing to resume.{again}",
                job_id=self._id,
                status=str(status),
            )
        call = None if max_cost_usd is None else record.call.with_budget(max_cost_usd)
        self._requeue(record, retry_failed=False, call=call)

    def retry_failed(self) -> None:
        """Send the failed rows again, with those that have no outcome yet, in a new worker.

        The old error of a row stays until its new outcome replaces it.

        Raises
        ------
        JobStateError
            If the job is running, or has no failed rows.
        NotFoundError, DatasourceChangedError
            If a datasource of it was deleted, or its file changed.
        """
        record, status = self._look()
        if status.live or not record.failed:
            reason = f"is {status}" if status.live else "has no failed rows"
            raise JobStateError(
                f"Job {self._id} {reason}: there is nothing to retry.",
                job_id=self._id,
                status=str(status),
            )
        self._requeue(record, retry_failed=True)

    def events(self, after: int = 0) -> list[JobEvent]:
        """Return what happened to the job, oldest first.

        Parameters
        ----------
        after : int
            Only events with a `seq` above this.
        """
        return self._workspace.store.events.after(self._record().seq, after)

    def results(self) -> "pd.DataFrame":
        """Return one row for each chosen row, with what there is so far.

        See `ModelSource.to_pandas`.
        """
        return ModelSource(self._workspace, self._record().seq).to_pandas()

    def as_python(self) -> str:
        """Return Python source that runs the same job again."""
        x_uids = self.x_uids
        if x_uids is None:
            return self.call.as_python()
        short = len(x_uids) <= 50
        return self.call.as_python(
            repr(x_uids) if short else f"outboard.get_job({self._id!r}).x_uids"
        )

    def __repr__(self) -> str:
        record, status = self._look()
        progress = JobProgress.of(record, cost_usd=None)
        rows = f"{progress.done:,} of {progress.total:,} rows"
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        return f"<Job {self._id} {status}: {rows}{failed}>"

    def _record(self) -> JobRecord:
        return job_record(self._workspace, self._id)

    def _look(self) -> tuple[JobRecord, JobStatus]:
        """Return the record with its status, as of one moment."""
        record = self._record()
        status = record.status()
        if status is JobStatus.INTERRUPTED:
            # Its worker may have written its last word, and ended, since the record was read.
            record = self._record()
            status = record.status()
        return record, status

    def _requeue(
        self, record: JobRecord, *, retry_failed: bool, call: InferenceCall | None = None
    ) -> None:
        self._check_rows(record)
        lease = lease_for_this_process(worker=None, now=time.time())
        jobs = self._workspace.store.jobs
        if not jobs.requeue(record, lease, retry_failed=retry_failed, call=call):
            raise JobStateError(
                f"Job {self._id} was taken up by somebody else at the same moment. "
                "wait() for it, or look at its status.",
                job_id=self._id,
                status=str(self.status),
            )
        start_worker(self._workspace, record)

    def _check_rows(self, record: JobRecord) -> None:
        """Raise if its rows cannot be read: a worker would only turn a finished job failed."""
        with self._workspace:
            for uid in record.call.datasource_uids:
                try:
                    datasource = get_datasource(uid)
                except NotFoundError as fault:
                    raise NotFoundError(
                        f"Datasource {uid}, which job {self._id} runs over, was deleted. Its "
                        f"answers are kept: get_model_source({str(record.seq)!r}). For new ones "
                        "register the rows again, then call inference().",
                        kind="datasource",
                        ids=fault.ids,
                    ) from None
                datasource.check_unchanged()


def job_record(workspace: Workspace, job_id: str) -> JobRecord:
    """Return what a workspace has written down of a job.

    Raises
    ------
    NotFoundError
        If it has no such job.
    """
    record = workspace.store.jobs.get(job_id)
    if record is None:
        raise NotFoundError(
            f"There is no job {job_id!r} in workspace {str(workspace.path)!r}. "
            "list_jobs() shows those there are.",
            kind="job",
            ids=(job_id,),
        )
    return record


def error_of(workspace: Workspace, record: JobRecord, status: JobStatus) -> OutboardError | None:
    """Return what stopped a job, or None."""
    kept = f"Finished rows are kept; get_job({record.id!r}).resume() goes on with the others."
    match status:
        case JobStatus.CANCELLED:
            return JobCancelledError(f"Job {record.id} was cancelled. {kept}", job_id=record.id)
        case JobStatus.INTERRUPTED:
            return JobInterruptedError(
                f"Job {record.id} was interrupted: its worker ended without a word "
                f"(its log: {str(log_path(workspace, record.id))!r}). {kept}",
                job_id=record.id,
            )
        case _:
            return record.error


def cost_usd_of(workspace: Workspace, record: JobRecord) -> float | None:
    """Return what a job has cost so far, in US dollars; None if nobody knows."""
    match record.call.served_by:
        case FinetuningProvider.LOCAL:
            return 0.0
        case FinetuningProvider.OPENAI:
            return None
        case FinetuningProvider.AWS_SAGEMAKER:
            if record.call.deployment_config.endpoint_name is not None:
                return None  # somebody else pays for it, however much that is
            return total_cost_usd(workspace.store.endpoints.of_job(record.id), time.time())


def get_job(job_id: str) -> Job:
    """Return the job with this id, whatever process started it.

    Raises
    ------
    NotFoundError
        If the current workspace has no such job.
    """
    job = Job(Workspace.current(), str(job_id))
    job._record()
    return job


def list_jobs() -> "pd.DataFrame":
    """Return every job of the current workspace, newest first.

    Returns
    -------
    pandas.DataFrame
        Columns ``job_id, status, model, provider, datasource_uids, total, succeeded, failed,
        model_source_uid, created_at, elapsed_s, trial``; `provider` is the one that serves the
        model.
    """
    import pandas as pd

    now = time.time()
    records = Workspace.current().store.jobs.all()
    frame = pd.DataFrame(
        {
            "job_id": [r.id for r in records],
            "status": [str(r.status(now)) for r in records],
            "model": [r.call.model_name for r in records],
            "provider": [str(r.call.served_by) for r in records],
            "datasource_uids": [list(r.call.datasource_uids) for r in records],
            "total": [r.total for r in records],
            "succeeded": [r.succeeded for r in records],
            "failed": [r.failed for r in records],
            "model_source_uid": [str(r.seq) for r in records],
            "created_at": pd.to_datetime([r.created_at for r in records], unit="s", utc=True),
            "elapsed_s": [r.elapsed_s(now) for r in records],
            "trial": [r.trial for r in records],
        }
    )
    # What pandas makes of a column depends on its values, and there may be none.
    texts, counts = ("job_id", "status", "model", "provider"), ("total", "succeeded", "failed")
    return frame.astype(
        dict.fromkeys((*texts, "model_source_uid"), "str")
        | dict.fromkeys(counts, "int64")
        | {"datasource_uids": "object", "elapsed_s": "float64", "trial": "bool"}
        | {"created_at": "datetime64[ns, UTC]"}
    )
