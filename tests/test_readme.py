"""What the README tells its readers to type."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.documentation import ROOT, code_blocks, give_model, indented_commands, run_blocks

import outboard
from outboard.workspace import Workspace

README = ROOT / "README.md"

# As many tokens as the reader would get, from a small machine that may be busy.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def model(workspace: Workspace, assets_dir: Path) -> None:
    give_model(workspace, assets_dir)


def test_python_answers_both_questions(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run_blocks(README)

    answers = outboard.get_model_source(1).to_pandas()
    assert answers["status"].tolist() == ["succeeded"] * 2
    assert "Why is the sky blue?" in capsys.readouterr().out


def test_commands_work_in_their_order(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "questions.csv").write_text("question\nWhy is the sky blue?\nWho wrote Faust?\n")
    commands = [line for line in indented_commands(README, "outboard") if line[0] != "demo"]

    for arguments in commands:
        done = subprocess.run(
            [sys.executable, "-m", "outboard", *arguments],
            cwd=tmp_path,
            env=os.environ | {"OUTBOARD_HOME": str(workspace.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or arguments[0] == "doctor", (arguments, done.stderr)
        assert "Traceback" not in done.stderr

    assert {line[0] for line in commands} >= {"datasource", "infer", "job", "export"}
    assert pq.read_table(tmp_path / "answers.parquet").num_rows == 2


def test_what_it_says_of_a_job_and_its_answers_exists() -> None:
    text = README.read_text(encoding="utf-8")
    of_jobs = set(re.findall(r"\bjob\.(\w+)", text))
    of_sources = set(re.findall(r"`(to_\w+)\(", text))

    assert of_jobs <= {name for name in dir(outboard.Job) if not name.startswith("_")}
    assert of_sources <= set(dir(outboard.ModelSource))
    assert of_jobs
    assert of_sources


def test_every_public_name_that_is_shown_exists() -> None:
    shown = set(re.findall(r"\boutboard\.(\w+)\(", README.read_text(encoding="utf-8")))

    assert shown <= set(outboard.__all__)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_has_the_targets_that_a_page_names(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^ {4}|`)make (?:\w+=\S+ )*([a-z-]+)", text, re.MULTILINE))

    assert named
    assert named <= targets


def test_extras_that_it_installs_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"outboard\[(\w+)\]", README.read_text(encoding="utf-8")))

    assert named <= set(project["optional-dependencies"])


def test_first_screen_needs_no_more_than_eight_lines() -> None:
    first, *_ = code_blocks(README, "python")

    statements = [line for line in first.splitlines() if line.strip()]
    assert len(statements) <= 9
