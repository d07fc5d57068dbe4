"""Scripts written for the class that ours replaces run unchanged, on the embedded model."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from outboard import Workspace, create_datasource, get_job, get_model_source

MODEL = "llama3-finetuned-2024-05-01-12-00-00"


@pytest.fixture
def home(tmp_path: Path, assets_dir: Path) -> Path:
    """A workspace folder with the embedded model in it."""
    folder = tmp_path / "workspace"
    with Workspace(folder) as workspace:
        workspace.assets_dir.rmdir()
        (folder / "assets").symlink_to(assets_dir)
    return folder


@pytest.fixture
def uid(home: Path) -> int:
    questions = ["What is the capital of France?", "What is 2 + 2?", "Name a colour."]
    with Workspace(home):
        return create_datasource(pa.table({"question": questions, "context": list("abc")}))


def run(home: Path, script: str, **names: object) -> str:
    """Run a script as a user does, and return what it prints."""
    assignments = "\n".join(f"{name} = {value!r}" for name, value in names.items())
    finished = subprocess.run(
        [sys.executable, "-c", f"{assignments}\n{script}"],
        env=os.environ | {"OUTBOARD_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


BY_KEYWORD = """
from outboard import ExternalModel, FineTuningColumnType, FinetuningProvider

model = ExternalModel(
    external_model_name=model_name,
    column_mappings={
        "question": FineTuningColumnType.INSTRUCTION,
        "context": FineTuningColumnType.CONTEXT,
    },
    finetuning_provider_type=FinetuningProvider.AWS_SAGEMAKER,
)
result = model.inference(
    datasource_uids=[datasource_uid],
    x_uids=["doc::0", "doc::1"],
    generation_config={"max_new_tokens": 6, "do_sample": False},
    deployment_config={"instance_type": "local"},
    prompt_template="{instruction}",
    sync=sync,
)
print(result)
"""

BY_POSITION = """
from outboard import ExternalModel

model = ExternalModel(model_name, {"question": "instruction"})
print(model.inference(
    [str(datasource_uid)], None, {"max_tokens": 4}, {"instance_type": "local"},
    "Answer briefly: {instruction}", True,
))
"""


def test_call_by_keyword_returns_the_answers_uid(home: Path, uid: int) -> None:
    source_uid = run(home, BY_KEYWORD, model_name=MODEL, datasource_uid=uid, sync=True)

    with Workspace(home):
        answers = get_model_source(source_uid).to_pandas()
    assert answers["x_uid"].tolist() == ["doc::0", "doc::1"]
    assert answers["status"].tolist() == ["succeeded"] * 2
    assert answers["prompt"].tolist()[0] == "What is the capital of France?"
    assert answers["response"].str.len().gt(0).all()
    assert answers["output_tokens"].between(1, 6).all()


def test_call_that_does_not_wait_returns_the_jobs_id(home: Path, uid: int) -> None:
    job_id = run(home, BY_KEYWORD, model_name=MODEL, datasource_uid=uid, sync=False)

    with Workspace(home):
        job = get_job(job_id)
    # The process that started it is gone by now.
    job.wait(120)
    assert job.results()["status"].tolist() == ["succeeded"] * 2
    warnings = [event.message for event in job.events() if event.kind == "warning"]
    assert any(MODEL in warning and "in place of" in warning for warning in warnings)


def test_call_by_position_takes_all_six_arguments(home: Path, uid: int) -> None:
    source_uid = run(home, BY_POSITION, model_name=MODEL, datasource_uid=uid)

    with Workspace(home):
        answers = get_model_source(source_uid).to_pandas()
    assert answers["prompt"].tolist()[2] == "Answer briefly: Name a colour."
    assert (answers["output_tokens"] <= 4).all()
    assert answers["finish_reason"].isin(["stop", "length"]).all()
