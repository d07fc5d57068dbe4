import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from outboard.assets import MODEL
from outboard.cli import main
from outboard.doctor import (
    Verdict,
    check_database,
    check_engine,
    check_folder,
    check_model,
    check_program,
    examine,
)
from outboard.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace without jobs, which a test may damage."""
    return Workspace(tmp_path / "workspace")


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of the developer's own, nor the network's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)


def test_everything_that_is_not_right_comes_with_its_fix(workspace: Workspace) -> None:
    findings = list(examine(workspace))

    subjects = [finding.subject for finding in findings]
    assert subjects == ["python", "workspace", "disk", "database", "engine", "model"] + [
        *("aws", "endpoints", "node", "browser")
    ]
    assert not [f for f in findings if f.verdict is not Verdict.OK and not f.fix]


def test_new_workspace_is_fine(workspace: Workspace) -> None:
    verdicts = {finding.subject: finding.verdict for finding in examine(workspace)}

    assert {verdicts[subject] for subject in ("workspace", "database")} == {Verdict.OK}


def test_folder_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    finding = check_folder(Workspace(tmp_path / "file" / "workspace"))

    assert finding.verdict is Verdict.FAIL
    assert "OUTBOARD_HOME" in (finding.fix or "")


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_folder_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    finding = check_folder(Workspace(tmp_path))

    assert finding.verdict is Verdict.WARN
    assert finding.fix == f"chmod 700 '{tmp_path}'"


def test_damaged_page_of_the_database_fails(workspace: Workspace) -> None:
    assert workspace.store.health().faults == ()
    database = workspace.path / "outboard.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it into the file
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(database.read_bytes())
    content[2 * size : 3 * size] = b"\xff" * size
    database.write_bytes(content)

    finding = check_database(Workspace(workspace.path))

    assert finding.verdict is Verdict.FAIL
    assert "damaged" in finding.message


def test_file_that_is_no_database_fails(workspace: Workspace) -> None:
    (workspace.assets_dir.parent / "outboard.db").write_bytes(b"no database" * 1_000)

    finding = check_database(workspace)

    assert finding.verdict is Verdict.FAIL
    assert "damaged" in finding.message


def test_database_of_a_newer_version_fails_with_the_upgrade(workspace: Workspace) -> None:
    with sqlite3.connect(workspace.assets_dir.parent / "outboard.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()

    finding = check_database(workspace)

    assert finding.verdict is Verdict.FAIL
    assert "newer outboard" in finding.message
    assert "pip install -U outboard" in (finding.fix or "")


def test_installed_engine_loads() -> None:
    assert check_engine().verdict is Verdict.OK


def test_engine_that_kills_its_process_fails() -> None:
    code = f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})"

    finding = check_engine([sys.executable, "-c", code])

    assert finding.verdict is Verdict.FAIL
    assert "signal 4" in finding.message
    assert "processor" in (finding.fix or "")


def test_engine_that_does_not_load_fails_with_what_its_error_advises() -> None:
    code = "import sys; sys.exit('The engine needs libgomp. Install it: apt-get install libgomp1')"

    finding = check_engine([sys.executable, "-c", code])

    assert finding.verdict is Verdict.FAIL
    assert finding.message == "The engine needs libgomp"
    assert finding.fix == "Install it: apt-get install libgomp1"


def test_model_that_is_not_fetched_yet_is_a_warning(workspace: Workspace) -> None:
    finding = check_model(workspace, {})

    assert finding.verdict is Verdict.WARN
    assert finding.fix == "outboard fetch"


def test_fetched_model_is_whole(workspace: Workspace, assets_dir: Path) -> None:
    (workspace.assets_dir / MODEL.file_name).symlink_to(assets_dir / MODEL.file_name)

    assert check_model(workspace, {}).verdict is Verdict.OK


def test_damaged_model_fails(workspace: Workspace) -> None:
    with (workspace.assets_dir / MODEL.file_name).open("wb") as file:
        file.truncate(MODEL.size_bytes)

    finding = check_model(workspace, {})

    assert finding.verdict is Verdict.FAIL
    assert "damaged" in finding.message
    assert "Delete it" in (finding.fix or "")


def test_model_of_the_users_own_is_looked_at(workspace: Workspace, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF" + bytes(100))
    environment = {"OUTBOARD_LOCAL_MODEL": str(own)}

    present = check_model(workspace, environment)
    own.write_bytes(b"no model")
    wrong = check_model(workspace, environment)
    own.unlink()
    missing = check_model(workspace, environment)

    assert present.verdict is Verdict.OK
    assert wrong.verdict is Verdict.FAIL
    assert missing.verdict is Verdict.FAIL
    assert str(own) in missing.message


def test_program_that_is_missing_is_a_warning() -> None:
    finding = check_program("node", ("no-such-program",), "only needed for x")

    assert finding.verdict is Verdict.WARN
    assert "only needed for x" in finding.message


def test_command_prints_a_line_for_each_finding(workspace: Workspace) -> None:
    result = CliRunner().invoke(main, ["--home", str(workspace.path), "doctor"])

    assert result.exit_code == 0
    starts = [line.split()[:2] for line in result.stdout.splitlines() if line[0] != " "]
    assert ["ok", "workspace"] in starts
    assert "\x1b" not in result.stdout


def test_command_fails_if_something_needed_does_not_work(workspace: Workspace) -> None:
    (workspace.assets_dir.parent / "outboard.db").write_bytes(b"no database" * 1_000)

    result = CliRunner().invoke(main, ["--home", str(workspace.path), "doctor", "--json"])

    assert result.exit_code == 1
    failed = [f["subject"] for f in json.loads(result.stdout) if f["verdict"] == "fail"]
    assert failed == ["database"]
