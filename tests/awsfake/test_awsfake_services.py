"""The small services around SageMaker, and the fake as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, deploy, serve, status_of
from tests.awsfake.driver import Driver
from tests.awsfake.server import AwsFake

GROUP = f"/aws/sagemaker/Endpoints/{NAME}"


def refused(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


def test_sts_tells_who_is_asking(make_client: MakeClient) -> None:
    identity = make_client("sts").get_caller_identity()

    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/tester"


def test_quotas_are_those_that_endpoints_are_held_to(
    fake: AwsFake, make_client: MakeClient
) -> None:
    fake.quota("ml.g5.12xlarge", 0)
    quotas = make_client("service-quotas")

    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    by_name = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    none = by_name["ml.g5.12xlarge for endpoint usage"]
    again = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=none["QuotaCode"])

    assert none["Value"] == again["Quota"]["Value"] == 0.0
    assert by_name["ml.m5.xlarge for endpoint usage"]["Value"] == 4.0
    assert len(by_name) > 200


def test_unknown_quota_is_told(fake: AwsFake, make_client: MakeClient) -> None:
    quotas = make_client("service-quotas")

    code = {"QuotaCode": "L-00000000"}
    assert refused(quotas.get_service_quota, ServiceCode="sagemaker", **code) == (
        "NoSuchResourceException"
    )
    assert refused(quotas.list_service_quotas, ServiceCode="ec2") == "NoSuchResourceException"
    fake.deny("servicequotas:ListServiceQuotas")
    assert refused(quotas.list_service_quotas, ServiceCode="sagemaker") == "AccessDeniedException"


def prices(client: Any, instance_type: str) -> list[Any]:
    wanted = {"regionCode": "us-east-1", "instanceName": instance_type, "component": "Hosting"}
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
    answer = client.get_products(ServiceCode="AmazonSageMaker", Filters=filters)
    return [json.loads(product) for product in answer["PriceList"]]


def test_price_list_has_hosting_prices(make_client: MakeClient) -> None:
    client = make_client("pricing")

    (product,) = prices(client, "ml.g5.12xlarge")
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()

    assert float(dimension["pricePerUnit"]["USD"]) == 7.09
    assert prices(client, "ml.p5.48xlarge") == []
    assert refused(client.get_products, ServiceCode="AmazonEC2") == "InvalidParameterException"


def test_logs_of_a_container_are_read_newest_or_oldest_first(
    fake: AwsFake, sagemaker: Any, make_client: MakeClient
) -> None:
    serve(fake, sagemaker, log_lines=["one", "two", "CUDA out of memory"])
    logs = make_client("logs")

    (stream,) = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    given = {"logGroupName": GROUP, "logStreamName": stream["logStreamName"], "limit": 2}
    newest = logs.get_log_events(**given)
    oldest = logs.get_log_events(**given, startFromHead=True)
    found = logs.filter_log_events(logGroupName=GROUP, filterPattern='"CUDA"')

    assert [event["message"] for event in newest["events"]] == ["two", "CUDA out of memory"]
    assert [event["message"] for event in oldest["events"]] == ["one", "two"]
    assert [event["message"] for event in found["events"]] == ["CUDA out of memory"]
    assert found["events"][0]["logStreamName"] == stream["logStreamName"]


def test_logs_that_are_not_there_are_told(
    fake: AwsFake, sagemaker: Any, make_client: MakeClient
) -> None:
    serve(fake, sagemaker)
    logs = make_client("logs")

    no_group = refused(logs.filter_log_events, logGroupName="/none")
    no_stream = refused(logs.get_log_events, logGroupName=GROUP, logStreamName="none")
    other = refused(logs.describe_log_groups)

    assert (no_group, no_stream) == ("ResourceNotFoundException", "ResourceNotFoundException")
    assert other == "UnknownOperationException"


def test_logs_outlive_their_endpoint(
    fake: AwsFake, sagemaker: Any, make_client: MakeClient
) -> None:
    serve(fake, sagemaker)

    fake.remove_endpoint(NAME)

    assert make_client("logs").filter_log_events(logGroupName=GROUP)["events"]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("plan", {"pattern": "*", "changes": {"colour": "red"}}), ("expire", {"access_key": "x"})],
)
def test_mistake_in_a_script_is_told(
    fake: AwsFake, command: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=rf"{command}: \w+Error"):
        fake._do(command, **arguments)


def test_waiting_in_vain_tells_what_was_seen(fake: AwsFake, sagemaker: Any) -> None:
    sagemaker.list_endpoints()

    with pytest.raises(TimeoutError, match=r"'CreateEndpoint' was not seen .*'ListEndpoints': 1"):
        fake.wait_for("CreateEndpoint", timeout_s=0.05)


@pytest.mark.parametrize("command", ["handle", "_services", "nothing"])
def test_only_commands_are_commands(fake: AwsFake, command: str) -> None:
    with pytest.raises(ValueError, match="no command"):
        fake._do(command)


@pytest.fixture
def process() -> Iterator[Driver]:
    """A fake AWS in a process of its own, where a minute passes each second."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.awsfake", "--speed", "6000"],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield Driver(server.stdout.readline().strip())
        server.stdin.close()
        assert server.wait(30) == 0


def test_fake_in_a_process_serves_clients_in_others(
    process: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in process.environment().items():
        monkeypatch.setenv(name, value)
    process.training_job("tuned")
    program = (
        "import boto3; c = boto3.client('sagemaker');"
        "print(c.describe_training_job(TrainingJobName='tuned')['TrainingJobStatus'])"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "Completed"


def test_endpoint_in_a_process_comes_into_service_by_itself(
    process: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in process.environment().items():
        monkeypatch.setenv(name, value)
    sagemaker = boto3.client("sagemaker")
    deploy(sagemaker)

    process.wait_for(f"{NAME}:InService")

    assert status_of(sagemaker) == "InService"
    sagemaker.delete_endpoint(EndpointName=NAME)
    process.wait_for(f"{NAME}:gone")
    process.assert_nothing_billed()
