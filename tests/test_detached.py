"""Processes that outlive the one that starts them."""

from pathlib import Path

import pytest

from outboard.detached import start_detached

MODULE = '''
"""Says what it was given."""
import os
import sys
from outboard.detached import take_arguments
arguments = take_arguments(sys.argv[1:])
boto3 = sys.modules.get("boto3")
key = boto3 and boto3.DEFAULT_SESSION.get_credentials().access_key
print(arguments, key, os.getsid(0) == os.getpid())
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module to start."""
    (tmp_path / "told.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "told"


def test_process_gets_its_arguments_and_a_session_of_its_own(module: str, tmp_path: Path) -> None:
    log = tmp_path / "log"

    process = start_detached(module, ["home", "job"], log=log)

    assert process.wait(30) == 0
    assert log.read_text() == "['home', 'job'] None True\n"


def test_aws_session_goes_through_the_pipe_alone(module: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    session = b'{"aws_access_key_id": "handed", "aws_secret_access_key": "over"}'

    process = start_detached(module, ["home"], log=log, aws_session=session)

    assert "over" not in str(process.args)
    assert process.wait(30) == 0
    assert log.read_text() == "['home'] handed True\n"


def test_what_is_printed_is_appended(module: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")

    start_detached(module, [], log=log).wait(30)

    assert log.read_text() == "before\n[] None True\n"


def test_process_that_ends_at_once_is_no_error_of_its_start(tmp_path: Path) -> None:
    process = start_detached(
        "no_such_module", [], log=tmp_path / "log", aws_session=b"{" + b" " * 100_000
    )

    assert process.wait(30) != 0
    assert "No module named" in (tmp_path / "log").read_text()


def test_log_that_cannot_be_written_is_an_error(module: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="log"):
        start_detached(module, [], log=tmp_path / "missing" / "log")
