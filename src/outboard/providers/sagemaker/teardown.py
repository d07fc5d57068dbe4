"""Deletes an endpoint of ours with everything beside it, however long AWS takes."""

import logging
import math
import time
from collections.abc import Callable
from functools import partial

from botocore.exceptions import ClientError

from outboard.errors import CredentialsError, ProviderError
from outboard.ledger import Ledger, LedgerEntry
from outboard.providers import ProviderEvent, Report
from outboard.providers.sagemaker.aws import PROVIDER, Aws, translated
from outboard.providers.sagemaker.aws_error import (
    code_of,
    error_of,
    is_denied,
    is_not_found,
    message_of,
)
from outboard.providers.sagemaker.entry import PREFIX
from outboard.providers.sagemaker.in_thread import in_thread
from outboard.providers.sagemaker.pace import Pace
from outboard.providers.sagemaker.running import describe_endpoint
from outboard.providers.sagemaker.schedule import delete_schedule

logger = logging.getLogger(__name__)

#: How long a CreateEndpoint whose sender was killed may still be on its way, in seconds.
SETTLE_S = 30.0
# Long after an entry was planned nothing of it can still be on its way.
_LATEST_CREATE_S = 3_600.0
_BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
#: Seconds between two lines about a deletion that goes on.
_TELL_EVERY_S = 30.0


async def tear_down(
    aws: Aws,
    entry: LedgerEntry,
    ledger: Ledger,
    *,
    report: Report,
    pace: Pace,
    in_doubt: bool = True,
    patience_s: float = math.inf,
) -> bool:
    """Delete an endpoint, its configuration, its model, its schedule; then close its entry.

    May be called again at any time, and by several at once. The caller has noted in the ledger
    that the entry is closing.

    Parameters
    ----------
    aws : Aws
        The account.
    entry : LedgerEntry
        What to delete: things of this name, and nothing else.
    ledger : Ledger
        Told when all is gone.
    report : callable
        Told how far it is.
    pace : Pace
        How time passes.
    in_doubt : bool
        Whether an endpoint that is not found may yet begin to exist: the CreateEndpoint of a
        killed process may still be on its way. It is then looked for once more.
    patience_s : float
        How long to try. AWS refuses to delete what it is still creating.

    Returns
    -------
    bool
        False if the endpoint is still there and `patience_s` has passed.

    Raises
    ------
    CredentialsError
        If we may not delete it, or it is of another account.
    ProviderError
        If AWS cannot be reached, or refuses for a reason that time does not heal.
    """
    deletion = _Deletion(aws, entry, ledger, report, pace, give_up_at=pace.now() + patience_s)
    await in_thread(deletion.refuse_what_is_not_ours)
    if not await deletion.delete_endpoint():
        return False
    await in_thread(deletion.delete_the_rest)
    is_recent = time.time() - entry.planned_at < _LATEST_CREATE_S
    if in_doubt and is_recent and not deletion.has_seen_it:
        # Without its configuration a late CreateEndpoint fails; yet it may have been quicker.
        await pace.sleep(SETTLE_S)
        if not await deletion.delete_endpoint():
            return False
        await in_thread(deletion.delete_the_rest)
    await in_thread(ledger.closed, entry.name, time.time())
    return True


class _Deletion:
    def __init__(
        self,
        aws: Aws,
        entry: LedgerEntry,
        ledger: Ledger,
        report: Report,
        pace: Pace,
        *,
        give_up_at: float,
    ) -> None:
        self._aws = aws
        self._entry = entry
        self._ledger = ledger
        self._report = report
        self._pace = pace
        self._give_up_at = give_up_at
        self._began_at = pace.now()
        #: True once the endpoint was there.
        self.has_seen_it = False
        self._told: str | None = None
        self._told_at = -math.inf

    def refuse_what_is_not_ours(self) -> None:
        entry = self._entry
        if not entry.name.startswith(PREFIX):
            raise ProviderError(
                f"Endpoint {entry.name!r} was not created by outboard and is left alone.",
                provider=PROVIDER,
            )
        account_id = self._aws.identity.account_id
        if account_id != entry.account_id:
            raise CredentialsError(
                f"Endpoint {entry.name!r} is in account {entry.account_id}, but these credentials "
                f"are for account {account_id}. Use credentials of that account, e.g. by "
                "AWS_PROFILE, then run `outboard reap`.",
                provider=PROVIDER,
            )

    async def delete_endpoint(self) -> bool:
        """Delete the endpoint, and wait until it is gone; False if that takes too long."""
        while (status := await in_thread(self._delete_or_look)) is not None:
            self._tell(status)
            if self._pace.now() >= self._give_up_at:
                return False
            await self._pace.between_looks()
        return True

    def delete_the_rest(self) -> None:
        """Delete what the endpoint was made of, and at last what would have deleted it."""
        sagemaker = self._aws.client("sagemaker", region=self._entry.region)
        name = self._entry.name
        deletions: list[Callable[[], object]] = [
            partial(sagemaker.delete_endpoint_config, EndpointConfigName=name),
            partial(sagemaker.delete_model, ModelName=name),
        ]
        if self._entry.scheduled:
            deletions.append(partial(delete_schedule, self._aws, self._entry))
        for delete in deletions:
            with translated():
                try:
                    delete()
                except ClientError as fault:
                    if is_denied(fault):
                        # It costs nothing, and would never succeed.
                        self._say("warning", f"Left behind: {error_of(fault).message}")
                    elif not is_not_found(fault):
                        raise

    def _delete_or_look(self) -> str | None:
        """Have the endpoint deleted; return its status, None if there is none (any more)."""
        endpoint = describe_endpoint(self._aws, self._entry.name, region=self._entry.region)
        if endpoint is None:
            return None
        status = str(endpoint["EndpointStatus"])
        self.has_seen_it = True
        if self._entry.opened_at is None:
            created_at = endpoint["CreationTime"].timestamp()
            self._ledger.opened(self._entry.name, created_at)
        if status == "Deleting":
            return status
        client = self._aws.client("sagemaker", region=self._entry.region)
        with translated():
            try:
                client.delete_endpoint(EndpointName=self._entry.name)
            except ClientError as fault:
                if is_not_found(fault):
                    return None
                if not _is_too_early(fault, status):
                    raise
                return status
        return "Deleting"

    def _tell(self, status: str) -> None:
        now = self._pace.now()
        if status == self._told and now - self._told_at < _TELL_EVERY_S:
            return
        self._told, self._told_at = status, now
        minutes = f"{(now - self._began_at) / 60:.0f} min so far"
        if status == "Deleting":
            message = f"Deleting the endpoint, {minutes}"
        else:
            message = f"AWS cannot delete the endpoint while it is {status}: waiting, {minutes}"
        self._say("deleting", message, status=status)

    def _say(self, kind: str, message: str, **data: object) -> None:
        logger.info("%s: %s", self._entry.name, message)
        self._report(
            ProviderEvent(
                kind=kind, message=message, data={"endpoint_name": self._entry.name, **data}
            )
        )


def _is_too_early(fault: ClientError, status: str) -> bool:
    """Return whether AWS refuses to delete an endpoint only because it is busy with it."""
    if code_of(fault) != "ValidationException":
        return False
    return status in _BUSY or "in-progress" in message_of(fault)
