"""What works on this machine, what does not, with the fix for each."""

import importlib.util
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from outboard import assets
from outboard.doctor.aws import examine_aws
from outboard.doctor.finding import Finding, Verdict, explained, fail, ok, warn
from outboard.errors import OutboardError
from outboard.providers.local_import import usable_cores
from outboard.store.database import NETWORK_FILE_SYSTEMS, file_system
from outboard.workspace import Workspace

__all__ = ["Finding", "Verdict", "examine"]

#: Below this much free space the model's download may not fit.
LITTLE_SPACE_BYTES = 500_000_000

# The tables are STRICT.
_LEAST_SQLITE = (3, 37)

#: Loads the engine, or ends with the error's text on stderr.
IMPORT_ENGINE = [
    *(sys.executable, "-P", "-c"),
    """
import sys
from outboard.errors import OutboardError
from outboard.providers.local_import import import_engine
try:
    import_engine()
except OutboardError as error:
    sys.exit(error.message)
""",
]


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Look at everything that outboard depends on.

    Parameters
    ----------
    workspace : Workspace
        Looked at, and written to: its database is made if it is not there yet.

    Yields
    ------
    Finding
        One for each thing, as soon as it is known. Never a secret.
    """
    yield check_python()
    yield check_folder(workspace)
    yield check_space(workspace)
    yield check_database(workspace)
    yield check_engine()
    yield check_model(workspace, os.environ)
    yield from examine_aws(workspace)
    yield check_program("node", ("node",), "only needed to build the panel from source")
    browsers = ("chromium", "chromium-browser", "google-chrome", "firefox")
    yield check_program("browser", browsers, "only needed to test the panel")


def check_python() -> Finding:
    """Name the versions; SQLite must know strict tables."""
    packages = ("outboard", "pydantic", "pyarrow", "pandas", "aiohttp")
    versions = [f"{package} {metadata.version(package)}" for package in packages]
    message = (
        f"{platform.python_implementation()} {platform.python_version()} on "
        f"{platform.system()} {platform.machine()}, SQLite {sqlite3.sqlite_version}; "
        f"{', '.join(versions)}"
    )
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        return fail(
            "python",
            message,
            fix="The workspace needs SQLite 3.37 or newer: use a newer Python build.",
        )
    return ok("python", message)


def check_folder(workspace: Workspace) -> Finding:
    """Write to the workspace's folder; look at who else can, on which file system."""
    subject = "workspace"
    try:
        folder = workspace.assets_dir.parent
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"outboard")
    except OutboardError as fault:
        return explained(subject, fault.message)
    except OSError as fault:
        return fail(
            subject,
            f"{workspace.path} cannot be written: {fault.strerror}",
            fix="Check the folder's permissions, or name another one in OUTBOARD_HOME.",
        )
    kind = file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        return warn(
            subject,
            f"{folder} is on a network file system ({kind}): the database keeps a "
            "rollback journal there, and every commit waits for the network",
            fix="Name a folder on a local disk in OUTBOARD_HOME.",
        )
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        return warn(
            subject,
            f"{folder} is writable, but other users of this machine can look into it",
            fix=f"chmod 700 '{folder}'",
        )
    return ok(subject, f"{folder} is writable, on {kind or 'an unknown file system'}")


def check_space(workspace: Workspace) -> Finding:
    """Compare the free space with the largest thing fetched."""
    folder = next(path for path in (workspace.path, *workspace.path.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    message = f"{free / 1e9:,.1f} GB free for the workspace"
    if free < LITTLE_SPACE_BYTES:
        fix = "Make room, or name a folder on another disk in OUTBOARD_HOME."
        return fail("disk", message, fix=fix)
    return ok("disk", message)


def check_database(workspace: Workspace) -> Finding:
    """Look the whole database over, which takes as long as reading it."""
    subject = "database"
    try:
        health = workspace.store.health()
    except OutboardError as fault:
        return explained(subject, fault.message)
    if health.faults:
        return fail(
            subject,
            f"{health.path} is damaged: {'; '.join(health.faults)}",
            fix="Stop all jobs, keep a copy, restore the file from a backup.",
        )
    return ok(subject, f"sound; schema {health.schema}, journal mode {health.journal_mode}")


def check_engine(command: list[str] = IMPORT_ENGINE) -> Finding:
    """Load the engine in a process of its own, which a wrong processor may kill."""
    subject = "engine"
    if importlib.util.find_spec("xllamacpp") is None:
        message = "xllamacpp is not installed; only the embedded model needs it"
        return warn(subject, message, fix="pip install 'outboard[local]'")
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        version = metadata.version("xllamacpp")
        return ok(subject, f"xllamacpp {version} loads, with {usable_cores()} cores to use")
    if run.returncode < 0:
        return fail(
            subject,
            f"loading xllamacpp was ended by signal {-run.returncode}",
            fix="It may not fit this processor: use another machine, or a model server with the "
            "provider 'openai'.",
        )
    return explained(subject, run.stderr.strip())


def check_model(workspace: Workspace, environment: Mapping[str, str]) -> Finding:
    """Compare the embedded model's file with its checksum."""
    subject = "model"
    if own := environment.get("OUTBOARD_LOCAL_MODEL"):
        if _is_gguf(Path(own)):
            return ok(subject, f"OUTBOARD_LOCAL_MODEL names {own}")
        return fail(
            subject,
            f"OUTBOARD_LOCAL_MODEL names {own}, which is no readable GGUF file",
            fix="Name a .gguf file in it, or unset it to use the embedded model.",
        )
    try:
        path = assets.find_model(workspace.assets_dir)
        if path is None:
            message = "the embedded model is not fetched yet; the first run does it"
            return warn(subject, message, fix="outboard fetch")
        assets.verify(path, assets.MODEL)
    except OutboardError as fault:
        return explained(subject, fault.message)
    return ok(subject, f"{path} is whole")


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def check_program(subject: str, names: tuple[str, ...], why: str) -> Finding:
    """Look for the first of some programs on the PATH."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        return warn(
            subject,
            f"none of {', '.join(names)} found; {why}",
            fix=f"Install {names[0]} with your system's packages, if you need it.",
        )
    try:
        run = subprocess.run(
            [found, "--version"], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError) as fault:
        return warn(subject, f"{found} does not start: {fault}; {why}", fix="Install it anew.")
    return ok(subject, f"{found} ({run.stdout.strip()}); {why}")
