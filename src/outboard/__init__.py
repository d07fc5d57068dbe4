"""Run a fine-tuned language model over the rows of your datasources."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outboard import errors
    from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
    from outboard.datasource import (
        Datasource,
        create_datasource,
        delete_datasource,
        get_datasource,
        list_datasources,
    )
    from outboard.external_model import ExternalModel
    from outboard.job import Job, JobStatus, get_job, list_jobs
    from outboard.model_source import ModelSource, get_model_source, list_model_sources
    from outboard.panel import InferencePanel
    from outboard.prompt import FineTuningColumnType, PromptTemplate
    from outboard.workspace import Workspace

__version__ = "0.1.0"

__all__ = [
    "Datasource",
    "DeploymentConfig",
    "ExternalModel",
    "FineTuningColumnType",
    "FinetuningProvider",
    "GenerationConfig",
    "InferencePanel",
    "Job",
    "JobStatus",
    "ModelSource",
    "PromptTemplate",
    "Workspace",
    "__version__",
    "create_datasource",
    "delete_datasource",
    "errors",
    "get_datasource",
    "get_job",
    "get_model_source",
    "list_datasources",
    "list_jobs",
    "list_model_sources",
]

# Public name -> module that holds it. Loaded on first use, so that `import outboard` stays light.
_MODULES = {
    "DeploymentConfig": "config",
    "Datasource": "datasource",
    "ExternalModel": "external_model",
    "FineTuningColumnType": "prompt",
    "FinetuningProvider": "config",
    "GenerationConfig": "config",
    "InferencePanel": "panel",
    "Job": "job",
    "JobStatus": "job",
    "ModelSource": "model_source",
    "PromptTemplate": "prompt",
    "Workspace": "workspace",
    "create_datasource": "datasource",
    "delete_datasource": "datasource",
    "get_datasource": "datasource",
    "get_job": "job",
    "get_model_source": "model_source",
    "list_datasources": "datasource",
    "list_jobs": "job",
    "list_model_sources": "model_source",
}


if not TYPE_CHECKING:  # A type checker that saw this function would believe in any name.

    def __getattr__(name: str) -> object:
        if name == "errors":
            return import_module("outboard.errors")
        if name not in _MODULES:
            raise AttributeError(f"module 'outboard' has no attribute {name!r}")
        value = getattr(import_module(f"outboard.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
