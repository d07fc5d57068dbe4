"""The panel's built front end: what it may not hold, and how big it may be."""

import gzip
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[1] / "src" / "outboard" / "static"

#: Names of XML vocabularies, which nothing ever loads.
NAMESPACES = re.compile(r"https?://www\.w3\.org/[\w./]*")
#: What only JupyterLab has, or another host lacks.
HOST_OWN = ["jupyterapp", "@jupyterlab", "@lumino", "JupyterFrontEnd", "Jupyter.notebook"]
#: What a page under a strict content security policy refuses.
CODE_FROM_TEXT = [r"\beval\(", r"\bnew Function\b", r"\bFunction\(\""]


@pytest.fixture(scope="module")
def script() -> str:
    return (STATIC / "widget.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def style() -> str:
    return (STATIC / "widget.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HOST_OWN)
def test_bundle_uses_nothing_that_only_one_host_has(script: str, name: str) -> None:
    assert name not in script


def test_bundle_names_no_address_to_load_from(script: str, style: str) -> None:
    without_names = NAMESPACES.sub("", script + style)

    assert re.findall(r"(?:https?:|wss?:|url\(\W?)//[^\s\"'`)]*", without_names) == []
    assert "@import" not in style


@pytest.mark.parametrize("pattern", CODE_FROM_TEXT)
def test_bundle_runs_no_text_as_code(script: str, pattern: str) -> None:
    assert not re.search(pattern, script)


def test_bundle_imports_nothing_at_run_time(script: str) -> None:
    assert not re.search(r"\bimport\s*\(|\bfrom\s*[\"']|\bimport\s*[\"']", script)


def test_bundle_is_under_100_kb_gzipped(script: str, style: str) -> None:
    assert len(gzip.compress((script + style).encode())) < 100_000
