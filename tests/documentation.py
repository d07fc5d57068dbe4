"""Takes documentation apart: its code blocks and commands, to run them."""

import re
import shlex
from pathlib import Path
from typing import Any

from outboard.assets import MODEL
from outboard.workspace import Workspace

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def code_blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    blocks = _FENCE.finditer(page.read_text(encoding="utf-8"))
    return [block["code"] for block in blocks if block["language"] == language]


def indented_commands(page: Path, program: str) -> list[list[str]]:
    """Return what indented lines call a program with, in order; without their comments."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    lines = re.findall(rf"^    {program} (.+)$", prose, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def run_blocks(page: Path) -> dict[str, Any]:
    """Run the Python blocks of a page one after the other, and return the names they made."""
    names: dict[str, Any] = {}
    for number, code in enumerate(code_blocks(page, "python"), start=1):
        exec(compile(code, f"{page.name}, block {number}", "exec"), names)
    return names


def give_model(workspace: Workspace, assets_dir: Path) -> None:
    """Let a workspace have the embedded model without fetching it."""
    (workspace.assets_dir / MODEL.file_name).symlink_to(assets_dir / MODEL.file_name)
