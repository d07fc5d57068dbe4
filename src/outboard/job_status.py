"""The states of a job, with the transitions that are legal."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job is in its life.

    ::

        queued -> deploying -> running -> succeeded
           |          |           |-----> failed        (resumable)
           |----------|-----------|-----> cancelling -> cancelled  (resumable)
           any live state  -------------> interrupted   (resumable)
    """

    #: Recorded; its worker has not taken it up yet.
    QUEUED = "queued"
    #: The provider is getting the model ready.
    DEPLOYING = "deploying"
    #: Rows are being sent.
    RUNNING = "running"
    #: Asked to stop; requests in flight are being abandoned.
    CANCELLING = "cancelling"
    #: Stopped on request. Finished rows are kept.
    CANCELLED = "cancelled"
    #: The worker is gone without a word. Derived from its lease, never written.
    INTERRUPTED = "interrupted"
    #: Stopped on a fault that no row could survive. Finished rows are kept.
    FAILED = "failed"
    #: Every row has a response or an error of its own.
    SUCCEEDED = "succeeded"

    @property
    def live(self) -> bool:
        """True while a worker has, or is about to have, the job."""
        return self in LIVE

    @property
    def resumable(self) -> bool:
        """True if `Job.resume` can go on with the rows that are left."""
        return self in RESUMABLE


LIVE = frozenset({JobStatus.QUEUED, JobStatus.DEPLOYING, JobStatus.RUNNING, JobStatus.CANCELLING})
RESUMABLE = frozenset({JobStatus.CANCELLED, JobStatus.INTERRUPTED, JobStatus.FAILED})

#: Stored status -> those that may follow. `interrupted` is missing: nobody writes it.
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.DEPLOYING, JobStatus.CANCELLING, JobStatus.FAILED}),
    JobStatus.DEPLOYING: frozenset({JobStatus.RUNNING, JobStatus.CANCELLING, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.CANCELLING, JobStatus.FAILED}),
    JobStatus.CANCELLING: frozenset({JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.SUCCEEDED: frozenset({JobStatus.QUEUED}),
}


def predecessors(status: JobStatus) -> tuple[JobStatus, ...]:
    """Return the stored states from which `status` may be written."""
    return tuple(before for before, after in TRANSITIONS.items() if status in after)
