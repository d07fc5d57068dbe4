import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.openai_server import OpenAIServer
from tests.panel.frontend import Frontend, frontend_of
from tests.panel.shapes import REPLIES, differences
from tests.recorded_jobs import record_job

import outboard
from outboard import InferencePanel
from outboard.job import Job
from outboard.panel import messages, replies

pytestmark = pytest.mark.usefixtures("_browser")

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202e{instruction}\ud800\0'\"`${x}"


@pytest.fixture
def frontend() -> Frontend:
    return frontend_of(InferencePanel())


@pytest.fixture
def job(questions: int) -> Job:
    mappings = {"question": "instruction", "answer": "response"}
    return record_job(questions, column_mappings=mappings, model_name="m")


def draft(*uids: int, **parts: Any) -> dict[str, Any]:
    return {
        "model_name": "m",
        "provider": "openai",
        "column_mappings": {"question": "instruction"},
        "datasource_uids": list(uids),
        "deployment": {"base_url": "http://127.0.0.1:9/v1"},
        "prompt_template": "{instruction}",
    } | parts


def payloads(job: Job, uid: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Return a payload for each request that this panel can answer without a server."""
    path = str(folder / "out.parquet")
    preset = {"name": "p"}
    return {
        "describe": {},
        "datasources": {"search": "num"},
        "variables": {},
        "guess_mappings": {"datasource_uids": [uid]},
        "preview": {"draft": draft(uid)},
        "escape_braces": {"text": "{a} {b}", "names": ["a"]},
        "preflight": {"draft": draft(uid)},
        "cancel": {"job_id": job.id},
        "watch": {"job_id": job.id, "restore": True},
        "jobs": {},
        "rows": {"job_id": job.id, "start": 0, "stop": 5},
        "prompts": {"job_id": job.id, "ordinals": [0, 3]},
        "row": {"job_id": job.id, "ordinal": 0},
        "log": {"job_id": job.id},
        "events": {"job_id": job.id},
        "export": {"job_id": job.id, "target": {"kind": "file", "format": "parquet", "path": path}},
        "as_python": {"job_id": job.id},
        "save_preset": {**preset, "draft": draft(uid)},
        "load_preset": preset,
        "presets": {},
        "delete_preset": preset,
        "register": {"source": {"kind": "path", "path": path}},
    }


def test_every_reply_has_its_shape(
    frontend: Frontend, job: Job, questions: int, tmp_path: Path
) -> None:
    wrong = {}

    for kind, payload in payloads(job, questions, tmp_path).items():
        reply = frontend.ask(kind, **payload)
        # As the browser gets it: a tuple is a list there.
        if found := differences(REPLIES[kind], json.loads(json.dumps(reply))):
            wrong[kind] = found

    assert wrong == {}


def test_every_request_is_tried_in_some_test(job: Job, questions: int, tmp_path: Path) -> None:
    with_a_server = {"launch", "resume", "retry_failed", "abort"}

    assert payloads(job, questions, tmp_path).keys() | with_a_server == messages.REQUESTS.keys()


def test_rows_and_prompts_come_as_arrow(frontend: Frontend, job: Job) -> None:
    rows = frontend.post("rows", {"job_id": job.id, "start": 2, "stop": 4})
    prompts = frontend.post("prompts", {"job_id": job.id, "ordinals": [2, 3]})
    assert frontend.reply(rows)["payload"]["total"] == 10
    assert frontend.reply(prompts)["ok"]

    window = pa.ipc.open_stream(frontend.buffer(rows)).read_all()
    cells = pa.ipc.open_stream(frontend.buffer(prompts)).read_all()

    assert window.column("x_uid").to_pylist() == ["doc::2", "doc::3"]
    assert tuple(window.column_names) == replies.ROW_COLUMNS
    assert cells.column("prompt").to_pylist() == ["What is 2?", "What is 3?"]


def test_failed_rows_are_sent_again_from_the_panel(
    server: OpenAIServer, questions: int, frontend: Frontend
) -> None:
    rows = pa.table({"question": ["fine", "<fault:400*1>"]})
    uid = outboard.create_datasource(rows)
    deployment = {"base_url": server.base_url}
    call = draft(uid, model_name=server.model, deployment=deployment)
    job_id = frontend.ask("launch", draft=call, token="t" * 16)["job_id"]
    assert frontend.wait_for_job(id=job_id, live=False)["failed"] == 1

    frontend.ask("retry_failed", job_id=job_id)

    job = frontend.wait_for_job(status="succeeded", failed=0)
    assert job["succeeded"] == 2


@pytest.mark.parametrize("kind", ["cancel", "resume", "retry_failed", "watch", "rows", "row"])
def test_job_that_is_gone_is_not_found(frontend: Frontend, kind: str) -> None:
    more = {"rows": {"start": 0, "stop": 5}, "row": {"ordinal": 0}}.get(kind, {})

    assert frontend.fault(kind, job_id="job-0", **more)["code"] == "not_found"


def test_python_of_nothing_is_asked_for_what(frontend: Frontend) -> None:
    assert frontend.fault("as_python")["code"] == "config"


def test_python_of_a_draft_is_written(frontend: Frontend, questions: int) -> None:
    code = frontend.ask("as_python", draft=draft(questions))["code"]

    assert "ExternalModel('m', {'question': 'instruction'}" in code
    compile(code, "draft", "exec")


def test_braces_are_doubled_but_those_of_names(frontend: Frontend) -> None:
    escaped = frontend.ask("escape_braces", text='{"a": "{question}"}', names=["question"])

    assert escaped == {"text": '{{"a": "{question}"}}'}


@pytest.mark.parametrize("kind", ["preview", "preflight", "as_python", "launch"])
def test_hostile_text_in_every_field_does_no_harm(frontend: Frontend, kind: str) -> None:
    uid = outboard.create_datasource(pa.table({HOSTILE.replace("\ud800", ""): ["x"]}))
    hostile = draft(
        uid,
        model_name=HOSTILE,
        column_mappings={HOSTILE: HOSTILE},
        rows={"kind": "x_uids", "x_uids": HOSTILE},
        generation={HOSTILE: HOSTILE, "system_prompt": HOSTILE, "temperature": HOSTILE},
        deployment={HOSTILE: [HOSTILE], "base_url": HOSTILE},
        prompt_template=HOSTILE,
    )
    more: dict[str, Any] = {"token": HOSTILE[:20]} if kind == "launch" else {}

    reply = frontend.reply(frontend.post(kind, {"draft": hostile, **more}))

    assert not reply["ok"] or reply["payload"]["problems"]
    assert reply.get("error", {}).get("code") != "internal"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("datasources", {"search": HOSTILE}),
        ("jobs", {"search": HOSTILE}),
        ("save_preset", {"name": HOSTILE, "draft": draft()}),
        ("load_preset", {"name": HOSTILE}),
        ("register", {"source": {"kind": "path", "path": HOSTILE}}),
        ("register", {"source": {"kind": "variable", "name": HOSTILE}}),
        ("watch", {"job_id": HOSTILE}),
        ("log", {"job_id": HOSTILE}),
        ("escape_braces", {"text": HOSTILE, "names": [HOSTILE]}),
    ],
)
def test_hostile_text_anywhere_else_does_no_harm(
    frontend: Frontend, kind: str, payload: dict[str, Any]
) -> None:
    reply = frontend.reply(frontend.post(kind, payload))

    assert reply["ok"] or reply["error"]["code"] != "internal"


@pytest.mark.parametrize("kind", ["preview", "preflight", "as_python", "launch", "save_preset"])
def test_secret_in_a_draft_comes_back_nowhere(
    frontend: Frontend, questions: int, kind: str
) -> None:
    secret = draft(questions, deployment={"environment": {"HF_TOKEN": "hf_secret"}})
    more: dict[str, Any] = {"launch": {"token": "t" * 16}, "save_preset": {"name": "p"}}

    reply = frontend.reply(frontend.post(kind, {"draft": secret, **more.get(kind, {})}))

    assert "HF_TOKEN" in json.dumps(reply)
    assert "hf_secret" not in json.dumps([content for content, _ in frontend.received])
