"""What tests of several modules share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.job_runs import kill_workers
from tests.openai_server import OpenAIServer

from outboard.assets import fetch_model
from outboard.workspace import Workspace

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def heed_interrupts() -> None:
    """Make Ctrl-C count: started in the background by a shell, processes ignore it for good."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def assets_dir() -> Path:
    """Folder that holds the embedded model, fetched once for all runs."""
    folder = REPOSITORY / ".cache" / "assets"
    fetch_model(folder)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace, the current one. Its workers end with the test."""
    with Workspace(tmp_path / "workspace") as workspace:
        yield workspace
        kill_workers(workspace)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A model server on loopback that answers at once."""
    with OpenAIServer() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser's tests last.

    From the first of them on, Playwright has an event loop running in the main thread, where
    no other test could start one.
    """
    browser = REPOSITORY / "tests" / "browser"
    items.sort(key=lambda item: item.path.is_relative_to(browser))
