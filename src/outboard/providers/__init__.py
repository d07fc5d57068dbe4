"""The provider protocol: one way to reach a model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.ledger import Ledger
from outboard.pricing import Hosting


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model accepts."""

    #: Requests in flight that serve it best, when the user does not say.
    max_concurrency: int
    #: Longest prompt in tokens, chat template included; None where the provider cannot tell.
    max_prompt_tokens: int | None = None
    #: Largest request body in bytes; None where there is no limit of its own.
    max_request_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent for one row."""

    #: The rendered prompt: the user message.
    prompt: str
    #: The rendered system prompt, or None for no system message.
    system: str | None = None


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back for one row."""

    #: The generated text. Untrusted.
    text: str
    #: ``stop``, ``length`` (cut by the token limit) or ``content_filter``; None if unknown.
    finish_reason: str | None = None
    #: Tokens of the prompt, chat template included; None if the server is silent.
    input_tokens: int | None = None
    #: Tokens generated; None if the server is silent.
    output_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderEvent:
    """Something worth telling while a provider opens or closes."""

    #: Phase in one word, e.g. ``"downloading"``, ``"loading"``, ``"ready"``, ``"warning"``.
    kind: str
    #: One line for people.
    message: str
    #: Numbers behind the message, e.g. ``{"done": 12, "total": 93}``.
    data: dict[str, Any] = field(default_factory=dict)


Report = Callable[[ProviderEvent], None]

#: Takes the next piece of an answer.
OnText = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What a provider that creates things must know of the job that it works for."""

    job_id: str
    #: Where it writes down what it creates, before it does.
    ledger: Ledger
    #: Starts a process that deletes what the ledger has of this job, should ours end without a
    #: word. Returns when that process is ready, and blocks until then.
    start_watcher: Callable[[], None]


class Provider(Protocol):
    """A way to reach a model. One instance serves one job, or one preflight."""

    @property
    def limits(self) -> Limits:
        """What the model accepts: final after `open`, best knowledge before."""
        ...

    @property
    def hosting(self) -> Hosting | None:
        """What is rented by the hour for the model, known after `check`; None if nothing is."""
        ...

    async def check(self) -> None:
        """Raise if `open` is already known to fail.

        Costs nothing, creates nothing, and takes a few seconds at most.

        Raises
        ------
        ProviderError, CredentialsError, NotFoundError, AssetError, ConfigError
            As `open` would.
        """
        ...

    async def open(self, report: Report) -> None:
        """Make the model ready: fetch, deploy, load, warm up.

        Raises
        ------
        ProviderError, CredentialsError, NotFoundError, AssetError, ConfigError
            If the model cannot be made ready. What was created is removed again by `close`.
        """
        ...

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        """Send one request and return its response.

        Parameters
        ----------
        request : Request
            What to send.
        on_text : callable, optional
            Called with each new piece of the answer as it comes, on the event loop, and never
            again once this has returned or raised. Joined, the pieces are the response's text.
            A provider that cannot stream leaves it alone; without it nothing is streamed.

        Raises
        ------
        InvocationError
            If this request failed: the row's fault or a passing one, told apart by `code`.
        ProviderError, CredentialsError
            If no request can succeed any more: stops the job.
        """
        ...

    async def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens in `text`, or None where the provider cannot tell.

        Works before `open`.
        """
        ...

    async def close(self) -> None:
        """Take down what `open` made. Safe to call twice, and after a failed `open`."""
        ...


def create(
    kind: FinetuningProvider,
    model_name: str,
    *,
    generation: GenerationConfig,
    deployment: DeploymentConfig,
    assets_dir: Path,
    job: JobContext | None = None,
) -> Provider:
    """Return the provider for `kind`, not yet open.

    Parameters
    ----------
    kind : FinetuningProvider
        Which provider.
    model_name : str
        `external_model_name` as the user gave it.
    generation : GenerationConfig
        Decoding settings; `system_prompt` is rendered by the caller, not by the provider.
    deployment : DeploymentConfig
        Where it runs.
    assets_dir : Path
        Folder for downloaded model files.
    job : JobContext, optional
        The job it is for. Without one a provider can `check`, and count tokens; one that
        creates things cannot `open`.

    Raises
    ------
    ProviderError
        If the provider's packages are missing or it cannot be used here.
    """
    match kind:
        case FinetuningProvider.LOCAL:
            from outboard.providers.local import LocalProvider

            return LocalProvider(
                model_name, generation=generation, deployment=deployment, assets_dir=assets_dir
            )
        case FinetuningProvider.OPENAI:
            from outboard.providers.openai import OpenAIProvider

            return OpenAIProvider(model_name, generation=generation, deployment=deployment)
        case FinetuningProvider.AWS_SAGEMAKER:
            from outboard.providers.sagemaker.provider import SageMakerProvider

            return SageMakerProvider(
                model_name,
                generation=generation,
                deployment=deployment,
                cache_dir=assets_dir,
                job=job,
            )
