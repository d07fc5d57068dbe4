"""The side bar's panel through what happens to notebooks and their kernels."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from tests.browser.accessibility import violations_in
from tests.browser.camera import Camera
from tests.browser.jupyter_server import JupyterServer
from tests.browser.kernels import DOOM, ECHO, MORTAL
from tests.browser.notebook import LAB_READY, Lab, notebook_of
from tests.browser.panel_code import wire_panel
from tests.browser.side_bar import SideBar
from tests.job_runs import datasource_of, hanging_after, kill_workers, questions
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

from outboard.workspace import Workspace

#: A job runs.
BADGE = re.compile(r"\boutboard-mod-live\b")
#: Takes away every folder that has outboard in it.
UNINSTALL = """
import pathlib, sys
before = list(sys.path)
sys.path[:] = [folder for folder in before if not (pathlib.Path(folder) / "outboard").is_dir()]
"""
#: Puts a release that knows no side bar before the one that is installed.
DOWNGRADE = """
import pathlib, sys
old = pathlib.Path({folder!r}) / "outboard"
old.mkdir(parents=True)
(old / "__init__.py").touch()
sys.path.insert(0, str(old.parent))
"""
BUSY = """
import pathlib, time
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.05)
"""


@pytest.fixture
def home(jupyter: JupyterServer) -> Iterator[Workspace]:
    """The workspace of kernels that are told of none."""
    with Workspace(jupyter.user_data / "outboard") as workspace:
        yield workspace
        kill_workers(workspace)
    shutil.rmtree(workspace.path)


@pytest.fixture
def side_bar(home: Workspace, lab: Lab) -> Iterator[SideBar]:
    side_bar = SideBar(lab.page)
    yield side_bar
    side_bar.close()


@pytest.fixture(params=["JupyterLab Dark", "JupyterLab Dark High Contrast"])
def dark_theme(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    lab.set_theme(request.param)
    yield request.param
    lab.set_theme("JupyterLab Light")


def is_kept_open(jupyter: JupyterServer) -> bool:
    """Return true if JupyterLab has saved that the side bar shows the panel."""
    layouts = [json.loads(file.read_text()) for file in jupyter.layouts.glob("*")]
    areas = [layout["data"].get("layout-restorer:data", {}).get("right", {}) for layout in layouts]
    return any(area.get("current") == "outboard-side-panel" for area in areas)


def cell(server: OpenAIServer, *prompts: str, template: str = "{instruction}") -> str:
    """Return a cell that shows a panel on these prompts."""
    call = f"dict(panel.call, prompt_template={template!r})"
    shown = wire_panel(server, datasource_of(prompts or questions(3)))
    return f"import outboard\n{shown.removesuffix('panel')}panel.call = {call}\npanel"


def own_prompt(home: Workspace) -> str:
    """Return the call that is kept for kernels of the side bar's own."""
    place = home.store.panels.newest_place('["outboard-side-panel"')
    record = None if place is None else home.store.panels.get(place)
    return "" if record is None else str(record.draft["prompt_template"])


def test_cell_and_side_bar_show_one_panel_and_the_icon_its_job(
    side_bar: SideBar, lab: Lab, server: OpenAIServer, shoot: Camera
) -> None:
    notebook = lab.open([cell(server, *hanging_after(4, 1))])
    notebook.run_all()
    in_cell = notebook.panel()

    side_bar.open()
    side_bar.panel.write_prompt("Side: {instruction}")
    expect(in_cell.part("prompt-template")).to_have_value("Side: {instruction}")
    side_bar.panel.run()

    expect(side_bar.tab).to_have_class(BADGE)
    shoot("running")
    server.release()
    for panel in (in_cell, side_bar.panel):
        panel.wait_for_status("succeeded")
        expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "6")
    expect(side_bar.tab).not_to_have_class(BADGE)
    toast = lab.page.get_by_role("alert").filter(has_text="tiny-chat: all 5 rows done")
    expect(toast).to_be_visible()
    shoot("ended")
    assert violations_in(side_bar.element) == []


def test_call_becomes_a_cell_that_runs(side_bar: SideBar, lab: Lab, server: OpenAIServer) -> None:
    notebook = lab.open([cell(server)])
    notebook.run_all()
    side_bar.open()
    side_bar.panel.write_prompt("Cell: {instruction}")

    side_bar.button("Insert as cell").click()
    wait_until(lambda: len(notebook.outputs()) == 2)
    notebook.run_cell(1)

    assert sorted(server.seen.prompts)[0] == "Cell: What is 0?"


def test_side_bar_follows_the_user_from_notebook_to_notebook(
    side_bar: SideBar, lab: Lab, server: OpenAIServer
) -> None:
    first = lab.open([cell(server, template="First {instruction}")])
    first.run_all()
    side_bar.open()
    expect(side_bar.panel.part("prompt-template")).to_have_value("First {instruction}")

    second = lab.open(["1"])

    expect(side_bar.title).to_have_text(second.path)
    expect(side_bar.panel.part("prompt-template")).to_have_value("{instruction}")
    second.run_all()
    assert second.kernel_value("len(In)") == 2, "the side bar left a trace in the history"

    lab.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=first.path).click()

    expect(side_bar.title).to_have_text(first.path)
    expect(side_bar.panel.part("prompt-template")).to_have_value("First {instruction}")


def test_restarted_kernel_shows_its_job_again_before_any_cell_is_run(
    side_bar: SideBar, lab: Lab, server: OpenAIServer
) -> None:
    notebook = lab.open([cell(server, *hanging_after(4, 1), template="Oh: {instruction}")])
    notebook.run_all()
    side_bar.open()
    side_bar.panel.run()
    expect(side_bar.panel.part("progress")).to_have_attribute("aria-valuenow", "4")

    notebook.restart_kernel()

    expect(side_bar.panel.part("progress")).to_have_attribute("aria-valuenow", "4")
    expect(side_bar.panel.part("prompt-template")).to_have_value("Oh: {instruction}")
    expect(side_bar.tab).to_have_class(BADGE)
    # The cell's new panel takes the place of the one that the side bar had opened meanwhile.
    notebook.run_cell(0)
    notebook.panel().write_prompt("New: {instruction}")
    expect(side_bar.panel.part("prompt-template")).to_have_value("New: {instruction}")
    server.release()
    side_bar.panel.wait_for_status("succeeded")


def test_reload_in_mid_run_brings_side_bar_and_job_back(
    side_bar: SideBar, lab: Lab, server: OpenAIServer, jupyter: JupyterServer
) -> None:
    notebook = lab.open([cell(server, *hanging_after(4, 1))])
    notebook.run_all()
    side_bar.open()
    side_bar.panel.run()
    expect(side_bar.panel.part("progress")).to_have_attribute("aria-valuenow", "4")
    wait_until(lambda: is_kept_open(jupyter))

    notebook.reload()

    expect(side_bar.panel.part("progress")).to_have_attribute("aria-valuenow", "4")
    expect(side_bar.tab).to_have_class(BADGE)
    server.release()
    side_bar.panel.wait_for_status("succeeded")
    expect(lab.page.get_by_role("alert").filter(has_text="all 5 rows done")).to_be_visible()


def test_kernel_of_its_own_ends_with_the_page_and_when_a_notebook_opens(
    side_bar: SideBar, lab: Lab, jupyter: JupyterServer, home: Workspace, shoot: Camera
) -> None:
    side_bar.open()
    side_bar.says("No notebook is open")
    shoot("no notebook")
    assert violations_in(side_bar.element) == []

    side_bar.button("Start a kernel for the panel").click()
    side_bar.panel.write_prompt("Own: {instruction}")
    expect(side_bar.title).to_have_text("Own kernel")
    shoot("own kernel")
    wait_until(lambda: "Own: {instruction}" in own_prompt(home))
    assert len(jupyter.sessions()) == 1
    lab.page.reload()
    lab.page.wait_for_function(LAB_READY)
    wait_until(lambda: jupyter.sessions() == [])

    side_bar.open()
    side_bar.button("Start a kernel for the panel").click()
    expect(side_bar.panel.part("prompt-template")).to_have_value("Own: {instruction}")
    notebook = lab.open(["1"])

    expect(side_bar.title).to_have_text(notebook.path)
    wait_until(lambda: [each["path"] for each in jupyter.sessions()] == [notebook.path])


def test_kernel_without_outboard_is_told_with_the_line_that_installs_it(
    side_bar: SideBar, lab: Lab, shoot: Camera
) -> None:
    notebook = lab.open([UNINSTALL, "sys.path[:] = before"])
    notebook.run_cell(0)

    side_bar.open()

    side_bar.says("outboard is not installed in this kernel")
    shoot("not installed")
    side_bar.button("Copy").click()
    copied = lab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == "%pip install outboard"
    notebook.run_cell(1)
    side_bar.button("Try again").click()
    assert side_bar.panel.part("model-name").is_visible()


def test_kernel_with_an_outboard_of_before_is_told_how_to_upgrade(
    side_bar: SideBar, lab: Lab, tmp_path: Path, shoot: Camera
) -> None:
    notebook = lab.open([DOWNGRADE.format(folder=str(tmp_path / "old"))])
    notebook.run_cell(0)

    side_bar.open()

    side_bar.says("This kernel's outboard is too old")
    expect(side_bar.notice.locator("code")).to_have_text("%pip install --upgrade outboard")
    shoot("too old")
    notebook.restart_kernel()
    assert side_bar.panel.part("model-name").is_visible()


def test_kernel_of_another_language_is_told(side_bar: SideBar, lab: Lab, shoot: Camera) -> None:
    lab.open(["anything"], kernel=ECHO)

    side_bar.open()

    side_bar.says("This is not a Python kernel")
    expect(side_bar.notice).to_contain_text("this kernel runs Echo")
    shoot("not Python")


def test_kernel_that_dies_for_good_is_told_and_another_chosen(
    side_bar: SideBar, lab: Lab, jupyter: JupyterServer
) -> None:
    notebook = lab.open(["1"], kernel=MORTAL)
    side_bar.open()
    assert side_bar.panel.part("model-name").is_visible()
    doom = jupyter.kernelspecs / MORTAL / DOOM
    doom.touch()
    told = lab.page.locator(".jp-Dialog", has_text="Kernel Restarting")
    lab.page.add_locator_handler(told, lambda: told.get_by_role("button", name="Ok").click())

    os.kill(notebook.kernel_value("__import__('os').getpid()"), signal.SIGKILL)

    # JupyterLab gives the kernel up once it cannot be started any more.
    side_bar.says("This notebook has no kernel")
    doom.unlink()
    side_bar.button("Choose a kernel").click()
    lab.page.locator(".jp-Dialog").get_by_role("button", name="Select").click()
    assert side_bar.panel.part("model-name").is_visible()
    lab.page.remove_locator_handler(told)


def test_side_bar_can_be_read_in_dark_themes(
    dark_theme: str, side_bar: SideBar, lab: Lab, shoot: Camera
) -> None:
    side_bar.open()
    side_bar.says("No notebook is open")
    shoot(f"{dark_theme} empty")
    assert violations_in(side_bar.element) == []

    lab.open(["1"])

    assert side_bar.panel.part("model-name").is_visible()
    shoot(dark_theme)
    assert violations_in(side_bar.element) == []


def test_panel_opens_beside_a_running_cell(side_bar: SideBar, lab: Lab, home: Workspace) -> None:
    gate = home.path / "gate"
    notebook = lab.open([BUSY.format(gate=str(gate))])
    notebook.run_cell(0, wait=False)
    running = lab.page.get_by_text("[*]:")
    expect(running).to_be_visible()

    side_bar.open()

    side_bar.panel.write_prompt("Meanwhile: {instruction}")
    expect(side_bar.panel.part("prompt-template")).to_have_value("Meanwhile: {instruction}")
    expect(running).to_be_visible()
    gate.touch()
    expect(running).to_be_hidden()


def test_kernel_that_was_shut_down_is_told_and_chosen_again(side_bar: SideBar, lab: Lab) -> None:
    lab.open(["1"])
    side_bar.open()
    assert side_bar.panel.part("model-name").is_visible()

    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    side_bar.says("This notebook has no kernel")
    side_bar.button("Choose a kernel").click()
    lab.page.locator(".jp-Dialog").get_by_role("button", name="Select").click()

    assert side_bar.panel.part("model-name").is_visible()


def test_console_has_the_panel_too(side_bar: SideBar, lab: Lab) -> None:
    side_bar.open()

    lab.page.evaluate(
        """() => window.jupyterapp.commands.execute(
          'console:create', { activate: true, kernelPreference: { name: 'python3' } })"""
    )

    expect(side_bar.title).to_have_text(re.compile("Console"))
    assert side_bar.panel.part("model-name").is_visible()


def test_notebook_7_has_the_panel_too(
    home: Workspace, context: BrowserContext, jupyter: JupyterServer, shoot: Camera
) -> None:
    (jupyter.root / "side-seven.ipynb").write_text(json.dumps(notebook_of(["1"])))
    page = context.new_page()
    page.goto(f"{jupyter.url}/notebooks/side-seven.ipynb?token={jupyter.token}")
    page.wait_for_function(LAB_READY, timeout=60_000)

    page.evaluate("() => window.jupyterapp.commands.execute('outboard:open-side-panel')")

    side_bar = SideBar(page)
    assert side_bar.panel.part("model-name").is_visible()
    shoot("panel", page)
    page.close()
    jupyter.shut_down_kernels()
