import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer

from outboard import ExternalModel, create_datasource, list_jobs
from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.preflight import PreflightReport
from outboard.preparation import Problem
from outboard.providers import Limits
from outboard.row_scan import Scan, scan_rows
from outboard.selection import Selection

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that takes prompts of up to 10 words, and must never be asked to answer one."""
    with OpenAIServer(context_length=20) as server:
        yield server
        assert server.seen.requests == 0


def report(server: OpenAIServer | str, *uids: Any, **arguments: Any) -> PreflightReport:
    url = server if isinstance(server, str) else server.base_url
    mappings = arguments.pop("column_mappings", {"instruction": "instruction"})
    settings: dict[str, Any] = {
        "deployment_config": {"base_url": url},
        "generation_config": {"max_new_tokens": 10},
    }
    model = ExternalModel("tiny-chat", mappings, "openai")
    return model.preflight(uids, **settings | arguments)


def only(problems: PreflightReport) -> Problem:
    (problem,) = problems.problems
    return problem


def test_sound_call_has_no_problem(server: OpenAIServer) -> None:
    found = report(server, datasource_of(questions(3)))

    assert (found.ok, found.problems, found.n_rows, found.n_rows_checked) == (True, (), 3, 3)
    assert str(found) == "Preflight: 3 rows chosen, 3 looked at; nothing is wrong."


def test_nothing_is_launched(server: OpenAIServer) -> None:
    report(server, datasource_of(["a"]))

    assert list_jobs().empty


# What is wrong with the call


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        ({"prompt_template": "{foo}"}, "prompt_template", "prompt_template"),
        ({"prompt_template": "{"}, "prompt_template", "prompt_template"),
        (
            {"generation_config": {"system_prompt": "{foo}"}},
            "prompt_template",
            "system_prompt",
        ),
        ({"generation_config": {"top_p": 7}}, "config", "top_p"),
        ({"x_uids": []}, "config", "x_uids"),
        ({"x_uids": ["a"]}, "config", "x_uids"),
        ({"column_mappings": {"foo": "instruction"}}, "config", "column_mappings"),
        ({"deployment_config": {"base_url": "nowhere"}}, "config", "base_url"),
    ],
)
def test_fault_of_the_call_is_an_error_with_its_field(
    server: OpenAIServer, arguments: dict[str, Any], code: str, field: str
) -> None:
    arguments = {"generation_config": None} | arguments if "x_uids" in arguments else arguments

    problem = report(server, datasource_of(["a"]), **arguments).problems[0]

    assert (problem.severity, problem.code, problem.field) == ("error", code, field)


def test_unknown_datasource_is_an_error_with_its_field(server: OpenAIServer) -> None:
    found = report(server, 77)

    assert (found.ok, found.n_rows, found.n_rows_checked) == (False, None, 0)
    assert (only(found).code, only(found).field) == ("not_found", "datasource_uids")
    assert str(found).startswith("Preflight: rows unknown, 0 looked at; 1 error, 0 warnings.\n")


def test_unknown_x_uids_are_named(server: OpenAIServer) -> None:
    problem = only(report(server, datasource_of(["a"]), x_uids=range(100)))

    assert (problem.code, problem.field) == ("not_found", "x_uids")
    assert problem.x_uids == tuple(f"doc::{n}" for n in range(1, 21))


def test_changed_file_is_an_error_with_its_field(server: OpenAIServer, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction\na\n")
    uid = create_datasource(path)
    path.unlink()

    problem = only(report(server, uid))

    assert (problem.code, problem.field) == ("datasource_changed", "datasource_uids")


def test_all_faults_are_reported_at_once(server: OpenAIServer) -> None:
    found = report(
        server, 77, generation_config={"top_p": 7}, prompt_template="{", x_uids=["a", "b"]
    )

    assert [problem.field for problem in found.problems] == [
        "top_p",
        "prompt_template",
        "datasource_uids",
        "x_uids",
    ]


def test_what_is_probably_not_meant_is_a_warning_after_the_errors(server: OpenAIServer) -> None:
    found = report(
        server, datasource_of(["a"]), prompt_template="{{instruction}}", x_uids=["doc::7"]
    )

    assert [(p.severity, p.code) for p in found.problems] == [
        ("error", "not_found"),
        ("warning", "doubtful"),
    ]
    assert not found.ok


# The provider


def test_server_out_of_reach_is_an_error() -> None:
    found = report("http://127.0.0.1:9/v1", datasource_of(["a", None]))

    assert [(p.severity, p.code) for p in found.problems] == [
        ("error", "provider"),
        ("warning", "missing_value"),
    ]
    assert "127.0.0.1:9" in found.problems[0].message


def test_missing_model_is_an_error(server: OpenAIServer) -> None:
    server.model = "another"

    assert "does not offer a model" in only(report(server, datasource_of(["a"]))).message


def test_refused_key_is_an_error_that_does_not_show_it(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.api_key = "sk-right"
    monkeypatch.setenv("TEAM_KEY", "sk-s3cret")

    found = report(
        server,
        datasource_of(["a"]),
        deployment_config={"base_url": server.base_url, "api_key_env": "TEAM_KEY"},
    )

    assert only(found).code == "credentials"
    assert "s3cret" not in str(found)


def test_provider_that_cannot_be_had_is_an_error_and_the_rows_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    model = ExternalModel("tiny-chat", finetuning_provider_type="openai")

    found = model.preflight([datasource_of(["a"])])

    assert (only(found).code, only(found).field, found.n_rows_checked) == ("config", "base_url", 1)


def test_unknown_embedded_model_is_an_error_with_its_field() -> None:
    model = ExternalModel("smollm3", finetuning_provider_type="local")

    problem = only(model.preflight([datasource_of(["a"])]))

    assert (problem.code, problem.field) == ("not_found", "external_model_name")


# The rows


def test_few_bad_rows_are_a_warning_that_names_them(server: OpenAIServer) -> None:
    prompts = [None if n in (3, 5) else f"Why {n}?" for n in range(10)]

    found = report(server, datasource_of(prompts))

    problem = only(found)
    assert (problem.severity, problem.code) == ("warning", "missing_value")
    assert problem.x_uids == ("doc::3", "doc::5")
    assert "2 of the 10 rows looked at cannot be answered (doc::3, doc::5)." in str(found)
    assert found.ok


def test_more_bad_rows_than_good_ones_are_an_error(server: OpenAIServer) -> None:
    found = report(server, datasource_of([None, None, "a"]))

    assert only(found).severity == "error"


def test_only_bad_rows_are_said_to_be_all(server: OpenAIServer) -> None:
    found = report(server, datasource_of([None] * 30))

    assert "All of the 30 rows looked at" in only(found).message
    assert "doc::4, ...)" in only(found).message
    assert len(only(found).x_uids) == 20


@pytest.mark.parametrize("dialect", ["vllm", "llamacpp"])
def test_rows_too_long_by_the_servers_tokenizer_are_named(dialect: Any) -> None:
    # 10 words are one too many for vLLM, which keeps 10 for the answer, and 20 for llama.cpp.
    limit = 10 if dialect == "vllm" else 20
    prompts = ["short", "w " * limit, "w " * (limit - 2), "long " * 400]

    with OpenAIServer(dialect=dialect, context_length=20) as server:
        found = report(server, datasource_of(prompts))

        assert server.seen.requests == 0

    assert (only(found).code, only(found).x_uids) == ("prompt_too_long", ("doc::1", "doc::3"))
    assert f"has {limit} tokens, the model takes" in only(found).message


def test_system_prompt_counts_towards_the_length(server: OpenAIServer) -> None:
    settings = {"max_new_tokens": 10, "system_prompt": "one two three four five six seven"}

    found = report(server, datasource_of(["a b", "a b c"]), generation_config=settings)

    assert only(found).x_uids == ("doc::1",)


def test_short_rows_are_not_sent_to_the_tokenizer() -> None:
    with OpenAIServer(context_length=2_048) as server:
        report(server, datasource_of(questions(100)))

        assert server.seen.paths["/tokenize"] == 0


def test_share_of_repeated_prompts_is_told(server: OpenAIServer) -> None:
    found = report(server, datasource_of(["a", "b", "a", "a"]))

    assert (found.duplicate_share, only(found).code) == (0.5, "duplicates")
    assert "50% of the 4 rows looked at repeat an earlier prompt" in only(found).message


def test_rows_that_cannot_be_sent_count_among_those_looked_at(server: OpenAIServer) -> None:
    assert report(server, datasource_of(["a", "b", "a", None])).duplicate_share == 0.25


def test_blank_prompts_are_a_warning_that_names_their_rows(server: OpenAIServer) -> None:
    found = report(server, datasource_of(["a", "", "b", " \n"]))

    assert (only(found).code, only(found).x_uids) == ("blank_prompt", ("doc::1", "doc::3"))
    assert "2 of the 4 rows looked at give a blank prompt (doc::1, doc::3)." in str(found)


def test_few_repeated_prompts_are_no_problem(server: OpenAIServer) -> None:
    found = report(server, datasource_of([*questions(99), "What is 0?"]))

    assert found.duplicate_share == pytest.approx(0.01)
    assert found.problems == ()


def test_same_prompt_with_another_system_prompt_is_no_repetition(server: OpenAIServer) -> None:
    uid = create_datasource(pa.table({"instruction": ["a", "a"], "tone": ["brief", "long"]}))

    found = report(
        server, uid, generation_config={"system_prompt": "{tone}"} | {"max_new_tokens": 5}
    )

    assert found.duplicate_share == 0.0


# How far a scan goes


class Tokenizer:
    """A provider of which a scan uses the limits and the tokenizer alone."""

    def __init__(self, **limits: int) -> None:
        self.limits = Limits(max_concurrency=1, **limits)
        self.answers = asyncio.Event()

    async def count_tokens(self, text: str) -> int | None:
        await self.answers.wait()
        return len(text)


def scanned(prompts: list[str | None], provider: Any = None, **settings: Any) -> Scan:
    call = InferenceCall(
        model_name="m",
        provider=FinetuningProvider.OPENAI,
        datasource_uids=(datasource_of(prompts),),
    )
    return asyncio.run(scan_rows(Selection.of_call(call, None), provider, **settings))


def test_scan_stops_when_its_time_is_up_and_says_how_far_it_came() -> None:
    ticks = iter(range(10_000))

    scan = scanned([None, *questions(900)], seconds=100, clock=lambda: float(next(ticks)))

    assert 0 < scan.n_rows_checked <= 100 < scan.n_rows
    assert f"1 of the {scan.n_rows_checked} rows looked at" in scan.problems[0].message


def test_tokenizer_that_does_not_answer_in_time_ends_the_scan() -> None:
    scan = scanned(["long " * 100, "b"], Tokenizer(max_prompt_tokens=100), seconds=0.05)

    assert (scan.n_rows, scan.n_rows_checked, scan.problems) == (2, 1, [])


def test_row_larger_than_a_request_may_be_is_named() -> None:
    scan = scanned(["short", "ü" * 60], Tokenizer(max_request_bytes=100))

    (problem,) = scan.problems
    assert (problem.code, problem.x_uids) == ("request_too_large", ("doc::1",))
    assert "has 120 bytes, a request takes 100" in problem.message
