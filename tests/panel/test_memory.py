from typing import Any

import pytest
from tests.panel.frontend import frontend_of
from tests.recorded_jobs import record_job
from tests.waiting import wait_until

from outboard import ExternalModel, InferencePanel
from outboard.config import FinetuningProvider
from outboard.job import JobStatus
from outboard.panel.memory import Memory, Remembered
from outboard.panel.messages import Draft
from outboard.workspace import Workspace

pytestmark = pytest.mark.usefixtures("_browser")

DRAFT = Draft(model_name="m", provider="openai", prompt_template="x")
MODEL = ExternalModel("m", {"question": "instruction"}, "openai")


@pytest.fixture
def _notebook(_browser: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel belongs to a notebook."""
    monkeypatch.setenv("JPY_SESSION_NAME", "work/tickets.ipynb")


def edit(panel: InferencePanel, **parts: Any) -> None:
    """Edit the call in the browser, and have it written down."""
    frontend_of(panel).set(call={**panel.call, **parts})
    panel.remember()


@pytest.mark.usefixtures("_notebook")
def test_next_panel_of_a_notebook_shows_what_the_last_one_did(questions: int) -> None:
    first = MODEL.panel()
    job = record_job(questions, column_mappings={"question": "instruction"})
    frontend_of(first).ask("watch", job_id=job.id)
    edit(first, datasource_uids=[questions], prompt_template="Say {instruction}")
    first.close()

    panel = MODEL.panel()

    assert panel.session["notebook"] == "work/tickets.ipynb"
    assert panel.call["prompt_template"] == "Say {instruction}"
    assert panel.call["datasource_uids"] == [questions]
    frontend_of(panel).wait_for_job(id=job.id)


@pytest.mark.usefixtures("_notebook")
def test_edits_are_written_down_by_themselves(workspace: Workspace) -> None:
    panel = MODEL.panel()
    memory = Memory(workspace, "openai", "m")

    frontend_of(panel).set(call={**panel.call, "prompt_template": "new"})

    def is_written() -> bool:
        draft = memory.recall().draft
        return draft is not None and draft.prompt_template == "new"

    wait_until(is_written)


@pytest.mark.usefixtures("_notebook")
def test_what_code_says_wins_over_what_was_shown(questions: int) -> None:
    edit(MODEL.panel(), prompt_template="old", generation={"seed": 1})

    panel = MODEL.panel([questions], prompt_template="{instruction}!")

    assert panel.call["prompt_template"] == "{instruction}!"
    assert panel.call["datasource_uids"] == [questions]
    assert panel.call["generation"] == {"seed": 1}


@pytest.mark.usefixtures("_notebook")
def test_panel_on_another_model_begins_anew() -> None:
    edit(MODEL.panel(), prompt_template="old")

    assert ExternalModel("n", {}, "openai").panel().call["prompt_template"] == "{instruction}"
    assert InferencePanel().call["model_name"] == "smollm2-135m-instruct"


@pytest.mark.usefixtures("_notebook")
def test_panel_without_a_model_remembers_the_one_that_was_chosen() -> None:
    edit(InferencePanel(), provider="openai", model_name="chosen")

    panel = InferencePanel()

    assert (panel.call["provider"], panel.call["model_name"]) == ("openai", "chosen")


@pytest.mark.usefixtures("_notebook")
def test_panel_of_another_notebook_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    edit(MODEL.panel(), prompt_template="old")

    monkeypatch.setenv("JPY_SESSION_NAME", "work/other.ipynb")

    assert MODEL.panel().call["prompt_template"] == "{instruction}"


@pytest.mark.usefixtures("_notebook")
def test_rows_passed_in_code_are_remembered_as_if_typed(questions: int) -> None:
    edit(MODEL.panel([questions], [1, 2, 3, 7]), prompt_template="x")

    assert MODEL.panel().call["rows"] == {"kind": "x_uids", "x_uids": "1-3, 7"}


@pytest.mark.usefixtures("_notebook")
def test_more_rows_than_can_be_typed_are_asked_for_again(questions: int) -> None:
    edit(MODEL.panel([questions], range(1, 20_000, 2)), prompt_template="x")

    panel = MODEL.panel()

    assert panel.call["rows"]["kind"] == "given"
    call = {**panel.call, "datasource_uids": [questions]}
    problems = frontend_of(panel).ask("preview", draft=call)["problems"]
    assert any("Run the cell that passes them again" in each["message"] for each in problems)


@pytest.mark.usefixtures("_notebook")
def test_job_that_is_gone_is_not_remembered(workspace: Workspace) -> None:
    memory = Memory(workspace, "openai", "m")
    memory.keep(DRAFT, "job-0", None)

    assert memory.recall() == Remembered(draft=DRAFT)


@pytest.mark.usefixtures("_notebook")
def test_draft_of_another_version_is_forgotten(workspace: Workspace) -> None:
    panel = MODEL.panel()
    edit(panel, prompt_template="x")
    workspace.store.panels.save(str(panel._memory._place), {"of": "another version"}, None)

    assert MODEL.panel().call["prompt_template"] == "{instruction}"


@pytest.mark.usefixtures("_notebook")
@pytest.mark.parametrize("environment", [{"API_KEY": "sk-1"}, {"API_KEY": ["sk-1"]}, ["sk-1"]])
def test_secret_is_never_written_down(workspace: Workspace, environment: Any) -> None:
    memory = Memory(workspace, "openai", "m")

    secret = DRAFT.model_copy(update={"deployment": {"environment": environment}})
    memory.keep(secret, None, None)

    recalled = memory.recall().draft
    assert recalled is not None
    assert "sk-1" not in recalled.model_dump_json()


def test_without_a_notebook_nothing_is_remembered() -> None:
    edit(MODEL.panel(), prompt_template="old")

    assert MODEL.panel().call["prompt_template"] == "{instruction}"


def test_without_a_notebook_the_live_job_of_the_model_is_shown(questions: int) -> None:
    mappings = {"question": "instruction"}
    openai = FinetuningProvider.OPENAI

    def record(status: JobStatus, name: str = "m") -> str:
        return record_job(
            questions,
            answer=lambda _: None,
            status=status,
            model_name=name,
            provider=openai,
            column_mappings=mappings,
        ).id

    live = record(JobStatus.RUNNING)
    record(JobStatus.SUCCEEDED)
    record(JobStatus.RUNNING, "another")

    frontend_of(MODEL.panel()).wait_for_job(id=live)
    assert InferencePanel().job_id is None
