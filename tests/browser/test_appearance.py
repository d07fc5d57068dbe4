"""How the panel looks and reads, in each state, theme and width."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.browser.accessibility import violations_in
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import Lab
from tests.browser.panel_code import EMPTY_PANEL, wire_panel
from tests.job_runs import datasource_of, launch, questions
from tests.openai_server import OpenAIServer

from outboard.workspace import Workspace

#: Sets the width of what is around the panel, as a side bar does.
SET_WIDTH = "(root, width) => { root.parentElement.style.width = width }"
WIDER_THAN_IT_MAY_BE = """root => [...root.querySelectorAll('*')].filter(element => {
  const { right, width } = element.getBoundingClientRect()
  const scrolls = element.parentElement.closest('[role=grid], .ob-scroll-x, pre, textarea')
  const hidden = element.closest('.ob-visually-hidden')
  return width > 0 && !scrolls && !hidden && right > root.getBoundingClientRect().right + 1
}).map(element => element.outerHTML.slice(0, 160))"""
THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]


@pytest.fixture
def light_again(lab: Lab) -> Iterator[None]:
    """The other tests see the light theme."""
    yield
    lab.page.emulate_media(forced_colors="none", reduced_motion="no-preference")
    lab.set_theme("JupyterLab Light")


def test_each_state_is_accessible_in_each_theme_and_width(
    workspace: Workspace,
    server: OpenAIServer,
    open_notebook: OpenNotebook,
    lab: Lab,
    shoot: Camera,
    light_again: None,
) -> None:
    prompts = [*questions(30), "Wrong?<fault:400>"]
    job = launch(server, datasource_of(prompts))
    job.wait(60)
    notebook = open_notebook(
        EMPTY_PANEL,
        wire_panel(server, datasource_of(prompts), variable="filled"),
        f"outboard.InferencePanel(job={job.id!r})",
    )
    notebook.run_all()
    empty, filled, done = (notebook.panel(place) for place in range(3))
    filled.write_prompt("{instruction} {nowhere}")
    filled.field("generation-temperature").fill("7")
    expect(filled.part("problem").first).to_be_visible()
    done.part("results-table").locator("[aria-rowindex='2'] [role=gridcell]").first.click()
    done.unfold("History")
    expect(done.part("row-detail")).to_contain_text(prompts[0])
    states = {"empty": empty, "problems": filled, "done": done}

    faults = []
    for theme in THEMES:
        lab.set_theme(theme)
        for width in ("", "280px"):
            for name, panel in states.items():
                panel.root.evaluate(SET_WIDTH, width)
                panel.root.scroll_into_view_if_needed()
                where = f"{theme} {width or 'wide'}: {name}"
                faults += [f"{where}: {each}" for each in violations_in(panel.root)]
                wider = panel.root.evaluate(WIDER_THAN_IT_MAY_BE)
                faults += [f"{where}: wider than the panel: {each}" for each in wider]
                shoot(where.replace(": ", " "), panel.root)

    assert not faults, "\n".join(faults)
