"""The schedule on AWS that deletes an endpoint unless it is pushed back."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.awsfake.deploying import deploy
from tests.awsfake.server import AwsFake
from tests.sagemaker.own_endpoint import SCHEDULER_ROLE, planned

from outboard.errors import CredentialsError, ProviderError
from outboard.ledger import LedgerEntry
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.schedule import (
    TTL_S,
    DeadMansSwitch,
    checked_role,
    delete_schedule,
)

NAME = "outboard-x"


def switch(aws: Aws, entry: LedgerEntry | None = None) -> DeadMansSwitch:
    return DeadMansSwitch(aws, entry or planned(NAME), SCHEDULER_ROLE)


def schedule(aws: Aws) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("scheduler").get_schedule(Name=NAME)
    return found


def due(aws: Aws) -> float:
    """Return when the endpoint will be deleted, as AWS has it."""
    text = schedule(aws)["ScheduleExpression"].removeprefix("at(").removesuffix(")")
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_it_deletes_the_endpoint_of_its_name_and_then_itself(fake: AwsFake, aws: Aws) -> None:
    said = switch(aws).arm()
    deploy(aws.sagemaker, NAME)

    found = schedule(aws)
    fake.advance(TTL_S + 10)

    assert found["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
    assert found["Target"]["RoleArn"] == SCHEDULER_ROLE
    assert json.loads(found["Target"]["Input"]) == {"EndpointName": NAME}
    assert said == pytest.approx(time.time() + TTL_S, abs=5)
    assert fake.resources()["schedules"] == []
    fake.assert_nothing_billed()


def test_it_keeps_trying_while_the_endpoint_is_being_created(fake: AwsFake, aws: Aws) -> None:
    fake.plan(creating_s=3 * TTL_S)
    switch(aws).arm()
    deploy(aws.sagemaker, NAME)

    fake.advance(4 * TTL_S)

    assert fake.resources()["endpoints"] == []


def test_a_push_loses_nothing_of_what_was_set(fake: AwsFake, aws: Aws) -> None:
    entry = planned(NAME)
    moment = [time.time()]
    pushed = DeadMansSwitch(aws, entry, SCHEDULER_ROLE, now=lambda: moment[0])
    pushed.arm()
    before, due_before = schedule(aws), due(aws)

    moment[0] += 100
    pushed.push_back()

    changing = {"ScheduleExpression", "LastModificationDate", "ResponseMetadata"}
    after = schedule(aws)
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert due(aws) == due_before + 100


def test_it_is_never_pushed_past_the_longest_life(fake: AwsFake, aws: Aws) -> None:
    expires_at = time.time() + 300

    switch(aws, planned(NAME, expires_at=expires_at)).arm()

    assert due(aws) == pytest.approx(expires_at, abs=1)


def test_a_kept_endpoint_lives_until_it_expires(fake: AwsFake, aws: Aws) -> None:
    entry = planned(NAME, keep=True)

    switch(aws, entry).arm()

    assert due(aws) == pytest.approx(entry.expires_at, abs=1)


@pytest.mark.parametrize("fault", ["lost-reply", "ServiceUnavailable"])
def test_a_lost_answer_leaves_one_schedule(fake: AwsFake, aws: Aws, fault: str) -> None:
    fake.fail("CreateSchedule", fault)

    switch(aws).arm()

    assert fake.resources()["schedules"] == [NAME]


def test_a_resumed_job_takes_the_schedule_over(fake: AwsFake, aws: Aws) -> None:
    switch(aws, planned(NAME, expires_at=time.time() + 60)).arm()

    switch(aws).arm()

    assert due(aws) == pytest.approx(time.time() + TTL_S, abs=5)


def test_a_schedule_that_somebody_removed_comes_back(fake: AwsFake, aws: Aws) -> None:
    switch(aws).arm()
    delete_schedule(aws, planned(NAME))

    switch(aws).push_back()

    assert fake.resources()["schedules"] == [NAME]


def test_deleting_what_is_gone_is_success(fake: AwsFake, aws: Aws) -> None:
    delete_schedule(aws, planned(NAME))

    assert fake.seen()["events"]["DeleteSchedule"] == 1


def test_a_role_that_the_scheduler_cannot_assume_is_told(fake: AwsFake, aws: Aws) -> None:
    fake.missing_role(SCHEDULER_ROLE)

    with pytest.raises(ProviderError, match=r"cannot use the role .*trust policy must name sched"):
        switch(aws).arm()


@pytest.mark.parametrize("action", ["scheduler:CreateSchedule", "iam:PassRole"])
def test_a_missing_permission_is_named(fake: AwsFake, aws: Aws, action: str) -> None:
    fake.deny(action)

    with pytest.raises(CredentialsError, match=action):
        switch(aws).arm()


@pytest.mark.parametrize("text", ["outboard-scheduler", "arn:aws:iam::123456789012:user/me"])
def test_what_is_no_role_is_refused(text: str) -> None:
    with pytest.raises(CredentialsError, match=r"OUTBOARD_SCHEDULER_ROLE_ARN must hold the ARN"):
        checked_role(text)


@pytest.mark.parametrize(
    ("text", "role"), [(None, None), ("", None), (SCHEDULER_ROLE, SCHEDULER_ROLE)]
)
def test_a_role_is_optional(text: str | None, role: str | None) -> None:
    assert checked_role(text) == role
