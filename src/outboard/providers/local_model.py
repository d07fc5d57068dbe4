"""Which GGUF file a model name means."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from outboard import assets
from outboard.config import LOCAL_INSTANCE_TYPE, DeploymentConfig
from outboard.errors import AssetError, NotFoundError
from outboard.providers.gguf import MAGIC

#: Models known by name, each with its pinned file. The first is the default.
KNOWN_MODELS = {"smollm2-135m-instruct": assets.MODEL}

#: Environment variable that names another file for the known models.
MODEL_VARIABLE = "OUTBOARD_LOCAL_MODEL"


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """Which file a model name means."""

    path: Path
    #: What named the file, for error messages.
    named_by: str
    #: The pinned asset that the file is, fetched when missing; None for a file of the user's.
    asset: assets.Asset | None = None


def resolve_model(name: str, assets_dir: Path) -> ModelFile | None:
    """Return the file that `name` means, whether it exists or not; None for an unknown name.

    Parameters
    ----------
    name : str
        A path that ends in ``.gguf``, or one of `KNOWN_MODELS`; for these the environment
        variable ``OUTBOARD_LOCAL_MODEL`` can name another file.
    assets_dir : Path
        Folder of the fetched files.
    """
    if name.lower().endswith(".gguf"):
        return ModelFile(path=Path(name).expanduser(), named_by="external_model_name")
    asset = KNOWN_MODELS.get(name)
    if asset is None:
        return None
    if other := os.environ.get(MODEL_VARIABLE):
        return ModelFile(path=Path(other).expanduser(), named_by=MODEL_VARIABLE)
    return ModelFile(path=assets_dir / asset.file_name, named_by=name, asset=asset)


def check_file(model: ModelFile) -> None:
    """Raise `AssetError` if the file is no GGUF, or is not there and cannot be fetched."""
    if model.asset is not None and not model.path.exists():
        assets.check_fetchable(model.asset, model.path.parent)
        return
    try:
        with model.path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise AssetError(
            f"The model file {model.path} (from {model.named_by}) cannot be read: "
            f"{error.strerror}. Check the path.",
            path=str(model.path),
        ) from error
    if magic != MAGIC:
        fix = "Delete it and run again." if model.asset else "Name a .gguf file."
        raise AssetError(
            f"{model.path} (from {model.named_by}) is no GGUF model: it starts with {magic!r}. "
            f"{fix}",
            path=str(model.path),
        )


def model_or_stand_in(
    name: str, deployment: DeploymentConfig, assets_dir: Path
) -> tuple[ModelFile, str | None]:
    """Return the file to run, and a warning if it is not the model that was asked for.

    With ``instance_type="local"`` a name that is not known is that of a SageMaker model, and
    the default model stands in for it.

    Raises
    ------
    NotFoundError
        If no model has this name.
    """
    if model := resolve_model(name, assets_dir):
        return model, None
    known = list(KNOWN_MODELS)
    stand_in = resolve_model(known[0], assets_dir)
    if deployment.instance_type == LOCAL_INSTANCE_TYPE and stand_in:
        return stand_in, (
            f"instance_type='local' runs the embedded model {known[0]} in place of {name!r}: "
            "the answers show that the job works, not what that model would say."
        )
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
    raise NotFoundError(
        f"There is no embedded model {name!r}. {hint} Or give the path of a file that ends in "
        ".gguf.",
        kind="model",
        ids=(name,),
    )
