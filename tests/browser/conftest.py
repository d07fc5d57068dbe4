"""One Jupyter server, one browser and one loaded JupyterLab for all tests of this folder."""

import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.browser.camera import Camera
from tests.browser.chromium import chromium, chromium_path
from tests.browser.jupyter_server import JupyterServer
from tests.browser.notebook import Lab, Notebook
from tests.browser.page_watch import PageWatch
from tests.job_runs import kill_workers

from outboard.workspace import Workspace

expect.set_options(timeout=20_000)  # the machine may be busy with the tests' own workers

#: Opens a notebook whose kernel uses the test's workspace.
OpenNotebook = Callable[..., Notebook]


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server for the whole run: it takes its 15 seconds once."""
    chromium_path()  # fail before the long start
    with JupyterServer(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def context(browser: Browser) -> BrowserContext:
    """A profile of its own, which may copy to the clipboard."""
    context = browser.new_context(viewport={"width": 1_440, "height": 1_000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(30_000)
    return context


@pytest.fixture(scope="session")
def watched_page(context: BrowserContext, jupyter: JupyterServer) -> tuple[Page, PageWatch]:
    """The page that shows JupyterLab, with an eye on it."""
    page = context.new_page()
    watch = PageWatch(jupyter.url)
    watch.follow(page)
    return page, watch


@pytest.fixture(scope="session")
def loaded_lab(watched_page: tuple[Page, PageWatch], jupyter: JupyterServer) -> Lab:
    """JupyterLab, loaded once."""
    lab = Lab(watched_page[0], jupyter)
    lab.load()
    return lab


@pytest.fixture
def lab(
    loaded_lab: Lab,
    watched_page: tuple[Page, PageWatch],
    jupyter: JupyterServer,
    shoot: Camera,  # so that every failure has its picture
) -> Iterator[Lab]:
    """JupyterLab without a notebook. The test fails if the page complained or called out."""
    watch = watched_page[1]
    watch.clear()
    yield loaded_lab
    errors, foreign = list(watch.errors), watch.foreign_urls
    loaded_lab.close_all()
    jupyter.shut_down_kernels()
    assert not errors
    assert not foreign


@pytest.fixture
def workspace(tmp_path: Path, assets_dir: Path) -> Iterator[Workspace]:
    """A workspace with the embedded model in it, shared by test and notebook."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "assets").symlink_to(assets_dir)
    with Workspace(folder) as workspace:
        yield workspace
        kill_workers(workspace)


@pytest.fixture
def open_notebook(lab: Lab, workspace: Workspace) -> OpenNotebook:
    """Open a notebook of the given cells; a first one names the workspace."""

    def open_cells(*cells: str, environment: dict[str, str] | None = None) -> Notebook:
        variables = {"OUTBOARD_HOME": str(workspace.path)} | (environment or {})
        return lab.open([f"import os; os.environ.update({variables!r})\nimport outboard", *cells])

    return open_cells


@pytest.fixture
def shoot(request: pytest.FixtureRequest, watched_page: tuple[Page, PageWatch]) -> Camera:
    """Keep pictures of the page's states among the artefacts."""
    return Camera(watched_page[0], re.sub(r"\W+", "-", request.node.name).strip("-"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failed test's last screen and the end of the server's log."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        server = item.funcargs.get("jupyter")
        if isinstance(server, JupyterServer):
            report.sections.append(("log of the Jupyter server and its kernels", server.log_tail()))
        shoot = item.funcargs.get("shoot")
        if isinstance(shoot, Camera) and report.when == "call":
            report.sections.append(("last screen", str(shoot("failed"))))
    return report
