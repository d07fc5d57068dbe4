"""Endpoints of a job's own: created in order, guarded at every step, gone at the end."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.awsfake.deploying import deploy
from tests.awsfake.server import AwsFake
from tests.sagemaker.own_endpoint import (
    DEPLOYABLE,
    JOB_ID,
    SCHEDULER_ROLE,
    TYPE,
    Hosted,
    hosted,
    planned,
)

from outboard.errors import CredentialsError, ProviderError
from outboard.ledger import EntryState
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.deployable import Deployable
from outboard.providers.sagemaker.names import NAME
from outboard.providers.sagemaker.schedule import BEAT_S, ROLE_VARIABLE, TTL_S
from outboard.providers.sagemaker.teardown import SETTLE_S, tear_down


@pytest.fixture
def job(fake: AwsFake, aws: Aws, tmp_path: Path) -> Hosted:
    return hosted(fake, aws, tmp_path)


@pytest.fixture
def protected(job: Hosted, monkeypatch: pytest.MonkeyPatch) -> Hosted:
    """A job with a role for the schedule that deletes its endpoint."""
    monkeypatch.setenv(ROLE_VARIABLE, SCHEDULER_ROLE)
    return job


def status(job: Hosted) -> str:
    found = job.aws.sagemaker.describe_endpoint(EndpointName=job.entry().name)
    return str(found["EndpointStatus"])


# The whole life


def test_an_endpoint_comes_serves_goes_and_leaves_nothing(job: Hosted) -> None:
    endpoint = job.endpoint(instance_count=2)

    async def life() -> None:
        running = await endpoint.open()
        assert status(job) == "InService"
        assert (running.name, running.instance_count) == (job.entry().name, 2)
        assert running.image_uri == DEPLOYABLE.image_uri
        assert job.entry().state is EntryState.OPEN
        await endpoint.close()

    job.time.run(life())

    job.assert_closed()
    entry = job.entry()
    assert entry.closed_at is not None
    assert entry.opened_at is not None
    assert (entry.usd_per_hour, entry.instance_count) == (7.09, 2)
    assert job.fake.ledger()["instance_seconds"][TYPE] > 0


def test_everything_bears_the_same_name_and_the_tags_that_tell_whose_it_is(
    protected: Hosted,
) -> None:
    endpoint = protected.endpoint(max_lifetime_s=7_200)

    async def look() -> None:
        await endpoint.open()
        entry = protected.entry()
        assert NAME.fullmatch(entry.name)
        assert entry.name.startswith("outboard-20261122-133800-abcdef-")
        assert protected.fake.resources() == {
            "endpoints": [entry.name],
            "endpoint_configs": [entry.name],
            "models": [entry.name],
            "schedules": [entry.name],
        }
        for kind in ("endpoint", "endpoint-config", "model"):
            tags = protected.fake.tags(kind, entry.name)
            assert tags["outboard:owner"] == "arn:aws:iam::123456789012:user/tester"
            assert tags["outboard:job-id"] == JOB_ID
            created, expires = (
                datetime.fromisoformat(tags[f"outboard:{tag}-at"]) for tag in ("created", "expires")
            )
            assert (expires - created).total_seconds() == 7_200
            assert expires.tzinfo is not None
        await endpoint.close()

    protected.time.run(look())

    protected.assert_closed()


def test_the_ledger_the_watcher_the_schedule_come_before_what_is_billed(
    protected: Hosted,
) -> None:
    seen: list[dict[str, Any]] = []
    planned_by_then: list[int] = []

    def start_watcher() -> None:
        planned_by_then.append(len(protected.store.endpoints.unclosed(JOB_ID)))
        seen.append(protected.fake.seen()["events"])

    protected.fake.deny("sagemaker:CreateModel")
    endpoint = protected.endpoint()
    endpoint._job = protected.job(start_watcher)

    async def attempt() -> None:
        with pytest.raises(CredentialsError, match="CreateModel"):
            await endpoint.open()
        events = protected.fake.seen()["events"]
        assert events["CreateSchedule"] == 1
        await endpoint.close()

    protected.time.run(attempt())

    assert planned_by_then == [1]
    assert not {"CreateSchedule", "CreateModel", "CreateEndpoint"} & set(seen[0])
    protected.assert_closed()


def test_nothing_is_created_when_no_watcher_can_be_had(job: Hosted) -> None:
    def broken() -> None:
        raise ProviderError("No watcher.")

    endpoint = job.endpoint()
    endpoint._job = job.job(broken)

    async def attempt() -> None:
        with pytest.raises(ProviderError, match="No watcher"):
            await endpoint.open()
        await endpoint.close()

    job.time.run(attempt())

    assert "CreateModel" not in job.fake.seen()["events"]
    job.assert_closed()


def test_an_existing_model_is_deployed_as_it_is_and_stays(job: Hosted) -> None:
    deploy(job.aws.sagemaker, "theirs")
    job.fake.remove_endpoint("theirs")
    endpoint = job.endpoint(Deployable(source="model 'theirs'", model_name="theirs"))

    async def life() -> None:
        await endpoint.open()
        assert job.fake.resources()["models"] == ["theirs"]
        await endpoint.close()

    job.time.run(life())

    assert job.fake.resources()["models"] == ["theirs"]
    job.aws.sagemaker.delete_endpoint_config(EndpointConfigName="theirs")
    job.fake.assert_nothing_left(but=("theirs",))


@pytest.mark.parametrize(("startup_timeout_s", "sent"), [(10, 60), (1_200, 1_200), (9_000, 3_600)])
def test_the_start_up_timeout_holds_for_the_container_too(
    job: Hosted, startup_timeout_s: float, sent: int
) -> None:
    endpoint = job.endpoint(startup_timeout_s=startup_timeout_s)
    job.fake.plan(creating_s=5)

    async def life() -> None:
        await endpoint.open()
        config = job.aws.sagemaker.describe_endpoint_config(EndpointConfigName=job.entry().name)
        (variant,) = config["ProductionVariants"]
        assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == sent
        assert variant["ModelDataDownloadTimeoutInSeconds"] == sent
        await endpoint.close()

    job.time.run(life())


# What a user is told meanwhile


def test_a_user_can_follow_how_far_it_is(job: Hosted) -> None:
    job.fake.plan(creating_s=200)
    endpoint = job.endpoint()

    async def life() -> None:
        await endpoint.open()
        await endpoint.close()

    job.time.run(life())

    coming = job.messages("deploying")
    assert coming[0] == "Creating an endpoint on 1 x ml.g5.12xlarge, $7.09/h"
    assert re.fullmatch(
        r"Endpoint Creating, 0 min so far \(usually 5 to 15\): waiting for instances .*", coming[1]
    )
    assert 5 <= len(coming) <= 9, "a line every 30 seconds, not with every look"
    assert job.messages("deleting")[0] == "Deleting the endpoint, 0 min so far"
    data = job.told[-2].data
    assert data["status"] == "Deleting"
    links = next(event.data for event in job.told if "log_url" in event.data)
    assert links["log_url"].startswith("https://us-east-1.console.aws.amazon.com/cloudwatch/")
    assert "$252Faws$252Fsagemaker$252FEndpoints$252F" in links["log_url"]


def test_missing_protection_is_told_once_with_what_to_do(job: Hosted) -> None:
    endpoint = job.endpoint()

    async def life() -> None:
        await endpoint.open()
        await endpoint.close()

    job.time.run(life())

    (warning,) = job.messages("warning")
    assert "Nothing on AWS deletes endpoint" in warning
    assert "$7.09/h" in warning
    assert ROLE_VARIABLE in warning


# What goes wrong


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        ("capacity", r"no ml\.g5\.12xlarge free in us-east-1.*such as ml\.g\w+\.12xlarge"),
        (
            "ping",
            r"never became healthy.*log \(.*Endpoints/.*\):\n  Token \*\*\*\n  CUDA out",
        ),
        ("image", r"image does not exist.*Correct image_uri"),
        ("image-access", r"cannot be pulled.*execution role"),
        ("container-start", r"does not start.*serving image"),
        ("model-data", r"could not be fetched from S3"),
    ],
)
def test_a_failed_endpoint_says_what_to_do_then_is_gone(
    job: Hosted, outcome: str, what: str
) -> None:
    job.fake.plan(outcome=outcome, log_lines=("Token hf_secret_1", "CUDA out of memory"))
    endpoint = job.endpoint()

    async def attempt() -> str:
        with pytest.raises(ProviderError) as caught:
            await endpoint.open()
        await endpoint.close()
        return caught.value.message

    message = job.time.run(attempt())

    assert re.search(what, message, re.DOTALL)
    assert "AWS said: " in message
    assert "hf_secret_1" not in message
    job.assert_closed()


def test_a_quota_of_zero_names_the_quota_and_where_to_raise_it(job: Hosted) -> None:
    job.fake.quota(TYPE, 0)
    endpoint = job.endpoint()
    before = job.time.pace().now()

    async def attempt() -> str:
        with pytest.raises(ProviderError) as caught:
            await endpoint.open()
        await endpoint.close()
        return caught.value.message

    message = job.time.run(attempt())

    assert "'ml.g5.12xlarge for endpoint usage' in us-east-1 is 0, of which 0 are in use" in message
    assert "servicequotas" in message
    job.assert_closed()
    assert job.time.pace().now() - before < SETTLE_S, "what was refused cannot come late"


@pytest.mark.parametrize(
    "action", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint", "DescribeEndpoint"]
)
def test_a_refused_action_is_named_and_what_there_was_is_gone(job: Hosted, action: str) -> None:
    job.fake.deny(f"sagemaker:{action}")
    endpoint = job.endpoint()

    async def attempt() -> None:
        with pytest.raises(CredentialsError, match=f"sagemaker:{action}"):
            await endpoint.open()
        job.fake.allow(f"sagemaker:{action}")
        job.fake.advance(600)  # what is Creating cannot be deleted
        await endpoint.close()

    job.time.run(attempt())

    job.assert_closed()


def test_what_may_not_be_deleted_but_costs_nothing_is_told_and_left(job: Hosted) -> None:
    endpoint = job.endpoint()

    async def life() -> None:
        await endpoint.open()
        job.fake.deny("sagemaker:DeleteModel")
        await endpoint.close()

    job.time.run(life())

    assert any("Left behind: AWS does not allow" in text for text in job.messages("warning"))
    assert job.store.endpoints.unclosed() == []
    job.fake.assert_nothing_billed()


def test_an_endpoint_that_may_not_be_deleted_is_told_with_its_price(job: Hosted) -> None:
    endpoint = job.endpoint()

    async def life() -> None:
        await endpoint.open()
        job.fake.deny("sagemaker:DeleteEndpoint")
        await endpoint.close()

    job.time.run(life())

    assert re.search(
        r"could not be deleted and still costs \$7\.09/h: .*sagemaker:DeleteEndpoint.*reap",
        job.messages("warning")[-1],
    )
    assert job.entry().state is EntryState.CLOSING
    job.fake.remove_endpoint(job.entry().name)


def test_an_endpoint_that_comes_too_slowly_is_given_up_and_deleted(job: Hosted) -> None:
    job.fake.plan(creating_s=1_000)
    endpoint = job.endpoint(startup_timeout_s=300)

    async def attempt() -> str:
        with pytest.raises(ProviderError) as caught:
            await endpoint.open()
        await endpoint.close()
        return caught.value.message

    message = job.time.run(attempt())

    assert "was not in service after 5 min (status: Creating). Raise startup_timeout_s" in message
    waiting = job.messages("deleting")
    assert waiting[0].startswith("AWS cannot delete the endpoint while it is Creating: waiting")
    job.assert_closed()


def test_an_endpoint_stuck_in_creating_is_left_to_the_watcher_in_the_end(job: Hosted) -> None:
    job.fake.plan(outcome="stuck")
    endpoint = job.endpoint(startup_timeout_s=600)

    async def attempt() -> None:
        with pytest.raises(ProviderError, match="not in service"):
            await endpoint.open()
        await endpoint.close()

    job.time.run(attempt())

    assert "AWS has not let go of endpoint" in job.messages("warning")[-1]
    assert job.entry().state is EntryState.CLOSING
    job.fake.remove_endpoint(job.entry().name)


@pytest.mark.parametrize("fault", ["lost-reply", "InternalFailure"])
@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_a_lost_answer_creates_nothing_twice(job: Hosted, operation: str, fault: str) -> None:
    job.fake.fail(operation, fault)
    endpoint = job.endpoint()

    async def life() -> None:
        await endpoint.open()
        assert len(job.fake.ledger()["lines"]) == 1
        await endpoint.close()

    job.time.run(life())

    job.assert_closed()


def test_an_endpoint_that_somebody_deletes_while_it_comes_ends_the_start(job: Hosted) -> None:
    job.fake.plan(creating_s=10_000)
    endpoint = job.endpoint()

    async def attempt() -> None:
        opening = asyncio.create_task(endpoint.open())
        while len(job.messages("deploying")) < 3:
            await asyncio.sleep(0)
        job.fake.remove_endpoint(job.entry().name)
        with pytest.raises(ProviderError, match="does not exist any more: somebody has deleted"):
            await opening
        await endpoint.close()

    job.time.run(attempt())

    job.assert_closed()


@pytest.mark.parametrize("n_faults", [3, None])
def test_a_short_silence_of_aws_is_borne_with_a_long_one_not(
    job: Hosted, aws: Aws, n_faults: int | None
) -> None:
    impatient = Aws(aws._session, attempts=1)
    job.aws = impatient
    endpoint = job.endpoint()
    job.fake.fail("DescribeEndpoint", "ServiceUnavailable", skip=1, times=n_faults)

    async def attempt() -> None:
        if n_faults:
            await endpoint.open()
        else:
            with pytest.raises(ProviderError, match="DescribeEndpoint"):
                await endpoint.open()
        await endpoint.close()

    job.time.run(attempt())

    if n_faults:
        job.assert_closed()
    else:
        assert job.entry().state is EntryState.CLOSING
        job.aws.sagemaker.delete_endpoint(EndpointName=job.entry().name)


# Cancelled at any moment


@pytest.mark.parametrize(
    "operation", ["CreateSchedule", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
)
def test_a_cancellation_waits_for_what_is_under_way_and_deletes_it(
    protected: Hosted, operation: str
) -> None:
    protected.fake.fail(operation, "hang-reply")
    endpoint = protected.endpoint()

    async def attempt() -> None:
        opening = asyncio.create_task(endpoint.open())
        await asyncio.to_thread(protected.fake.wait_for, operation)
        opening.cancel()
        await asyncio.sleep(0)
        opening.cancel()  # impatience changes nothing
        protected.fake.release()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await endpoint.close()

    protected.time.run(attempt())

    protected.assert_closed()


def test_a_cancellation_while_it_comes_waits_until_aws_lets_it_go(job: Hosted) -> None:
    job.fake.plan(creating_s=500)
    endpoint = job.endpoint()

    async def attempt() -> None:
        opening = asyncio.create_task(endpoint.open())
        while len(job.messages("deploying")) < 3:
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await endpoint.close()
        await endpoint.close()

    job.time.run(attempt())

    assert job.fake.seen()["events"]["DeleteEndpoint"] > 2
    job.assert_closed()


def test_a_create_that_arrives_late_is_found_by_the_second_look(job: Hosted) -> None:
    entry = planned()
    job.store.endpoints.plan(entry)
    job.store.endpoints.closing(entry.name, entry.tenure)
    deploy(job.aws.sagemaker, "other")  # what a configuration is needed for

    async def sleep(seconds: float) -> None:
        if seconds == SETTLE_S:  # the killed worker's request gets there between the two looks
            job.aws.sagemaker.create_endpoint(EndpointName=entry.name, EndpointConfigName="other")
        await job.time.sleep(seconds)

    pace = type(job.time.pace())(now=job.time.pace().now, sleep=sleep)
    gone = job.time.run(
        tear_down(job.aws, entry, job.store.endpoints, report=job.told.append, pace=pace)
    )

    assert gone
    assert job.store.endpoints.unclosed() == []
    assert job.entry().opened_at is not None, "it was billed for a while"
    assert job.fake.resources()["endpoints"] == ["other"]
    job.fake.remove_endpoint("other")


# What is not ours


def test_an_endpoint_of_another_account_is_refused(job: Hosted) -> None:
    entry = planned(account_id="999999999999")

    with pytest.raises(CredentialsError, match=r"is in account 999999999999, but these cred"):
        job.time.run(
            tear_down(
                job.aws, entry, job.store.endpoints, report=job.told.append, pace=job.time.pace()
            )
        )


def test_an_endpoint_that_outboard_did_not_create_is_refused(job: Hosted) -> None:
    job.fake.running_endpoint("theirs")

    with pytest.raises(ProviderError, match=r"'theirs' was not created by outboard"):
        job.time.run(
            tear_down(
                job.aws,
                planned("theirs"),
                job.store.endpoints,
                report=job.told.append,
                pace=job.time.pace(),
            )
        )

    assert job.fake.resources()["endpoints"] == ["theirs"]


# Kept, taken over


def test_a_kept_endpoint_stays_and_says_until_when_and_at_what_price(protected: Hosted) -> None:
    endpoint = protected.endpoint(keep_endpoint=True, max_lifetime_s=3_600)

    async def life() -> None:
        await endpoint.open()
        await endpoint.close()

    protected.time.run(life())

    assert status(protected) == "InService"
    warning = protected.messages("warning")[-1]
    assert re.search(r"is kept, as asked, and costs \$7\.09/h until 20\d\d-.* UTC", warning)
    protected.fake.advance(3_700)
    assert protected.fake.resources()["endpoints"] == []
    protected.fake.assert_nothing_billed()


def test_an_endpoint_to_be_kept_goes_if_it_never_came(job: Hosted) -> None:
    job.fake.plan(outcome="capacity")
    endpoint = job.endpoint(keep_endpoint=True)

    async def attempt() -> None:
        with pytest.raises(ProviderError, match="free"):
            await endpoint.open()
        await endpoint.close()

    job.time.run(attempt())

    job.assert_closed()


@pytest.mark.parametrize("creating_s", [1, 400])
def test_a_resumed_job_goes_on_with_the_endpoint_of_its_killed_worker(
    protected: Hosted, creating_s: float
) -> None:
    protected.fake.plan(creating_s=creating_s)
    killed, resumed = protected.endpoint(), protected.endpoint()

    async def lives() -> None:
        opening = asyncio.create_task(killed.open())
        while len(protected.messages("deploying")) < 2:
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await killed._stop_beating()

        running = await resumed.open()
        assert running.name == protected.entry().name
        await killed.close()  # as if it came back from the dead
        assert status(protected) == "InService"
        await resumed.close()

    protected.time.run(lives())

    assert len(protected.fake.ledger()["lines"]) == 1
    assert len(protected.watched) == 2, "each worker has its watcher"
    assert protected.messages("adopted")
    protected.assert_closed()


def test_an_endpoint_that_is_created_but_not_noted_is_taken_over(job: Hosted) -> None:
    entry = planned("outboard-1")
    job.store.endpoints.plan(entry)
    deploy(job.aws.sagemaker, "outboard-1")
    endpoint = job.endpoint()

    async def life() -> None:
        assert (await endpoint.open()).name == "outboard-1"
        assert job.entry().state is EntryState.OPEN
        await endpoint.close()

    job.time.run(life())

    job.assert_closed()


def test_a_schedule_that_came_with_the_resume_goes_with_the_endpoint(protected: Hosted) -> None:
    protected.store.endpoints.plan(planned("outboard-1", scheduled=False))
    deploy(protected.aws.sagemaker, "outboard-1")
    endpoint = protected.endpoint()

    async def life() -> None:
        await endpoint.open()
        assert protected.fake.resources()["schedules"] == ["outboard-1"]
        await endpoint.close()

    protected.time.run(life())

    protected.assert_closed()


@pytest.mark.parametrize(
    "left", ["failed", "closing", "expiring", "never created"], ids=lambda text: text
)
def test_what_is_of_no_use_any_more_goes_before_a_new_one_comes(job: Hosted, left: str) -> None:
    job.fake.quota(TYPE, 1)
    if left == "failed":
        job.fake.plan("outboard-1", outcome="ping", creating_s=1)
    expires_at = time.time() + (60 if left == "expiring" else 9_999)
    job.store.endpoints.plan(planned("outboard-1", expires_at=expires_at))
    if left != "never created":
        deploy(job.aws.sagemaker, "outboard-1")
        job.fake.advance(400)
    if left == "closing":
        job.store.endpoints.closing("outboard-1", 0)
    endpoint = job.endpoint()

    async def life() -> None:
        running = await endpoint.open()
        assert running.name != "outboard-1"
        assert job.fake.resources()["endpoints"] == [running.name]
        await endpoint.close()

    job.time.run(life())

    job.assert_closed()


def test_an_endpoint_in_another_account_is_told_not_taken(job: Hosted) -> None:
    job.store.endpoints.plan(planned("outboard-1", account_id="999999999999"))
    endpoint = job.endpoint()

    async def life() -> None:
        await endpoint.open()
        await endpoint.close()

    job.time.run(life())

    assert any("is in account 999999999999" in text for text in job.messages("warning"))
    assert [entry.name for entry in job.store.endpoints.unclosed()] == ["outboard-1"]


# Heartbeats


@pytest.fixture
def beating(protected: Hosted) -> Callable[[Callable[[Any], Coroutine[Any, Any, None]]], None]:
    """Runs something with an endpoint in service."""

    def with_endpoint(do: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        endpoint = protected.endpoint(startup_timeout_s=3_000)

        async def life() -> None:
            await endpoint.open()
            await do(endpoint)
            await endpoint.close()

        protected.time.run(life())

    return with_endpoint


WithEndpoint = Callable[[Callable[[Any], Coroutine[Any, Any, None]]], None]


def test_an_endpoint_lives_for_as_long_as_it_answers(
    protected: Hosted, beating: WithEndpoint
) -> None:
    async def work_for_hours(endpoint: Any) -> None:
        for _ in range(60):
            endpoint.progressed()
            await protected.time.sleep(BEAT_S)
        assert status(protected) == "InService"

    beating(work_for_hours)

    protected.assert_closed()


def test_an_endpoint_that_answers_no_more_dies(protected: Hosted, beating: WithEndpoint) -> None:
    async def hang(endpoint: Any) -> None:
        await protected.time.sleep(TTL_S + 2 * BEAT_S)
        assert protected.fake.seen()["events"]["schedule:fired"] == 1
        protected.fake.assert_nothing_billed()

    beating(hang)

    protected.assert_closed()


def test_a_long_start_does_not_trip_the_switch(protected: Hosted, beating: WithEndpoint) -> None:
    protected.fake.plan(creating_s=2_500)

    async def nothing(endpoint: Any) -> None:
        assert status(protected) == "InService"

    beating(nothing)

    assert "schedule:fired" not in protected.fake.seen()["events"]


def test_a_heartbeat_that_fails_is_told_once_and_tried_again(
    protected: Hosted, beating: WithEndpoint
) -> None:
    async def refuse_for_a_while(endpoint: Any) -> None:
        protected.fake.deny("scheduler:UpdateSchedule")
        endpoint.progressed()
        await protected.time.sleep(3 * BEAT_S)
        protected.fake.allow("scheduler:UpdateSchedule")
        await protected.time.sleep(3 * BEAT_S)
        assert status(protected) == "InService"

    beating(refuse_for_a_while)

    (warning,) = protected.messages("warning")
    assert re.search(r"could not be pushed back: .*UpdateSchedule.* AWS deletes the end", warning)


def test_a_schedule_that_cannot_be_created_is_told_and_the_job_goes_on(protected: Hosted) -> None:
    protected.fake.deny("scheduler:CreateSchedule")
    endpoint = protected.endpoint()

    async def life() -> None:
        await endpoint.open()
        await endpoint.close()

    protected.time.run(life())

    (warning,) = protected.messages("warning")
    assert "could not be created: AWS does not allow scheduler:CreateSchedule" in warning
    protected.assert_closed()
