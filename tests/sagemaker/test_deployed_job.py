"""Whole jobs on SageMaker: a notebook on this side, a worker, AWS on the other."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of, log_of, questions, worker_pid
from tests.waiting import wait_until

from outboard import ExternalModel, Job, get_job
from outboard.errors import CredentialsError, JobFailedError
from outboard.job_status import JobStatus
from outboard.workspace import Workspace


def launch(uid: int, model: str = "model", **deployment: Any) -> Job:
    """Start a job, and return at once."""
    job_id = ExternalModel(model).inference([uid], deployment_config=deployment, sync=False)
    return get_job(job_id)


def problems(model: str, **deployment: Any) -> list[tuple[str | None, str]]:
    """Return the field and the text of what a preflight finds."""
    report = ExternalModel(model).preflight(
        [datasource_of(["Hello?"])], deployment_config=deployment
    )
    return [(problem.field, problem.message) for problem in report.problems]


@pytest.fixture
def keys_in_code(fake: AwsFake, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return keys that are set in the notebook's code alone."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    keys = fake.session()
    boto3.setup_default_session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["Token"],
        region_name="us-east-1",
    )
    return keys


def test_rows_are_answered_by_a_running_endpoint(workspace: Workspace, fake: AwsFake) -> None:
    fake.running_endpoint("theirs")

    job = launch(datasource_of(questions(20)), endpoint_name="theirs")
    job.wait(60)

    results = job.results()
    assert results["status"].tolist() == ["succeeded"] * 20
    assert results["response"].str.len().min() > 0
    assert fake.resources()["endpoints"] == ["theirs"]


def test_keys_set_in_code_reach_the_worker_and_nothing_else(
    workspace: Workspace, fake: AwsFake, keys_in_code: dict[str, str]
) -> None:
    fake.running_endpoint("theirs")
    fake.fail("DescribeEndpoint", "hang")
    secrets = [keys_in_code[name] for name in ("SecretAccessKey", "Token")]

    job = launch(datasource_of(["Hello?"]), endpoint_name="theirs")
    fake.wait_for("fault:hang")
    process = Path("/proc") / str(worker_pid(job))
    shown = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    fake.release()
    job.wait(60)

    kept = [file.read_bytes() for file in workspace.path.rglob("*") if file.is_file()]
    for secret in secrets:
        assert secret.encode() not in shown
        assert not any(secret.encode() in data for data in kept)
        assert secret not in log_of(job)


def test_keys_that_cannot_be_read_fail_the_launch(
    workspace: Workspace, fake: AwsFake, keys_in_code: dict[str, str]
) -> None:
    class Stale:
        method = "mine"

        def get_frozen_credentials(self) -> None:
            raise RuntimeError("Credentials were refreshed, but are still expired")

    boto3.DEFAULT_SESSION._session._credentials = Stale()

    with pytest.raises(JobFailedError, match=r"No worker could be started.*still expired"):
        launch(datasource_of(["Hello?"]), endpoint_name="theirs")


def test_job_that_lost_its_keys_goes_on_with_new_ones(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.running_endpoint("theirs")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-one")
    job = launch(datasource_of(questions(3)), endpoint_name="theirs")
    wait_until(lambda: job.status is JobStatus.FAILED)
    error = job.error
    for name, value in fake.environment().items():
        monkeypatch.setenv(name, value)

    job.resume()
    job.wait(60)

    assert isinstance(error, CredentialsError)
    assert "not-the-one" not in error.message
    assert job.progress.succeeded == 3


def test_preflight_finds_nothing_wrong_and_creates_nothing(
    workspace: Workspace, fake: AwsFake
) -> None:
    fake.training_job("my-job")

    assert problems("my-job") == []
    fake.assert_nothing_left()


def test_preflight_names_the_argument_at_fault(workspace: Workspace, fake: AwsFake) -> None:
    fake.training_job("my-job")

    ((field, message),) = problems("my-jbo")
    assert field == "external_model_name"
    assert "'my-job'" in message
    ((field, message),) = problems("my-job", instance_type="ml.g5.huge")
    assert field == "instance_type"
    ((field, message),) = problems("my-job", endpoint_name="nobody")
    assert field == "endpoint_name"


def test_preflight_tells_of_missing_credentials(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    ((_, message),) = problems("my-job")

    assert "There are no AWS credentials" in message


def test_training_job_is_deployed_for_a_job_with_keys_set_in_code(
    workspace: Workspace,
    fake: AwsFake,
    keys_in_code: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTBOARD_AWS_SPEED", "100")
    fake.plan("*", step_s=120.0)
    fake.training_job("my-job")

    job = launch(datasource_of(questions(5)), "my-job")
    job.wait(120)

    told = [event.message for event in job.events()]
    assert job.progress.succeeded == 5
    assert any("min so far (usually 5 to 15)" in message for message in told)
    fake.assert_nothing_left()


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "models/tiny.gguf"])
def test_embedded_model_without_its_provider_gets_a_hint(
    workspace: Workspace, fake: AwsFake, name: str
) -> None:
    (hint,) = [text for field, text in problems(name) if field == "finetuning_provider_type"]

    assert hint.startswith(f"{name!r} names a model for the embedded engine")
    assert "FinetuningProvider.LOCAL" in hint


def test_endpoint_may_be_called_anything(workspace: Workspace, fake: AwsFake) -> None:
    fake.running_endpoint("theirs")

    assert problems("smollm2-135m-instruct", endpoint_name="theirs") == []
