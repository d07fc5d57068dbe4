"""Step 8: keep the results, the call and the way back to them."""

from pathlib import Path

import pandas as pd
from playwright.sync_api import expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import only_job, wire_panel
from tests.job_runs import datasource_of, launch, questions
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

import outboard
from outboard.workspace import Workspace


def test_results_are_kept_as_file_variable_and_datasource(
    tmp_path: Path, workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    job = launch(server, datasource_of(questions(20)))
    job.wait(60)
    notebook = open_notebook(f"panel = outboard.InferencePanel(job={job.id!r})\npanel")
    notebook.run_all()
    panel = notebook.panel()
    name, told = panel.part("export-name"), panel.part("export-result")

    for ending, read in (
        ("csv", pd.read_csv),
        ("parquet", pd.read_parquet),
        ("jsonl", lambda path: pd.read_json(path, lines=True)),
    ):
        path = tmp_path / f"kept.{ending}"
        name.fill(str(path))
        panel.part(f"export-{ending}").click()
        expect(told).to_contain_text(path.name)
        assert len(read(path)) == 20
    name.fill("answers")
    panel.part("export-variable").click()
    expect(told).to_contain_text("answers")
    assert notebook.kernel_value("len(answers)") == 20
    panel.part("export-datasource").click()
    expect(told).to_contain_text("atasource")
    assert "answers" in outboard.list_datasources()["name"].tolist()

    name.fill("no name")
    panel.part("export-variable").click()
    expect(panel.root.get_by_text("no name that Python takes")).to_be_visible()


def test_call_is_copied_as_python_that_runs(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    notebook = open_notebook(wire_panel(server, datasource_of(questions(5))))
    notebook.run_all()
    panel = notebook.panel()
    panel.write_prompt("Say {instruction} twice")

    panel.part("copy-as-python").click()

    wait_until(lambda: "Say {instruction} twice" in panel.clipboard, poll_s=0.05)
    notebook.kernel_says(panel.clipboard)
    job = only_job()
    assert job.results()["prompt"][0] == "Say What is 0? twice"


def test_run_of_the_history_comes_back_with_its_settings(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    uid = datasource_of(questions(6))
    model = outboard.ExternalModel(server.model, finetuning_provider_type="openai")
    job_id = model.inference(
        [uid],
        [1, 2],
        {"max_new_tokens": 3},
        {"base_url": server.base_url},
        "Recall {instruction}",
        sync=False,
    )
    outboard.get_job(job_id).wait(60)
    notebook = open_notebook("panel = outboard.InferencePanel()\npanel")
    notebook.run_all()
    panel = notebook.panel()

    panel.unfold("History")
    shoot("history")
    panel.part(f"job-{job_id}").click()

    panel.wait_for_status("succeeded")
    expect(panel.part("prompt-template")).to_have_value("Recall {instruction}")
    expect(panel.field("generation-max_new_tokens")).to_have_value("3")
    expect(panel.field("model-provider")).to_have_value("openai")
    expect(panel.field(f"datasource-{uid}")).to_be_checked()
    expect(panel.part("results-table")).to_have_attribute("aria-rowcount", "3")
    expect(panel.part("results-filter-truncated")).to_contain_text("2")
