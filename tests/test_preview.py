from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.job_runs import datasource_of
from tests.openai_server import OpenAIServer

from outboard import ExternalModel, Workspace, create_datasource
from outboard.errors import ConfigError, NotFoundError, PromptTemplateError
from outboard.preview import PreviewRow

pytestmark = pytest.mark.usefixtures("workspace")


def preview(*uids: int, **arguments: Any) -> list[PreviewRow]:
    return ExternalModel("tiny-chat", finetuning_provider_type="openai").preview(uids, **arguments)


def test_first_rows_are_rendered_in_input_order() -> None:
    rows = preview(datasource_of(["a", "b"]), datasource_of(list("cdefg")), prompt_template=None)

    assert [row.prompt for row in rows] == list("abcde")
    assert [(row.datasource_uid, row.x_uid) for row in rows][1:3] == [(1, "doc::1"), (2, "doc::0")]


def test_arguments_have_the_order_that_is_documented() -> None:
    model = ExternalModel("tiny-chat", finetuning_provider_type="openai")

    rows = model.preview([datasource_of(list("abc"))], ["doc::1", 2], "Q: {instruction}", 1)

    assert [(row.x_uid, row.prompt) for row in rows] == [("doc::1", "Q: b")]


def test_mapping_and_system_prompt_are_shown_as_they_are_sent() -> None:
    uid = create_datasource(pa.table({"question": ["Why?"], "tone": ["brief"]}))
    model = ExternalModel("tiny-chat", {"question": "instruction"}, "openai")

    (row,) = model.preview([uid], generation_config={"system_prompt": "Be {tone}."})

    assert (row.prompt, row.system) == ("Why?", "Be brief.")
    assert str(row) == f"-- datasource {uid}, doc::0 --\n[system] Be brief.\nWhy?"


def test_row_that_cannot_be_sent_says_why() -> None:
    sound, broken = preview(datasource_of(["a", None]))

    assert sound.problem is None
    assert (broken.prompt, broken.system, broken.n_tokens) == (None, None, None)
    assert "has no value in this row" in (broken.problem or "")
    assert "Cannot be sent: Column 'instruction'" in str(broken)


@pytest.mark.parametrize("dialect", ["vllm", "llamacpp"])
def test_tokens_are_counted_by_the_server_without_asking_the_model(dialect: Any) -> None:
    with OpenAIServer(dialect=dialect) as server:
        (row,) = preview(
            datasource_of(["one two three"]),
            deployment_config={"base_url": server.base_url},
            generation_config={"system_prompt": "four five"},
        )

        assert row.n_tokens == 5
        assert "(5 tokens)" in str(row)
        assert server.seen.requests == 0


def test_tokens_stay_unknown_where_the_server_has_no_tokenizer() -> None:
    with OpenAIServer(dialect="plain") as server:
        (row,) = preview(datasource_of(["a"]), deployment_config={"base_url": server.base_url})

    assert row.n_tokens is None


@pytest.mark.parametrize("deployment", [None, {"base_url": "http://127.0.0.1:9/v1"}])
def test_prompts_are_shown_without_a_server(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    (row,) = preview(datasource_of(["a"]), deployment_config=deployment)

    assert (row.prompt, row.n_tokens) == ("a", None)


def test_embedded_model_counts_tokens_once_it_was_fetched(
    assets_dir: Path, workspace: Workspace
) -> None:
    uid = datasource_of(["What is the capital of France?"])
    model = ExternalModel("smollm2-135m-instruct", finetuning_provider_type="local")
    assert model.preview([uid])[0].n_tokens is None

    (assets := workspace.assets_dir).rmdir()
    assets.symlink_to(assets_dir)

    assert model.preview([uid])[0].n_tokens == 7


@pytest.mark.parametrize("limit", [0, -1, None, 2.5, "5"])
def test_limit_that_is_no_number_of_rows_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigError, match="limit is the number of rows") as caught:
        preview(datasource_of(["a"]), limit=limit)

    assert caught.value.field == "limit"


def test_faults_of_the_call_are_raised() -> None:
    with pytest.raises(NotFoundError):
        preview(77)
    with pytest.raises(PromptTemplateError):
        preview(datasource_of(["a"]), prompt_template="{b}")
