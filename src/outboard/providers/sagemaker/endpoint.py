"""An endpoint of a job's own, from its line in the ledger until it is gone."""

import asyncio
import logging
import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from outboard.config import DeploymentConfig
from outboard.errors import OutboardError
from outboard.ledger import LedgerEntry, price_text
from outboard.providers import JobContext, ProviderEvent, Report
from outboard.providers.sagemaker.adoption import adopt
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.creation import Creation
from outboard.providers.sagemaker.deployable import Deployable, RunningEndpoint
from outboard.providers.sagemaker.entry import new_entry
from outboard.providers.sagemaker.in_thread import in_thread
from outboard.providers.sagemaker.pace import Pace
from outboard.providers.sagemaker.schedule import (
    BEAT_S,
    ROLE_VARIABLE,
    DeadMansSwitch,
    checked_role,
)
from outboard.providers.sagemaker.startup import Startup
from outboard.providers.sagemaker.teardown import tear_down

logger = logging.getLogger(__name__)

#: How long `close` tries to delete an endpoint before it leaves that to the watcher, in seconds.
_PATIENCE_S = 1_800.0
# A job gives its provider `startup_timeout_s` in all, and then says no more than that it is over.
# We end a little before, and say why.
_OWN_SHARE = 0.97


class OwnEndpoint:
    """Creates an endpoint for a job, keeps AWS from deleting it, deletes it.

    What exists on AWS at any moment is in the ledger, with a watcher to delete it should this
    process end without a word, and a schedule on AWS should this machine.

    Parameters
    ----------
    aws : Aws
        The account.
    deployable : Deployable
        What the endpoint is made of.
    deployment : DeploymentConfig
        On what, for how long.
    job : JobContext
        The job it is for.
    usd_per_hour : float or None
        Price of one instance.
    report : callable
        Told what happens.
    pace : Pace, optional
        How time passes.

    Raises
    ------
    CredentialsError
        If the schedule's role is not the ARN of a role.
    """

    def __init__(
        self,
        aws: Aws,
        deployable: Deployable,
        deployment: DeploymentConfig,
        *,
        job: JobContext,
        usd_per_hour: float | None,
        report: Report,
        pace: Pace | None = None,
    ) -> None:
        self._aws = aws
        self._deployable = deployable
        self._deployment = deployment
        self._job = job
        self._usd_per_hour = usd_per_hour
        self._report = report
        self._pace = pace or Pace.from_environment()
        self._role_arn = checked_role(os.environ.get(ROLE_VARIABLE))
        self._deadline = self._pace.now() + _OWN_SHARE * deployment.startup_timeout_s
        self._entry: LedgerEntry | None = None
        self._in_doubt = False
        self._is_up = False
        self._switch: DeadMansSwitch | None = None
        self._due = 0.0
        self._progressed = False
        self._beating: asyncio.Task[None] | None = None

    async def open(self) -> RunningEndpoint:
        """Have an endpoint in service: one that an earlier run of the job left, or a new one.

        Raises
        ------
        CredentialsError, ProviderError
            If there is none in the end. What was created is removed by `close`.
        """
        entry = await adopt(self._aws, self._job, report=self._report, pace=self._pace)
        if entry is None:
            entry = await self._create()
        else:
            # Its run may have had no role for a schedule yet.
            entry = replace(entry, scheduled=entry.scheduled or self._role_arn is not None)
            self._entry = entry
            await in_thread(self._job.start_watcher)
            await self._arm(entry)
        await self._wait(entry)
        self._is_up = True
        return RunningEndpoint(
            name=entry.name,
            image_uri=self._deployable.image_uri,
            payload_format=self._deployable.payload_format,
            instance_count=entry.instance_count,
        )

    def progressed(self) -> None:
        """Note that the endpoint has answered: only then is its deletion pushed back."""
        self._progressed = True

    async def close(self) -> None:
        """Delete the endpoint with everything beside it, or leave it as the user asked.

        Waits until AWS has done so, telling how far it is. Raises nothing: what cannot be deleted
        is reported, and left to the watcher. Safe to call twice.
        """
        await self._stop_beating()
        entry, self._entry = self._entry, None
        if entry is None:
            return
        try:
            if entry.keep and self._is_up:
                self._leave(entry)
            else:
                await self._delete(entry)
        except OutboardError as fault:
            logger.warning("Endpoint %s is left behind: %s", entry.name, fault)
            self._warn(
                f"Endpoint {entry.name!r} could not be deleted and still costs "
                f"{price_text(entry)}: {fault.message} outboard goes on trying in the background; "
                "`outboard reap` tries at once.",
                entry,
            )

    async def _create(self) -> LedgerEntry:
        entry = await in_thread(
            new_entry,
            self._aws,
            self._deployment,
            job_id=self._job.job_id,
            usd_per_hour=self._usd_per_hour,
            scheduled=self._role_arn is not None,
        )
        # Each line guards against the end of this process at the next one.
        self._entry = entry
        await in_thread(self._job.ledger.plan, entry)
        await in_thread(self._job.start_watcher)
        await self._arm(entry)
        creation = Creation(
            self._aws,
            self._deployable,
            entry=entry,
            ledger=self._job.ledger,
            startup_timeout_s=self._deployment.startup_timeout_s,
        )
        self._tell("deploying", f"Creating an endpoint on {_instances(entry)}", entry)
        try:
            await in_thread(creation.run, time.time())
        finally:
            self._in_doubt = creation.in_doubt
        return entry

    async def _wait(self, entry: LedgerEntry) -> None:
        self._beating = asyncio.create_task(self._beat(entry))
        startup = Startup(
            self._aws,
            entry,
            report=self._report,
            pace=self._pace,
            secrets=self._deployable.secrets,
        )
        try:
            await startup.wait(self._deadline - self._pace.now(), progressed=self.progressed)
        finally:
            self._in_doubt = self._in_doubt and not startup.has_seen_it

    async def _arm(self, entry: LedgerEntry) -> None:
        """Have AWS delete the endpoint should we not; without that, say so."""
        if self._role_arn is None:
            self._warn(
                f"Nothing on AWS deletes endpoint {entry.name!r} should this machine fail: "
                f"{price_text(entry)} until somebody runs `outboard reap`. Set up the role of "
                "docs/cloudformation/outboard-scheduler-role.yaml once, and put its ARN into "
                f"{ROLE_VARIABLE}.",
                entry,
            )
            return
        switch = DeadMansSwitch(self._aws, entry, self._role_arn)
        try:
            self._due = await in_thread(switch.arm)
        except OutboardError as fault:
            self._warn(
                f"The schedule that would delete endpoint {entry.name!r} should this machine fail "
                f"could not be created: {fault.message}",
                entry,
            )
        else:
            self._switch = switch

    async def _beat(self, entry: LedgerEntry) -> None:
        """Push the deletion back for as long as the endpoint is of use."""
        if self._switch is None or entry.keep:
            return
        is_failing = False
        while True:
            await self._pace.sleep(BEAT_S)
            if not self._progressed:
                continue
            self._progressed = False
            try:
                self._due = await in_thread(self._switch.push_back)
            except OutboardError as fault:
                self._progressed = True  # the next beat tries again, with progress or without
                if not is_failing:
                    self._warn(
                        f"The deletion of endpoint {entry.name!r} could not be pushed back: "
                        f"{fault.message} Unless it can, AWS deletes the endpoint at "
                        f"{_clock(self._due)}; finished rows are kept.",
                        entry,
                    )
                is_failing = True
            else:
                is_failing = False

    async def _stop_beating(self) -> None:
        beating, self._beating = self._beating, None
        if beating is not None:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    def _leave(self, entry: LedgerEntry) -> None:
        self._warn(
            f"Endpoint {entry.name!r} is kept, as asked, and costs {price_text(entry)} until "
            f"{_clock(entry.expires_at)}, when it is deleted. `outboard reap --kept` deletes it "
            f'sooner; deployment_config={{"endpoint_name": {entry.name!r}}} uses it again.',
            entry,
        )

    async def _delete(self, entry: LedgerEntry) -> None:
        ledger = self._job.ledger
        if not await in_thread(ledger.closing, entry.name, entry.tenure):
            logger.info("Endpoint %s is in other hands by now", entry.name)
            return
        is_gone = await tear_down(
            self._aws,
            entry,
            ledger,
            report=self._report,
            pace=self._pace,
            in_doubt=self._in_doubt,
            patience_s=_PATIENCE_S,
        )
        if is_gone:
            self._tell("deleted", f"Endpoint {entry.name!r} is deleted", entry)
            return
        self._warn(
            f"AWS has not let go of endpoint {entry.name!r}, which still costs "
            f"{price_text(entry)}. outboard goes on trying in the background; `outboard reap` "
            "tries at once.",
            entry,
        )

    def _warn(self, message: str, entry: LedgerEntry) -> None:
        self._tell("warning", message, entry)

    def _tell(self, kind: str, message: str, entry: LedgerEntry) -> None:
        self._report(ProviderEvent(kind=kind, message=message, data={"endpoint_name": entry.name}))


def _instances(entry: LedgerEntry) -> str:
    return f"{entry.instance_count} x {entry.instance_type}, {price_text(entry)}"


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
