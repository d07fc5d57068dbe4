"""The panel in hosts other than JupyterLab: it shows, a choice reaches Python, Python answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.browser.camera import Camera
from tests.browser.jupyter_server import HostProcess, JupyterServer, free_port
from tests.browser.notebook import notebook_of
from tests.browser.page_watch import PageWatch
from tests.browser.panel_page import PanelPage
from tests.job_runs import datasource_of

from outboard.workspace import Workspace

OPEN_PANEL = """
import os
os.environ["OUTBOARD_HOME"] = {home!r}
import outboard
panel = outboard.InferencePanel()
"""
MARIMO_APP = """
import marimo
app = marimo.App()
@app.cell
def _():
    {open_panel}
    import marimo as mo
    mo.ui.anywidget(panel)
    return
if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def page(context: BrowserContext, jupyter: JupyterServer) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()
    jupyter.shut_down_kernels()


@pytest.fixture
def datasource(workspace: Workspace) -> int:
    return datasource_of(["Why is the sky blue?", "Why is the sea salt?"])


@pytest.fixture
def open_panel(workspace: Workspace) -> str:
    """Python that makes a panel."""
    return OPEN_PANEL.format(home=str(workspace.path))


def assert_panel_works(page: Page, origin: str, datasource: int) -> None:
    """Choose a datasource and see the kernel render its row, without an error or a call outside.

    What the page did before the panel stood is the host's own: voila's template loads fonts.
    """
    panel = PanelPage(page.get_by_test_id("outboard-panel"))
    panel.wait_until_ready()
    watch = PageWatch(origin)
    watch.follow(page)

    panel.choose_datasource(datasource)
    panel.write_prompt("Say: {instruction}")

    expect(panel.part("prompt-preview")).to_contain_text("Say: Why is the sky blue?")
    assert not watch.errors
    assert not watch.foreign_urls


def test_notebook_7(
    page: Page, jupyter: JupyterServer, open_panel: str, datasource: int, shoot: Camera
) -> None:
    (jupyter.root / "seven.ipynb").write_text(json.dumps(notebook_of([open_panel + "panel"])))
    page.goto(f"{jupyter.url}/notebooks/seven.ipynb?token={jupyter.token}")
    page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext
          ?.session?.kernel?.status === 'idle'""",
        timeout=60_000,
    )

    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    assert_panel_works(page, jupyter.url, datasource)
    shoot("panel", page)


def test_voila(
    page: Page, jupyter: JupyterServer, open_panel: str, datasource: int, shoot: Camera
) -> None:
    (jupyter.root / "voila.ipynb").write_text(json.dumps(notebook_of([open_panel + "panel"])))

    page.goto(f"{jupyter.url}/voila/render/voila.ipynb?token={jupyter.token}")

    assert_panel_works(page, jupyter.url, datasource)
    shoot("panel", page)


def test_marimo(
    page: Page, tmp_path: Path, open_panel: str, datasource: int, shoot: Camera
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "marimo").mkdir()
    indented = open_panel.strip().replace("\n", "\n    ")
    (tmp_path / "marimo" / "app.py").write_text(MARIMO_APP.format(open_panel=indented))
    arguments = ["-m", "marimo", "run", "app.py", "--headless", "--no-token", f"--port={port}"]

    with HostProcess(arguments, folder=tmp_path / "marimo", ready=f"{url}/health"):
        page.goto(url)

        assert_panel_works(page, url, datasource)
        shoot("panel", page)
