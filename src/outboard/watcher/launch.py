"""Starts the watcher of a job."""

import subprocess
import threading

from outboard.aws_session import pack_session
from outboard.detached import start_detached
from outboard.errors import CredentialsError, JobFailedError, WorkspaceError
from outboard.launcher import log_path
from outboard.workspace import Workspace

#: What a watcher writes when it is ready.
READY = b"watching\n"

# Starting Python and loading boto3 takes seconds on a busy machine.
_READY_WITHIN_S = 120.0


def start_watcher(workspace: Workspace, job_id: str) -> None:
    """Start a watcher for a job, and return when it watches. Blocks for a second or more.

    A watcher that is there already does no harm.

    Raises
    ------
    JobFailedError
        If none can be started: then nothing must be created.
    """
    try:
        process = start_detached(
            "outboard.watcher",
            [str(workspace.path), job_id],
            log=log_path(workspace, job_id),
            aws_session=pack_session(),
            stdout=subprocess.PIPE,
        )
        is_ready = _says(process, READY)
    except (OSError, CredentialsError, WorkspaceError) as fault:
        raise _not_started(job_id, str(fault)) from fault
    if not is_ready:
        raise _not_started(job_id, "its process ended at once, the job's log tells why")
    # Waits for the process, so that none stays behind as a zombie of this one.
    threading.Thread(target=process.wait, name=f"watcher of {job_id}", daemon=True).start()


def _says(process: "subprocess.Popen[bytes]", expected: bytes) -> bool:
    assert process.stdout is not None
    too_late = threading.Timer(_READY_WITHIN_S, process.kill)
    too_late.start()
    try:
        with process.stdout as pipe:
            said = pipe.readline()
    finally:
        too_late.cancel()
    if said != expected:
        process.kill()
        process.wait()
    return said == expected


def _not_started(job_id: str, reason: str) -> JobFailedError:
    return JobFailedError(
        f"The process that deletes the endpoint of job {job_id} should its worker be killed could "
        f"not be started: {reason.rstrip('.')}. So no endpoint was created. Mend that, then call "
        f"get_job({job_id!r}).resume().",
        job_id=job_id,
    )
