from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.openai_server import OpenAIServer
from tests.panel.shapes import differences

import outboard
from outboard.assets import find_model
from outboard.panel import replies
from outboard.panel.live_preview import MOST_CHARS, preview_reply
from outboard.panel.messages import Draft
from outboard.panel.replies import PreviewReply
from outboard.panel.token_counter import TOKENS

pytestmark = pytest.mark.usefixtures("workspace", "_tokens")


@pytest.fixture
def _tokens() -> Any:
    yield
    TOKENS.close()


def table(n_rows: int, **columns: Any) -> int:
    rows = {"question": [f"What is {n}?" for n in range(n_rows)]} | columns
    return outboard.create_datasource(pa.table(rows))


def preview(*uids: int, index: int = 0, **parts: Any) -> PreviewReply:
    values: dict[str, Any] = {
        "model_name": "m",
        "provider": "openai",
        "prompt_template": "{question}",
        "datasource_uids": list(uids),
        "deployment": {"base_url": "http://127.0.0.1:9/v1"},
    }
    reply = preview_reply(Draft.model_validate(values | parts), index, None)
    assert differences(replies.PreviewReply, reply) == []
    return reply


def shown(reply: PreviewReply) -> tuple[int, str, str | None]:
    assert reply["row"] is not None
    return reply["row"]["datasource_uid"], reply["row"]["x_uid"], reply["row"]["prompt"]


def test_row_is_rendered_by_its_place_among_the_chosen_ones() -> None:
    first, second = table(9), table(5)
    rows = {"kind": "x_uids", "x_uids": "3, 8"}

    replies = [preview(first, second, index=n, rows=rows) for n in range(3)]

    assert [shown(reply) for reply in replies] == [
        (first, "doc::3", "What is 3?"),
        (first, "doc::8", "What is 8?"),
        (second, "doc::3", "What is 3?"),
    ]
    assert replies[0]["n_rows"] == 3


@pytest.mark.parametrize(
    "faulty",
    [
        {"generation": {"temperature": 7, "system_prompt": "Be {question}"}},
        {"deployment": {"base_url": "nowhere"}, "generation": {"system_prompt": "Be {question}"}},
    ],
)
def test_faulty_setting_is_told_beside_the_prompt(faulty: dict[str, Any]) -> None:
    reply = preview(table(3), index=1, **faulty)

    assert shown(reply)[2] == "What is 1?"
    assert reply["row"] is not None
    assert reply["row"]["system"] == "Be What is 1?"
    assert [problem["severity"] for problem in reply["problems"]] == ["error"]
    assert reply["n_rows"] == 3


def test_row_past_the_end_is_the_last_one() -> None:
    reply = preview(table(5), index=99)

    assert reply["index"] == 4
    assert shown(reply)[2] == "What is 4?"


def test_rows_of_one_block_are_rendered_alike() -> None:
    uid = table(40)

    assert [shown(preview(uid, index=n))[2] for n in range(40)] == [
        f"What is {n}?" for n in range(40)
    ]


def test_mapping_and_system_prompt_are_rendered() -> None:
    uid = table(2, tone=["brief", "long"])

    reply = preview(
        uid,
        index=1,
        prompt_template="{instruction}",
        column_mappings={"question": "instruction"},
        generation={"system_prompt": "Be {tone}."},
    )

    assert reply["row"] is not None
    assert (reply["row"]["prompt"], reply["row"]["system"]) == ("What is 1?", "Be long.")


def test_template_without_names_is_shown_as_it_is() -> None:
    assert shown(preview(table(3), index=2, prompt_template="Hello"))[1:] == ("doc::2", "Hello")


def test_row_that_cannot_be_sent_says_why() -> None:
    uid = outboard.create_datasource(pa.table({"instruction": ["a", None]}))

    reply = preview(uid, index=1, prompt_template="{instruction}")

    assert reply["row"] is not None
    assert reply["row"]["prompt"] is None
    assert "no value" in str(reply["row"]["problem"])


def test_unknown_name_is_told_with_its_place_and_the_nearest_one() -> None:
    reply = preview(table(3), prompt_template="\N{GRINNING FACE} {qestion} {zzz}")

    assert reply["row"] is None
    assert reply["unknown"] == [
        {"field": "prompt_template", "name": "qestion", "position": 3, "nearest": "question"},
        {"field": "prompt_template", "name": "zzz", "position": 13, "nearest": None},
    ]
    assert [problem["field"] for problem in reply["problems"]] == ["prompt_template"]


def test_unknown_name_of_the_system_prompt_is_told_as_such() -> None:
    reply = preview(table(3), generation={"system_prompt": "{x}"})

    assert [(each["field"], each["name"]) for each in reply["unknown"]] == [("system_prompt", "x")]


def test_name_that_one_of_the_tables_lacks_is_unknown() -> None:
    rich, poor = table(3, tone=["a", "b", "c"]), table(3)

    reply = preview(rich, poor, prompt_template="{tone}")

    assert [each["name"] for each in reply["unknown"]] == ["tone"]


def test_nothing_is_unknown_before_a_table_is_chosen() -> None:
    reply = preview()

    assert (reply["unknown"], reply["n_rows"], reply["row"]) == ([], None, None)
    assert [problem["field"] for problem in reply["problems"]] == ["datasource_uids"]


@pytest.mark.parametrize("text", ["{", "{}", '{"a": 1'])
def test_template_that_cannot_be_read_is_a_problem(text: str) -> None:
    reply = preview(table(3), prompt_template=text)

    assert reply["unknown"] == []
    assert [problem["code"] for problem in reply["problems"]] == ["prompt_template"]


def test_every_problem_is_told_at_once() -> None:
    reply = preview(table(3), prompt_template="{x}", generation={"temperature": 9, "top_q": 1})

    assert {problem["field"] for problem in reply["problems"]} == {"temperature", "prompt_template"}


def test_long_prompt_is_cut_for_display() -> None:
    uid = outboard.create_datasource(pa.table({"question": ["x" * 5_000_000]}))

    reply = preview(uid)

    assert reply["row"] is not None
    assert len(reply["row"]["prompt"] or "") == MOST_CHARS
    assert reply["row"]["cut"]


def test_changed_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"question": ["a"]}), path)
    uid = outboard.create_datasource(path)
    assert shown(preview(uid))[2] == "a"

    pq.write_table(pa.table({"question": ["another"]}), path)

    reply = preview(uid)
    assert reply["row"] is None
    assert [problem["code"] for problem in reply["problems"]] == ["datasource_changed"]


def test_hostile_text_stays_text() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e\0{question}"
    uid = outboard.create_datasource(pa.table({"question": [hostile]}))

    assert shown(preview(uid))[2] == hostile


# Tokens


def test_tokens_are_counted_where_the_server_can() -> None:
    with OpenAIServer(dialect="vllm") as server:
        reply = preview(table(3), model_name=server.model, deployment={"base_url": server.base_url})

        assert reply["row"] is not None
        assert reply["row"]["n_tokens"] == 3


def test_server_that_is_away_leaves_the_prompt_without_a_count() -> None:
    reply = preview(table(3))

    assert shown(reply)[2] == "What is 0?"
    assert reply["row"] is not None
    assert reply["row"]["n_tokens"] is None


def test_fault_of_the_provider_is_told_each_time() -> None:
    uid = table(3)
    missing: dict[str, Any] = {"provider": "local", "model_name": "/gone.gguf", "deployment": {}}

    replies = [preview(uid, **missing) for _ in range(2)]
    codes = [[problem["code"] for problem in reply["problems"]] for reply in replies]

    assert codes == [["asset"], ["asset"]]


def test_other_generation_settings_use_the_same_tokenizer(
    assets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOARD_LOCAL_MODEL", str(find_model(assets_dir)))
    uid = table(3)
    local: dict[str, Any] = {
        "provider": "local",
        "model_name": "smollm2-135m-instruct",
        "deployment": {},
    }
    first = preview(uid, **local)
    assert first["row"] is not None
    assert first["row"]["n_tokens"]

    wrong = preview(uid, **local, generation={"extra": {"messages": []}})
    right = preview(uid, **local, generation={"temperature": 0.5})

    assert [problem["field"] for problem in wrong["problems"]] == ["extra"]
    assert right["row"] is not None
    assert right["row"]["n_tokens"] == first["row"]["n_tokens"]
    assert right["problems"] == []
