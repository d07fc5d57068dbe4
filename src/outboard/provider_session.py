"""A job's provider from its opening to its closing, as the job's history tells it."""

import asyncio
import logging
import time

from outboard.claimed_job import ClaimedJob
from outboard.errors import JobFailedError
from outboard.providers import Provider, ProviderEvent

logger = logging.getLogger(__name__)

#: How long a provider may be silent while it cleans up, in seconds. Deleting an endpoint takes
#: minutes, of which it tells.
SILENCE_S = 120.0


class ProviderSession:
    """Opens and closes the provider of one job.

    Parameters
    ----------
    provider : Provider
        Not yet open.
    job : ClaimedJob
        Whose history is told.
    silence_s : float
        How long the provider may tell nothing while it closes.
    """

    def __init__(
        self, provider: Provider, job: ClaimedJob, *, silence_s: float = SILENCE_S
    ) -> None:
        self._provider = provider
        self._job = job
        self._silence_s = silence_s
        self._heard_at = 0.0

    async def open(self, timeout_s: float) -> None:
        """Make the model ready.

        Raises
        ------
        JobFailedError
            If that takes longer than `timeout_s`.
        OutboardError
            As the provider raises it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._provider.open(self._report)
        except TimeoutError:
            raise JobFailedError(
                f"The model of job {self._job.id} was not ready within {timeout_s:g} s. "
                "Raise startup_timeout_s in deployment_config, or see the job's events.",
                job_id=self._job.id,
            ) from None

    async def close(self) -> None:
        """Take down what was opened, and wait for it even if the run is cancelled meanwhile.

        Whatever happens here, the rows are what they are: it is told, and changes nothing.
        """
        closing = asyncio.create_task(self._provider.close())
        cut_short: asyncio.CancelledError | None = None
        self._heard_at = time.monotonic()
        while not closing.done():
            left_s = self._heard_at + self._silence_s - time.monotonic()
            if left_s <= 0:
                self._warn(f"The provider was silent for {self._silence_s:g} s while closing.")
                closing.cancel()
            try:
                await asyncio.wait([closing], timeout=left_s if left_s > 0 else None)
            except asyncio.CancelledError as cancellation:
                cut_short = cancellation  # the run is; what it created is deleted all the same
        if not closing.cancelled() and (fault := closing.exception()) is not None:
            logger.error("The provider of job %s did not close", self._job.id, exc_info=fault)
            self._warn(f"The provider could not be closed: {fault}")
        if cut_short is not None:
            raise cut_short

    def _report(self, event: ProviderEvent) -> None:
        self._heard_at = time.monotonic()
        self._job.note(event.kind, event.message, event.data)

    def _warn(self, message: str) -> None:
        logger.warning("%s", message)
        self._job.note("warning", message)
