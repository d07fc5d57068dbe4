"""The facade: a fine-tuned model by its name, run over the rows of datasources."""

import asyncio
import contextvars
import logging
import sys
import time
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

import outboard
from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.datasource import Datasource
from outboard.errors import ConfigError, OutboardError
from outboard.job import Job
from outboard.launcher import start_worker
from outboard.lease import lease_for_this_process
from outboard.preflight import PreflightReport, examine
from outboard.preparation import Preparation, prepare
from outboard.preview import PreviewRow, preview
from outboard.progress_bar import wait_with_progress
from outboard.prompt import (
    DEFAULT_COLUMN_MAPPINGS,
    FineTuningColumnType,
    PromptTemplate,
    parse_column_mappings,
)
from outboard.unattended import billing_warning, unattended
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class ExternalModel:
    """A fine-tuned language model, known by its name, to run over the rows of datasources.

    Parameters
    ----------
    external_model_name : str
        The name that the fine-tuning job produced. For the embedded engine the path of a
        ``.gguf`` file or ``smollm2-135m-instruct``; for an OpenAI-compatible server the name
        that it serves the model by.
    column_mappings : dict
        Dataset column -> role, e.g. ``{"question": "instruction"}``. By default columns
        called like a role have that role.
    finetuning_provider_type : FinetuningProvider
        Where the model is.

    Raises
    ------
    ConfigError
        If an argument is not of its kind.

    Examples
    --------
    >>> model = ExternalModel("smollm2-135m-instruct", {"question": "instruction"}, "local")
    >>> source_uid = model.inference([uid])
    >>> get_model_source(source_uid).to_pandas()
    """

    def __init__(
        self,
        external_model_name: str,
        column_mappings: Mapping[str, FineTuningColumnType | str] = DEFAULT_COLUMN_MAPPINGS,
        finetuning_provider_type: FinetuningProvider | str = FinetuningProvider.AWS_SAGEMAKER,
    ) -> None:
        if not isinstance(external_model_name, str) or not external_model_name.strip():
            raise ConfigError(
                f"external_model_name is the model's name, got {external_model_name!r}. "
                "Pass the name of the fine-tuning job, or 'smollm2-135m-instruct'.",
                field="external_model_name",
            )
        self.external_model_name = external_model_name
        self.column_mappings = parse_column_mappings(column_mappings)
        self.finetuning_provider_type = _provider(finetuning_provider_type)
        self._panel: outboard.InferencePanel | None = None

    def inference(  # noqa: PLR0917 - the signature of the class it replaces
        self,
        datasource_uids: Iterable[int | str | Datasource],
        x_uids: Iterable[str | int] | None = None,
        generation_config: GenerationConfig | Mapping[str, Any] | None = None,
        deployment_config: DeploymentConfig | Mapping[str, Any] | None = None,
        prompt_template: PromptTemplate | str | None = None,
        sync: bool = True,
    ) -> str:
        """Answer every chosen row, in a process of its own.

        Parameters
        ----------
        datasource_uids : iterable of int
            The tables, as `create_datasource` returned them. A number as text will do, or a
            `Datasource`.
        x_uids : iterable of str or int, optional
            Only these rows, in whichever of the tables: ``"doc::7"``, ``"7"`` or 7.
        generation_config : dict or GenerationConfig, optional
            Decoding settings.
        deployment_config : dict or DeploymentConfig, optional
            Where and on what the model runs. ``{"instance_type": "local"}`` takes the embedded
            engine.
        prompt_template : str, optional
            Text with a role or column in single braces, ``"{instruction}"`` by default.
        sync : bool
            Wait under a progress bar. Ctrl-C then cancels the job and keeps finished rows.

        Returns
        -------
        str
            Uid of the model source with ``sync=True``, id of the job with ``sync=False``.

        Raises
        ------
        ConfigError, PromptTemplateError, NotFoundError, DatasourceError
            If something is wrong with the call; nothing was launched.
        OutboardError
            With ``sync=True``, what stopped the job.
        """
        preparation = self._prepare(
            datasource_uids, x_uids, generation_config, deployment_config, prompt_template
        )
        job = launch(preparation, launch_token=uuid.uuid4().hex)
        for warning in preparation.warnings:
            logger.warning("%s", warning)
        for entry in unattended(Workspace.current()):
            logger.warning("%s", billing_warning(entry))
        return wait_with_progress(job) if sync else job.id

    def preview(
        self,
        datasource_uids: Iterable[int | str | Datasource],
        x_uids: Iterable[str | int] | None = None,
        prompt_template: PromptTemplate | str | None = None,
        limit: int = 5,
        *,
        generation_config: GenerationConfig | Mapping[str, Any] | None = None,
        deployment_config: DeploymentConfig | Mapping[str, Any] | None = None,
    ) -> list[PreviewRow]:
        """Render the prompts of the first rows without calling the model.

        Parameters are those of `inference`, and `limit`, the number of rows. The configs are
        of use for ``system_prompt``, and to count tokens by the model's own tokenizer.

        Raises
        ------
        ConfigError, PromptTemplateError, NotFoundError, DatasourceError
            As `inference` does.
        """
        preparation = self._prepare(
            datasource_uids, x_uids, generation_config, deployment_config, prompt_template
        )
        preparation.raise_faults()
        selection = preparation.selection
        assert selection is not None

        async def render() -> list[PreviewRow]:
            provider = preparation.create_provider()  # without one, no tokens are counted
            try:
                return await preview(selection, limit, provider)
            finally:
                if provider is not None:
                    await provider.close()

        return _run(render())

    def preflight(
        self,
        datasource_uids: Iterable[int | str | Datasource],
        x_uids: Iterable[str | int] | None = None,
        generation_config: GenerationConfig | Mapping[str, Any] | None = None,
        deployment_config: DeploymentConfig | Mapping[str, Any] | None = None,
        prompt_template: PromptTemplate | str | None = None,
    ) -> PreflightReport:
        """Report everything that is known to be wrong with a call, without paying for anything.

        Looks at as many rows as two seconds allow, and asks the provider whether it can be
        reached. Parameters are those of `inference`.
        """
        preparation = self._prepare(
            datasource_uids, x_uids, generation_config, deployment_config, prompt_template
        )
        return _run(examine(preparation))

    def panel(
        self,
        datasource_uids: Iterable[int | str | Datasource] | None = None,
        x_uids: Iterable[str | int] | None = None,
        generation_config: GenerationConfig | Mapping[str, Any] | None = None,
        deployment_config: DeploymentConfig | Mapping[str, Any] | None = None,
        prompt_template: PromptTemplate | str | None = None,
        *,
        job: Job | str | None = None,
    ) -> "outboard.InferencePanel":
        """Return a panel on this model, which shows itself as the last line of a notebook cell.

        Parameters are those of `inference`, all of which can be chosen in the panel as well, and
        `job`, one to show. See `InferencePanel`.

        Raises
        ------
        ConfigError, PromptTemplateError, NotFoundError
            If an argument is wrong.
        """
        return outboard.InferencePanel(
            self,
            datasource_uids,
            x_uids,
            generation_config,
            deployment_config,
            prompt_template,
            job=job,
        )

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - IPython's protocol
        """Show the panel as the last line of a notebook cell; elsewhere the text alone."""
        text = {"text/plain": repr(self)}
        if not _is_notebook():
            return text
        try:
            # One for each model: shown again, it shows what it showed before.
            if self._panel is None or self._panel.comm is None:
                self._panel = self.panel()
        except OutboardError as fault:
            logger.warning("The panel cannot be shown. %s", fault)
            return text
        return self._panel._repr_mimebundle_(**options) or text

    def __repr__(self) -> str:
        mappings = {column: str(role) for column, role in self.column_mappings.items()}
        shown = "" if self.column_mappings == DEFAULT_COLUMN_MAPPINGS else f", {mappings!r}"
        provider = f", finetuning_provider_type={str(self.finetuning_provider_type)!r}"
        return f"ExternalModel({self.external_model_name!r}{shown}{provider})"

    def _prepare(
        self,
        datasource_uids: Iterable[int | str | Datasource],
        x_uids: Iterable[str | int] | None,
        generation_config: GenerationConfig | Mapping[str, Any] | None,
        deployment_config: DeploymentConfig | Mapping[str, Any] | None,
        prompt_template: PromptTemplate | str | None,
    ) -> Preparation:
        by_default = self.column_mappings == DEFAULT_COLUMN_MAPPINGS
        mappings = {column: str(role) for column, role in self.column_mappings.items()}
        return prepare(
            model_name=self.external_model_name,
            column_mappings=None if by_default else mappings,
            provider=self.finetuning_provider_type,
            datasource_uids=datasource_uids,
            x_uids=x_uids,
            generation_config=generation_config,
            deployment_config=deployment_config,
            prompt_template=prompt_template,
        )


def launch(preparation: Preparation, *, launch_token: str, trial: bool = False) -> Job:
    """Record a job and start its worker.

    Parameters
    ----------
    preparation : Preparation
        What to run.
    launch_token : str
        A second launch with the same token returns the first one's job: a button pressed
        twice, or an answer lost on its way, never starts two paid jobs.
    trial : bool
        Whether this is to look at a few rows before paying for all: their answers can be read
        in the store while they grow, and the job is marked as a trial for good.

    Raises
    ------
    OutboardError
        The faults of the preparation, or why no worker could be started.
    """
    preparation.create_provider()  # not used: what is wrong with it shows here already
    preparation.raise_faults()
    workspace = Workspace.current()
    call = preparation.call
    assert preparation.selection is not None
    job_id = _new_job_id()
    record = workspace.store.jobs.add(
        job_id,
        call,
        launch_token=launch_token,
        x_uids=preparation.x_uids,
        total=preparation.selection.total,
        lease=lease_for_this_process(worker=None, now=time.time()),
        trial=trial,
    )
    if record.id == job_id:
        start_worker(workspace, record)
    return Job(workspace, record.id)


def _new_job_id() -> str:
    return f"job-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def _provider(name: FinetuningProvider | str) -> FinetuningProvider:
    try:
        return FinetuningProvider(name)
    except ValueError:
        known = ", ".join(repr(str(provider)) for provider in FinetuningProvider)
        raise ConfigError(
            f"finetuning_provider_type is one of {known}, got {name!r}.",
            field="finetuning_provider_type",
        ) from None


def _is_notebook() -> bool:
    """Tell whether this runs in a kernel, whose front end may show widgets."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine from synchronous code, in a notebook, too, whose thread has a loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, work).result()
