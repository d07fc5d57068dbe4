"""Endpoints of the fake AWS: how they come, fail and go, and what they cost."""

import re
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import WaiterError
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, ROLE, deploy, prepare, serve, status_of, variant
from tests.awsfake.driver import LMI_IMAGE
from tests.awsfake.invoking import refused
from tests.awsfake.server import AwsFake

ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{NAME}"
GROUP = f"/aws/sagemaker/Endpoints/{NAME}"


def test_endpoint_comes_into_service_when_its_time_has_passed(
    fake: AwsFake, sagemaker: Any
) -> None:
    fake.plan(creating_s=240)
    deploy(sagemaker)

    before = sagemaker.describe_endpoint(EndpointName=NAME)
    fake.advance(239)
    still = status_of(sagemaker)
    fake.advance(1)
    after = sagemaker.describe_endpoint(EndpointName=NAME)

    assert before["EndpointStatus"] == still == "Creating"
    assert before["PendingDeploymentSummary"]["EndpointConfigName"] == NAME
    assert after["EndpointStatus"] == "InService"
    assert after["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert after["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == LMI_IMAGE
    assert after["CreationTime"] == before["CreationTime"]
    assert after["LastModifiedTime"] >= before["LastModifiedTime"]


def test_time_can_pass_with_every_look(fake: AwsFake, sagemaker: Any) -> None:
    fake.plan(creating_s=30, deleting_s=20, step_s=10)
    deploy(sagemaker)

    coming = [status_of(sagemaker) for _ in range(3)]
    sagemaker.delete_endpoint(EndpointName=NAME)
    going = status_of(sagemaker)
    code, message = refused(sagemaker.describe_endpoint, EndpointName=NAME)

    assert coming == ["Creating", "Creating", "InService"]
    assert going == "Deleting"
    assert (code, message) == ("ValidationException", f'Could not find endpoint "{ARN}".')


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("capacity", "Unable to provision requested ML compute capacity due to Insuff"),
        ("ping", "container for production variant AllTraffic did not pass the ping he"),
        ("image", f"The image '{LMI_IMAGE}' does not exist."),
        ("image-access", "make sure all images included in the model for the production"),
        ("container-start", "CannotStartContainerError."),
        ("model-data", "Failed to download model data for container"),
    ],
)
def test_endpoint_fails_for_a_reason_in_the_words_of_sagemaker(
    fake: AwsFake, sagemaker: Any, outcome: str, reason: str
) -> None:
    serve(fake, sagemaker, outcome=outcome)

    answer = sagemaker.describe_endpoint(EndpointName=NAME)

    assert answer["EndpointStatus"] == "Failed"
    assert reason in answer["FailureReason"]


@pytest.mark.parametrize("outcome", ["InService", "ping", "container-start"])
def test_container_that_ran_has_logged(
    fake: AwsFake, sagemaker: Any, make_client: MakeClient, outcome: str
) -> None:
    serve(fake, sagemaker, outcome=outcome)

    (stream,) = make_client("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]

    assert stream["logStreamName"].startswith("AllTraffic/i-")


def test_container_that_never_ran_has_no_log_group(
    fake: AwsFake, sagemaker: Any, make_client: MakeClient
) -> None:
    serve(fake, sagemaker, outcome="capacity")

    code, _ = refused(make_client("logs").describe_log_streams, logGroupName=GROUP)

    assert code == "ResourceNotFoundException"


def test_waiter_of_boto3_tells_a_failure(fake: AwsFake, sagemaker: Any) -> None:
    fake.plan(outcome="ping", creating_s=10, step_s=10)
    deploy(sagemaker)

    with pytest.raises(WaiterError, match="Failed"):
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME)


def test_stuck_endpoint_stays_creating_and_cannot_be_deleted(fake: AwsFake, sagemaker: Any) -> None:
    fake.plan(outcome="stuck")
    deploy(sagemaker)
    fake.advance(86_400)

    code, message = refused(sagemaker.delete_endpoint, EndpointName=NAME)

    assert status_of(sagemaker) == "Creating"
    assert (code, message) == (
        "ValidationException",
        f'Cannot update in-progress endpoint "{ARN}".',
    )


def test_deleting_endpoint_cannot_be_deleted_again_until_it_is_gone(
    fake: AwsFake, sagemaker: Any
) -> None:
    serve(fake, sagemaker)
    sagemaker.delete_endpoint(EndpointName=NAME)

    during = refused(sagemaker.delete_endpoint, EndpointName=NAME)
    fake.advance(60)
    after = refused(sagemaker.delete_endpoint, EndpointName=NAME)

    assert during == ("ValidationException", f'Cannot update in-progress endpoint "{ARN}".')
    assert after == ("ValidationException", f'Could not find endpoint "{ARN}".')


def test_failed_endpoint_can_be_deleted(fake: AwsFake, sagemaker: Any) -> None:
    serve(fake, sagemaker, outcome="capacity")

    sagemaker.delete_endpoint(EndpointName=NAME)
    fake.advance(60)

    assert fake.resources()["endpoints"] == []


def test_endpoint_can_be_made_again_under_its_name(fake: AwsFake, sagemaker: Any) -> None:
    serve(fake, sagemaker)
    sagemaker.delete_endpoint(EndpointName=NAME)
    fake.advance(60)

    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)

    assert status_of(sagemaker) == "Creating"


def test_update_is_refused(fake: AwsFake, sagemaker: Any) -> None:
    deploy(sagemaker)
    update = {"EndpointName": NAME, "EndpointConfigName": NAME}

    creating = refused(sagemaker.update_endpoint, **update)
    fake.advance(300)
    in_service = refused(sagemaker.update_endpoint, **update)

    assert creating == ("ValidationException", f'Cannot update in-progress endpoint "{ARN}".')
    assert in_service[0] == "ValidationException"


def test_names_are_taken_whatever_their_case(sagemaker: Any) -> None:
    deploy(sagemaker)

    code, message = refused(
        sagemaker.create_endpoint, EndpointName=NAME.upper(), EndpointConfigName=NAME
    )

    assert (code, message) == (
        "ValidationException",
        f'Cannot create already existing endpoint "{ARN}".',
    )


def test_endpoint_needs_a_configuration_and_its_model(sagemaker: Any) -> None:
    prepare(sagemaker)
    sagemaker.delete_model(ModelName=NAME)

    no_config = refused(sagemaker.create_endpoint, EndpointName="a", EndpointConfigName="none")
    no_model = refused(sagemaker.create_endpoint, EndpointName="a", EndpointConfigName=NAME)

    where = "arn:aws:sagemaker:us-east-1:123456789012"
    assert no_config == (
        "ValidationException",
        f'Could not find endpoint configuration "{where}:endpoint-config/none".',
    )
    assert no_model == ("ValidationException", f'Could not find model "{where}:model/{NAME}".')


def test_quota_counts_what_is_in_use(fake: AwsFake, sagemaker: Any) -> None:
    fake.quota("ml.g5.12xlarge", 1)
    deploy(sagemaker)

    code, message = refused(deploy, sagemaker=sagemaker, name="outboard-2")

    assert code == "ResourceLimitExceeded"
    assert re.match(
        r"The account-level service limit 'ml\.g5\.12xlarge for endpoint usage' is 1 Instances, "
        r"with current utilization of 1 Instances and a request delta of 1 Instances\.",
        message,
    )
    assert fake.resources()["endpoints"] == [NAME]


def test_ledger_bills_from_creation_to_deletion(fake: AwsFake, sagemaker: Any) -> None:
    deploy(sagemaker, InitialInstanceCount=2)
    fake.advance(240)
    fake.advance(3_600)

    with pytest.raises(AssertionError, match=r"outboard-1 \(2 x ml\.g5\.12xlarge\)"):
        fake.assert_nothing_billed()
    sagemaker.delete_endpoint(EndpointName=NAME)
    fake.advance(3_600)

    fake.assert_nothing_billed()
    assert fake.ledger()["instance_seconds"] == {"ml.g5.12xlarge": pytest.approx(2 * 3_840)}


def test_ledger_stops_when_an_endpoint_fails(fake: AwsFake, sagemaker: Any) -> None:
    serve(fake, sagemaker, outcome="ping", creating_s=100)

    fake.assert_nothing_billed()
    assert fake.ledger()["instance_seconds"] == {"ml.g5.12xlarge": pytest.approx(100)}


def test_leftovers_are_named(fake: AwsFake, sagemaker: Any) -> None:
    fake.running_endpoint("theirs")
    deploy(sagemaker)
    fake.remove_endpoint(NAME)

    with pytest.raises(AssertionError, match=r"'endpoint_configs': \['outboard-1'\]"):
        fake.assert_nothing_left(but=("theirs",))
    sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
    sagemaker.delete_model(ModelName=NAME)

    fake.assert_nothing_left(but=("theirs",))


def test_endpoint_of_somebody_else_is_there_and_not_billed(fake: AwsFake, sagemaker: Any) -> None:
    fake.running_endpoint("theirs", tags={"team": "search"})

    found = sagemaker.describe_endpoint(EndpointName="theirs")
    tags = sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]

    assert found["EndpointStatus"] == "InService"
    assert tags == [{"Key": "team", "Value": "search"}]
    fake.assert_nothing_billed()


def test_endpoint_removed_while_creating_does_not_come_back(fake: AwsFake, sagemaker: Any) -> None:
    deploy(sagemaker)

    fake.remove_endpoint(NAME)
    fake.advance(600)

    assert refused(sagemaker.describe_endpoint, EndpointName=NAME)[0] == "ValidationException"
    assert fake.seen()["events"].get(f"{NAME}:InService") is None


def test_endpoints_are_listed_page_by_page(fake: AwsFake, sagemaker: Any) -> None:
    prepare(sagemaker)
    fake.quota("ml.g5.12xlarge", 100)
    names = [f"outboard-{number:02d}" for number in range(12)]
    for name in [*names, "other"]:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=NAME)

    pages = list(
        sagemaker.get_paginator("list_endpoints").paginate(
            NameContains="OUTBOARD-", SortBy="Name", SortOrder="Ascending", MaxResults=5
        )
    )
    newest = sagemaker.list_endpoints()

    found = [[e["EndpointName"] for e in page["Endpoints"]] for page in pages]
    assert found == [names[:5], names[5:10], names[10:]]
    assert len(newest["Endpoints"]) == 10
    assert newest["Endpoints"][0]["EndpointName"] == "other"


def test_endpoints_are_listed_by_status_and_age(fake: AwsFake, sagemaker: Any) -> None:
    fake.plan("bad", outcome="ping")
    prepare(sagemaker)
    for name in ("good", "bad"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=NAME)
    fake.advance(300)
    created = sagemaker.describe_endpoint(EndpointName="bad")["CreationTime"]

    failed = sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"]
    by_status = sagemaker.list_endpoints(SortBy="Status", SortOrder="Ascending")["Endpoints"]
    older = sagemaker.list_endpoints(CreationTimeBefore=created, SortOrder="Ascending")

    assert [e["EndpointName"] for e in failed] == ["bad"]
    assert [e["EndpointName"] for e in by_status] == ["bad", "good"]
    assert older["Endpoints"][0]["EndpointName"] == "good"


def test_broken_page_token_is_refused(sagemaker: Any) -> None:
    assert refused(sagemaker.list_endpoints, NextToken="nonsense")[0] == "ValidationException"


def test_waiting_for_a_state_needs_no_polling(fake: AwsFake, sagemaker: Any) -> None:
    deploy(sagemaker)
    fake.advance(300)

    fake.wait_for(f"{NAME}:InService")

    assert status_of(sagemaker) == "InService"


def test_model_needs_a_container_and_a_role_of_the_account(fake: AwsFake, sagemaker: Any) -> None:
    fake.missing_role(ROLE)
    container = {"Image": LMI_IMAGE}

    missing = refused(
        sagemaker.create_model, ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE
    )
    foreign = refused(
        sagemaker.create_model,
        ModelName="m",
        PrimaryContainer=container,
        ExecutionRoleArn=ROLE.replace("123456789012", "999999999999"),
    )
    none = refused(sagemaker.create_model, ModelName="m", PrimaryContainer=container)
    nothing = refused(sagemaker.create_model, ModelName="m", ExecutionRoleArn=ROLE)

    assert missing[0] == "ValidationException"
    assert missing[1].startswith(f"Could not assume role {ROLE}.")
    assert foreign[1] == "Cross-account pass role is not allowed."
    assert none[1] == "ExecutionRoleArn is required to create the model."
    assert nothing[1] == "You must provide a primary container or a list of containers."


@pytest.mark.parametrize(
    "container",
    [
        {},
        {"Image": LMI_IMAGE, "ModelDataUrl": "s3://bucket/key", "ModelDataSource": {}},
        {
            "Image": LMI_IMAGE,
            "ModelDataSource": {
                "S3DataSource": {
                    "S3Uri": "s3://bucket/model",
                    "S3DataType": "S3Prefix",
                    "CompressionType": "None",
                }
            },
        },
    ],
)
def test_container_must_make_sense(make_client: MakeClient, container: dict[str, Any]) -> None:
    lax = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = make_client("sagemaker", config=lax)

    code, _ = refused(
        client.create_model, ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE
    )

    assert code == "ValidationException"


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([variant(), variant()], "must be unique"),
        ([{"VariantName": "a", "ModelName": NAME}], "InstanceType and InitialInstanceCount"),
        ([variant("nobody")], 'model/nobody".'),
    ],
)
def test_variants_must_make_sense(
    sagemaker: Any, variants: list[dict[str, Any]], message: str
) -> None:
    prepare(sagemaker)

    code, text = refused(
        sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=variants
    )

    assert code == "ValidationException"
    assert message in text


def test_instance_pools_bill_their_first_type(fake: AwsFake, sagemaker: Any) -> None:
    prepare(sagemaker)
    pools = [
        {"InstanceType": "ml.g5.2xlarge", "Priority": 1},
        {"InstanceType": "ml.g6.2xlarge", "Priority": 2},
    ]
    sagemaker.create_endpoint_config(
        EndpointConfigName="pooled",
        ProductionVariants=[{"VariantName": "a", "ModelName": NAME, "InstancePools": pools}],
    )

    sagemaker.create_endpoint(EndpointName="pooled", EndpointConfigName="pooled")

    assert [line["instance_type"] for line in fake.ledger()["open"]] == ["ml.g5.2xlarge"]
