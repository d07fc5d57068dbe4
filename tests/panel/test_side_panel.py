from typing import Any

import pytest
from tests.panel.frontend import frontend_of
from tests.waiting import wait_until

from outboard import ExternalModel, InferencePanel
from outboard.errors import PromptTemplateError
from outboard.panel.side_panel import side_panel

pytestmark = pytest.mark.usefixtures("_browser")

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MODEL = ExternalModel("m", {"question": "instruction"}, "openai")
OTHER = ExternalModel("other", finetuning_provider_type="openai")


@pytest.fixture
def _notebook(_browser: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel belongs to a notebook."""
    monkeypatch.setenv("JPY_SESSION_NAME", "work/tickets.ipynb")


def display(panel: InferencePanel) -> dict[str, Any]:
    """Show a panel as a cell, or the side bar, does."""
    shown: tuple[dict[str, Any], Any] = panel._repr_mimebundle_()
    return shown[0]


def edit(panel: InferencePanel, **parts: Any) -> None:
    """Edit the call in the browser, and wait until that is written down."""
    frontend_of(panel).set(call={**panel.call, **parts})
    wait_until(lambda: not panel._unsaved)


def test_side_bar_shows_the_panel_that_a_cell_displayed_last() -> None:
    first, second, third = MODEL.panel(), OTHER.panel(), MODEL.panel()
    display(second)
    display(first)

    assert side_panel() is first
    display(third)
    assert side_panel() is third


def test_side_bar_opens_a_panel_of_its_own_and_keeps_it() -> None:
    never_displayed = MODEL.panel()

    panel = side_panel()

    assert panel is not never_displayed
    assert panel.call["provider"] == "local"
    assert display(panel)[WIDGET_VIEW]["model_id"] == panel.model_id
    assert side_panel() is panel


def test_closed_panel_is_no_longer_shown() -> None:
    first, second = MODEL.panel(), MODEL.panel()
    display(first)
    display(second)

    second.close()

    assert side_panel() is first


@pytest.mark.usefixtures("_notebook")
def test_side_bar_takes_up_what_its_notebook_showed_last_whatever_the_model() -> None:
    edit(OTHER.panel(), prompt_template="older")
    edit(MODEL.panel(), prompt_template="Say {instruction}")
    InferencePanel.close_all()

    panel = side_panel()

    assert panel.call["model_name"] == "m"
    assert panel.call["prompt_template"] == "Say {instruction}"


@pytest.mark.usefixtures("_notebook")
def test_what_is_done_in_the_side_bar_is_known_to_the_cell_that_is_run_again() -> None:
    edit(MODEL.panel(), prompt_template="from the cell")
    InferencePanel.close_all()

    edit(side_panel(), prompt_template="from the side bar")

    assert MODEL.panel().call["prompt_template"] == "from the side bar"


@pytest.mark.usefixtures("_notebook")
def test_side_bar_takes_up_nothing_of_another_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    edit(MODEL.panel(), prompt_template="other")
    InferencePanel.close_all()

    monkeypatch.setenv("JPY_SESSION_NAME", "work/tickets.ipynb.ipynb")

    assert side_panel().call["prompt_template"] == "{instruction}"


def test_kernels_of_the_side_bar_itself_share_one_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/outboard-side-panel-1")
    edit(side_panel(), prompt_template="kept")
    InferencePanel.close_all()

    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/outboard-side-panel-2")

    assert side_panel().call["prompt_template"] == "kept"


def test_call_of_the_shown_panel_becomes_a_cell(questions: int) -> None:
    display(MODEL.panel([questions], prompt_template="Say {instruction}"))

    source = side_panel().as_python()

    assert "prompt_template='Say {instruction}'" in source
    compile(source, "cell", "exec")


def test_call_that_is_wrong_becomes_no_cell(questions: int) -> None:
    panel = MODEL.panel([questions])
    display(panel)
    frontend_of(panel).set(call={**panel.call, "prompt_template": "{"})

    with pytest.raises(PromptTemplateError):
        side_panel().as_python()
