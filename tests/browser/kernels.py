"""Kernels that notebooks of the tests can name: one without Python, one that dies for good."""

import json
import sys
from pathlib import Path
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

#: Names of kernelspecs.
ECHO = "echo"
MORTAL = "mortal"
#: While this file stands beside its kernelspec, a mortal kernel cannot be started.
DOOM = "doom"


class Echo(Kernel):
    """Speaks a language of its own, whatever one writes in it."""

    implementation = "echo"
    implementation_version = "1"
    language_info = {"name": "Echo", "mimetype": "text/plain", "file_extension": ".txt"}  # noqa: RUF012
    banner = "Echo"

    async def do_execute(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Accept anything."""
        return {"status": "ok", "execution_count": self.execution_count, "user_expressions": {}}


def write_kernelspecs(folder: Path, python: str) -> None:
    """Write both into a folder of kernelspecs; `python` runs them."""
    for name, language in ((ECHO, "echo"), (MORTAL, "python")):
        spec = {
            "argv": [python, __file__, str(folder / name), "-f", "{connection_file}"],
            "display_name": name.capitalize(),
            "language": language,
        }
        (folder / name).mkdir(parents=True)
        (folder / name / "kernel.json").write_text(json.dumps(spec))


def main() -> None:
    """Be the kernel whose folder is named first."""
    folder = Path(sys.argv.pop(1))
    if (folder / DOOM).exists():
        raise SystemExit("doomed")
    if folder.name == ECHO:
        IPKernelApp.launch_instance(kernel_class=Echo)
    else:
        IPKernelApp.launch_instance()


if __name__ == "__main__":
    main()
