"""Takes the pictures of the documentation: the panel at work on real questions.

`make pictures` runs it. It is no part of the tests; what it shows, they check.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Page, expect
from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import Lab
from tests.browser.panel_code import EMPTY_PANEL
from tests.browser.panel_page import PanelPage
from tests.browser.side_bar import SideBar

import outboard
from outboard.assets import fetch_demo_rows
from outboard.workspace import Workspace

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TEMPLATE = "Answer in one sentence.\n\n{instruction}"
N_ROWS = 40
#: Height of all pictures, in CSS pixels; they are as wide as the panel.
HEIGHT = 880
MARGIN = 8
#: The whole window beside which the side panel stands.
WINDOW = (1_280, 860)
N_SIDE_ROWS = 12


class Recording:
    """Frames of what a part of the page shows, put together to one moving picture."""

    def __init__(self, page: Page, clip: FloatRect) -> None:
        self._page = page
        self._clip = clip
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def shot(self) -> Image.Image:
        """Return what is shown now."""
        data = self._page.screenshot(clip=self._clip, animations="disabled", caret="initial")
        return Image.open(io.BytesIO(data)).convert("RGB")

    def keep(self, seconds: float) -> None:
        """Add what is shown now, to be looked at for some seconds."""
        self._frames.append(self.shot())
        self._times.append(round(seconds * 1_000))

    def save(self, path: Path) -> None:
        """Write all frames; the colours of the last, fullest one have to do for all."""
        palette = self._frames[-1].quantize(96, dither=Image.Dither.NONE)
        frames = [
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self._frames
        ]
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            duration=self._times,
            loop=0,
            optimize=True,
        )


@pytest.fixture
def light_again(lab: Lab) -> Iterator[None]:
    yield
    lab.set_theme("JupyterLab Light")


def test_pictures(
    workspace: Workspace,
    assets_dir: Path,
    open_notebook: OpenNotebook,
    lab: Lab,
    light_again: None,
) -> None:
    IMAGES.mkdir(exist_ok=True)
    uid = outboard.create_datasource(fetch_demo_rows(assets_dir), name="truthfulqa")
    lab.page.set_viewport_size({"width": 1_500, "height": 1_120})
    notebook = open_notebook(EMPTY_PANEL)
    notebook.run_all()
    panel = notebook.panel()
    panel.root.evaluate("root => root.scrollIntoView({ block: 'start' })")
    box = panel.root.bounding_box()
    assert box is not None
    clip = FloatRect(
        x=box["x"] - MARGIN, y=box["y"], width=box["width"] + 2 * MARGIN, height=HEIGHT
    )
    recording = Recording(lab.page, clip)

    recording.keep(1.2)
    choose(panel, uid, recording, n_rows=N_ROWS)
    write(panel, recording)
    answer(panel, recording)
    recording.save(IMAGES / "panel.gif")

    recording.shot().save(IMAGES / "panel-light.png", optimize=True)
    lab.set_theme("JupyterLab Dark")
    panel.root.evaluate("root => root.scrollIntoView({ block: 'start' })")
    recording.shot().save(IMAGES / "panel-dark.png", optimize=True)


def test_pictures_of_the_side_panel(
    workspace: Workspace, assets_dir: Path, open_notebook: OpenNotebook, lab: Lab
) -> None:
    uid = outboard.create_datasource(fetch_demo_rows(assets_dir), name="truthfulqa")
    lab.page.set_viewport_size({"width": WINDOW[0], "height": WINDOW[1]})
    notebook = open_notebook(f"questions = outboard.get_datasource({uid}).to_pandas(20)\nquestions")
    notebook.run_all()
    # The first cell names a folder of the tests.
    cell = lab.page.locator(".jp-Notebook .jp-CodeCell").nth(1)
    cell.evaluate("cell => cell.scrollIntoView({ block: 'start' })")
    side_bar = SideBar(lab.page)
    recording = Recording(lab.page, FloatRect(x=0, y=0, width=WINDOW[0], height=WINDOW[1]))

    recording.keep(1.2)
    side_bar.open()
    panel = side_bar.panel
    recording.keep(1.5)
    choose(panel, uid, recording, n_rows=N_SIDE_ROWS)
    panel.run()
    panel.wait_for_status("running", timeout_s=120)
    panel.part("job-status").evaluate("status => status.scrollIntoView({ block: 'start' })")
    for n_done in (2, 6, 10):
        wait_for_rows(panel, n_done)
        recording.keep(0.8)
    panel.wait_for_status("succeeded", timeout_s=300)
    recording.keep(3.0)
    recording.save(IMAGES / "side-panel.gif")
    recording.shot().save(IMAGES / "side-panel.png", optimize=True)
    side_bar.close()


def choose(panel: PanelPage, uid: int, recording: Recording, *, n_rows: int) -> None:
    """Tick the table, and take its first rows."""
    panel.choose_datasource(uid)
    panel.field("rows-kind").select_option("first")
    panel.field("rows-n").fill(str(n_rows))
    panel.field("mapping-response").select_option("best_answer")
    expect(panel.part("run")).to_be_enabled()
    recording.keep(1.5)


def write(panel: PanelPage, recording: Recording) -> None:
    """Type the prompt, with a name from the list."""
    start = TEMPLATE.index("{instruction}")
    panel.write_prompt(TEMPLATE[:start])
    recording.keep(0.8)
    panel.part("prompt-template").press_sequentially("{")
    expect(panel.root.get_by_role("listbox", name="Names")).to_be_in_viewport()
    recording.keep(1.5)
    panel.part("prompt-template").press("Enter")
    expect(panel.part("prompt-preview")).to_contain_text("watermelon")
    recording.keep(1.5)


def answer(panel: PanelPage, recording: Recording) -> None:
    """Run, watch the rows come, and read one."""
    panel.run()
    panel.wait_for_status("running", timeout_s=120)
    for n_done in (4, 12, 24):
        wait_for_rows(panel, n_done)
        recording.keep(0.8)
    panel.wait_for_status("succeeded", timeout_s=300)
    recording.keep(1.5)
    panel.part("results-table").locator("[aria-rowindex='4'] [role=gridcell]").first.click()
    expect(panel.part("row-detail")).to_contain_text("veins")
    recording.keep(3.0)


def wait_for_rows(panel: PanelPage, n_rows: int) -> None:
    """Block until the table has that many rows."""
    panel.page.wait_for_function(
        "([root, n]) => root.querySelector('[role=grid]')?.ariaRowCount > n",
        arg=[panel.root.element_handle(), n_rows],
        timeout=240_000,
    )
