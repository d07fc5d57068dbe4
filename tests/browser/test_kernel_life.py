"""A panel through busy cells, reloads and restarts."""

from playwright.sync_api import expect
from tests.browser.accessibility import violations_in
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import only_job, wire_panel
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

from outboard.workspace import Workspace

#: Blocks the main thread until the file is there, after having published on the panel's comm.
BUSY = """
import pathlib, time
panel.call = dict(panel.call)
print("blocked", flush=True)
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.05)
"""

#: In the page: what the test's own way to the page costs on a busy machine is not the panel's.
TIME_FROM_CLICK_TO_STATUS = """
root => {
  let clicked = Infinity
  document.addEventListener("click", () => { clicked = performance.now() }, { capture: true })
  new MutationObserver(() => { window.tookMs ??= performance.now() - clicked })
    .observe(root, { attributes: true, attributeFilter: ["data-job-status"] })
}
"""


def test_cancel_answers_at_once_while_a_cell_blocks(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    gate = workspace.path / "gate"
    prompts = questions(4, marker="<fault:hang>")
    notebook = open_notebook(
        wire_panel(server, datasource_of(prompts)), BUSY.format(gate=str(gate))
    )
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel = notebook.panel()
    panel.run()
    panel.wait_for_status("running")
    notebook.run_cell(2, wait=False)
    wait_until(lambda: "blocked" in str(notebook.outputs()[2]), poll_s=0.05)

    panel.page.evaluate(TIME_FROM_CLICK_TO_STATUS, panel.root.element_handle())
    panel.part("cancel").click()
    panel.wait_for_status("cancelling", "cancelled")
    took_ms = panel.page.evaluate("() => window.tookMs")

    gate.touch()  # until now the cell cannot have ended
    notebook.wait_for_cell()
    panel.wait_for_status("cancelled")
    assert took_ms < 500


def test_reload_in_mid_run_finds_the_job_and_its_end(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    prompts = questions(10) + questions(5, marker="<fault:hang>")
    notebook = open_notebook(wire_panel(server, datasource_of(prompts)))
    notebook.run_all()
    panel = notebook.panel()
    panel.write_prompt("{instruction}")
    panel.run()
    expect(panel.part("progress")).to_have_attribute("aria-valuenow", "10")
    notebook.save()

    notebook.reload()
    panel = notebook.panel()

    expect(panel.part("progress")).to_have_attribute("aria-valuenow", "10")
    expect(panel.part("prompt-template")).to_have_value("{instruction}")
    server.release()
    panel.wait_for_status("succeeded")
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "16")


def test_restarted_kernel_shows_as_gone_and_the_cell_finds_the_job_again(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    prompts = questions(10) + questions(5, marker="<fault:hang>")
    notebook = open_notebook(wire_panel(server, datasource_of(prompts)))
    notebook.run_all()
    panel = notebook.panel()
    panel.write_prompt("Oh: {instruction}")
    panel.run()
    expect(panel.part("progress")).to_have_attribute("aria-valuenow", "10")

    notebook.restart_kernel()

    expect(panel.part("kernel-silent")).to_be_visible()
    expect(panel.part("run")).to_be_disabled()
    expect(panel.part("cancel")).to_be_disabled()
    shoot("dead")
    assert violations_in(panel.root) == []
    notebook.run_all()
    panel = notebook.panel()
    expect(panel.part("progress")).to_have_attribute("aria-valuenow", "10")
    expect(panel.part("prompt-template")).to_have_value("Oh: {instruction}")
    assert notebook.kernel_value("panel.job['id']") == only_job().id
    server.release()
    panel.wait_for_status("succeeded")
