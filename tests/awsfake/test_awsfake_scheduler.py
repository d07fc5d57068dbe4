"""Schedules that fire, and what they find when they do."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError
from tests.awsfake.conftest import MakeClient
from tests.awsfake.deploying import NAME, deploy, serve, status_of
from tests.awsfake.scheduler import DELETE_ENDPOINT
from tests.awsfake.server import AwsFake
from tests.awsfake.signing import send_signed

REAPER = "arn:aws:iam::123456789012:role/outboard-reaper"


@pytest.fixture
def scheduler(make_client: MakeClient) -> Any:
    return make_client("scheduler")


def at(seconds: float, zone: str = "UTC") -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"at({moment.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S})"


def switch(seconds: float = 900, **changes: Any) -> dict[str, Any]:
    """Return the members of a schedule that deletes the endpoint."""
    return {
        "Name": NAME,
        "ScheduleExpression": at(seconds),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": DELETE_ENDPOINT,
            "RoleArn": REAPER,
            "Input": json.dumps({"EndpointName": NAME}),
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400},
        },
    } | changes


def refused(call: Any, **given: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_schedule_deletes_its_endpoint_when_its_time_comes(
    fake: AwsFake, sagemaker: Any, scheduler: Any
) -> None:
    scheduler.create_schedule(**switch(900))
    serve(fake, sagemaker)

    fake.advance(590)
    before = status_of(sagemaker)
    fake.advance(15)

    assert before == "InService"
    assert status_of(sagemaker) == "Deleting"
    assert fake.seen()["events"]["schedule:fired"] == 1
    fake.assert_nothing_billed()
    assert fake.ledger()["instance_seconds"]["ml.g5.12xlarge"] == pytest.approx(900, abs=5)
    assert fake.resources()["schedules"] == []


def test_update_pushes_the_deadline_back_however_far_time_has_come(
    fake: AwsFake, sagemaker: Any, scheduler: Any
) -> None:
    scheduler.create_schedule(**switch(900))
    serve(fake, sagemaker)

    for _ in range(3):
        fake.advance(550)
        scheduler.update_schedule(**switch(900))
    fake.advance(880)
    alive = status_of(sagemaker)
    fake.advance(30)

    assert alive == "InService"
    assert status_of(sagemaker) == "Deleting"


def test_update_forgets_what_is_not_sent_again(scheduler: Any) -> None:
    scheduler.create_schedule(**switch())
    without = switch()
    del without["ActionAfterCompletion"]

    scheduler.update_schedule(**without)

    assert scheduler.get_schedule(Name=NAME)["ActionAfterCompletion"] == "NONE"


def test_schedule_comes_back_as_it_was_made(scheduler: Any) -> None:
    made = switch(Description="Deletes the endpoint.")
    arn = scheduler.create_schedule(**made)["ScheduleArn"]

    found = scheduler.get_schedule(Name=NAME, GroupName="default")
    listed = scheduler.list_schedules(NamePrefix="outboard-")["Schedules"]

    assert arn == found["Arn"]
    assert arn == f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{NAME}"
    assert made.items() <= found.items()
    assert found["State"] == "ENABLED"
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert [schedule["Name"] for schedule in listed] == [NAME]


def test_deleted_schedule_does_not_fire(fake: AwsFake, sagemaker: Any, scheduler: Any) -> None:
    scheduler.create_schedule(**switch(900))
    serve(fake, sagemaker)

    scheduler.delete_schedule(Name=NAME)
    fake.advance(3_600)

    assert status_of(sagemaker) == "InService"


def test_disabled_schedule_does_not_fire(fake: AwsFake, sagemaker: Any, scheduler: Any) -> None:
    scheduler.create_schedule(**switch(900, State="DISABLED"))
    serve(fake, sagemaker)

    fake.advance(3_600)

    assert status_of(sagemaker) == "InService"


def test_schedule_stays_after_firing_unless_told_to_go(
    fake: AwsFake, sagemaker: Any, scheduler: Any
) -> None:
    scheduler.create_schedule(**switch(600, ActionAfterCompletion="NONE"))
    serve(fake, sagemaker)

    fake.advance(900)

    assert fake.resources() == {
        "endpoints": [],
        "endpoint_configs": [NAME],
        "models": [NAME],
        "schedules": [NAME],
    }


def test_schedule_tries_again_while_the_endpoint_is_creating(
    fake: AwsFake, sagemaker: Any, scheduler: Any
) -> None:
    fake.plan(creating_s=1_500)
    scheduler.create_schedule(**switch(900))
    deploy(sagemaker)

    fake.advance(1_000)
    creating = status_of(sagemaker)
    fake.advance(1_000)

    assert creating == "Creating"
    assert fake.seen()["events"]["schedule:refused"] >= 2
    assert fake.resources()["endpoints"] == []
    fake.assert_nothing_billed()


@pytest.mark.parametrize("policy", [{"MaximumRetryAttempts": 0}, None])
def test_schedule_that_may_not_retry_gives_up(
    fake: AwsFake, sagemaker: Any, scheduler: Any, policy: dict[str, int] | None
) -> None:
    given = switch(900)
    if policy is None:
        fake.schedule_retries(on=False)
    else:
        given["Target"]["RetryPolicy"] = policy
    fake.plan(creating_s=1_500)
    scheduler.create_schedule(**given)
    deploy(sagemaker)

    fake.advance(3_600)

    assert status_of(sagemaker) == "InService"
    assert fake.seen()["events"]["schedule:refused"] == 1


def test_role_of_the_schedule_needs_the_permission_to_delete(
    fake: AwsFake, sagemaker: Any, scheduler: Any
) -> None:
    fake.deny("sagemaker:DeleteEndpoint", principal=REAPER)
    fake.schedule_retries(on=False)
    scheduler.create_schedule(**switch(900))
    serve(fake, sagemaker)

    fake.advance(900)

    assert status_of(sagemaker) == "InService"
    sagemaker.delete_endpoint(EndpointName=NAME)


def test_time_zone_is_heeded(fake: AwsFake, sagemaker: Any, scheduler: Any) -> None:
    zone = "Asia/Tokyo"
    given = switch(ScheduleExpression=at(900, zone), ScheduleExpressionTimezone=zone)
    scheduler.create_schedule(**given)
    serve(fake, sagemaker)

    fake.advance(590)
    before = status_of(sagemaker)
    fake.advance(15)

    assert (before, status_of(sagemaker)) == ("InService", "Deleting")


def test_names_must_be_free_and_known(scheduler: Any) -> None:
    scheduler.create_schedule(**switch())

    assert refused(scheduler.create_schedule, **switch()) == ("ConflictException", 409)
    assert refused(scheduler.get_schedule, Name="x") == ("ResourceNotFoundException", 404)
    assert refused(scheduler.delete_schedule, Name="x") == ("ResourceNotFoundException", 404)
    assert refused(scheduler.update_schedule, **switch(Name="x")) == (
        "ResourceNotFoundException",
        404,
    )
    assert refused(scheduler.get_schedule, Name=NAME, GroupName="x") == (
        "ResourceNotFoundException",
        404,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"ScheduleExpression": "at(tomorrow)"},
        {"ScheduleExpression": "at(2027-02-30T00:00:00)"},
        {"ScheduleExpression": "at(2020-01-01T00:00:00)"},
        {"ScheduleExpressionTimezone": "Middle/Earth"},
        {"Target": {"Arn": "arn:aws:lambda:x", "RoleArn": REAPER}},
        {"Name": "with space"},
    ],
)
def test_nonsense_is_refused(scheduler: Any, changes: dict[str, Any]) -> None:
    given = switch(**changes)

    assert refused(scheduler.create_schedule, **given) == ("ValidationException", 400)


def test_method_that_schedules_do_not_have_is_unknown(fake: AwsFake) -> None:
    status, headers, _ = send_signed(
        fake, f"/schedules/{NAME}", b"{}", {}, method="PATCH", service="scheduler"
    )

    assert status == 404
    assert headers["x-amzn-ErrorType"] == "UnknownOperationException"


def test_role_must_be_one_that_the_scheduler_can_assume(fake: AwsFake, scheduler: Any) -> None:
    fake.missing_role(REAPER)

    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume"):
        scheduler.create_schedule(**switch())


@pytest.mark.parametrize("action", ["scheduler:CreateSchedule", "iam:PassRole"])
def test_schedule_needs_its_permissions(fake: AwsFake, scheduler: Any, action: str) -> None:
    fake.deny(action)

    with pytest.raises(ClientError, match=f"not authorized to perform: {action}") as caught:
        scheduler.create_schedule(**switch())

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
