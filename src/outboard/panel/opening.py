"""Decides what a new panel shows: arguments first, then a job, then what was shown last."""

from array import array
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any

from outboard.call import DEFAULT_PROMPT_TEMPLATE
from outboard.config import DeploymentConfig, GenerationConfig
from outboard.container_environment import refuse_secrets
from outboard.datasource import Datasource
from outboard.errors import ConfigError
from outboard.external_model import ExternalModel
from outboard.job import Job, get_job
from outboard.panel.describe import EMBEDDED_MODEL
from outboard.panel.draft import draft_of_job
from outboard.panel.memory import Memory, Remembered
from outboard.panel.messages import Draft, GivenRows
from outboard.preparation import existing_uids
from outboard.prompt import DEFAULT_COLUMN_MAPPINGS, PromptTemplate
from outboard.selection import parse_x_uids
from outboard.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What was passed in code; None where nothing was."""

    model: ExternalModel | None = None
    datasource_uids: tuple[int, ...] | None = None
    x_uids: "array[int] | None" = None
    generation: dict[str, Any] | None = None
    deployment: dict[str, Any] | None = None
    prompt_template: str | None = None
    job: Job | None = None


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a new panel shows."""

    draft: Draft
    job_id: str | None
    memory: Memory


def check_arguments(
    *,
    model: ExternalModel | None,
    datasource_uids: Iterable[int | str | Datasource] | None,
    x_uids: Iterable[str | int] | None,
    generation_config: GenerationConfig | Mapping[str, Any] | None,
    deployment_config: DeploymentConfig | Mapping[str, Any] | None,
    prompt_template: PromptTemplate | str | None,
    job: Job | str | None,
) -> Arguments:
    """Return arguments checked one by one, each as `ExternalModel.inference` takes it.

    Raises
    ------
    ConfigError, PromptTemplateError, NotFoundError
        If one is wrong.
    """
    if model is not None and not isinstance(model, ExternalModel):
        raise ConfigError(
            f"InferencePanel takes an ExternalModel, got {type(model).__name__}. Write "
            'InferencePanel(ExternalModel("name of the fine-tuning job")).',
            field="model",
        )
    deployment = None if deployment_config is None else DeploymentConfig.parse(deployment_config)
    if deployment is not None:
        refuse_secrets(deployment.environment)
    if isinstance(prompt_template, PromptTemplate):
        prompt_template = prompt_template.text
    return Arguments(
        model=model,
        datasource_uids=None if datasource_uids is None else _chosen(datasource_uids),
        x_uids=None if x_uids is None else parse_x_uids(x_uids),
        generation=None
        if generation_config is None
        else GenerationConfig.parse(generation_config).given(),
        deployment=None if deployment is None else deployment.given(),
        prompt_template=None if prompt_template is None else PromptTemplate(prompt_template).text,
        job=None if job is None else get_job(job.id if isinstance(job, Job) else job),
    )


def opening(workspace: Workspace, given: Arguments) -> Opening:
    """Return what a panel with these arguments shows first.

    What code says holds. What it leaves open is taken from the job that it names, or else
    from the panel that was here before.
    """
    model = given.model
    provider = "" if model is None else model.finetuning_provider_type.value
    memory = Memory(workspace, provider, "" if model is None else model.external_model_name)
    if given.job is not None:
        last = Remembered(draft=draft_of_job(given.job), job_id=given.job.id)
    else:
        last = memory.recall()
    changes: dict[str, Any] = {}
    if model is not None:
        changes |= {"model_name": model.external_model_name, "provider": provider}
        if model.column_mappings != DEFAULT_COLUMN_MAPPINGS:
            mappings = {column: str(role) for column, role in model.column_mappings.items()}
            changes["column_mappings"] = mappings
    if given.datasource_uids is not None:
        changes["datasource_uids"] = list(given.datasource_uids)
    if given.x_uids is not None:
        changes["rows"] = GivenRows(kind="given", n=len(given.x_uids))
    named = {
        "generation": given.generation,
        "deployment": given.deployment,
        "prompt_template": given.prompt_template,
    }
    changes |= {name: value for name, value in named.items() if value is not None}
    draft = (last.draft or _blank()).model_copy(update=changes)
    return Opening(draft=draft, job_id=last.job_id, memory=memory)


def reopening(workspace: Workspace) -> Opening:
    """Return what a panel shows that takes up whatever was shown last in this notebook."""
    memory = Memory.newest(workspace)
    last = memory.recall()
    return Opening(draft=last.draft or _blank(), job_id=last.job_id, memory=memory)


def _chosen(datasource_uids: Iterable[int | str | Datasource]) -> tuple[int, ...]:
    """Return uids that exist; none is as good a beginning as some."""
    if isinstance(datasource_uids, Sized) and len(datasource_uids) == 0:
        return ()
    return existing_uids(datasource_uids)


def _blank() -> Draft:
    return Draft(
        model_name=EMBEDDED_MODEL, provider="local", prompt_template=DEFAULT_PROMPT_TEMPLATE
    )
