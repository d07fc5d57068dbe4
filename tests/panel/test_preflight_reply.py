from typing import Any

import pytest
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer
from tests.panel.shapes import differences
from tests.recorded_jobs import answered, record_job
from tests.sagemaker.own_endpoint import planned

from outboard.config import FinetuningProvider
from outboard.panel import replies
from outboard.panel.messages import Draft
from outboard.panel.preflight_reply import preflight_reply
from outboard.panel.replies import PreflightReply
from outboard.panel.token_counter import TOKENS
from outboard.workspace import Workspace

pytestmark = pytest.mark.usefixtures("workspace", "_tokens")


@pytest.fixture
def _tokens() -> Any:
    yield
    TOKENS.close()


def preflight(server: OpenAIServer, uid: int, **parts: Any) -> PreflightReply:
    values: dict[str, Any] = {
        "model_name": server.model,
        "provider": "openai",
        "datasource_uids": [uid],
        "deployment": {"base_url": server.base_url},
        "prompt_template": "{instruction}",
    }
    reply = preflight_reply(Draft.model_validate(values | parts), None)
    shape = {**reply, "input_tokens": None, "duration_s": None}
    assert differences(replies.PreflightReply, shape) == []
    return reply


def test_sound_call_is_told_its_size_and_who_charges_for_it(server: OpenAIServer) -> None:
    reply = preflight(server, datasource_of(questions(20)))

    assert (reply["ok"], reply["problems"], reply["n_rows"]) == (True, [], 20)
    assert reply["cost"] is None
    assert "Whatever the server charges" in reply["cost_text"]


def test_tokens_are_counted_by_a_server_that_can() -> None:
    with OpenAIServer(dialect="vllm") as server:
        reply = preflight(server, datasource_of(questions(20)))

    assert reply["input_tokens"] == (60, 60)


def test_tokens_are_a_wide_range_where_nobody_can_count() -> None:
    with OpenAIServer(dialect="plain") as server:
        reply = preflight(server, datasource_of(questions(20)))

    assert reply["input_tokens"] is not None
    low, high = reply["input_tokens"]
    assert low < 60 < high


def test_time_is_unknown_before_a_run_like_it(server: OpenAIServer) -> None:
    assert preflight(server, datasource_of(questions(20)))["duration_s"] is None


def test_time_follows_from_a_run_like_it(server: OpenAIServer) -> None:
    uid = datasource_of(questions(20))
    record_job(
        uid,
        answer=lambda row: answered(row, "a", latency_s=2.0),
        model_name=server.model,
        provider=FinetuningProvider.OPENAI,
    )
    deployment = {"base_url": server.base_url, "max_concurrency": 4}

    reply = preflight(server, uid, deployment=deployment)

    assert reply["duration_s"] == (10.0, 10.0)


def test_faulty_call_has_its_problems_and_no_cost(server: OpenAIServer) -> None:
    uid = datasource_of(questions(3))

    reply = preflight(server, uid, prompt_template="{x}", generation={"temperature": 9})

    assert not reply["ok"]
    assert {problem["field"] for problem in reply["problems"]} == {"prompt_template", "temperature"}
    assert "put right" in reply["cost_text"]


def test_server_that_is_away_is_a_problem() -> None:
    with OpenAIServer() as server:
        uid = datasource_of(questions(3))
    reply = preflight(server, uid)

    assert [problem["severity"] for problem in reply["problems"]] == ["error"]
    assert reply["n_rows_checked"] == 3


def test_endpoint_that_nobody_works_with_is_warned_of(
    server: OpenAIServer, workspace: Workspace
) -> None:
    uid = datasource_of(questions(3))
    job = record_job(uid)
    workspace.store.endpoints.plan(planned("outboard-left", job_id=job.id))

    (problem,) = preflight(server, uid)["problems"]

    assert (problem["severity"], problem["code"]) == ("warning", "unattended")
    assert "outboard-left" in problem["message"]
