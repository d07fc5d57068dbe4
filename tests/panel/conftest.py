"""What tests of the panel share."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from tests.panel.frontend import browsers

import outboard
from outboard.workspace import Workspace


@pytest.fixture
def _browser(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Panels have a browser, and a kernel that belongs to no notebook."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    with browsers():
        yield


@pytest.fixture
def questions(workspace: Workspace) -> int:
    """A table of ten questions with their answers."""
    rows = {"question": [f"What is {n}?" for n in range(10)], "answer": [str(n) for n in range(10)]}
    return outboard.create_datasource(pa.table(rows), name="numbers")
