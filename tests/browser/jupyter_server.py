"""A Jupyter server of the tests' own, which knows nothing of the user's settings."""

import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.browser.kernels import write_kernelspecs
from tests.waiting import wait_until

#: No news, no list of extensions, nothing that would leave this machine; tests reach the app.
SILENT = [
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
]
#: A look at each kernel every half second, not every three: tests wait for what it finds.
WATCHFUL = "--KernelRestarter.time_to_dead=0.5"
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
#: The side bar's plugin as it was built last, whatever an installation has of it.
LABEXTENSION = Path(__file__).parents[2] / "src" / "outboard" / "labextension"
#: Where the packages are installed that the servers and their kernels run, if not here; the
#: plugin is theirs, too. `make wheel-test` names one.
INSTALLED = os.environ.get("OUTBOARD_TEST_PYTHON")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def isolated_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which Jupyter reads and writes below `folder` alone."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "JUPYTER", "JPY_", "OUTBOARD_"))
    }
    names = [
        "HOME",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
    ]
    folders = {name: folder / name.lower() for name in names}
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    news = folders["JUPYTERLAB_SETTINGS_DIR"] / "@jupyterlab/apputils-extension"
    news.mkdir(parents=True, exist_ok=True)
    (news / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS))
    extensions = folder / "share" / "labextensions"
    extensions.mkdir(parents=True, exist_ok=True)
    if INSTALLED is None:
        (extensions / "outboard").symlink_to(LABEXTENSION)
    return (
        kept
        | {name: str(path) for name, path in folders.items()}
        | {"JUPYTER_PATH": str(extensions.parent)}
    )


class HostProcess:
    """A web application in a process of its own, with its log in a file.

    Parameters
    ----------
    arguments : sequence of str
        What follows the name of the interpreter.
    folder : Path
        Where it runs, and where its log and settings lie.
    ready : str
        The address that answers once it is up.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        ready: str,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.log = folder / "server.log"
        settings = folder / "settings"
        #: Where applications keep a user's data here.
        self.user_data = settings / "xdg_data_home"
        #: Where it finds kernels beside Python's.
        self.kernelspecs = settings / "share" / "kernels"
        #: Where JupyterLab keeps its layouts, in a file each.
        self.layouts = settings / "jupyterlab_workspaces_dir"
        self._ready = ready
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [INSTALLED or sys.executable, *arguments],
                cwd=folder,
                env=isolated_environment(settings) | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        try:
            wait_until(self._answers, timeout_s=120, poll_s=0.1)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"The server has ended:\n{self.log_tail()}")
        try:
            with urllib.request.urlopen(self._ready, timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def log_tail(self, *, since: int = 0, n_chars: int = 6_000) -> str:
        """Return the end of what it has logged, from the byte `since` on."""
        return self.log.read_bytes()[since:].decode(errors="replace")[-n_chars:]


class JupyterServer(HostProcess):
    """JupyterLab, with Notebook 7 and voila beside it, on loopback.

    Attributes
    ----------
    url : str
        Where it listens, without a slash at the end.
    root : Path
        The folder whose notebooks it shows.
    """

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{port}"
        self.root = folder / "notebooks"
        self.root.mkdir(parents=True)
        arguments = [
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            "--ServerApp.allow_root=True",
            WATCHFUL,
            *SILENT,
        ]
        super().__init__(arguments, folder=folder, ready=self.api("status"))
        write_kernelspecs(self.kernelspecs, INSTALLED or sys.executable)

    def api(self, path: str) -> str:
        """Return the address of a REST resource, with the token."""
        return f"{self.url}/api/{path}?token={self.token}"

    def sessions(self) -> list[dict[str, Any]]:
        """Return the sessions that have a kernel, as the server describes them."""
        found: list[dict[str, Any]] = self._call("GET", "sessions")
        return found

    def shut_down_kernels(self) -> None:
        """End every kernel, so that no test meets one of another's."""
        for session in self.sessions():
            self._call("DELETE", f"sessions/{session['id']}")

    def _call(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self.api(path), method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.loads(reply.read() or "null")
        except urllib.error.HTTPError as failure:
            if failure.code == 404:  # it has ended by itself meanwhile
                return None
            raise
