"""A notebook in JupyterLab, as a user works with it."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import Page
from tests.browser.jupyter_server import JupyterServer
from tests.browser.panel_page import PanelPage

#: Runs code in the open notebook's kernel and returns what it prints, leaving no trace in it.
KERNEL_SAYS = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
  const future = kernel.requestExecute({ code, store_history: false })
  const texts = []
  let failure = null
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === 'stream' && content.name === 'stdout') texts.push(content.text)
    if (header.msg_type === 'error') failure = content.traceback.join('\\n')
  }
  await future.done
  return { text: texts.join(''), failure }
}"""
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code').map(cell => cell.model.outputs.toJSON())"""
KERNEL_STATUS = """() => window.jupyterapp.shell.currentWidget?.sessionContext
  ?.session?.kernel?.status"""
LAB_READY = "() => window.jupyterapp?.restored.then(() => true)"


class Notebook:
    """One open notebook with a kernel of its own."""

    def __init__(self, page: Page, path: str) -> None:
        self.page = page
        self.path = path

    def run_all(self) -> None:
        """Run every cell, and wait until they have ended.

        Raises
        ------
        AssertionError
            If a cell raised something; it holds the traceback.
        """
        self._command("notebook:run-all-cells")
        self.assert_no_cell_failed()

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run one cell, by its place from 0 on; without `wait`, return while it runs."""
        self.page.evaluate(
            """index => {
              window.jupyterapp.shell.currentWidget.content.activeCellIndex = index
            }""",
            index,
        )
        if wait:
            self._command("notebook:run-cell")
            self.assert_no_cell_failed()
        else:
            self.page.evaluate(
                "() => { window.ran = window.jupyterapp.commands.execute('notebook:run-cell') }"
            )

    def wait_for_cell(self) -> None:
        """Wait for the end of the cell that `run_cell` has not waited for."""
        self.page.evaluate("async () => { await window.ran }")
        self.assert_no_cell_failed()

    def assert_no_cell_failed(self) -> None:
        """Raise the first cell's traceback, if there is one."""
        for outputs in self.outputs():
            for output in outputs:
                assert output["output_type"] != "error", "\n".join(output["traceback"])

    def outputs(self) -> list[list[dict[str, Any]]]:
        """Return the outputs of every code cell, in Jupyter's own form."""
        found: list[list[dict[str, Any]]] = self.page.evaluate(OUTPUTS)
        return found

    def kernel_says(self, code: str) -> str:
        """Run code in the kernel behind the notebook's back, and return what it prints."""
        said = self.page.evaluate(KERNEL_SAYS, code)
        assert said["failure"] is None, said["failure"]
        return str(said["text"])

    def kernel_value(self, expression: str) -> Any:
        """Return the value of an expression in the kernel, by way of JSON."""
        return json.loads(self.kernel_says(f"import json; print(json.dumps({expression}))"))

    def save(self) -> None:
        """Save the notebook with the state of its widgets."""
        self._command("docmanager:save")

    def reload(self) -> None:
        """Load the whole page anew; the notebook opens again by itself.

        From the saved layout alone: an address that names the notebook, too, would make
        JupyterLab open it once more a while later, when the test may have closed it.
        """
        self.page.goto(urljoin(self.page.url, "/lab"))
        self.page.wait_for_function(LAB_READY)
        self.wait_until_shown()

    def restart_kernel(self) -> None:
        """Restart the kernel; no cell is run."""
        self.page.evaluate(
            """async () => {
              await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()
            }"""
        )
        self.wait_for_kernel()

    def wait_until_shown(self) -> None:
        """Wait until this notebook is the current one and its kernel idle."""
        self.page.wait_for_function(
            "path => window.jupyterapp.shell.currentWidget?.context?.path === path", arg=self.path
        )
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(f"() => ({KERNEL_STATUS})() === 'idle'", timeout=60_000)

    def panel(self, index: int = 0) -> PanelPage:
        """Return the panel among the notebook's outputs, by its place from 0 on."""
        root = self.page.locator(".jp-OutputArea").get_by_test_id("outboard-panel").nth(index)
        panel = PanelPage(root)
        panel.wait_until_ready()
        return panel

    def _command(self, name: str) -> None:
        self.page.evaluate("async name => { await window.jupyterapp.commands.execute(name) }", name)


class Lab:
    """JupyterLab in one page, loaded once for many notebooks."""

    def __init__(self, page: Page, server: JupyterServer) -> None:
        self.page = page
        self._server = server
        self._n_opened = 0

    def load(self) -> None:
        """Load JupyterLab, and wait until it is ready."""
        self.page.goto(f"{self._server.url}/lab?token={self._server.token}")
        self.page.wait_for_function(LAB_READY, timeout=120_000)

    def open(self, cells: Sequence[str], *, kernel: str = "python3") -> Notebook:
        """Write a notebook of these code cells for a kernel, and open it."""
        self._n_opened += 1
        path = f"test-{self._n_opened}.ipynb"
        (self._server.root / path).write_text(json.dumps(notebook_of(cells, kernel)))
        self.page.evaluate(
            """async path => {
              await window.jupyterapp.commands.execute('docmanager:open', { path })
            }""",
            path,
        )
        notebook = Notebook(self.page, path)
        notebook.wait_until_shown()
        return notebook

    def close_all(self) -> None:
        """Close every notebook without saving it, and what pops up about its jobs."""
        self.page.evaluate(
            """() => {
              window.jupyterapp.commands.execute('apputils:dismiss-notification')
              const widgets = Array.from(window.jupyterapp.shell.widgets('main'))
              // What is in sight last: JupyterLab cannot bear that a toolbar goes just as it is
              // shown.
              widgets.sort((left, right) => Number(left.isVisible) - Number(right.isVisible))
              for (const widget of widgets) {
                if (widget.context?.model) widget.context.model.dirty = false
                widget.close()
              }
            }"""
        )

    def set_theme(self, name: str) -> None:
        """Choose one of JupyterLab's themes, e.g. `JupyterLab Dark`."""
        self.page.evaluate(
            """async theme => {
              await window.jupyterapp.commands.execute('apputils:change-theme', { theme })
            }""",
            name,
        )
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg=light
        )


def notebook_of(cells: Sequence[str], kernel: str = "python3") -> dict[str, Any]:
    """Return a notebook of code cells, as its file holds it."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}},
        "cells": [
            {
                "id": f"cell-{place}",
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for place, source in enumerate(cells)
        ],
    }
