"""The documentation: it builds, its code runs, and the errors it explains are those raised."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.documentation import ROOT, give_model, run_blocks

import outboard
from outboard.workspace import Workspace

DOCS = ROOT / "docs"
#: Stands for what an f-string fills in.
FILLED = "\ufffc"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build all pages; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    return folder


class Loaded(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "img", "iframe", "source"}:
            self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        assert not [a for a in parser.addresses if re.match(r"(https?:)?//", a)], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8"))


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    page = (site / "reference.html").read_text(encoding="utf-8")

    missing = [
        name
        for name in outboard.__all__
        if name not in {"__version__", "errors"} and f">{name}</" not in page
    ]
    assert missing == []
    assert "BudgetExceededError" in page


def test_every_setting_and_command_is_listed(site: Path) -> None:
    settings = (site / "settings.html").read_text(encoding="utf-8")
    commands = (site / "command-line.html").read_text(encoding="utf-8")

    for config in (outboard.GenerationConfig, outboard.DeploymentConfig):
        assert all(f"<code>{name}</code>" in settings for name in config.model_fields)
    assert "outboard datasource add" in commands
    assert "--dry-run" in commands


@pytest.mark.parametrize("page", ["tutorial.md", "long-jobs.md", "from-snorkelflow.md"])
def test_code_of_a_page_runs(
    page: str,
    workspace: Workspace,
    assets_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_model(workspace, assets_dir)
    monkeypatch.chdir(tmp_path)
    Path("questions.csv").write_text("question\nWhy is the sky blue?\n")

    run_blocks(DOCS / page)

    assert outboard.list_jobs()["status"].tolist() == ["succeeded"]


def texts_in_the_source() -> Iterator[str]:
    """Yield every text in the package, with `FILLED` for what is filled in."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.JoinedStr(values=values):
                    parts = (v.value if isinstance(v, ast.Constant) else FILLED for v in values)
                    yield "".join(str(part) for part in parts)
                case ast.Constant(value=str() as text):
                    yield text


TEXTS = list(texts_in_the_source())
QUOTED = re.findall(r"^> (.+)$", (DOCS / "troubleshooting.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("message", QUOTED)
def test_message_that_is_explained_is_one_that_is_raised(message: str) -> None:
    fixed = [re.escape(part) for part in message.split("...")]
    pattern = re.compile(".*".join(fixed), re.DOTALL)

    assert any(pattern.match(text) for text in TEXTS)


def test_messages_in_the_table_of_sagemaker_are_ones_that_are_raised() -> None:
    page = (DOCS / "sagemaker.md").read_text(encoding="utf-8")
    table = page.split("## What an error means")[1]
    quoted = re.findall(r'^\| `\w+` "([^"]+)"', table, re.MULTILINE)
    fixed = [part.strip() for text in quoted for part in text.split("...") if part.strip()]

    missing = [part for part in fixed if not any(part in text for text in TEXTS)]
    assert len(fixed) >= 6
    assert missing == []
