"""Runs a notebook from top to bottom, as its readers do, in a process of its own.

    python -m tests.notebook_run NOTEBOOK RESULT [NAME=VALUE ...]

The values replace those of the cell tagged `parameters`. Where a text is tagged `restart-kernel`,
the kernel is restarted.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient


def has_tag(cell: Any, tag: str) -> bool:
    """Tell whether a cell bears a tag."""
    return tag in cell.metadata.get("tags", [])


async def execute(notebook: Any) -> None:
    """Run every cell in the working directory; the first error ends it."""
    manager = AsyncKernelManager(kernel_name="python3")
    client = NotebookClient(notebook, km=manager, timeout=150)
    async with client.async_setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if has_tag(cell, "restart-kernel"):
                await manager.restart_kernel(now=True)
                await ready(client)
            else:
                await client.async_execute_cell(cell, index)


async def ready(client: Any) -> None:
    """Wait until the restarted kernel answers."""
    await client.kc.wait_for_ready(timeout=60)


def main() -> None:
    """Run the notebook that the command line names."""
    source, target, *parameters = sys.argv[1:]
    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if has_tag(cell, "parameters"):
            cell.source = "\n".join([cell.source, *parameters])
    try:
        asyncio.run(execute(notebook))
    finally:
        Path(target).write_text(
            nbformat.writes(notebook),  # type: ignore[no-untyped-call]
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
