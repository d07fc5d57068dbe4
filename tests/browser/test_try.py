"""Step 5: a trial on a few rows, whose answers stream in."""

from playwright.sync_api import expect
from tests.browser.accessibility import violations_in
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import only_job, wire_panel
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer, answer_to

from outboard.workspace import Workspace


def test_trial_shows_answers_as_they_grow_and_runs_only_its_rows(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    prompts = questions(10, marker="<fault:slow>")
    notebook = open_notebook(wire_panel(server, datasource_of(prompts)))
    notebook.run_all()
    panel = notebook.panel()

    expect(panel.part("try")).to_be_enabled()
    panel.part("try").click()

    for prompt in prompts[:3]:
        begun, _, rest = answer_to(prompt).partition(" ")
        expect(panel.root.get_by_text(begun)).to_be_visible()
        assert rest.split()[-1] not in panel.root.inner_text()
    shoot("growing")
    assert violations_in(panel.root) == []
    server.release()
    panel.wait_for_status("succeeded")
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "4")
    expect(panel.part("results-table")).to_contain_text(answer_to(prompts[2]))
    assert set(server.seen.prompts) == set(prompts[:3])
    assert notebook.kernel_value("panel.job['trial']") is True
    assert notebook.kernel_value("panel.job['id']") == only_job().id
