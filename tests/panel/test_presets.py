from typing import Any

import pytest
from tests.panel.frontend import Frontend, frontend_of

from outboard import InferencePanel

pytestmark = pytest.mark.usefixtures("_browser")

SETTINGS: dict[str, Any] = {
    "model_name": "m",
    "provider": "openai",
    "generation": {"temperature": 99, "note": "not checked"},
    "deployment": {"base_url": "http://localhost:1/v1"},
    "prompt_template": "{x",
}


@pytest.fixture
def frontend() -> Frontend:
    return frontend_of(InferencePanel())


def names(frontend: Frontend) -> list[str]:
    return [item["name"] for item in frontend.ask("presets")["items"]]


def test_saved_settings_are_loaded_as_they_were(frontend: Frontend) -> None:
    frontend.ask("save_preset", name=" mine ", draft=SETTINGS)

    preset = frontend.ask("load_preset", name="mine")

    assert preset == {"name": "mine", "settings": SETTINGS}


def test_saving_again_takes_the_place_of_what_was_there(frontend: Frontend) -> None:
    frontend.ask("save_preset", name="a", draft=SETTINGS)

    frontend.ask("save_preset", name="a", draft={**SETTINGS, "prompt_template": "new"})

    assert names(frontend) == ["a"]
    assert frontend.ask("load_preset", name="a")["settings"]["prompt_template"] == "new"


def test_presets_are_listed_by_name_whatever_its_case(frontend: Frontend) -> None:
    for name in ("b", "C", "a"):
        frontend.ask("save_preset", name=name, draft=SETTINGS)

    assert names(frontend) == ["a", "b", "C"]


def test_deleted_preset_is_gone(frontend: Frontend) -> None:
    frontend.ask("save_preset", name="a", draft=SETTINGS)

    frontend.ask("delete_preset", name="a")

    assert names(frontend) == []
    for kind in ("load_preset", "delete_preset"):
        assert frontend.fault(kind, name="a")["code"] == "not_found"


def test_blank_name_is_refused(frontend: Frontend) -> None:
    error = frontend.fault("save_preset", name="  ", draft=SETTINGS)

    assert (error["code"], error["field"]) == ("config", "name")


@pytest.mark.parametrize(
    "environment", [{"API_KEY": "sk-1"}, {"API_KEY": {"deep": "sk-1"}}, ["sk-1"], "API_KEY=sk-1"]
)
def test_secret_is_not_saved(frontend: Frontend, environment: Any) -> None:
    draft = {**SETTINGS, "deployment": {"environment": environment}}

    error = frontend.fault("save_preset", name="a", draft=draft)

    assert error["field"] == "environment"
    assert "sk-1" not in str(frontend.received)
    assert names(frontend) == []


def test_reference_to_a_secret_is_saved(frontend: Frontend) -> None:
    draft = {**SETTINGS, "deployment": {"environment": {"API_KEY": "${API_KEY}"}}}

    frontend.ask("save_preset", name="a", draft=draft)

    assert names(frontend) == ["a"]
