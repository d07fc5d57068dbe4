import subprocess
import sys

import pytest

import outboard

PUBLIC = [
    "DeploymentConfig",
    "Datasource",
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

HEAVY = ["IPython", "aiohttp", "anywidget", "boto3", "numpy", "pandas", "pyarrow", "pydantic"]
ENGINES = ["llama_cpp", "torch", "xllamacpp"]


def in_fresh_interpreter(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_exactly_the_documented_names_are_public() -> None:
    assert sorted(outboard.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(outboard, name) is not None


def test_star_import_brings_exactly_the_public_names() -> None:
    code = """
before = set(globals())
from outboard import *
print(*sorted(set(globals()) - before - {"before"}))
"""
    assert in_fresh_interpreter(code).split() == sorted(PUBLIC)


def test_dir_lists_the_public_names_before_they_are_used() -> None:
    listed = in_fresh_interpreter("import outboard; print(*dir(outboard))").split()

    assert set(PUBLIC) <= set(listed)


def test_unknown_attribute_is_named_in_the_error() -> None:
    with pytest.raises(AttributeError, match="'outboard' has no attribute 'Jobs'"):
        getattr(outboard, "Jobs")  # noqa: B009


def test_import_loads_no_heavy_package_and_no_model_runtime() -> None:
    code = """
import sys
already = set(sys.modules)  # e.g. what an editable install's .pth file brings
import outboard
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - already}))
"""
    loaded = set(in_fresh_interpreter(code).split())

    assert "outboard" in loaded
    assert loaded.isdisjoint(HEAVY + ENGINES)
