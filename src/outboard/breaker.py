"""When failed rows are too many to go on paying."""

from collections import Counter

from outboard.errors import InvocationError, JobFailedError
from outboard.retry import rule_for

#: Rows at the start of a run of which more than half must not fail.
FIRST_ROWS = 50
#: Rows in a row that the server may fail before it counts as down.
SERVER_FAULTS = 50


class Breaker:
    """Watches the outcomes of one run.

    Parameters
    ----------
    job_id : str
        Named in the error.
    """

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._finished = 0
        self._faults: Counter[str] = Counter()
        self._server_faults = 0

    def succeeded(self) -> None:
        """Count a row that got its answer."""
        self._finished += 1
        self._server_faults = 0

    def failed(self, fault: InvocationError) -> None:
        """Count a row that failed for good.

        Raises
        ------
        JobFailedError
            If more than half of the first 50 rows failed, or the server failed the last
            50 rows whatever they held.
        """
        self._finished += 1
        self._server_faults = self._server_faults + 1 if rule_for(fault.code).server_side else 0
        if self._finished <= FIRST_ROWS:
            self._faults[fault.code] += 1
            failed = self._faults.total()
            if failed > FIRST_ROWS // 2:
                code, count = self._faults.most_common(1)[0]
                raise JobFailedError(
                    f"Job {self._job_id} was stopped: {failed} of its first {self._finished} rows "
                    f"failed, {count} of them with {code!r}. The last one: {fault.message} "
                    f"Mend that, then call get_job({self._job_id!r}).retry_failed().",
                    job_id=self._job_id,
                )
        if self._server_faults >= SERVER_FAULTS:
            raise JobFailedError(
                f"Job {self._job_id} was stopped: the server failed {self._server_faults} rows "
                f"one after the other. The last one: {fault.message} "
                f"When the server is well again, call get_job({self._job_id!r}).retry_failed().",
                job_id=self._job_id,
            )
