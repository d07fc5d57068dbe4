"""What nobody owns any more is found by the ledger or by its tags, and deleted; nothing else."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.awsfake.deploying import deploy
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of
from tests.recorded_jobs import record_job
from tests.sagemaker.own_endpoint import VirtualTime, planned

from outboard.cli import main
from outboard.errors import CredentialsError
from outboard.job import Job, JobStatus
from outboard.ledger import EntryState
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.pace import SPEED_VARIABLE
from outboard.reaper import Leftover, Reaped, delete_leftovers, find_leftovers
from outboard.unattended import billing_warning, unattended
from outboard.workspace import Workspace

RUNNING, ENDED = JobStatus.RUNNING, JobStatus.SUCCEEDED


@pytest.fixture
def home(workspace: Workspace) -> Workspace:
    datasource_of(["Hello?"])
    return workspace


def job_with_endpoint(
    home: Workspace, aws: Aws, name: str, status: JobStatus, **changes: Any
) -> Job:
    """Record a job, and give it an endpoint that is in service once time has passed."""
    job = record_job(1, status=status)
    home.store.endpoints.plan(planned(name, job_id=job.id, **changes))
    deploy(aws.sagemaker, name)
    home.store.endpoints.opened(name, time.time() - 50)
    return job


def interrupt(home: Workspace, job: Job) -> None:
    """Let a running job lose its worker without a word."""
    record = home.store.jobs.get(job.id)
    assert record is not None
    assert record.lease is not None
    assert record.lease.worker is not None
    home.store.jobs.abandon(record.seq, record.lease.worker)


def tagged(fake: AwsFake, name: str, *, job_id: str = "job-x", expires_in_s: float = -60) -> None:
    """Put an endpoint into the account that outboard has created, from some other workspace."""
    expires_at = datetime.fromtimestamp(time.time() + expires_in_s, UTC).isoformat()
    tags = {
        "outboard:owner": "somebody@elsewhere",
        "outboard:job-id": job_id,
        "outboard:created-at": "2026-11-01T00:00:00+00:00",
        "outboard:expires-at": expires_at,
    }
    fake.running_endpoint(name, tags=tags)


def found(home: Workspace, aws: Aws, *, kept: bool = False) -> dict[str, str]:
    """Return why each leftover is nobody's, by its name."""
    return {left.entry.name: left.reason for left in find_leftovers(home, aws, kept=kept)}


def reap(fake: AwsFake, home: Workspace, aws: Aws, leftovers: list[Leftover]) -> list[Reaped]:
    time_ = VirtualTime(fake)
    reaped: list[Reaped] = time_.run(
        delete_leftovers(home, aws, leftovers, report=lambda event: None, pace=time_.pace())
    )
    return reaped


def outboard(home: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home.path), *arguments])


# What is found


def test_endpoints_of_ended_jobs_are_found_those_of_running_jobs_not(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-live", RUNNING)
    ended = job_with_endpoint(home, aws, "outboard-ended", ENDED)
    killed = job_with_endpoint(home, aws, "outboard-killed", RUNNING)
    interrupt(home, killed)

    assert found(home, aws) == {
        "outboard-ended": f"{ended.id} is succeeded",
        "outboard-killed": f"{killed.id} is interrupted",
    }
    fake.advance(300)
    for name in fake.resources()["endpoints"]:
        fake.remove_endpoint(name)


def test_a_kept_endpoint_is_found_when_asked_for_or_when_it_has_expired(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-kept", ENDED, keep=True)
    job_with_endpoint(home, aws, "outboard-over", ENDED, keep=True, expires_at=time.time() - 1)

    assert found(home, aws) == {"outboard-over": "it has expired"}
    assert set(found(home, aws, kept=True)) == {"outboard-kept", "outboard-over"}
    for name in fake.resources()["endpoints"]:
        fake.remove_endpoint(name)


def test_an_expired_endpoint_is_found_although_its_job_runs(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-old", RUNNING, expires_at=time.time() - 1)

    assert found(home, aws) == {"outboard-old": "it has expired"}
    fake.remove_endpoint("outboard-old")


def test_expired_endpoints_of_other_workspaces_are_found_by_their_tags(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    tagged(fake, "outboard-expired")
    tagged(fake, "outboard-in-use", expires_in_s=3_600)

    (leftover,) = find_leftovers(home, aws)

    assert leftover.entry.name == "outboard-expired"
    assert leftover.entry.instance_type == "ml.g5.2xlarge"
    assert leftover.entry.usd_per_hour == pytest.approx(1.515, abs=0.5)
    assert leftover.status == "InService"
    assert leftover.is_billed


def test_an_endpoint_of_a_lost_ledger_is_found_by_its_job(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    ended, running = record_job(1, status=ENDED), record_job(1, status=RUNNING)
    tagged(fake, "outboard-a", job_id=ended.id, expires_in_s=3_600)
    tagged(fake, "outboard-b", job_id=running.id, expires_in_s=3_600)

    assert found(home, aws) == {"outboard-a": f"{ended.id} is succeeded"}


def test_an_endpoint_that_came_after_it_was_taken_for_deleted_is_found(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job = record_job(1, status=RUNNING)
    home.store.endpoints.plan(planned("outboard-late", job_id=job.id))
    home.store.endpoints.closed("outboard-late", time.time())
    tagged(fake, "outboard-late", job_id=job.id, expires_in_s=3_600)

    assert found(home, aws) == {"outboard-late": "it was taken for deleted"}


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("theirs", {"outboard:job-id": "job-x", "outboard:expires-at": "2020-01-01T00:00:00Z"}),
        ("their-outboard-1", {"outboard:job-id": "j", "outboard:expires-at": "2020-01-01"}),
        ("outboard-theirs", {}),
        ("outboard-theirs", {"outboard:expires-at": "2020-01-01T00:00:00+00:00"}),
        ("outboard-theirs", {"outboard:job-id": "job-x"}),
        ("outboard-theirs", {"outboard:job-id": "job-x", "outboard:expires-at": "some day"}),
    ],
)
def test_what_outboard_did_not_create_is_never_found(
    home: Workspace, fake: AwsFake, aws: Aws, name: str, tags: dict[str, str]
) -> None:
    fake.running_endpoint(name, tags=tags)

    assert find_leftovers(home, aws, kept=True) == []


def test_all_pages_of_an_account_are_looked_through(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    for number in range(25):
        tagged(fake, f"outboard-{number}")

    assert len(find_leftovers(home, aws)) == 25


@pytest.mark.parametrize("action", ["ListEndpoints", "ListTags"])
def test_an_account_that_may_not_be_looked_through_is_an_error(
    home: Workspace, fake: AwsFake, aws: Aws, action: str
) -> None:
    tagged(fake, "outboard-1")
    fake.deny(f"sagemaker:{action}")

    with pytest.raises(CredentialsError, match=action):
        find_leftovers(home, aws)


# What is deleted


def test_leftovers_are_deleted_with_everything_beside_them(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    for number in range(6):
        name = f"outboard-{number}"
        fake.quota("ml.g5.12xlarge", 6)
        job_with_endpoint(home, aws, name, ENDED)
    fake.advance(300)

    reaped = reap(fake, home, aws, find_leftovers(home, aws))

    assert [result.problem for result in reaped] == [None] * 6
    assert home.store.endpoints.unclosed() == []
    fake.assert_nothing_left()
    assert find_leftovers(home, aws) == []


def test_what_was_planned_but_never_created_is_closed(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job = record_job(1, status=ENDED)
    home.store.endpoints.plan(planned("outboard-1", job_id=job.id))

    (leftover,) = find_leftovers(home, aws)
    reap(fake, home, aws, [leftover])

    assert (leftover.status, leftover.is_billed) == (None, False)
    assert home.store.endpoints.unclosed() == []


def test_a_job_that_is_resumed_meanwhile_keeps_its_endpoint(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-1", ENDED)
    leftovers = find_leftovers(home, aws)

    home.store.endpoints.adopt("outboard-1")
    (result,) = reap(fake, home, aws, leftovers)

    assert result.problem == "its job was resumed meanwhile"
    assert fake.resources()["endpoints"] == ["outboard-1"]
    fake.remove_endpoint("outboard-1")


def test_what_is_in_another_account_is_shown_and_left(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job = record_job(1, status=ENDED)
    home.store.endpoints.plan(planned("outboard-1", job_id=job.id, account_id="999999999999"))

    (leftover,) = find_leftovers(home, aws)
    dry = outboard(home, "reap", "--dry-run")
    (result,) = reap(fake, home, aws, [leftover])

    assert not leftover.in_reach
    assert "is in another account" in dry.stdout
    assert "would save $0.00/h." in dry.stderr
    assert result.problem is not None
    assert "in account 999999999999" in result.problem


def test_what_aws_does_not_let_go_is_told(home: Workspace, fake: AwsFake, aws: Aws) -> None:
    fake.plan(outcome="stuck")
    job_with_endpoint(home, aws, "outboard-1", ENDED)

    (result,) = reap(fake, home, aws, find_leftovers(home, aws))

    assert result.problem is not None
    assert "does not let go" in result.problem
    fake.remove_endpoint("outboard-1")


# The command


@pytest.fixture
def quick(fake: AwsFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes with every look at an endpoint."""
    monkeypatch.setenv(SPEED_VARIABLE, "200")  # patience ends in 9 s
    fake.plan(creating_s=30, deleting_s=60, step_s=30)


@pytest.mark.usefixtures("quick")
def test_a_dry_run_says_what_it_would_save_and_deletes_nothing(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-1", ENDED, instance_count=2)

    result = outboard(home, "reap", "--dry-run")

    assert result.exit_code == 0
    assert "would be deleted" in result.stdout
    assert "Deleting them would save $14.18/h." in result.stderr
    assert fake.resources()["endpoints"] == ["outboard-1"]
    fake.remove_endpoint("outboard-1")


@pytest.mark.usefixtures("quick")
def test_reap_deletes_and_says_what_it_has_saved(home: Workspace, fake: AwsFake, aws: Aws) -> None:
    job_with_endpoint(home, aws, "outboard-1", ENDED)
    job_with_endpoint(home, aws, "outboard-kept", ENDED, keep=True)

    result = outboard(home, "reap")
    kept = fake.resources()["endpoints"]
    again = outboard(home, "reap", "--kept")

    assert result.exit_code == 0, result.output
    assert "outboard-1: Deleting the endpoint" in result.stderr
    assert "Saved $7.09/h." in result.stderr
    assert kept == ["outboard-kept"]
    assert again.exit_code == 0
    fake.assert_nothing_left()
    assert "Nothing is left in region us-east-1" in outboard(home, "reap").stderr


@pytest.mark.usefixtures("quick")
def test_reap_exits_with_1_if_something_could_not_be_deleted(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-1", ENDED, usd_per_hour=None)
    fake.deny("sagemaker:DeleteEndpoint")

    result = outboard(home, "reap")

    assert result.exit_code == 1
    assert "sagemaker:DeleteEndpoint" in result.stdout
    assert "Saved $0.00/h." in result.stderr
    fake.remove_endpoint("outboard-1")


def test_an_unknown_price_is_not_taken_for_nothing(
    home: Workspace, fake: AwsFake, aws: Aws
) -> None:
    job_with_endpoint(home, aws, "outboard-1", ENDED, usd_per_hour=None)

    result = outboard(home, "reap", "--dry-run")

    assert "would save $0.00/h and what 1 of unknown price cost" in result.stderr
    fake.remove_endpoint("outboard-1")


# Warnings


@pytest.mark.parametrize(
    ("changes", "state", "text"),
    [
        ({}, EntryState.PLANNED, "may exist, at $7.09/h. Make sure: outboard reap"),
        ({}, EntryState.OPEN, "still costs $7.09/h. Delete it: outboard reap"),
        ({}, EntryState.CLOSING, "is being deleted and costs $7.09/h until it is"),
        ({"keep": True}, EntryState.OPEN, "was to be kept and costs $7.09/h until 20"),
        ({"usd_per_hour": None}, EntryState.OPEN, "still costs an unknown price by the hour"),
    ],
)
def test_a_warning_says_what_it_costs_and_what_to_do(
    changes: dict[str, Any], state: EntryState, text: str
) -> None:
    assert text in billing_warning(planned(state=state, **changes))


def test_only_endpoints_of_ended_jobs_are_warned_of(home: Workspace) -> None:
    for name, status in [("outboard-live", RUNNING), ("outboard-left", ENDED)]:
        job = record_job(1, status=status)
        home.store.endpoints.plan(planned(name, job_id=job.id))

    assert [entry.name for entry in unattended(home)] == ["outboard-left"]


def test_the_warning_is_where_jobs_are_looked_at_and_started(
    home: Workspace, fake: AwsFake, aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    from outboard import ExternalModel

    job = job_with_endpoint(home, aws, "outboard-1", ENDED)
    other = record_job(1, status=ENDED)

    listed, shown, silent = (
        outboard(home, "job", *words) for words in (["list"], ["show", job.id], ["show", other.id])
    )
    ExternalModel("m", finetuning_provider_type="openai").inference(
        [1], deployment_config={"base_url": "http://127.0.0.1:9/v1"}, sync=False
    )

    assert "outboard-1' of job-" in listed.stderr
    assert "still costs $7.09/h" in shown.stderr
    assert "costs" not in silent.stderr
    assert "still costs $7.09/h. Delete it: outboard reap" in caplog.text
    fake.remove_endpoint("outboard-1")
