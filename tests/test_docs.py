import inspect
import re
from pathlib import Path

import pytest

import outboard

ROOT = Path(__file__).parent.parent


def public_methods() -> list[tuple[str, object]]:
    """Return what users can call on the public classes, as (dotted name, function)."""
    found: list[tuple[str, object]] = []
    for name in outboard.__all__:
        value = getattr(outboard, name)
        if inspect.isclass(value):
            found += [
                (f"{name}.{attribute}", member)
                for attribute, member in vars(value).items()
                if not attribute.startswith("_")
                and (inspect.isfunction(member) or isinstance(member, (property, classmethod)))
            ]
    return found


METHODS = public_methods()
ERRORS = [
    error
    for error in vars(outboard.errors).values()
    if inspect.isclass(error) and issubclass(error, outboard.errors.OutboardError)
]


@pytest.mark.parametrize("name", [n for n in outboard.__all__ if n != "__version__"])
def test_public_name_is_documented(name: str) -> None:
    value = getattr(outboard, name)

    assert inspect.getdoc(value)
    # A class without a docstring of its own would show its base's.
    assert not inspect.isclass(value) or "__doc__" in vars(value)


@pytest.mark.parametrize(("name", "method"), METHODS, ids=[name for name, _ in METHODS])
def test_public_method_is_documented(name: str, method: object) -> None:
    assert inspect.getdoc(method), name


@pytest.mark.parametrize("error", ERRORS)
def test_error_is_documented(error: type[outboard.errors.OutboardError]) -> None:
    assert vars(error).get("__doc__")


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/sagemaker.md"]
)
def test_files_that_a_page_links_to_exist(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_changelog_opens_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert headings[0] == "[Unreleased]"
