import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.job_runs import datasource_of, questions
from tests.openai_server import OpenAIServer, answer_to

import outboard
from outboard import ExternalModel, FinetuningProvider, Workspace, create_datasource
from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import (
    AssetError,
    ConfigError,
    DatasourceChangedError,
    NotFoundError,
    OutboardError,
    PromptTemplateError,
    ProviderError,
)
from outboard.external_model import launch
from outboard.preparation import Preparation, prepare
from outboard.prompt import FineTuningColumnType

pytestmark = pytest.mark.usefixtures("workspace")

NOWHERE: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1"}


@pytest.fixture
def uid() -> int:
    return datasource_of(questions(3))


def model(**arguments: Any) -> ExternalModel:
    return ExternalModel("tiny-chat", **{"finetuning_provider_type": "openai"} | arguments)


def refused(uids: Iterable[Any] | Any, **arguments: Any) -> OutboardError:
    """Return why a call is refused; make sure that nothing was launched."""
    settings: dict[str, Any] = {"deployment_config": NOWHERE, "sync": False}
    with pytest.raises(OutboardError) as caught:
        model().inference(uids, **settings | arguments)
    assert Workspace.current().store.jobs.all() == []
    return caught.value


def prepared(uids: Iterable[Any], **arguments: Any) -> Preparation:
    """Put a call together as `inference` does before it launches."""
    settings: dict[str, Any] = {
        "model_name": "tiny-chat",
        "column_mappings": None,
        "provider": FinetuningProvider.OPENAI,
        "datasource_uids": uids,
        "x_uids": None,
        "generation_config": None,
        "deployment_config": NOWHERE,
        "prompt_template": None,
    }
    preparation = prepare(**settings | arguments)
    preparation.raise_faults()
    return preparation


# The signatures of the class it replaces


def test_constructor_has_the_signature_of_the_class_it_replaces() -> None:
    parameters = inspect.signature(ExternalModel).parameters

    assert {name: parameter.default for name, parameter in parameters.items()} == {
        "external_model_name": inspect.Parameter.empty,
        "column_mappings": {
            "context": FineTuningColumnType.CONTEXT,
            "instruction": FineTuningColumnType.INSTRUCTION,
            "prompt_prefix": FineTuningColumnType.PROMPT_PREFIX,
            "response": FineTuningColumnType.RESPONSE,
        },
        "finetuning_provider_type": FinetuningProvider.AWS_SAGEMAKER,
    }
    assert list(parameters) == ["external_model_name", "column_mappings"] + [
        "finetuning_provider_type"
    ]
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


def test_inference_has_the_signature_of_the_class_it_replaces() -> None:
    signature = inspect.signature(ExternalModel.inference)
    parameters = list(signature.parameters.values())[1:]

    assert [(parameter.name, parameter.default) for parameter in parameters] == [
        ("datasource_uids", inspect.Parameter.empty),
        ("x_uids", None),
        ("generation_config", None),
        ("deployment_config", None),
        ("prompt_template", None),
        ("sync", True),
    ]
    assert {p.kind for p in parameters} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert signature.return_annotation is str


def test_changing_one_models_mapping_changes_no_other() -> None:
    ExternalModel("a").column_mappings.clear()

    assert len(ExternalModel("b").column_mappings) == 4


@pytest.mark.parametrize("name", [None, 7, "", "  "])
def test_model_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match="external_model_name is the model's name") as caught:
        ExternalModel(name)

    assert caught.value.field == "external_model_name"


def test_provider_may_be_named_by_its_text() -> None:
    assert ExternalModel("m", finetuning_provider_type="local").finetuning_provider_type is (
        FinetuningProvider.LOCAL
    )


def test_unknown_provider_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'sagemaker', 'local', 'openai', got 'azure'") as caught:
        ExternalModel("m", finetuning_provider_type="azure")

    assert caught.value.field == "finetuning_provider_type"


def test_repr_is_the_call_that_makes_it() -> None:
    made = ExternalModel("m", {"question": "instruction"}, "openai")

    again = eval(repr(made))

    assert vars(again) == vars(made)
    assert repr(ExternalModel("m")) == "ExternalModel('m', finetuning_provider_type='sagemaker')"


# Datasource uids


@pytest.mark.parametrize(
    "form",
    [
        lambda uid: [uid],
        lambda uid: (np.int64(uid),),
        lambda uid: {str(uid)},
        lambda uid: (u for u in (uid, str(uid))),
        lambda uid: pd.Series([uid]),
        lambda uid: np.array([uid, uid]),
        lambda uid: [outboard.get_datasource(uid)],
    ],
)
def test_datasource_uids_are_taken_in_every_form(uid: int, form: Any) -> None:
    assert prepared(form(uid)).call.datasource_uids == (uid,)


@pytest.mark.parametrize("uids", [1, "1", np.int64(1)])
def test_one_datasource_uid_alone_is_answered_with_the_list_to_write(uids: Any) -> None:
    fault = refused(uids)

    assert isinstance(fault, ConfigError)
    assert fault.field == "datasource_uids"
    assert f"Write [{uids!r}]." in fault.message


@pytest.mark.parametrize("uids", [None, "1,2", b"1"])
def test_what_is_no_list_of_uids_is_answered_with_what_is(uids: Any) -> None:
    fault = refused(uids)

    assert isinstance(fault, ConfigError)
    assert f"got {uids!r} alone. Pass [uid], as create_datasource()" in fault.message


def test_datasource_alone_is_answered_with_the_list_to_write(uid: int) -> None:
    assert "got a Datasource. Write [datasource]" in str(refused(outboard.get_datasource(uid)))


def test_table_in_place_of_uids_is_to_be_registered_first() -> None:
    fault = refused(pd.DataFrame({"instruction": ["a"]}))

    assert "got a DataFrame. Write [create_datasource(...)]" in str(fault)


def test_datasource_of_another_workspace_is_refused(uid: int, tmp_path: Path) -> None:
    theirs = outboard.get_datasource(uid)

    with Workspace(tmp_path / "other"):
        datasource_of(["another table"])
        assert "is from another workspace" in str(refused([theirs]))


@pytest.mark.parametrize("uids", [[], (), iter(())])
def test_no_datasource_is_refused(uids: Any) -> None:
    assert "datasource_uids is empty" in str(refused(uids))


def test_unknown_datasources_are_named_together(uid: int) -> None:
    fault = refused([77, uid, "seven", 77])

    assert isinstance(fault, NotFoundError)
    assert fault.ids == ("77", "seven")
    assert "There are no datasources 77, seven in workspace" in fault.message


def test_unknown_datasource_is_named_alone(uid: int) -> None:
    assert "There is no datasource 77 in workspace" in str(refused([uid, 77]))


# x_uids


def test_unknown_x_uids_are_named_before_anything_is_launched(uid: int) -> None:
    other = datasource_of(questions(5))

    fault = refused([uid, other], x_uids=[1, "doc::4", 5, "doc::99"])

    assert isinstance(fault, NotFoundError)
    assert fault.ids == ("doc::5", "doc::99")
    assert f"doc::5, doc::99 are not in datasource {uid}, {other}." in fault.message


def test_unknown_x_uid_is_named_alone(uid: int) -> None:
    assert f"x_uid doc::99 is not in datasource {uid}." in str(refused([uid], x_uids=[99]))


def test_of_many_unknown_x_uids_ten_are_shown_and_a_thousand_kept(uid: int) -> None:
    fault = refused([uid], x_uids=range(5_000))

    assert isinstance(fault, NotFoundError)
    assert "doc::12 ... (4,997 in all)" in fault.message
    assert len(fault.ids) == 1_000


def test_no_x_uids_choose_nothing_which_is_refused(uid: int) -> None:
    fault = refused([uid], x_uids=[])

    assert isinstance(fault, ConfigError)
    assert (fault.field, "x_uids is empty" in fault.message) == ("x_uids", True)


def test_chosen_rows_of_a_job_are_known_by_their_x_uids(uid: int) -> None:
    job = launch(prepared([uid], x_uids=pd.Index(["doc::2", "doc::0"])), launch_token="once")
    job.cancel()

    assert job.x_uids == ["doc::0", "doc::2"]
    assert job.progress.total == 2


# Configs and templates


@pytest.mark.parametrize(
    ("arguments", "message", "field"),
    [
        ({"generation_config": {"max_tokns": 5}}, "did you mean 'max_new_tokens'", "max_tokns"),
        ({"generation_config": {"instance_type": "x"}}, "belongs to deployment_config", None),
        ({"generation_config": {"temperature": 3.5}}, "between 0 and 2, got 3.5", "temperature"),
        ({"generation_config": {"do_sample": False, "top_k": 4}}, "no effect", "top_k"),
        ({"generation_config": "hot"}, "takes a dict", "generation_config"),
        ({"deployment_config": {"instance_typ": "x"}}, "did you mean 'instance_type'", None),
    ],
)
def test_wrong_setting_is_refused(
    uid: int, arguments: dict[str, Any], message: str, field: str | None
) -> None:
    fault = refused([uid], **arguments)

    assert isinstance(fault, ConfigError)
    assert message in fault.message
    assert field in (None, fault.field)


def test_configs_may_be_objects(uid: int) -> None:
    call = prepared(
        [uid],
        generation_config=GenerationConfig(temperature=0.5),
        deployment_config=DeploymentConfig(**NOWHERE),
    ).call

    assert call.generation == {"temperature": 0.5}
    assert call.deployment == NOWHERE


def test_secret_in_the_environment_is_refused_and_appears_nowhere(uid: int) -> None:
    settings = NOWHERE | {"environment": {"HF_TOKEN": "s3cret"}}

    fault = refused([uid], deployment_config=settings)

    assert "HF_TOKEN" in fault.message
    assert "s3cret" not in repr(fault.to_record())


def test_reference_to_a_secret_is_stored_as_it_is(uid: int) -> None:
    environment = {"HF_TOKEN": "${MY_TOKEN}"}

    call = prepared([uid], deployment_config=NOWHERE | {"environment": environment}).call

    assert call.deployment["environment"] == environment


def test_misspelt_name_in_the_template_is_refused_with_the_nearest(uid: int) -> None:
    fault = refused([uid], prompt_template="{instrction}: {foo}")

    assert isinstance(fault, PromptTemplateError)
    assert fault.names == ("instrction", "foo")
    assert "did you mean {instruction}" in fault.message


def test_template_may_be_an_object(uid: int) -> None:
    call = prepared([uid], prompt_template=outboard.PromptTemplate("Q: {instruction}")).call

    assert call.prompt_template == "Q: {instruction}"


def test_template_of_another_type_is_refused(uid: int) -> None:
    assert "A prompt template is text, got int" in str(refused([uid], prompt_template=7))


def test_unpaired_brace_of_the_system_prompt_is_said_to_be_there(uid: int) -> None:
    fault = refused([uid], generation_config={"system_prompt": "a } b"})

    assert isinstance(fault, PromptTemplateError)
    assert "character 3 of the system prompt has no partner" in fault.message
    assert (fault.field, fault.position) == ("system_prompt", 2)


def test_unknown_name_in_the_system_prompt_is_said_to_be_there(uid: int) -> None:
    fault = refused([uid], generation_config={"system_prompt": "{tone}"})

    assert isinstance(fault, PromptTemplateError)
    assert (fault.field, fault.names) == ("system_prompt", ("tone",))


def test_fault_of_one_datasource_among_several_says_which(uid: int) -> None:
    other = create_datasource(pa.table({"question": ["a"]}))

    assert str(refused([uid, other])).startswith(f"Datasource {other}: The prompt template uses")


def test_fault_of_all_datasources_is_told_once(uid: int) -> None:
    fault = refused([uid, datasource_of(["a"])], prompt_template="{foo}")

    assert str(fault).count("{foo}") == 1
    assert "Datasource" not in str(fault)


def test_several_faults_are_told_together(uid: int) -> None:
    fault = refused(
        [uid, 77],
        x_uids=["a"],
        generation_config={"temprature": 1},
        deployment_config={"api_key_env": "sk-s3cret"},
        prompt_template="{",
    )

    assert isinstance(fault, ConfigError)
    assert fault.message.startswith("5 things are wrong with this call:\n- generation_config has")
    assert fault.message.count("\n- ") == 5
    assert fault.field == "temprature"
    assert "s3cret" not in fault.message


def test_provider_that_cannot_be_had_is_told_with_the_other_faults(
    uid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    fault = refused([uid], deployment_config=None, prompt_template="{foo}")

    assert fault.message.startswith("2 things are wrong")
    assert "{foo}" in fault.message
    assert "base_url" in fault.message


def test_wrong_deployment_is_not_blamed_for_what_its_defaults_lack(
    uid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    fault = refused([uid], deployment_config={"base_ur": "http://localhost/v1"})

    assert "did you mean 'base_url'" in fault.message
    assert "things are wrong" not in fault.message


def test_file_changed_since_it_was_registered_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction\na\n")
    uid = create_datasource(path)
    path.write_text("instruction\nb\n")

    assert isinstance(refused([uid]), DatasourceChangedError)


def test_model_file_that_is_not_there_is_refused_before_anything_is_launched(
    uid: int, tmp_path: Path
) -> None:
    model = ExternalModel(str(tmp_path / "mine.gguf"), finetuning_provider_type="local")

    with pytest.raises(AssetError, match=r"mine\.gguf .* No such file or directory"):
        model.inference([uid], sync=False)

    assert Workspace.current().store.jobs.all() == []


def test_missing_engine_is_told_before_anything_is_launched(
    uid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    model = ExternalModel("smollm2-135m-instruct", finetuning_provider_type="local")

    with pytest.raises(ProviderError, match=r"pip install 'outboard\[local\]'"):
        model.inference([uid], sync=False)

    assert Workspace.current().store.jobs.all() == []
    assert [row.prompt for row in model.preview([uid], limit=1)] == ["What is 0?"]


def test_model_file_is_found_again_from_another_folder(
    uid: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    call = prepared([uid], model_name="tiny.gguf", provider=FinetuningProvider.LOCAL).call

    assert call.model_name == str(tmp_path / "tiny.gguf")


# Running


def test_sync_returns_the_model_source_uid(
    uid: int, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    source_uid = model().inference([uid], None, None, {"base_url": server.base_url})

    assert isinstance(source_uid, str)
    answers = outboard.get_model_source(source_uid).to_pandas()["response"]
    assert answers.tolist() == [answer_to(question) for question in questions(3)]
    assert capsys.readouterr().out == ""


def test_sync_raises_what_stopped_the_job(uid: int) -> None:
    server = OpenAIServer(model="another")

    with server, pytest.raises(ProviderError, match="does not offer a model 'tiny-chat'"):
        model().inference([uid], deployment_config={"base_url": server.base_url})


def test_one_launch_token_starts_one_job(uid: int) -> None:
    first = launch(prepared([uid]), launch_token="pressed")
    second = launch(prepared([uid]), launch_token="pressed")
    first.cancel()

    assert first.id == second.id
    assert len(outboard.list_jobs()) == 1


def test_trial_is_told_from_a_run_in_the_lists(uid: int) -> None:
    run = launch(prepared([uid]), launch_token="run")
    trial = launch(prepared([uid]), launch_token="trial", trial=True)
    for job in (run, trial):
        job.cancel()

    for listed in (outboard.list_jobs(), outboard.list_model_sources()):
        assert dict(zip(listed["job_id"], listed["trial"], strict=True)) == {
            run.id: False,
            trial.id: True,
        }


def test_call_works_inside_a_running_event_loop(uid: int, server: OpenAIServer) -> None:
    settings = {"base_url": server.base_url}

    async def cell() -> tuple[int, bool, str]:
        rows = model().preview([uid], deployment_config=settings)
        report = model().preflight([uid], deployment_config=settings)
        job_id = model().inference([uid], deployment_config=settings, sync=False)
        return len(rows), report.ok, job_id

    n_rows, ok, job_id = asyncio.run(cell())

    assert (n_rows, ok) == (3, True)
    assert outboard.get_job(job_id).wait(60) == "1"


def test_threads_prepare_calls_side_by_side(
    uid: int, server: OpenAIServer, workspace: Workspace
) -> None:
    def look(_: int) -> int | None:
        with workspace:
            return model().preflight([uid], deployment_config={"base_url": server.base_url}).n_rows

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(look, range(8))) == [3] * 8


LAUNCH = """
import sys
import outboard
model = outboard.ExternalModel("tiny-chat", finetuning_provider_type="openai")
deployment = {"base_url": sys.argv[2]}
job_id = model.inference([int(sys.argv[1])], deployment_config=deployment, sync=False)
print(*{"pandas", "IPython", "boto3", "xllamacpp"} & set(sys.modules))
outboard.get_job(job_id).cancel()
"""


def test_launch_loads_no_package_that_it_does_not_need(
    workspace: Workspace, server: OpenAIServer
) -> None:
    uid = create_datasource(pa.table({"instruction": ["a", "b", "c"]}))

    run = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(uid), server.base_url],
        env={"OUTBOARD_HOME": str(workspace.path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.strip() == ""
