import gc
import json
import weakref
from typing import Any

import pyarrow as pa
import pytest
import traitlets
from tests.openai_server import OpenAIServer, answer_to
from tests.panel.frontend import Frontend, frontend_of
from tests.panel.shapes import differences
from tests.waiting import wait_until

import outboard
from outboard import ExternalModel, GenerationConfig, InferencePanel, PromptTemplate, Workspace
from outboard.errors import ConfigError, NotFoundError, OutboardError, PromptTemplateError
from outboard.panel import replies, widget
from outboard.panel.pulse import PULSE

pytestmark = pytest.mark.usefixtures("_browser")

MODEL = ExternalModel("m", {"question": "instruction"}, "openai")


def shown(panel: InferencePanel) -> dict[str, Any]:
    call: dict[str, Any] = frontend_of(panel).traits["call"]
    return call


# What it begins with


def test_panel_without_a_model_starts_on_the_embedded_one() -> None:
    call = shown(InferencePanel())

    assert (call["model_name"], call["provider"]) == ("smollm2-135m-instruct", "local")
    assert call["prompt_template"] == "{instruction}"


def test_panel_over_no_datasource_yet_begins_with_none_chosen() -> None:
    panel = InferencePanel(datasource_uids=[])

    assert panel.call["datasource_uids"] == []


def test_panel_of_a_model_begins_with_the_arguments_of_the_call(questions: int) -> None:
    panel = MODEL.panel(
        [questions],
        ["doc::3", 7],
        GenerationConfig(max_new_tokens=5),
        {"base_url": "http://localhost:1/v1"},
        PromptTemplate("Say {instruction}"),
    )

    assert shown(panel) == {
        "model_name": "m",
        "provider": "openai",
        "column_mappings": {"question": "instruction"},
        "datasource_uids": [questions],
        "rows": {"kind": "given", "n": 2, "job_id": None},
        "generation": {"max_new_tokens": 5},
        "deployment": {"base_url": "http://localhost:1/v1"},
        "prompt_template": "Say {instruction}",
    }


@pytest.mark.parametrize(
    ("arguments", "error", "field"),
    [
        ({"model": "m"}, ConfigError, "model"),
        ({"datasource_uids": 3}, ConfigError, "datasource_uids"),
        ({"datasource_uids": [99]}, NotFoundError, None),
        ({"x_uids": ["seven"]}, ConfigError, "x_uids"),
        ({"generation_config": {"tempature": 1}}, ConfigError, "tempature"),
        ({"deployment_config": {"instance_count": 0}}, ConfigError, "instance_count"),
        ({"deployment_config": {"environment": {"HF_TOKEN": "hf_x"}}}, ConfigError, "environment"),
        ({"prompt_template": "{"}, PromptTemplateError, "prompt_template"),
        ({"job": "job-0"}, NotFoundError, None),
    ],
)
def test_wrong_argument_is_refused(
    arguments: dict[str, Any], error: type[OutboardError], field: str | None
) -> None:
    with pytest.raises(error) as caught:
        InferencePanel(**arguments)

    assert getattr(caught.value, "field", None) == field


def test_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="temperature"):
        InferencePanel(temperature=1)  # type: ignore[call-arg]


def test_missing_front_end_is_told_with_the_way_to_build_it() -> None:
    with pytest.raises(OutboardError, match=r"nothing\.js' is missing.*make bundle"):
        widget._built("nothing.js")


def test_evaluating_a_model_outside_a_notebook_shows_its_text_alone() -> None:
    assert MODEL._repr_mimebundle_() == {"text/plain": repr(MODEL)}


def test_panel_shows_itself_as_a_widget() -> None:
    panel = InferencePanel()

    shown = panel._repr_mimebundle_()

    assert shown is not None
    assert shown[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id


# What the browser may change


def test_call_is_what_the_browser_writes(questions: int) -> None:
    panel = InferencePanel()

    call = {**shown(panel), "datasource_uids": [questions], "prompt_template": "{question}"}
    frontend_of(panel).set(call=call)

    assert panel.call == call
    assert "prompt_template='{question}'" in panel.as_python()


def test_call_may_be_set_in_code() -> None:
    panel = InferencePanel()

    panel.call = {**panel.call, "prompt_template": "New"}

    assert shown(panel)["prompt_template"] == "New"


def test_call_in_code_that_is_none_is_refused() -> None:
    panel = InferencePanel()

    with pytest.raises(traitlets.TraitError, match="model_name, provider"):
        panel.call = {"model": "m"}


@pytest.mark.parametrize("call", [None, [], {}, {"model_name": 3}, {"rows": {"kind": "every"}}])
def test_call_from_the_browser_that_is_none_changes_nothing(call: Any) -> None:
    panel = InferencePanel()
    before = dict(panel.call)

    frontend_of(panel).set(call=call)

    assert panel.call == before


def test_browser_cannot_change_what_is_the_kernels() -> None:
    panel = InferencePanel()
    before = (panel.job, dict(panel.session), panel._esm)

    frontend_of(panel).set(job={"id": "x"}, session={}, _esm="alert(1)")

    assert (panel.job, panel.session, panel._esm) == before


def test_secret_that_is_typed_becomes_a_reference_at_once() -> None:
    panel = InferencePanel()
    frontend = frontend_of(panel)

    deployment = {"environment": {"HF_TOKEN": "hf_secret", "MAX_TOKENS": "5"}}
    frontend.set(call={**panel.call, "deployment": deployment})

    safe = {"HF_TOKEN": "${HF_TOKEN}", "MAX_TOKENS": "5"}
    assert panel.call["deployment"]["environment"] == safe
    assert frontend.traits["call"]["deployment"]["environment"] == safe


def test_half_a_surrogate_pair_does_no_harm() -> None:
    panel = InferencePanel()

    frontend_of(panel).set(call={**panel.call, "prompt_template": "a\ud800b\0"})

    assert panel.call["prompt_template"] == "a\ufffdb\0"


# What it tells


def test_traits_have_their_shapes(questions: int) -> None:
    traits = frontend_of(InferencePanel()).traits

    assert differences(replies.Versions, {"datasources": 1, "jobs": 1, "presets": 1}) == []
    assert differences(replies.Session, traits["session"]) == []
    assert traits["job"] is None


def test_idle_panel_has_less_than_20_kb_of_state(questions: int) -> None:
    panel = MODEL.panel([questions], generation_config={"system_prompt": "Be brief."})

    state = {
        name: value
        for name, value in frontend_of(panel).traits.items()
        if name not in {"_esm", "_css"}
    }

    assert len(json.dumps(state)) < 20_000


def test_kernel_tells_every_two_seconds_that_it_is_alive() -> None:
    frontend = frontend_of(InferencePanel())

    wait_until(lambda: len(frontend.beats) >= 3)

    assert frontend.beats == sorted(set(frontend.beats))


def test_session_is_another_one_in_each_panel() -> None:
    sessions = {InferencePanel().session["id"] for _ in range(3)}

    assert len(sessions) == 3


def test_panel_keeps_to_the_workspace_that_it_was_made_in(
    questions: int, workspace: Workspace
) -> None:
    panel = InferencePanel()

    with Workspace(workspace.path.parent / "another"):
        page = frontend_of(panel).ask("datasources")

    assert [item["uid"] for item in page["items"]] == [questions]


# A run from the panel


def draft(server: OpenAIServer, uid: int, **parts: Any) -> dict[str, Any]:
    return {
        "model_name": server.model,
        "provider": "openai",
        "column_mappings": {"question": "instruction", "answer": "response"},
        "datasource_uids": [uid],
        "deployment": {"base_url": server.base_url},
        "prompt_template": "{instruction}",
    } | parts


def test_run_that_is_launched_is_followed_to_its_end(server: OpenAIServer, questions: int) -> None:
    panel = InferencePanel()
    frontend = frontend_of(panel)

    launched = frontend.ask("launch", draft=draft(server, questions), token="t" * 16)

    job = frontend.wait_for_job(id=launched["job_id"], status="succeeded")
    assert differences(replies.JobSnapshot, job) == []
    assert (job["succeeded"], job["pending"], job["live"], job["trial"]) == (10, 0, False, False)
    assert panel.job_id == launched["job_id"]
    assert panel.results()["response"][0] == answer_to("What is 0?")


def test_same_token_starts_one_job(server: OpenAIServer, questions: int) -> None:
    frontend = frontend_of(InferencePanel())

    ids = [
        frontend.post("launch", {"draft": draft(server, questions), "token": "once" * 4})
        for _ in range(3)
    ]

    assert len({frontend.reply(key)["payload"]["job_id"] for key in ids}) == 1


def test_trial_runs_over_the_first_rows(server: OpenAIServer, questions: int) -> None:
    frontend = frontend_of(InferencePanel())

    call = draft(server, questions, rows={"kind": "x_uids", "x_uids": "2-9"})
    frontend.ask("launch", draft=call, token="t" * 16, trial=3)

    job = frontend.wait_for_job(status="succeeded")
    assert (job["trial"], job["total"]) == (True, 3)
    assert sorted(server.seen.prompts) == ["What is 2?", "What is 3?", "What is 4?"]


def test_faulty_call_is_not_launched(server: OpenAIServer, questions: int) -> None:
    frontend = frontend_of(InferencePanel())

    error = frontend.fault(
        "launch", draft=draft(server, questions, prompt_template="{x}"), token="t" * 16
    )

    assert (error["code"], error["field"]) == ("prompt_template", "prompt_template")
    assert frontend.ask("jobs")["total"] == 0


def test_cancelled_job_is_resumed_from_the_panel(questions: int) -> None:
    with OpenAIServer(latency_s=0.5) as server:
        frontend = frontend_of(InferencePanel())
        deployment = {"base_url": server.base_url, "max_concurrency": 1}
        call = draft(server, questions, deployment=deployment)
        job_id = frontend.ask("launch", draft=call, token="t" * 16)["job_id"]
        wait_until(lambda: (frontend.traits["job"] or {}).get("succeeded"))

        frontend.ask("cancel", job_id=job_id)

        job = frontend.wait_for_job(status="cancelled")
        assert job["resumable"]
        assert job["error"]["code"] == "job_cancelled"

        frontend.ask("resume", job_id=job_id)

        frontend.wait_for_job(live=True)
        frontend.ask("cancel", job_id=job_id)
        frontend.wait_for_job(status="cancelled")


def test_watched_job_brings_its_settings_when_asked_to(
    server: OpenAIServer, questions: int
) -> None:
    frontend = frontend_of(InferencePanel())
    call = draft(server, questions, prompt_template="Say {instruction}")
    job_id = frontend.ask("launch", draft=call, token="t" * 16)["job_id"]
    other = InferencePanel()

    frontend_of(other).ask("watch", job_id=job_id, restore=True)

    frontend_of(other).wait_for_job(id=job_id)
    assert shown(other)["prompt_template"] == "Say {instruction}"
    frontend_of(other).ask("watch", job_id=None)
    wait_until(lambda: frontend_of(other).traits["job"] is None)


def test_panel_opened_on_a_job_shows_it_with_its_settings(
    server: OpenAIServer, questions: int
) -> None:
    model = ExternalModel(server.model, {"question": "instruction"}, "openai")
    deployment = {"base_url": server.base_url}
    job_id = model.inference([questions], [1, 2], deployment_config=deployment, sync=False)
    outboard.get_job(job_id).wait()

    panel = InferencePanel(job=job_id)

    assert shown(panel)["rows"] == {"kind": "given", "n": 2, "job_id": job_id}
    assert f"x_uids=outboard.get_job('{job_id}').x_uids" in panel.as_python()
    frontend_of(panel).wait_for_job(status="succeeded")


def test_results_without_a_job_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="Press Run"):
        InferencePanel().results()


def test_two_panels_on_one_job_tell_the_same(server: OpenAIServer, questions: int) -> None:
    panels = [InferencePanel(), InferencePanel()]
    first, second = map(frontend_of, panels)
    job_id = first.ask("launch", draft=draft(server, questions), token="t" * 16)["job_id"]
    second.ask("watch", job_id=job_id)

    jobs = [each.wait_for_job(status="succeeded") for each in (first, second)]

    assert {**jobs[0], "seq": 0, "elapsed_s": 0} == {**jobs[1], "seq": 0, "elapsed_s": 0}


def test_lists_that_change_say_so(server: OpenAIServer, questions: int) -> None:
    frontend = frontend_of(InferencePanel())
    wait_until(lambda: frontend.traits["versions"])
    before = frontend.traits["versions"]

    outboard.create_datasource(pa.table({"a": [1]}))
    frontend.ask("save_preset", name="p", draft=draft(server, questions))
    frontend.ask("launch", draft=draft(server, questions), token="t" * 16)

    def have_grown() -> bool:
        return all(version > before[name] for name, version in frontend.traits["versions"].items())

    wait_until(have_grown)


# The end


def test_closed_panel_is_left_alone() -> None:
    panel = InferencePanel()
    frontend = frontend_of(panel)

    panel.close()
    frontend.post("describe")

    assert frontend.closed
    assert panel not in PULSE.panels
    assert panel.comm is None
    panel.close()  # does nothing the second time


def test_closed_panel_is_not_kept_in_memory() -> None:
    panel = InferencePanel()
    seen = weakref.ref(panel)

    panel.close()
    del panel

    def is_gone() -> bool:
        gc.collect()
        return seen() is None

    wait_until(is_gone, poll_s=0.1)


def test_messages_of_no_shape_are_ignored() -> None:
    frontend = frontend_of(InferencePanel())

    contents: list[Any] = [None, 3, "x", [], {}, {"id": 3, "type": "describe"}, {"id": "a"}]
    for content in contents:
        frontend.send_custom(content)

    assert frontend.ask("describe")["version"] == outboard.__version__
    assert isinstance(frontend, Frontend)


def test_panel_that_is_collected_while_another_is_made_does_no_harm() -> None:
    for _ in range(20):
        panel = InferencePanel()
        panel.close()
        panel.circle = panel  # only the garbage collector can take it
        del panel

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        another = InferencePanel()
    finally:
        gc.set_threshold(*thresholds)

    assert frontend_of(another).ask("describe")["version"] == outboard.__version__
