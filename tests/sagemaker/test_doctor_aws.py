"""What `doctor` finds out about AWS."""

import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.awsfake.account import ACCESS_KEY, SECRET_KEY
from tests.awsfake.server import AwsFake
from tests.job_runs import datasource_of, questions
from tests.recorded_jobs import record_job
from tests.sagemaker.test_budget import ENTRY

from outboard.doctor import Finding, Verdict
from outboard.doctor.aws import check_billing, examine_aws
from outboard.doctor.permissions import ACTIONS, SCHEDULE_ACTIONS
from outboard.job_status import JobStatus
from outboard.workspace import Workspace

ROLE = "arn:aws:iam::123456789012:role/outboard-scheduler"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def shared_session(
    fake: AwsFake, boto_session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session that has parsed the services' descriptions; `look_anew` drops it."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto_session)


@pytest.fixture
def look_anew(shared_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment looked at, as in a process that has just started."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def findings(workspace: Workspace) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine_aws(workspace)}


def record_endpoint(workspace: Workspace, job_id: str, **changes: Any) -> None:
    """Write down an endpoint of a job that runs since an hour."""
    now = time.time()
    values: dict[str, Any] = {"name": "outboard-a", "job_id": job_id, "usd_per_hour": 7.09}
    times = {"planned_at": now - 3_600, "expires_at": now + 3_600}
    workspace.store.endpoints.plan(dataclasses.replace(ENTRY, **values | times | changes))
    workspace.store.endpoints.opened("outboard-a", now - 3_600)


def test_healthy_account_is_told_in_one_line_each(workspace: Workspace, fake: AwsFake) -> None:
    found = findings(workspace)

    assert list(found) == ["aws", "permissions", "quota", "schedule", "endpoints"]
    assert found["aws"].message == (
        "arn:aws:iam::123456789012:user/tester in region us-east-1, with credentials found by env"
    )
    assert found["quota"].message == "4 x ml.g5.12xlarge, the default, for endpoints in us-east-1"
    assert found["endpoints"].message == "none of outboard's is billed"
    warnings = [name for name, finding in found.items() if finding.verdict is not Verdict.OK]
    assert warnings == ["schedule"]
    assert "outboard-scheduler-role.yaml" in (found["schedule"].fix or "")


def test_keys_are_never_shown(workspace: Workspace, fake: AwsFake) -> None:
    shown = repr(findings(workspace))

    assert ACCESS_KEY not in shown
    assert SECRET_KEY not in shown


def test_looking_creates_nothing(workspace: Workspace, fake: AwsFake) -> None:
    findings(workspace)

    fake.assert_nothing_left()
    changes = ("Create", "Delete", "Update", "Add")
    assert not [event for event in fake.seen()["events"] if event.startswith(changes)]


@pytest.mark.usefixtures("look_anew")
def test_missing_credentials_are_a_warning(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    found = findings(workspace)

    assert list(found) == ["aws", "endpoints"]
    assert found["aws"].verdict is Verdict.WARN
    assert "Only models on SageMaker need it." in (found["aws"].fix or "")


@pytest.mark.usefixtures("look_anew")
def test_unknown_profile_is_a_warning_that_names_it(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    found = findings(workspace)["aws"]

    assert found.verdict is Verdict.WARN
    assert "no-such-profile" in found.message


@pytest.mark.usefixtures("look_anew")
def test_missing_region_is_a_warning(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    found = findings(workspace)["aws"]

    assert found.verdict is Verdict.WARN
    assert "AWS_DEFAULT_REGION" in (found.fix or "")


def test_expired_credentials_are_a_warning(workspace: Workspace, fake: AwsFake) -> None:
    fake.expire()

    found = findings(workspace)

    assert list(found) == ["aws", "endpoints"]
    assert "expired" in found["aws"].message


def test_actions_that_are_not_allowed_are_named(workspace: Workspace, fake: AwsFake) -> None:
    fake.deny("sagemaker:CreateEndpoint")
    fake.deny("pricing:GetProducts")

    found = findings(workspace)["permissions"]

    assert found.verdict is Verdict.WARN
    assert found.message == "not allowed: sagemaker:CreateEndpoint, pricing:GetProducts"
    assert "docs/sagemaker.md" in (found.fix or "")


def test_every_action_is_simulated(workspace: Workspace, fake: AwsFake) -> None:
    found = findings(workspace)["permissions"]

    n_actions = len({action for actions in ACTIONS.values() for action in actions})
    assert found.message == f"IAM allows all {n_actions} actions that outboard needs"


def test_who_may_not_ask_iam_has_reading_tried(workspace: Workspace, fake: AwsFake) -> None:
    fake.deny("iam:SimulatePrincipalPolicy")

    allowed = findings(workspace)["permissions"]
    fake.deny("sagemaker:DescribeTrainingJob")
    denied = findings(workspace)["permissions"]

    assert allowed.verdict is Verdict.OK
    assert "iam:SimulatePrincipalPolicy" in allowed.message
    assert denied.message == "not allowed: sagemaker:DescribeTrainingJob"


@pytest.mark.usefixtures("look_anew")
def test_session_of_a_role_is_looked_up_by_its_role(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = fake.session()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["Token"])

    found = findings(workspace)

    assert "assumed-role/tester" in found["aws"].message
    assert found["permissions"].message.startswith("IAM allows all")


def test_quota_of_zero_says_where_to_ask_for_more(workspace: Workspace, fake: AwsFake) -> None:
    fake.quota("ml.g5.12xlarge", 0)

    found = findings(workspace)["quota"]

    assert found.verdict is Verdict.WARN
    assert "console.aws.amazon.com/servicequotas" in (found.fix or "")


def test_quota_that_may_not_be_looked_up_is_no_fault(workspace: Workspace, fake: AwsFake) -> None:
    fake.deny("servicequotas:ListServiceQuotas")

    found = findings(workspace)["quota"]

    assert found.verdict is Verdict.OK
    assert "could not be looked up" in found.message


def test_role_for_the_schedule_is_looked_at(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOARD_SCHEDULER_ROLE_ARN", ROLE)

    trusted = findings(workspace)
    fake.deny("iam:GetRole")
    unknown = findings(workspace)["schedule"]
    fake.allow("iam:GetRole")
    fake.missing_role(ROLE)
    missing = findings(workspace)["schedule"]

    assert trusted["schedule"].verdict is Verdict.OK
    assert trusted["permissions"].verdict is Verdict.OK
    assert (unknown.verdict, "could not be looked up" in unknown.message) == (Verdict.OK, True)
    assert (missing.verdict, missing.message) == (Verdict.WARN, f"there is no role {ROLE}")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("outboard-scheduler", "must hold the ARN of an IAM role"),
        (ROLE.replace("scheduler", "other"), "does not trust scheduler.amazonaws.com"),
    ],
)
def test_role_that_no_schedule_can_use_is_a_warning(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    monkeypatch.setenv("OUTBOARD_SCHEDULER_ROLE_ARN", value)

    found = findings(workspace)["schedule"]

    assert found.verdict is Verdict.WARN
    assert words in found.message


def test_actions_on_schedules_are_needed_with_a_role_only(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for action in (*SCHEDULE_ACTIONS, "iam:PassRole"):
        fake.deny(action)

    without = findings(workspace)["permissions"]
    monkeypatch.setenv("OUTBOARD_SCHEDULER_ROLE_ARN", ROLE)
    with_role = findings(workspace)["permissions"]

    assert without.verdict is Verdict.OK
    listed = ", ".join((*SCHEDULE_ACTIONS, "iam:PassRole"))
    assert with_role.message == f"not allowed: {listed}"


@pytest.mark.usefixtures("look_anew")
def test_endpoint_that_nobody_works_with_is_a_warning_with_its_price(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = record_job(datasource_of(questions(1)))
    record_endpoint(workspace, job.id)

    found = findings(workspace)["endpoints"]
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    without_aws = findings(workspace)["endpoints"]

    assert found == without_aws
    assert found.verdict is Verdict.WARN
    assert "outboard-a ($7.09/h)" in found.message
    assert "outboard reap" in (found.fix or "")


def test_what_is_billed_is_not_known_without_the_ledger(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "damaged")
    (workspace.assets_dir.parent / "outboard.db").write_bytes(b"no database" * 1_000)

    found = check_billing(workspace, None)

    assert found.verdict is Verdict.WARN
    assert "the ledger cannot be read" in found.message


def test_endpoint_of_a_running_job_is_no_fault(workspace: Workspace, fake: AwsFake) -> None:
    job = record_job(datasource_of(questions(1)), status=JobStatus.RUNNING)
    record_endpoint(workspace, job.id)

    found = findings(workspace)["endpoints"]

    assert found.verdict is Verdict.OK
    assert found.message == "at work for a job: outboard-a ($7.09/h)"


def test_expired_endpoint_of_another_workspace_is_found_by_its_tags(
    workspace: Workspace, fake: AwsFake
) -> None:
    tags = {"outboard:job-id": "job-9", "outboard:expires-at": "2026-01-01T00:00:00+00:00"}
    fake.running_endpoint("outboard-lost", tags=tags)

    found = findings(workspace)["endpoints"]

    assert found.verdict is Verdict.WARN
    assert "outboard-lost" in found.message


def test_unreachable_aws_is_a_warning(
    workspace: Workspace, fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    found = findings(workspace)["aws"]

    assert found.verdict is Verdict.WARN
    assert "cannot be reached" in found.message


def test_documented_policies_allow_what_is_looked_up() -> None:
    page = (DOCS / "sagemaker.md").read_text(encoding="utf-8")
    template = (DOCS / "cloudformation" / "outboard-scheduler-role.yaml").read_text("utf-8")

    (policy,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    allowed: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        actions = statement["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)

    assert {action for actions in ACTIONS.values() for action in actions} <= allowed
    assert {*SCHEDULE_ACTIONS, "iam:PassRole"} <= set(re.findall(r"[a-z]+:[A-Z]\w+", template))
