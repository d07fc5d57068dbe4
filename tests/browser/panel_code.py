"""Cells that show a panel, and the job that came of it."""

from typing import Any

from tests.openai_server import OpenAIServer

import outboard
from outboard.job import Job

#: On the embedded model, with nothing chosen.
EMPTY_PANEL = "panel = outboard.InferencePanel()\npanel"


def wire_panel(
    server: OpenAIServer, *datasource_uids: int, variable: str = "panel", **deployment: Any
) -> str:
    """Return a cell that shows a panel on the tests' model server, kept as `variable`."""
    settings = {"base_url": server.base_url} | deployment
    uids = list(datasource_uids) or None
    return (
        f"model = outboard.ExternalModel({server.model!r}, finetuning_provider_type='openai')\n"
        f"{variable} = model.panel({uids!r}, deployment_config={settings!r})\n"
        f"{variable}"
    )


def only_job() -> Job:
    """Return the one job of the workspace."""
    (job_id,) = outboard.list_jobs()["job_id"]
    return outboard.get_job(job_id)
