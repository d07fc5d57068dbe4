"""Steps 3 and 4: set, save as a preset, and be told what is wrong before it costs."""

from playwright.sync_api import expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import wire_panel
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

from outboard.workspace import Workspace


def test_fault_is_shown_at_its_field_and_holds_back_the_run(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    notebook = open_notebook(wire_panel(server, datasource_of(questions(3))))
    notebook.run_all()
    panel = notebook.panel()
    expect(panel.part("run")).to_be_enabled()
    expect(panel.part("cost-estimate")).to_contain_text("3 rows")

    panel.field("generation-temperature").fill("7")

    expect(panel.part("problem").first).to_contain_text("temperature")
    expect(panel.field("generation-temperature")).to_have_attribute("aria-invalid", "true")
    expect(panel.part("run")).to_be_disabled()
    shoot("problem")
    panel.field("generation-temperature").fill("0.5")
    expect(panel.part("problem")).to_have_count(0)
    expect(panel.part("run")).to_be_enabled()
    wait_until(lambda: notebook.kernel_value("panel.call['generation']") == {"temperature": 0.5})


def test_missing_columns_and_models_are_problems(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    notebook = open_notebook(wire_panel(server, datasource_of(questions(3))))
    notebook.run_all()
    panel = notebook.panel()

    panel.field("model-name").fill("no-such-model")
    panel.write_prompt("{instruction} {nowhere}")

    problems = panel.part("preflight")
    expect(problems).to_contain_text("nowhere")
    panel.write_prompt("{instruction}")
    expect(problems).to_contain_text("no-such-model")
    expect(panel.part("run")).to_be_disabled()


def test_preset_brings_settings_back_in_another_panel(
    workspace: Workspace, server: OpenAIServer, open_notebook: OpenNotebook
) -> None:
    cell = wire_panel(server, datasource_of(questions(3)))
    notebook = open_notebook(
        cell, cell.replace("panel =", "second =").replace("\npanel", "\nsecond")
    )
    notebook.run_all()
    first, second = notebook.panel(0), notebook.panel(1)

    first.field("generation-max_new_tokens").fill("17")
    first.write_prompt("Kindly: {instruction}")
    first.part("preset-name").fill("kind")
    first.part("preset-save").click()
    expect(first.root.get_by_text("Saved.")).to_be_visible()
    second.part("preset-name").fill("kind")
    second.part("preset-load").click()

    expect(second.field("generation-max_new_tokens")).to_have_value("17")
    expect(second.part("prompt-template")).to_have_value("Kindly: {instruction}")
