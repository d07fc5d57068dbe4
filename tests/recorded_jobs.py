"""Jobs for tests whose responses are written straight into the store, without a worker."""

import time
import uuid
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.errors import OutboardError
from outboard.job import Job
from outboard.job_status import JobStatus
from outboard.lease import lease_for_this_process
from outboard.selection import Row, Selection
from outboard.store.responses import ResponseRecord
from outboard.workspace import Workspace


def answered(row: Row, text: str, **parts: Any) -> ResponseRecord:
    """Return a response to a row."""
    values: dict[str, Any] = {
        "ordinal": row.ordinal,
        "datasource_uid": row.datasource_uid,
        "row_uid": row.row_uid,
        "round": 0,
        "succeeded": True,
        "response": text,
        "finish_reason": "stop",
        "error_code": None,
        "error_message": None,
        "input_tokens": 3,
        "output_tokens": 5,
        "latency_s": 0.25,
        "attempts": 1,
    }
    return ResponseRecord(**values | parts)


def failed(row: Row, code: str, message: str, *, attempts: int) -> ResponseRecord:
    """Return the failure of a row."""
    return answered(
        row,
        "",
        succeeded=False,
        response=None,
        finish_reason="error",
        error_code=code,
        error_message=message,
        input_tokens=None,
        output_tokens=None,
        attempts=attempts,
    )


def echo(row: Row) -> ResponseRecord | None:
    """Answer a row with its prompt; one that cannot be sent fails."""
    if isinstance(row.prompt, OutboardError):
        return failed(row, row.prompt.code, row.prompt.message, attempts=0)
    return answered(row, row.prompt.prompt)


def record_job(
    *datasource_uids: int,
    answer: Callable[[Row], ResponseRecord | None] = echo,
    x_uids: Sequence[int] | None = None,
    status: JobStatus = JobStatus.SUCCEEDED,
    error: OutboardError | None = None,
    rows_per_s: float | None = None,
    lease_s: float = 60.0,
    trial: bool = False,
    **call: Any,
) -> Job:
    """Record a job in the current workspace, as its worker would have.

    `answer` returns the response to a row, or None to leave it pending. With the status
    `running` the job goes on in this process, until its lease ends.
    """
    workspace = Workspace.current()
    jobs, job_id, worker = workspace.store.jobs, f"job-{uuid.uuid4().hex}", uuid.uuid4().hex
    asked = InferenceCall(
        **{"model_name": "m", "provider": FinetuningProvider.OPENAI}
        | {"datasource_uids": datasource_uids}
        | call
    )
    selection = Selection.of_call(asked, x_uids)
    lease = lease_for_this_process(worker=None, now=time.time())
    jobs.add(
        job_id,
        asked,
        launch_token=job_id,
        x_uids=None if x_uids is None else array("q", x_uids),
        total=selection.total,
        lease=lease,
        trial=trial,
    )
    record = jobs.claim(job_id, lease_for_this_process(worker=worker, now=time.time()))
    assert record is not None
    jobs.begin_running(record.seq, worker)
    found = [response for row in selection.rows() if (response := answer(row)) is not None]
    workspace.store.responses.commit(
        record.seq, worker, found, rows_per_s=rows_per_s, expires_at=time.time() + lease_s
    )
    if not status.live:
        if status is JobStatus.CANCELLED:
            jobs.request_cancel(record.seq)
        jobs.finish(record.seq, worker, status, error)
    return Job(workspace, job_id)
