"""The provider for models on AWS SageMaker."""

import asyncio
from functools import partial
from pathlib import Path

from outboard.budget import Budget
from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import ProviderError
from outboard.pricing import Hosting
from outboard.providers import JobContext, Limits, OnText, ProviderEvent, Report, Request, Response
from outboard.providers.sagemaker.aws import PROVIDER, Aws
from outboard.providers.sagemaker.deployable import Deployable, RunningEndpoint
from outboard.providers.sagemaker.endpoint import OwnEndpoint
from outboard.providers.sagemaker.instances import refuse_small_quota, refuse_unknown_type
from outboard.providers.sagemaker.invoke import MAX_REQUEST_BYTES, Invoker
from outboard.providers.sagemaker.price import hosting_of
from outboard.providers.sagemaker.resolve import resolve

# What vLLM on one instance answers well within the 60 s that SageMaker grants a request; the
# runner goes below it where the endpoint throttles.
_CONCURRENCY_PER_INSTANCE = 32
_MOST_CONCURRENCY = 512
# A preflight is to be quick; whoever opens an endpoint has minutes.
_CHECK_ATTEMPTS = 3


class SageMakerProvider:
    """Deploys a fine-tuned model, or uses an endpoint that runs; takes down what it made.

    Parameters
    ----------
    model_name : str
        A training job's name, or what else `resolve` understands.
    generation : GenerationConfig
        Decoding settings.
    deployment : DeploymentConfig
        Where it runs, on what, for how long.
    cache_dir : Path
        Folder for what can be fetched again: price lists.
    job : JobContext or None
        The job it is for. Without one it can `check`, and use endpoints that run.
    """

    def __init__(
        self,
        model_name: str,
        *,
        generation: GenerationConfig,
        deployment: DeploymentConfig,
        cache_dir: Path,
        job: JobContext | None,
    ) -> None:
        self._model_name = model_name
        self._generation = generation
        self._deployment = deployment
        self._cache_dir = cache_dir
        self._job = job
        self._budget = None
        if job is not None:
            self._budget = Budget(deployment.max_cost_usd, job_id=job.job_id, ledger=job.ledger)
        self._limits = _limits(deployment.instance_count)
        self._hosting: Hosting | None = None
        self._invoker: Invoker | None = None
        #: The endpoint that is ours to take down.
        self._own: OwnEndpoint | None = None

    @property
    def limits(self) -> Limits:
        """What the endpoint accepts; how long a prompt may be, only its container knows."""
        return self._limits

    @property
    def hosting(self) -> Hosting | None:
        """What would be, or is, rented for the model; None before `check`, and if nothing is."""
        return self._hosting

    async def check(self) -> None:
        """Look whether everything that `open` needs is there. Creates nothing.

        Raises
        ------
        CredentialsError
            If there are no credentials, or AWS does not accept them or what we ask.
        NotFoundError
            If there is no such model; names the nearest ones.
        ProviderError
            If it cannot be deployed, or the account has no instances for it.
        ConfigError
            If SageMaker has no such instance type, or nobody can keep `max_cost_usd`.
        BudgetExceededError
            If what is left of it does not pay for an endpoint.
        """
        aws = await asyncio.to_thread(partial(Aws, attempts=_CHECK_ATTEMPTS))
        await self._find(aws)

    async def open(self, report: Report) -> None:
        """Find the model; deploy it unless it runs; wait until it answers.

        Takes 5 to 15 minutes where something has to be deployed.

        Raises
        ------
        CredentialsError, NotFoundError, ProviderError, ConfigError, BudgetExceededError
            As `check` does; if the endpoint does not come into service, or speaks no format
            that we know.
        """
        report(ProviderEvent(kind="resolving", message=f"Looking for {self._model_name!r} on AWS"))
        aws = await asyncio.to_thread(Aws)
        found = await self._find(aws)
        if isinstance(found, Deployable):
            endpoint = await self._deploy(aws, found, report)
        else:
            endpoint = found
            report(_uses(endpoint))
        self._limits = _limits(endpoint.instance_count)
        # In a thread: the client of the runtime reads its description from disk.
        self._invoker = await asyncio.to_thread(
            partial(
                Invoker,
                aws,
                endpoint,
                generation=self._generation,
                deployment=self._deployment,
            )
        )
        spoken = await self._invoker.detect_format()
        report(
            ProviderEvent(
                kind="ready",
                message=f"Endpoint {endpoint.name!r} is ready and speaks {spoken}.",
                data={"endpoint_name": endpoint.name, "payload_format": str(spoken)},
            )
        )

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        """Send one row and return its response.

        Raises
        ------
        InvocationError
            If this request failed; `code` says how.
        CredentialsError
            If AWS refuses the credentials, renewed ones as well, or the action.
        ProviderError
            If the endpoint is gone or cannot be used: no further row can succeed.
        """
        if self._invoker is None:
            raise ProviderError("The endpoint is not open. Call open() first.", provider=PROVIDER)
        response = await self._invoker.invoke(request, on_text)
        if self._own is not None:
            self._own.progressed()
        return response

    async def count_tokens(self, text: str) -> int | None:  # noqa: ARG002 - the protocol's
        """Return None: containers on SageMaker do not tell."""
        return None

    async def close(self) -> None:
        """Delete the endpoint that `open` created, or leave it where the user asked for that.

        What cannot be deleted is reported, and left to the watcher.
        """
        invoker, self._invoker = self._invoker, None
        own, self._own = self._own, None
        try:
            if invoker is not None:
                await invoker.close()
        finally:
            if own is not None:
                await own.close()

    async def _find(self, aws: Aws) -> Deployable | RunningEndpoint:
        """Return what is to be deployed, or what runs; all that can be known to be wrong raises."""
        await asyncio.to_thread(lambda: aws.identity)  # the first fault to tell: who we are
        found = await asyncio.to_thread(resolve, aws, self._model_name, self._deployment)
        if isinstance(found, RunningEndpoint):
            return found
        wanted = self._deployment
        await asyncio.to_thread(refuse_unknown_type, aws, wanted.instance_type)
        hosting, _ = await asyncio.gather(
            asyncio.to_thread(hosting_of, aws, wanted, cache_dir=self._cache_dir),
            asyncio.to_thread(refuse_small_quota, aws, wanted.instance_type, wanted.instance_count),
        )
        if self._budget is not None:
            await asyncio.to_thread(self._budget.refuse, hosting)
        self._hosting = hosting
        return found

    async def _deploy(self, aws: Aws, deployable: Deployable, report: Report) -> RunningEndpoint:
        if self._job is None:
            raise ProviderError(
                f"{deployable.source} is deployed by a job only, which takes it down again. Run "
                "inference(), or name a running endpoint as endpoint_name.",
                provider=PROVIDER,
            )
        assert self._hosting is not None
        assert self._budget is not None
        payable_s = await asyncio.to_thread(self._budget.lifetime_s, self._hosting)
        lifetime_s = min(self._deployment.max_lifetime_s, payable_s)
        price = self._hosting.price
        self._own = OwnEndpoint(
            aws,
            deployable,
            self._deployment.model_copy(update={"max_lifetime_s": lifetime_s}),
            job=self._job,
            usd_per_hour=None if price is None else price.usd_per_hour,
            report=report,
        )
        return await self._own.open()


def _limits(instance_count: int) -> Limits:
    concurrency = _CONCURRENCY_PER_INSTANCE * instance_count
    return Limits(
        max_concurrency=min(concurrency, _MOST_CONCURRENCY),
        max_request_bytes=MAX_REQUEST_BYTES,
    )


def _uses(endpoint: RunningEndpoint) -> ProviderEvent:
    component = f" (component {endpoint.component!r})" if endpoint.component else ""
    return ProviderEvent(
        kind="resolved",
        message=f"Using endpoint {endpoint.name!r}{component}, which is never deleted.",
        data={"endpoint_name": endpoint.name},
    )
