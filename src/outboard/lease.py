"""A worker's claim on a job, which dies with the worker."""

import os
import platform
from dataclasses import dataclass

import psutil

#: Seconds until a lease that is not renewed runs out. A worker renews every few seconds.
LEASE_S = 15.0

# A process is told from a later one with the same id by its start, which the kernel
# keeps in clock ticks: equal to within a tick for the same process.
_START_TOLERANCE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who holds a job, and until when."""

    #: Name of this claim, unique over all time; None until a worker has claimed the job.
    worker: str | None
    #: Host and process of the holder: the worker, or its launcher until the claim.
    host: str
    pid: int
    #: When that process started, in seconds since the epoch.
    pid_started_at: float
    #: When the claim ends unless renewed, in seconds since the epoch.
    expires_at: float

    def held(self, now: float) -> bool:
        """Return False once the lease has run out or its process is known to be gone."""
        if self.expires_at <= now:
            return False
        return self.host != platform.node() or _runs(self.pid, self.pid_started_at)


def lease_for_process(pid: int, *, worker: str | None, now: float) -> Lease:
    """Return a fresh lease held by a process of this host."""
    return Lease(
        worker=worker,
        host=platform.node(),
        pid=pid,
        pid_started_at=psutil.Process(pid).create_time(),
        expires_at=now + LEASE_S,
    )


def lease_for_this_process(*, worker: str | None, now: float) -> Lease:
    """Return a fresh lease held by the calling process."""
    return lease_for_process(os.getpid(), worker=worker, now=now)


def _runs(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - started_at) > _START_TOLERANCE_S:
            return False
        # A killed worker stays a zombie until its launcher reaps it.
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
