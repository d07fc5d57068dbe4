"""Processes of ours that outlive the one that starts them."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from outboard.aws_session import adopt_session

_SESSION_FOLLOWS = "--aws-session-on-stdin"


def start_detached(
    module: str,
    arguments: list[str],
    *,
    log: Path,
    aws_session: bytes | None = None,
    stdout: int | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a module of ours as a process.

    It has a session of its own, so that neither Ctrl-C in this terminal nor the end of this
    process reaches it.

    Parameters
    ----------
    module : str
        Dotted name of the module to run.
    arguments : list of str
        Of its command line, for everybody on this machine to see: never a secret.
    log : Path
        What the process prints is appended to this file.
    aws_session : bytes, optional
        As `pack_session` returned it. It goes through the process's standard input.
    stdout : int, optional
        Where its standard output goes instead, e.g. ``subprocess.PIPE``.

    Raises
    ------
    OSError
        If no process can be started.
    """
    command = [
        sys.executable,
        "-P",  # files in the working directory must not stand in for Python's modules
        "-m",
        module,
        *arguments,
        *([_SESSION_FOLLOWS] if aws_session is not None else []),
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if aws_session is None else subprocess.PIPE,
            stdout=output if stdout is None else stdout,
            stderr=output,
            start_new_session=True,
        )
    if process.stdin is not None:
        # A process that has ended by now leaves its reason in the log.
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(aws_session or b"")
    return process


def take_arguments(arguments: list[str]) -> list[str]:
    """Return the arguments that `start_detached` was given, with its AWS session made ours.

    Parameters
    ----------
    arguments : list of str
        The process's own: ``sys.argv[1:]``.
    """
    if not arguments or arguments[-1] != _SESSION_FOLLOWS:
        return arguments
    adopt_session(sys.stdin.buffer.read())
    return arguments[:-1]
