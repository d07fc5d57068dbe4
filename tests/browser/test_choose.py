"""Step 1: choose the rows and say what their columns are."""

from pathlib import Path

import pandas as pd
from playwright.sync_api import expect
from tests.browser.camera import Camera
from tests.browser.conftest import OpenNotebook
from tests.browser.panel_code import EMPTY_PANEL
from tests.waiting import wait_until

import outboard
from outboard.workspace import Workspace

TICKETS = pd.DataFrame({"question": ["Where?", "When?"], "answer": ["Here.", "Now."]})


def test_datasource_is_found_ticked_and_its_columns_guessed(
    workspace: Workspace, open_notebook: OpenNotebook, shoot: Camera
) -> None:
    tickets = outboard.create_datasource(TICKETS, name="tickets")
    other = outboard.create_datasource(TICKETS, name="weather")
    notebook = open_notebook(EMPTY_PANEL)
    notebook.run_all()
    panel = notebook.panel()
    expect(panel.part(f"datasource-{other}")).to_be_visible()

    panel.root.get_by_label("Search datasources").fill("tick")
    expect(panel.part(f"datasource-{other}")).to_have_count(0)
    panel.choose_datasource(tickets)

    expect(panel.field("mapping-instruction")).to_have_value("question")
    expect(panel.field("mapping-response")).to_have_value("answer")
    expect(panel.part("mapping-guessed")).to_be_visible()
    expect(panel.field("model-name")).to_have_value("smollm2-135m-instruct")
    wait_until(lambda: notebook.kernel_value("panel.call['datasource_uids']") == [tickets])
    shoot("chosen")


def test_mapping_and_rows_that_are_chosen_reach_the_kernel(
    workspace: Workspace, open_notebook: OpenNotebook
) -> None:
    tickets = outboard.create_datasource(TICKETS, name="tickets")
    notebook = open_notebook(EMPTY_PANEL)
    notebook.run_all()
    panel = notebook.panel()
    panel.choose_datasource(tickets)
    expect(panel.field("mapping-instruction")).to_have_value("question")

    panel.field("mapping-context").select_option("answer")
    panel.field("mapping-response").select_option("")
    panel.part("rows-kind").select_option("x_uids")
    panel.part("rows-x-uids").fill("doc::1")

    expected = {"question": "instruction", "answer": "context"}
    wait_until(lambda: notebook.kernel_value("panel.call['column_mappings']") == expected)
    rows = {"kind": "x_uids", "x_uids": "doc::1"}
    wait_until(lambda: notebook.kernel_value("panel.call['rows']") == rows)
    expect(panel.part("prompt-preview")).to_contain_text("doc::1")


def test_file_and_variable_become_datasources(
    tmp_path: Path, workspace: Workspace, open_notebook: OpenNotebook
) -> None:
    file = tmp_path / "tickets.csv"
    TICKETS.to_csv(file, index=False)
    notebook = open_notebook("import pandas\nframe = pandas.DataFrame({'a': ['1']})", EMPTY_PANEL)
    notebook.run_all()
    panel = notebook.panel()

    expect(panel.root.get_by_text("No data yet")).to_be_visible()
    panel.part("add-path").fill(str(file))
    panel.part("add-path-submit").click()
    expect(panel.part("datasource-list").get_by_role("checkbox")).to_have_count(1)
    panel.unfold("Add data")  # it folds itself once there is data
    panel.part("add-variable").focus()
    panel.part("add-variable").select_option("frame")
    expect(panel.part("datasource-list").get_by_role("checkbox")).to_have_count(2)

    listed = outboard.list_datasources()
    assert sorted(listed["n_rows"]) == [1, 2]
    expect(panel.part("datasource-list").get_by_role("checkbox", checked=True)).to_have_count(2)
