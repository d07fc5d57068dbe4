"""How quickly the panel shows a million results, in JupyterLab with Chromium.

Measured in the page itself: from opening the run until its first row is drawn, windows as they
come over the wire, frames while scrolling, and the page's heap before and after it has shown
a hundred thousand rows. The browser has no graphics card here, and shares the machine with
the kernel and the Jupyter server.
"""

import argparse
import gzip
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import _machine
from benchmarks._report import say, show, spread, verdict
from benchmarks._rows import write_parquet
from benchmarks.panel_rows import record_job
from playwright.sync_api import Browser, ElementHandle, Page, WebSocket
from tests.browser.chromium import chromium
from tests.browser.jupyter_server import JupyterServer
from tests.browser.notebook import Lab, Notebook
from tests.browser.panel_page import PanelPage

import outboard

#: Opens a run from the history, and takes the time until its first row has text.
OPEN_RUN = """([root, id]) => new Promise(resolve => {
  const shown = () => root.querySelector('[role=grid] [aria-rowindex="2"]')?.textContent
  const began = performance.now()
  const watch = () => shown() ? resolve(performance.now() - began) : requestAnimationFrame(watch)
  root.querySelector(`[data-testid="job-${id}"]`).click()
  requestAnimationFrame(watch)
})"""
#: Jumps to a share of the height, and takes the time until the row at the top has an x_uid.
JUMP = """([grid, share]) => new Promise(resolve => {
  grid.scrollTop = share * grid.scrollHeight
  const began = performance.now()
  const watch = () => {
    const head = grid.querySelector('[role=columnheader]').getBoundingClientRect().bottom
    const rows = [...grid.querySelectorAll('.ob-grid-row')]
    const seen = rows.filter(row => row.getBoundingClientRect().top >= head - 28)
    const done = seen.length > 5 && seen.slice(0, 5).every(row => row.textContent.includes('::'))
    if (done) resolve(performance.now() - began)
    else requestAnimationFrame(watch)
  }
  requestAnimationFrame(watch)
})"""
#: Scrolls by a number of pixels in each of some frames, and returns the frames' times.
SCROLL = """([grid, step, frames]) => new Promise(resolve => {
  const times = []
  let last = performance.now()
  const next = now => {
    times.push(now - last)
    last = now
    grid.scrollTop += step
    if (times.length < frames) requestAnimationFrame(next)
    else resolve(times.slice(1))
  }
  requestAnimationFrame(next)
})"""
STATE = """
import json as _json
_state = {{k: v for k, v in {panel}.get_state().items() if k not in ("_esm", "_css")}}
print(len(_json.dumps(_state, default=str)))
"""
STATIC = Path(outboard.__file__).parent / "static"
BUNDLE = ("widget.js", "widget.css")
ROW_PX = 28
WORK = {
    "script": "ScriptDuration",
    "style": "RecalcStyleDuration",
    "layout": "LayoutDuration",
    "all tasks": "TaskDuration",
}
_ROUNDS = 5


class Wire:
    """Counts what the kernel sends to the page."""

    def __init__(self, page: Page) -> None:
        self.sizes: list[int] = []
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.sizes.append(len(frame)))


class Measured:
    """One panel on a run of many rows, in the page."""

    def __init__(self, browser: Browser, server: JupyterServer, home: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1_440, "height": 1_000})
        self.page.set_default_timeout(120_000)
        self.wire = Wire(self.page)
        self._cdp = self.page.context.new_cdp_session(self.page)
        self._cdp.send("Performance.enable")
        lab = Lab(self.page, server)
        lab.load()
        setup = f"import os; os.environ['OUTBOARD_HOME'] = {str(home)!r}\nimport outboard"
        self.notebook: Notebook = lab.open([setup, "panel = outboard.InferencePanel()\npanel"])
        self.notebook.run_cell(0)
        self.panel: PanelPage = self.new_panel()

    def new_panel(self) -> PanelPage:
        """Show another panel, one that knows nothing yet."""
        self.notebook.run_cell(1)
        self.panel = self.notebook.panel()
        self.panel.unfold("History")
        return self.panel

    @property
    def grid(self) -> ElementHandle:
        """The table's element."""
        found = self.panel.part("results-table").element_handle()
        assert found is not None
        return found

    def open_run(self, job_id: str) -> float:
        """Return the milliseconds until the run's first row is drawn."""
        self.panel.part(f"job-{job_id}").wait_for()
        root = self.panel.root.element_handle()
        return float(self.page.evaluate(OPEN_RUN, [root, job_id]))

    def put_away(self) -> None:
        """Leave the run, or the next panel begins with it."""
        self.panel.part("new-run").click()
        self.panel.part("results-table").wait_for(state="detached")

    def jump(self, share: float) -> float:
        """Return the milliseconds until rows are drawn at a share of the table's height."""
        return float(self.page.evaluate(JUMP, [self.grid, share]))

    def scroll(self, *, step_px: int, frames: int) -> list[float]:
        """Return the milliseconds of each frame."""
        found: list[float] = self.page.evaluate(SCROLL, [self.grid, step_px, frames])
        return found

    def work(self) -> dict[str, float]:
        """Return the seconds that the page has spent so far, by kind of work."""
        metrics = self._cdp.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in metrics}

    def rest(self, *, frames: int) -> list[float]:
        """Return the milliseconds of each frame while nothing happens: what the page can do."""
        return self.scroll(step_px=0, frames=frames)

    def heap_mb(self) -> float:
        """Return the page's heap after a collection."""
        self._cdp.send("HeapProfiler.collectGarbage")
        return float(self._cdp.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    def state_kb(self) -> float:
        """Return the size of the panel's traits."""
        return float(self.notebook.kernel_says(STATE.format(panel="panel"))) / 1e3


def bundle_kb() -> float:
    """Return the size of the front end, gzipped."""
    return sum(len(gzip.compress((STATIC / name).read_bytes())) for name in BUNDLE) / 1e3


def measure(shown: Measured, job_id: str, n_rows: int) -> None:
    """Measure, and print a table."""
    idle_kb = shown.state_kb()
    opened = [shown.open_run(job_id)]
    for _ in range(_ROUNDS - 1):
        shown.put_away()
        shown.new_panel()
        opened.append(shown.open_run(job_id))
    shown.wire.sizes.clear()
    jumps = [shown.jump(share) for share in (0.999, 0.5, 0.25, 0.75, 0.1)]
    most_kb = max(shown.wire.sizes) / 1e3
    rest = shown.rest(frames=180)
    idle = shown.work()
    slow = shown.scroll(step_px=ROW_PX, frames=180)
    worked = shown.work()
    fast = shown.scroll(step_px=20 * ROW_PX, frames=180)
    shown.jump(0.0)
    before = shown.heap_mb()
    frames = min(n_rows, 100_000) // 20
    shown.scroll(step_px=20 * ROW_PX, frames=frames)
    after = shown.heap_mb()
    show(
        f"The panel with {n_rows:,} rows",
        ("what", "found", "target", ""),
        [
            line("opening a run until its first row, ms", opened, at_most=300),
            line("a jump until its rows, ms", jumps, at_most=300),
            line("largest message of a window, KB", [most_kb], at_most=100),
            line("frames/s at rest: the limit here", [rate(rest)]),
            line("frames/s, scrolling a row a frame", [rate(slow)], at_least=58),
            line("frames/s, scrolling 20 rows a frame", [rate(fast)], at_least=58),
            line("frames over 33 ms of 180, a row a frame", [late(slow)]),
            line("frames over 33 ms of 180, 20 rows a frame", [late(fast)]),
            *(
                line(f"{kind}, ms a frame, a row a frame", [per_frame(idle, worked, name)])
                for kind, name in WORK.items()
            ),
            line(f"heap before scrolling {frames * 20:,} rows, MB", [before]),
            line("heap after it, MB", [after], at_most=before + 5),
            line("traits of an idle panel, KB", [idle_kb], at_most=20),
            line("bundle, gzipped, KB", [bundle_kb()], at_most=100),
        ],
    )


def rate(frames_ms: Sequence[float]) -> float:
    """Return frames a second."""
    return 1_000 * len(frames_ms) / sum(frames_ms)


def per_frame(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    """Return the milliseconds of some work for each of 180 frames."""
    return (after[name] - before[name]) * 1_000 / 180


def late(frames_ms: Sequence[float]) -> float:
    """Return how many frames took longer than two should."""
    return float(sum(each > 33.4 for each in frames_ms))


def line(
    what: str,
    found: Sequence[float],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> tuple[str, str, str, str]:
    """Return a line of the table."""
    if at_most is None and at_least is None:
        return what, spread(found, 1), "", ""
    target = f"<= {at_most:,.0f}" if at_most is not None else f">= {at_least:,.0f}"
    middle = sorted(found)[len(found) // 2]
    return what, spread(found, 1), target, verdict(middle, at_most=at_most, at_least=at_least)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the run")
    given = parser.parse_args()
    logging.basicConfig()

    with tempfile.TemporaryDirectory(prefix="outboard-bench-") as temporary:
        folder = Path(temporary)
        say(_machine.describe(folder))
        with outboard.Workspace(folder / "workspace") as workspace:
            write_parquet(folder / "rows.parquet", given.rows)
            uid = outboard.create_datasource(str(folder / "rows.parquet"))
            job = record_job(uid, given.rows)
            with JupyterServer(folder / "jupyter") as server, chromium() as browser:
                shown = Measured(browser, server, workspace.path)
                measure(shown, job.id, given.rows)


if __name__ == "__main__":
    main()
