"""Saves the settings of a draft under a name, to load them again."""

from typing import cast

from outboard.config import DeploymentConfig
from outboard.container_environment import refuse_secrets
from outboard.errors import ConfigError, NotFoundError
from outboard.panel.messages import DeletePreset, LoadPreset, SavePreset
from outboard.panel.replies import Preset, PresetPage, PresetSettings
from outboard.workspace import Workspace


def preset_page(workspace: Workspace) -> PresetPage:
    """Return the names of all presets."""
    records = workspace.store.presets.all()
    return {"items": [{"name": each.name, "saved_at": each.saved_at} for each in records]}


def save_preset(workspace: Workspace, request: SavePreset) -> None:
    """Keep the settings of a draft, right or wrong.

    Raises
    ------
    ConfigError
        If the name is blank, or the settings hold a secret.
    """
    name = request.name.strip()
    if not name:
        raise ConfigError("A preset needs a name. Type one, e.g. 'greedy'.", field="name")
    draft = request.draft
    environment = draft.deployment.get("environment")
    if environment:
        refuse_secrets(DeploymentConfig.parse({"environment": environment}).environment)
    settings: PresetSettings = {
        "model_name": draft.model_name,
        "provider": draft.provider,
        "generation": draft.generation,
        "deployment": draft.deployment,
        "prompt_template": draft.prompt_template,
    }
    workspace.store.presets.save(name, settings)


def load_preset(workspace: Workspace, request: LoadPreset) -> Preset:
    """Return the settings under a name.

    Raises
    ------
    NotFoundError
        If there are none.
    """
    record = workspace.store.presets.get(request.name)
    if record is None:
        raise _unknown(request.name)
    return {"name": record.name, "settings": cast("PresetSettings", record.settings)}


def delete_preset(workspace: Workspace, request: DeletePreset) -> None:
    """Forget the settings under a name.

    Raises
    ------
    NotFoundError
        If there are none.
    """
    if not workspace.store.presets.delete(request.name):
        raise _unknown(request.name)


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(
        f"There is no preset {name!r}. It may have been deleted in another panel.",
        kind="preset",
        ids=(name,),
    )
