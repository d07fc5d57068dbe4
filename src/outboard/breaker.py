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
        self._first_faults: Counter[str] = Counter()
        self._server_faults = 0

    def succeeded(self) -> None:
        """Count a row that got its answer."""
        self._server_faults = 0

    def failed(self, fault: InvocationError, *, place: int, attempts: int) -> None:
        """Count a row that failed for good.

        Parameters
        ----------
        fault : InvocationError
            Why.
        place : int
            Place of the row in this run, counted from 0.
        attempts : int
            Times it was sent; 0 if the row itself was at fault.

        Raises
        ------
        JobFailedError
            If more than half of the first 50 rows failed, or the server failed the last
            50 rows that it was sent whatever they held.
        """
        # The first rows in input order, not the first to end: faults are quicker than
        # answers, so that the first outcomes may all be faults where few rows have one.
        if place < FIRST_ROWS:
            self._first_faults[fault.code] += 1
            self._judge_first_rows(fault)
        if attempts:
            at_fault = rule_for(fault.code).server_side
            self._server_faults = self._server_faults + 1 if at_fault else 0
            self._judge_server(fault)

    def _judge_first_rows(self, fault: InvocationError) -> None:
        failed = self._first_faults.total()
        if failed <= FIRST_ROWS // 2:
            return
        code, count = self._first_faults.most_common(1)[0]
        raise JobFailedError(
            f"Job {self._job_id} was stopped: {failed} of its first {FIRST_ROWS} rows "
            f"failed, {count} of them with {code!r}. The last one: {fault.message} "
            f"Mend that, then call get_job({self._job_id!r}).retry_failed().",
            job_id=self._job_id,
        )

    def _judge_server(self, fault: InvocationError) -> None:
        if self._server_faults < SERVER_FAULTS:
            return
        raise JobFailedError(
            f"Job {self._job_id} was stopped: the server failed {self._server_faults} rows "
            f"one after the other. The last one: {fault.message} "
            f"When the server is well again, call get_job({self._job_id!r}).retry_failed().",
            job_id=self._job_id,
        )
