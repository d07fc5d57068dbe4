"""The rest of SageMaker's control plane: records, checks of requests, permissions, faults."""

import json
import re
import threading
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, ROLE, deploy, prepare, status_of, variant
from tests.awsfake.driver import LMI_IMAGE
from tests.awsfake.invoking import refused
from tests.awsfake.server import AwsFake
from tests.awsfake.signing import send_signed


@pytest.fixture
def lax(make_client: MakeClient) -> Any:
    """A client that sends whatever it is given."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return make_client("sagemaker", config=config)


# --- what was there before


def test_training_job_is_described_with_every_member_that_boto3_knows(
    fake: AwsFake, sagemaker: Any
) -> None:
    fake.training_job("tuned", tags={"team": "search"}, HyperParameters={"lr": "1e-4"})

    job = sagemaker.describe_training_job(TrainingJobName="tuned")

    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/tuned/output/model.tar.gz")
    assert job["HyperParameters"] == {"lr": "1e-4"}
    assert job["RoleArn"] == ROLE
    assert job["CreationTime"].year > 2000
    assert sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [
        {"Key": "team", "Value": "search"}
    ]


def test_member_of_a_training_job_can_be_left_out(fake: AwsFake, sagemaker: Any) -> None:
    fake.training_job("serverless", AlgorithmSpecification=None, TrainingJobStatus="Failed")

    job = sagemaker.describe_training_job(TrainingJobName="serverless")

    assert "AlgorithmSpecification" not in job
    assert job["SecondaryStatus"] == "Failed"


def test_unknown_training_job_is_a_validation_exception(sagemaker: Any) -> None:
    assert refused(sagemaker.describe_training_job, TrainingJobName="nobody") == (
        "ValidationException",
        "Requested resource not found.",
    )


def test_training_jobs_are_listed(fake: AwsFake, sagemaker: Any) -> None:
    for name in ("tune-b", "tune-a", "other"):
        fake.training_job(name)

    jobs = sagemaker.list_training_jobs(
        NameContains="tune", SortBy="Name", SortOrder="Ascending", StatusEquals="Completed"
    )["TrainingJobSummaries"]

    assert [job["TrainingJobName"] for job in jobs] == ["tune-a", "tune-b"]


def test_model_package_is_found_by_arn_and_by_name(fake: AwsFake, sagemaker: Any) -> None:
    arn = fake.model_package(
        "packaged", version=3, InferenceSpecification={"Containers": [{"Image": LMI_IMAGE}]}
    )

    by_arn = sagemaker.describe_model_package(ModelPackageName=arn)
    by_name = sagemaker.describe_model_package(ModelPackageName="packaged")
    code, message = refused(sagemaker.describe_model_package, ModelPackageName="nobody")

    assert arn.endswith(":model-package/packaged/3")
    assert by_arn["InferenceSpecification"]["Containers"][0]["Image"] == LMI_IMAGE
    assert by_name["ModelPackageArn"] == arn
    assert (code, message) == ("ValidationException", "ModelPackage nobody does not exist.")


def test_hub_content_carries_its_document(fake: AwsFake, sagemaker: Any) -> None:
    fake.hub_content("meta-textgeneration", {"HostingEcrUri": LMI_IMAGE})
    asked = {"HubName": "SageMakerPublicHub", "HubContentType": "Model"}

    content = sagemaker.describe_hub_content(HubContentName="meta-textgeneration", **asked)
    code, _ = refused(sagemaker.describe_hub_content, HubContentName="nobody", **asked)

    assert content["HubContentDocument"] == f'{{"HostingEcrUri": "{LMI_IMAGE}"}}'
    assert code == "ResourceNotFound"


def test_inference_components_are_described_and_listed(fake: AwsFake, sagemaker: Any) -> None:
    fake.running_endpoint("shared")
    fake.inference_component("adapter", "shared")

    component = sagemaker.describe_inference_component(InferenceComponentName="adapter")
    here = sagemaker.list_inference_components(EndpointNameEquals="shared")
    elsewhere = sagemaker.list_inference_components(EndpointNameEquals="other")
    code, _ = refused(sagemaker.describe_inference_component, InferenceComponentName="nobody")

    assert component["EndpointName"] == "shared"
    assert [c["InferenceComponentName"] for c in here["InferenceComponents"]] == ["adapter"]
    assert elsewhere["InferenceComponents"] == []
    assert code == "ValidationException"


# --- models and configurations


def test_model_and_configuration_come_back_as_they_were_made(sagemaker: Any) -> None:
    prepare(sagemaker, InitialVariantWeight=2.0)

    model = sagemaker.describe_model(ModelName=NAME)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=NAME)

    assert model["PrimaryContainer"] == {"Image": LMI_IMAGE}
    assert model["ExecutionRoleArn"] == ROLE
    assert config["ProductionVariants"] == [variant(InitialVariantWeight=2.0)]
    assert sagemaker.list_models()["Models"][0]["ModelArn"] == model["ModelArn"]
    assert len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1


@pytest.mark.parametrize(
    ("kind", "words", "member"),
    [
        ("model", "model", "ModelName"),
        ("endpoint_config", "endpoint configuration", "EndpointConfigName"),
    ],
)
@pytest.mark.parametrize("verb", ["describe", "delete"])
def test_unknown_name_is_told(
    sagemaker: Any, kind: str, words: str, member: str, verb: str
) -> None:
    code, message = refused(getattr(sagemaker, f"{verb}_{kind}"), **{member: "nobody"})

    assert code == "ValidationException"
    assert message.startswith(f'Could not find {words} "arn:')


def test_names_of_models_and_configurations_must_be_free(sagemaker: Any) -> None:
    prepare(sagemaker)

    model = refused(prepare, sagemaker=sagemaker)
    config = refused(
        sagemaker.create_endpoint_config, EndpointConfigName=NAME, ProductionVariants=[variant()]
    )

    assert model[1].startswith('Cannot create already existing model "arn:')
    assert config[1].startswith('Cannot create already existing endpoint configuration "arn:')


# --- tags


def test_tags_are_kept_changed_and_forgotten(fake: AwsFake, sagemaker: Any) -> None:
    prepare(sagemaker)
    arn = sagemaker.create_endpoint(
        EndpointName=NAME,
        EndpointConfigName=NAME,
        Tags=[{"Key": "outboard:owner", "Value": "me"}, {"Key": "a", "Value": "1"}],
    )["EndpointArn"]

    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}])

    assert fake.tags("endpoint", NAME) == {"outboard:owner": "me", "a": "2"}
    fake.remove_endpoint(NAME)
    code, message = refused(sagemaker.list_tags, ResourceArn=arn)
    assert (code, message) == ("ValidationException", f'Could not find endpoint "{arn}".')


def test_tags_are_limited_and_unique(sagemaker: Any) -> None:
    arn = sagemaker.create_model(
        ModelName=NAME, PrimaryContainer={"Image": LMI_IMAGE}, ExecutionRoleArn=ROLE
    )["ModelArn"]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    sagemaker.add_tags(ResourceArn=arn, Tags=many)

    too_many = refused(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "x", "Value": ""}])
    twice = refused(
        sagemaker.create_model,
        ModelName="m",
        PrimaryContainer={"Image": LMI_IMAGE},
        ExecutionRoleArn=ROLE,
        Tags=[{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}],
    )

    assert too_many[0] == "ResourceLimitExceeded"
    assert "Duplicate tag keys" in twice[1]


# --- the shape of requests


@pytest.mark.parametrize("name", ["under_score", "-dash", "dash-", "a" * 64, ""])
def test_bad_name_is_refused_with_its_pattern(lax: Any, name: str) -> None:
    code, message = refused(lax.create_endpoint, EndpointName=name, EndpointConfigName="c")

    assert code == "ValidationException"
    assert re.match(
        rf"\d validation errors? detected: Value '{name}' at 'endpointName' failed to satisfy "
        "constraint: Member must ",
        message,
    )


def test_every_fault_of_a_request_is_told_at_once(lax: Any) -> None:
    bad = variant(InstanceType="ml.g5.huge", InitialInstanceCount=0, ModelName="a b")

    code, message = refused(lax.create_endpoint_config, ProductionVariants=[bad])

    assert code == "ValidationException"
    assert message.startswith("4 validation errors detected: ")
    assert "Value null at 'endpointConfigName' failed to satisfy constraint" in message
    assert "'productionVariants.1.member.modelName' failed" in message
    assert "Member must satisfy enum value set: [ml.t2.medium, " in message
    assert "Member must have value greater than or equal to 1" in message


def test_environment_is_looked_at_value_by_value(lax: Any) -> None:
    container = {"Image": LMI_IMAGE, "Environment": {"HF_TOKEN": "x" * 1_025, "A": "b"}}

    code, message = refused(
        lax.create_model, ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE
    )

    assert code == "ValidationException"
    assert "at 'primaryContainer.environment.HF_TOKEN' failed to satisfy constraint" in message


def test_too_many_is_told_as_well(lax: Any) -> None:
    _, many = refused(lax.list_endpoints, MaxResults=101)
    _, few = refused(lax.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[])

    assert "Member must have value less than or equal to 100" in many
    assert "Member must have length greater than or equal to 1" in few


@pytest.mark.parametrize(
    "body",
    [
        b'{"EndpointName": "e", "EndpointConfigName": "c", "Tags": {"a": "b"}}',
        b'{"EndpointName": "e", "EndpointConfigName": "c", "Tags": ["x"]}',
        b'{"EndpointName": 7, "EndpointConfigName": "c"}',
        b'{"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": 1}',
        b"[]",
        b"{",
    ],
)
def test_body_that_cannot_be_read_is_a_serialization_exception(fake: AwsFake, body: bytes) -> None:
    # boto3 would not even build it.
    headers = {
        "X-Amz-Target": "SageMaker.CreateEndpoint",
        "Content-Type": "application/x-amz-json-1.1",
    }

    status, got, answer = send_signed(fake, "/", body, headers)

    assert status == 400
    assert got["X-Amzn-Errortype"] == "SerializationException"
    assert json.loads(answer)["__type"] == "SerializationException"


def test_operation_that_is_not_faked_is_unknown(sagemaker: Any) -> None:
    assert refused(sagemaker.list_domains)[0] == "UnknownOperationException"


# --- permissions


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:CreateModel", f"arn:aws:sagemaker:us-east-1:123456789012:model/{NAME}"),
        ("iam:PassRole", ROLE),
        (
            "sagemaker:CreateEndpoint",
            f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{NAME}",
        ),
    ],
)
def test_denied_action_is_named(fake: AwsFake, sagemaker: Any, action: str, resource: str) -> None:
    fake.deny(action)

    code, message = refused(deploy, sagemaker=sagemaker)
    fake.allow(action)

    assert code == "AccessDeniedException"
    assert message == (
        f"User: arn:aws:iam::123456789012:user/tester is not authorized to perform: {action} on "
        f"resource: {resource} because no identity-based policy allows the {action} action"
    )


def test_tags_need_a_permission_of_their_own(fake: AwsFake, sagemaker: Any) -> None:
    fake.deny("sagemaker:AddTags")

    code, message = refused(
        sagemaker.create_model,
        ModelName=NAME,
        PrimaryContainer={"Image": LMI_IMAGE},
        ExecutionRoleArn=ROLE,
        Tags=[{"Key": "a", "Value": "b"}],
    )

    assert code == "AccessDeniedException"
    assert "perform: sagemaker:AddTags" in message


# --- faults on order


@pytest.mark.parametrize(
    ("fault", "message", "status"),
    [
        ("ThrottlingException", "Rate exceeded", 400),
        ("ExpiredTokenException", "The security token included in the request is expired", 400),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            400,
        ),
        ("InternalFailure", "The request processing has failed because of an unknown", 500),
        ("ServiceUnavailable", "temporary failure", 503),
    ],
)
def test_call_fails_as_often_as_ordered(
    fake: AwsFake, sagemaker: Any, fault: str, message: str, status: int
) -> None:
    fake.fail("ListEndpoints", fault, skip=1, times=1)
    sagemaker.list_endpoints()

    with pytest.raises(ClientError, match=message) as caught:
        sagemaker.list_endpoints()

    sagemaker.list_endpoints()
    assert caught.value.response["Error"]["Code"] == fault
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_call_can_fail_for_good_with_a_text_of_the_tests_own(fake: AwsFake, sagemaker: Any) -> None:
    text = "Could not access model data at s3://bucket/key."
    fake.fail("CreateModel", "ValidationException", message=text, times=None)

    errors = {refused(prepare, sagemaker=sagemaker) for _ in range(3)}

    assert errors == {("ValidationException", text)}


@pytest.mark.parametrize(("fault", "done"), [("reset", False), ("lost-reply", True)])
def test_reply_can_get_lost_before_or_after_the_deed(
    fake: AwsFake, sagemaker: Any, fault: str, done: bool
) -> None:
    prepare(sagemaker)
    fake.fail("CreateEndpoint", fault)

    with pytest.raises(ConnectionClosedError):
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)

    assert (NAME in fake.resources()["endpoints"]) is done
    assert bool(fake.ledger()["open"]) is done


@pytest.mark.parametrize(("fault", "done"), [("hang", False), ("hang-reply", True)])
def test_call_can_be_held_until_released(
    fake: AwsFake, sagemaker: Any, fault: str, done: bool
) -> None:
    prepare(sagemaker)
    fake.fail("CreateEndpoint", fault)
    call = threading.Thread(
        target=sagemaker.create_endpoint,
        kwargs={"EndpointName": NAME, "EndpointConfigName": NAME},
    )

    call.start()
    fake.wait_for(f"fault:{fault}")
    before = NAME in fake.resources()["endpoints"]
    fake.release()
    call.join()

    assert before is done
    assert status_of(sagemaker) == "Creating"
