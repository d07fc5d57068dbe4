"""A whole run on the embedded model, and one on SageMaker's double, from the panel alone."""

import pandas as pd
from playwright.sync_api import expect
from tests.awsfake.server import AwsFake
from tests.browser.accessibility import violations_in
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import EMPTY_PANEL, only_job
from tests.job_runs import datasource_of, questions

import outboard
from outboard.workspace import Workspace


def test_embedded_model_answers_from_an_empty_panel_to_results(
    workspace: Workspace, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    frame = pd.DataFrame({"question": ["Name a colour.", "Name a fruit.", "Name a town."]})
    uid = outboard.create_datasource(frame, name="names")
    notebook = open_notebook(EMPTY_PANEL)
    notebook.run_all()
    panel = notebook.panel()

    panel.choose_datasource(uid)
    panel.write_prompt("{instruction}")
    panel.field("generation-max_new_tokens").fill("24")
    expect(panel.part("cost-estimate")).to_contain_text("Free")
    panel.run()

    panel.wait_for_status("succeeded", timeout_s=120)
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "4")
    job = only_job()
    results = job.results()
    assert results["status"].tolist() == ["succeeded"] * 3
    assert (results["response"].str.len() > 0).all()
    expect(panel.part("results-table")).to_contain_text(results["response"][0][:12].strip())
    shoot("done")


def test_training_job_is_deployed_run_and_torn_down(
    workspace: Workspace, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    with AwsFake(speed=0) as fake:
        fake.plan("*", step_s=120.0)
        fake.training_job("my-job")
        aws = fake.environment() | {"OUTBOARD_AWS_SPEED": "20"}
        notebook = open_notebook(EMPTY_PANEL, environment=aws)
        uid = datasource_of(questions(5))
        notebook.run_all()
        panel = notebook.panel()

        panel.field("model-provider").select_option("sagemaker")
        panel.field("model-name").fill("my-job")
        panel.choose_datasource(uid)
        expect(panel.part("cost-estimate")).to_contain_text("$")
        panel.run()

        panel.wait_for_status("deploying")
        expect(panel.part("progress")).to_be_visible()
        shoot("deploying")
        assert violations_in(panel.root) == []
        panel.wait_for_status("succeeded", timeout_s=120)
        expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "6")
        shoot("done")
        fake.assert_nothing_left()
        secrets = [aws["AWS_SECRET_ACCESS_KEY"]]
        state = str(notebook.kernel_value("[panel.call, panel.job, panel.session]"))
        assert not any(secret in state for secret in secrets)
