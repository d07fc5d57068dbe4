import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest
from tests.waiting import wait_until

import outboard
from outboard.panel.pulse import Pulse
from outboard.panel.replies import JobSnapshot, Versions
from outboard.workspace import Workspace


class Panel:
    """A panel that notes what it is told."""

    def __init__(self, workspace: Workspace, *, fails: bool = False) -> None:
        self.workspace = workspace
        self.watched: str | None = None
        self.seen: list[tuple[JobSnapshot | None, Versions]] = []
        self.beats: list[int] = []
        self.remembered = 0
        self._fails = fails

    def show(self, job: JobSnapshot | None, versions: Versions) -> None:
        if self._fails:
            raise ConnectionError("The browser is gone.")
        self.seen.append((job, versions))

    def beat(self, seq: int) -> None:
        if self._fails:
            raise ConnectionError("The browser is gone.")
        self.beats.append(seq)

    def remember(self) -> None:
        self.remembered += 1


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    pulse = Pulse()
    yield pulse
    for panel in pulse.panels:
        pulse.discard(panel)


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "outboard-panel-pulse"]


def test_panel_is_shown_what_there_is_at_once(pulse: Pulse, workspace: Workspace) -> None:
    panel = Panel(workspace)

    pulse.add(panel)

    took = wait_until(lambda: panel.seen and panel.beats)
    assert panel.seen[0] == (None, {"datasources": 1, "jobs": 1, "presets": 1})
    assert took < 5


def test_one_thread_serves_all_panels_and_ends_with_the_last(
    pulse: Pulse, workspace: Workspace
) -> None:
    wait_until(lambda: not threads())
    panels = [Panel(workspace) for _ in range(20)]
    for panel in panels:
        pulse.add(panel)
    wait_until(lambda: all(panel.seen for panel in panels))
    running = threads()

    for panel in panels:
        pulse.discard(panel)

    assert len(running) == 1
    wait_until(lambda: not running[0].is_alive())


def test_thread_starts_again_for_a_later_panel(pulse: Pulse, workspace: Workspace) -> None:
    first, second = Panel(workspace), Panel(workspace)
    pulse.add(first)
    pulse.discard(first)

    pulse.add(second)

    wait_until(lambda: second.seen)


def test_threads_do_not_keep_the_process_alive(pulse: Pulse, workspace: Workspace) -> None:
    panel = Panel(workspace)
    pulse.add(panel)

    assert all(thread.daemon for thread in threads())


def test_panel_that_cannot_be_told_harms_no_other(
    pulse: Pulse, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Panel(workspace, fails=True), Panel(workspace)
    pulse.add(broken)
    pulse.add(sound)

    wait_until(lambda: sound.seen and len(sound.beats) >= 2)

    assert "could not be brought up to date" in caplog.text


def test_workspace_that_cannot_be_read_harms_no_other(
    pulse: Pulse, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = workspace.path.parent / "file"
    elsewhere.write_text("not a folder")
    lost, sound = Panel(Workspace(elsewhere / "inside")), Panel(workspace)
    lost.watched = "job-1"
    pulse.add(lost)
    pulse.add(sound)

    wait_until(lambda: sound.seen and sound.beats and lost.beats)

    assert "could not be brought up to date" in caplog.text
    assert lost.seen == []


def test_changed_list_is_told_within_a_second_or_two(pulse: Pulse, workspace: Workspace) -> None:
    panel = Panel(workspace)
    pulse.add(panel)
    wait_until(lambda: panel.seen)

    outboard.create_datasource(pa.table({"a": [1]}))

    wait_until(lambda: panel.seen[-1][1]["datasources"] == 2, timeout_s=10)
    assert panel.seen[-1][1] == {"datasources": 2, "jobs": 1, "presets": 1}


def test_panel_that_was_dropped_is_forgotten(pulse: Pulse, workspace: Workspace) -> None:
    pulse.add(Panel(workspace))

    wait_until(lambda: not pulse.panels)
