"""Waits for an endpoint to come into service, telling how far it is."""

import math
from collections.abc import Callable

from outboard.errors import CredentialsError, OutboardError, ProviderError
from outboard.ledger import LedgerEntry
from outboard.providers import ProviderEvent, Report
from outboard.providers.sagemaker.aws import PROVIDER, Aws
from outboard.providers.sagemaker.container_log import endpoint_url, last_lines, log_url
from outboard.providers.sagemaker.failure import explain_failure
from outboard.providers.sagemaker.in_thread import in_thread
from outboard.providers.sagemaker.pace import Pace
from outboard.providers.sagemaker.running import describe_endpoint

#: Minutes that a start usually takes: AWS's own measurements and those of users.
TYPICAL_MINUTES = (5, 15)

_COMING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
#: Seconds between two lines of one status.
_TELL_EVERY_S = 30.0
#: How long to bear with an AWS that cannot be asked, in seconds, or does not know the endpoint.
_PATIENCE_S = 300.0
_APPEARS_WITHIN_S = 30.0
_LOG_LINES = 20


class Startup:
    """The time from CreateEndpoint until requests are answered.

    Parameters
    ----------
    aws : Aws
        The account.
    entry : LedgerEntry
        The endpoint.
    report : callable
        Told how far it is.
    pace : Pace
        How time passes.
    secrets : tuple of str
        Values that a container's log must not show.
    """

    def __init__(
        self,
        aws: Aws,
        entry: LedgerEntry,
        *,
        report: Report,
        pace: Pace,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._aws = aws
        self._entry = entry
        self._report = report
        self._pace = pace
        self._secrets = secrets
        self._began_at = self._answered_at = pace.now()
        self._status = ""
        #: True once the endpoint was there.
        self.has_seen_it = False
        self._told: tuple[str, str] = ("", "")
        self._told_at = -math.inf

    async def wait(self, timeout_s: float, *, progressed: Callable[[], None]) -> None:
        """Return when the endpoint is in service.

        Parameters
        ----------
        timeout_s : float
            How long it may take.
        progressed : callable
            Called whenever it was seen to be coming.

        Raises
        ------
        ProviderError
            If AWS could not start it, with what to do and the container's last words; if it
            takes longer than `timeout_s`; if it is deleted meanwhile.
        CredentialsError
            If we may not look.
        """
        while not await in_thread(self._is_in_service):
            progressed()
            await self._tell()
            if self._elapsed_s() >= timeout_s:
                raise await in_thread(self._too_late)
            await self._pace.between_looks()

    def _is_in_service(self) -> bool:
        try:
            endpoint = describe_endpoint(self._aws, self._entry.name, region=self._entry.region)
        except CredentialsError:
            raise
        except ProviderError:
            # It is being created whether we can see it or not.
            if self._pace.now() - self._answered_at > _PATIENCE_S:
                raise
            return False
        self._answered_at = self._pace.now()
        self._status = "" if endpoint is None else str(endpoint["EndpointStatus"])
        if endpoint is not None and self._status == "Failed":
            raise explain_failure(
                str(endpoint.get("FailureReason") or ""),
                entry=self._entry,
                log_lines=self._log_lines(),
                instance_types=self._instance_types(),
            )
        if self._status in {"InService", *_COMING}:
            self.has_seen_it = True
            return self._status == "InService"
        if not self._status and not self.has_seen_it and self._elapsed_s() < _APPEARS_WITHIN_S:
            return False
        found = f"is {self._status}" if self._status else "does not exist any more"
        raise ProviderError(
            f"Endpoint {self._entry.name!r} {found}: somebody has deleted or changed it while it "
            "was being created. Start the job again.",
            provider=PROVIDER,
        )

    async def _tell(self) -> None:
        now = self._pace.now()
        if now - self._told_at < _TELL_EVERY_S and self._told[0] == self._status:
            return
        said = (await in_thread(self._log_lines, 1) or [""])[-1]
        self._told, self._told_at = (self._status, said), now
        minutes = (now - self._began_at) / 60
        least, most = TYPICAL_MINUTES
        doing = f"its container says: {said}" if said else "waiting for instances and the image"
        self._report(
            ProviderEvent(
                kind="deploying",
                message=f"Endpoint {self._status}, {minutes:.0f} min so far "
                f"(usually {least} to {most}): {doing}",
                data={
                    "endpoint_name": self._entry.name,
                    "status": self._status,
                    "elapsed_s": now - self._began_at,
                    "typical_minutes": TYPICAL_MINUTES,
                    "endpoint_url": endpoint_url(self._entry),
                    "log_url": log_url(self._entry),
                },
            )
        )

    def _elapsed_s(self) -> float:
        return self._pace.now() - self._began_at

    def _too_late(self) -> ProviderError:
        lines = self._log_lines(5)
        said = "".join(f"\n  {line}" for line in lines)
        return ProviderError(
            f"Endpoint {self._entry.name!r} was not in service after "
            f"{self._elapsed_s() / 60:.0f} min "
            f"(status: {self._status}). Raise startup_timeout_s in deployment_config, or see "
            + (
                f"what its container says ({log_url(self._entry)}):{said}"
                if lines
                else f"why no container has started: {endpoint_url(self._entry)}"
            ),
            provider=PROVIDER,
        )

    def _log_lines(self, n_lines: int = _LOG_LINES) -> list[str]:
        try:
            return last_lines(self._aws, self._entry, n_lines=n_lines, secrets=self._secrets)
        except OutboardError:
            return []

    def _instance_types(self) -> list[str]:
        model = self._aws.sagemaker.meta.service_model
        return list(model.shape_for("ProductionVariantInstanceType").enum)
