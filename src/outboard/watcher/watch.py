"""Watches a job, to delete the endpoints that it leaves behind."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from outboard.errors import OutboardError, WorkspaceError
from outboard.ledger import EntryState, LedgerEntry, price_text
from outboard.providers import ProviderEvent
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.in_thread import in_thread
from outboard.providers.sagemaker.pace import Pace
from outboard.providers.sagemaker.teardown import tear_down
from outboard.store.jobs import JobRecord
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

#: How long a killed worker's endpoint waits for `resume`, in seconds: to create one again takes
#: longer, and costs as much.
GRACE_S = 180.0
#: How much longer than allowed an endpoint may live: its worker or its schedule go first.
_OVERTIME_S = 30.0
_LOOK_EVERY_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 15.0, 300.0


class Watcher:
    """Deletes the endpoints of one job that nobody works with any more.

    That is, once its worker has been gone for `GRACE_S`, or its run has ended; kept ones when
    they expire. It gives up on nothing, and ends when nothing is left to be deleted.

    Parameters
    ----------
    workspace : Workspace
        Where the job is.
    job_id : str
        The job.
    connect : callable
        Returns the AWS account. Called when something is to be deleted, again after each failure:
        somebody may have signed in meanwhile.
    pace : Pace
        How time passes.
    """

    def __init__(
        self, workspace: Workspace, job_id: str, *, connect: Callable[[], Aws], pace: Pace
    ) -> None:
        self._store = workspace.store
        self._job_id = job_id
        self._connect = connect
        self._pace = pace
        self._gone_since: float | None = None
        self._deletions: dict[str, asyncio.Task[None]] = {}
        self._said = ""

    async def run(self) -> None:
        """Watch until the job has ended and nothing of it is left."""
        while await self._look():
            await self._pace.sleep(_LOOK_EVERY_S)
        await asyncio.gather(*self._deletions.values())

    async def _look(self) -> bool:
        """Begin to delete what is to be deleted; return whether to go on watching."""
        try:
            record, entries = await in_thread(self._state)
        except WorkspaceError as fault:
            if fault.message != self._said:
                logger.warning("The watcher of %s sees nothing: %s", self._job_id, fault)
            self._said = fault.message
            return True
        is_live = record is not None and record.status().live
        if is_live:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = self._pace.now()
        for entry in entries:
            if self._is_due(entry, record):
                self._begin_to_delete(entry)
        return is_live or bool(entries)

    def _state(self) -> tuple[JobRecord | None, list[LedgerEntry]]:
        # In this order: who resumes the job in between is seen, or has adopted the endpoint by
        # the time its deletion begins, which then does not.
        entries = self._store.endpoints.unclosed(self._job_id)
        return self._store.jobs.get(self._job_id), entries

    def _is_due(self, entry: LedgerEntry, record: JobRecord | None) -> bool:
        if time.time() > entry.expires_at + _OVERTIME_S:
            return True
        if self._gone_since is None:
            return False
        if entry.state is EntryState.CLOSING:
            return True
        if entry.keep and entry.state is EntryState.OPEN:
            return False
        has_ended = record is None or not record.stored_status.live
        return has_ended or self._pace.now() - self._gone_since >= GRACE_S

    def _begin_to_delete(self, entry: LedgerEntry) -> None:
        running = self._deletions.get(entry.name)
        if running is None or running.done():
            self._deletions[entry.name] = asyncio.create_task(self._delete(entry))

    async def _delete(self, entry: LedgerEntry) -> None:
        """Delete an endpoint, however often that takes."""
        if not await self._may_delete(entry):
            return
        self._tell("deleting", f"Nobody works with endpoint {entry.name!r} any more: deleting it")
        pause_s = _FIRST_PAUSE_S
        told = ""
        while True:
            try:
                aws = await in_thread(self._connect)
                await tear_down(
                    aws, entry, self._store.endpoints, report=self._report, pace=self._pace
                )
            except OutboardError as fault:
                logger.warning("Endpoint %s could not be deleted: %s", entry.name, fault)
                if fault.message != told:
                    told = fault.message
                    self._tell(
                        "warning",
                        f"Endpoint {entry.name!r} could not be deleted and still costs "
                        f"{price_text(entry)}; trying on: {told}",
                    )
            except Exception:
                logger.exception("Endpoint %s could not be deleted", entry.name)
            else:
                self._tell("deleted", f"Endpoint {entry.name!r} is deleted")
                return
            await self._pace.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _may_delete(self, entry: LedgerEntry) -> bool:
        with suppress(WorkspaceError):  # the next look tries again
            return await in_thread(self._store.endpoints.closing, entry.name, entry.tenure)
        return False

    def _report(self, event: ProviderEvent) -> None:
        self._tell(event.kind, event.message)

    def _tell(self, kind: str, message: str) -> None:
        logger.info("%s", message)
        try:
            record = self._store.jobs.get(self._job_id)
            if record is not None:
                self._store.events.add(record.seq, kind, message)
        except WorkspaceError as fault:
            logger.warning("Not in the history: %s (%s)", message, fault)
