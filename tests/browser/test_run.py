"""Step 6: run, watch, cancel, resume, retry."""

import signal

from playwright.sync_api import expect
from tests.browser.accessibility import violations_in
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import only_job, wire_panel
from tests.job_runs import (
    assert_every_row_has_its_own_outcome,
    datasource_of,
    questions,
    signal_worker,
    wait_for_end_of,
)
from tests.openai_server import OpenAIServer

from outboard.workspace import Workspace


def test_run_is_watched_cancelled_and_resumed_to_its_end(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    prompts = questions(30) + questions(10, marker="<fault:hang>")
    notebook = open_notebook(wire_panel(server, datasource_of(prompts), max_concurrency=4))
    notebook.run_all()
    panel = notebook.panel()
    panel.run()
    panel.wait_for_status("running")

    expect(panel.part("progress")).to_have_attribute("aria-valuenow", "30")
    expect(panel.part("progress")).to_have_attribute("aria-valuemax", "40")
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "31")
    expect(panel.part("run")).to_be_disabled()
    shoot("running")
    assert violations_in(panel.root) == []
    panel.part("cancel").click()
    panel.wait_for_status("cancelled")
    server.release()
    shoot("cancelled")
    panel.part("resume").click()

    panel.wait_for_status("succeeded")
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "41")
    assert_every_row_has_its_own_outcome(only_job(), prompts)


def test_failed_rows_are_shown_and_sent_again(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    prompts = [*questions(8), "Once wrong?<fault:400*1>", "Never right?<fault:400>"]
    notebook = open_notebook(wire_panel(server, datasource_of(prompts)))
    notebook.run_all()
    panel = notebook.panel()
    panel.run()
    panel.wait_for_status("succeeded")
    expect(panel.part("retry-failed")).to_contain_text("2")
    shoot("two-failed")

    panel.part("retry-failed").click()

    expect(panel.part("retry-failed")).to_contain_text("1")
    panel.wait_for_status("succeeded")
    assert (only_job().progress.succeeded, only_job().progress.failed) == (9, 1)


def test_killed_worker_shows_as_interrupted_and_resumes(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    prompts = questions(12) + questions(6, marker="<fault:hang>")
    notebook = open_notebook(wire_panel(server, datasource_of(prompts)))
    notebook.run_all()
    panel = notebook.panel()
    panel.run()
    expect(panel.part("progress")).to_have_attribute("aria-valuenow", "12")

    wait_for_end_of(signal_worker(only_job(), signal.SIGKILL))

    panel.wait_for_status("interrupted")
    expect(panel.part("job-status")).to_contain_text("interrupted")
    shoot("interrupted")
    assert violations_in(panel.root) == []
    server.release()
    panel.part("resume").click()
    panel.wait_for_status("succeeded")
    assert_every_row_has_its_own_outcome(only_job(), prompts)


def test_job_that_cannot_go_on_says_why_with_the_end_of_its_log(
    workspace: Workspace, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    with OpenAIServer(api_key="right", revoke_after=5) as server:
        environment = {"WIRE_KEY": "right"}
        cell = wire_panel(server, datasource_of(questions(40)), api_key_env="WIRE_KEY")
        notebook = open_notebook(cell, environment=environment)
        notebook.run_all()
        panel = notebook.panel()
        panel.run()

        panel.wait_for_status("failed")

    expect(panel.root.get_by_role("alert").first).to_contain_text("key")
    expect(panel.part("resume")).to_be_visible()
    shoot("failed")
    assert violations_in(panel.root) == []
    assert '"right"' not in str(notebook.kernel_value("panel.job"))
