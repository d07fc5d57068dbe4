"""The demo notebooks, run as their readers run them: in a kernel, from top to bottom."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from tests.awsfake.server import AwsFake
from tests.browser.jupyter_server import isolated_environment

import outboard
from outboard.assets import DEMO_ROWS, MODEL, fetch_demo_rows
from outboard.workspace import Workspace

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Each starts several workers, each of which loads the model: slow where the machine is busy.
pytestmark = pytest.mark.timeout(480)

#: Runs a notebook, with some of its parameters changed, and returns it with its outputs.
Run = Callable[..., Any]


@pytest.fixture
def run(workspace: Workspace, assets_dir: Path, tmp_path: Path) -> Run:
    """Run notebooks in the test's workspace, which has the model and the rows already."""
    fetch_demo_rows(assets_dir)
    for asset in (MODEL, DEMO_ROWS):
        (workspace.assets_dir / asset.file_name).symlink_to(assets_dir / asset.file_name)

    def run(name: str, environment: dict[str, str] | None = None, **parameters: object) -> Any:
        changes = [f"{key} = {value!r}" for key, value in parameters.items()]
        settings = isolated_environment(tmp_path / "settings") | (environment or {})
        result = tmp_path / "run.ipynb"
        done = subprocess.run(
            [sys.executable, "-m", "tests.notebook_run", path_of(name), result, *changes],
            cwd=tmp_path,
            env=settings | {"OUTBOARD_HOME": str(workspace.path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return read(result)

    return run


def path_of(name: str) -> Path:
    """Return the notebook whose name begins so."""
    (path,) = (path for path in NOTEBOOKS if path.name.startswith(name))
    return path


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def shown(notebook: Any) -> str:
    """Return all text that the cells have shown, but what went to stderr."""
    texts: list[str] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") != "stderr":
                texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return "\n".join(texts)


def jobs() -> pd.DataFrame:
    """Return the workspace's jobs, oldest first."""
    return outboard.list_jobs().iloc[::-1].reset_index(drop=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = read(path)

    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_first_run_answers_its_rows(run: Run) -> None:
    notebook = run("01_")

    job = jobs().iloc[0]
    assert (job["status"], job["succeeded"]) == ("succeeded", 8)
    assert "did you mean" in shown(notebook).lower()
    panel = notebook.cells[-2].outputs[-1]["data"]
    assert "application/vnd.jupyter.widget-view+json" in panel


def test_sagemaker_run_tells_its_cost_and_leaves_nothing(run: Run) -> None:
    with AwsFake(speed=0) as fake:
        fake.plan("*", step_s=120.0)
        fake.training_job("sentiment-2")
        aws = fake.environment() | {"OUTBOARD_AWS_SPEED": "50", "TRAINING_JOB": "sentiment-2"}

        notebook = run("02_", aws)

        fake.assert_nothing_left()
    texts = shown(notebook)
    assert jobs()["succeeded"].tolist() == [20]
    assert "20 of 20 rows, $" in texts
    assert "not measured yet" in texts
    assert "answer times are measured" in texts
    assert "Nothing is left in region us-east-1" in texts


def test_prompts_are_compared_over_the_same_rows(run: Run) -> None:
    notebook = run("03_", N_ROWS=4)

    assert jobs()["succeeded"].tolist() == [4, 4, 3]
    images = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == 1


def test_job_outlives_its_kernel_then_is_resumed_and_exported(run: Run, tmp_path: Path) -> None:
    run("04_", N_ROWS=16)

    found = jobs()
    assert found["status"].tolist() == ["succeeded", "succeeded"]
    assert found["failed"].tolist() == [1, 0]
    assert found["succeeded"].tolist() == [15, 1]
    answers = pd.read_parquet(tmp_path / "answers.parquet")
    assert answers["response"].notna().sum() == 15
    assert "best_answer" in pd.read_csv(tmp_path / "answers.csv").columns
