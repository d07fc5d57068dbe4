"""A model on SageMaker from its name to the last of its endpoint."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.awsfake.driver import LMI_IMAGE
from tests.awsfake.server import AwsFake

from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import (
    BudgetExceededError,
    ConfigError,
    CredentialsError,
    NotFoundError,
    ProviderError,
)
from outboard.providers import JobContext, ProviderEvent, Request, Response
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.provider import SageMakerProvider
from outboard.store import Store

JOB_ID = "job-20261122-101500-abc123"
PROMPT = Request(prompt="What is the sea?")
#: A type that no price list knows.
UNPRICED = "ml.inf1.xlarge"


class Account:
    """A job's view of the account: makes providers, keeps their ledger and what they tell."""

    def __init__(self, fake: AwsFake, folder: Path) -> None:
        self.fake = fake
        self.store = Store(folder / "outboard.db")
        self.events: list[ProviderEvent] = []
        self.watchers = 0
        self._folder = folder

    def provider(
        self, model: str = "my-job", *, for_job: bool = True, **deployment: Any
    ) -> SageMakerProvider:
        """Return a provider, not yet open."""
        job = JobContext(
            job_id=JOB_ID, ledger=self.store.endpoints, start_watcher=self._start_watcher
        )
        return SageMakerProvider(
            model,
            generation=GenerationConfig(max_new_tokens=8),
            deployment=DeploymentConfig(**deployment),
            cache_dir=self._folder,
            job=job if for_job else None,
        )

    def told(self, kind: str) -> str:
        """Return what was told of one kind of event."""
        return "\n".join(event.message for event in self.events if event.kind == kind)

    def _start_watcher(self) -> None:
        self.watchers += 1


@pytest.fixture
def account(fake: AwsFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account with a training job, where minutes pass with every look."""
    monkeypatch.setenv("OUTBOARD_AWS_SPEED", "100")
    fake.plan("*", step_s=120.0)
    fake.training_job("my-job")
    return Account(fake, tmp_path)


def check(provider: SageMakerProvider) -> None:
    """Check, and close."""

    async def session() -> None:
        try:
            await provider.check()
        finally:
            await provider.close()

    asyncio.run(session())


def run(
    account: Account,
    provider: SageMakerProvider,
    use: Callable[[SageMakerProvider], Awaitable[Response]] | None = None,
) -> Response | None:
    """Open, use, close."""

    async def session() -> Response | None:
        try:
            await provider.open(account.events.append)
            return None if use is None else await use(provider)
        finally:
            await provider.close()

    return asyncio.run(session())


def ask(provider: SageMakerProvider) -> Awaitable[Response]:
    """Send one row."""
    return provider.invoke(PROMPT)


# --- check


def test_check_creates_nothing(account: Account) -> None:
    provider = account.provider()

    check(provider)

    account.fake.assert_nothing_left()
    assert account.store.endpoints.unclosed() == []
    assert not {event for event in account.fake.seen()["events"] if event.startswith("Create")}


def test_check_tells_what_would_be_rented(account: Account) -> None:
    provider = account.provider(instance_count=2)

    check(provider)

    hosting = provider.hosting
    assert hosting is not None
    assert hosting.instance_type == "ml.g5.12xlarge"
    assert hosting.usd_per_hour == pytest.approx(2 * 7.09)


def test_check_begins_with_who_we_are(account: Account) -> None:
    account.fake.expire()

    with pytest.raises(CredentialsError, match="have expired"):
        check(account.provider("nobody"))


def test_check_names_the_models_nearest_to_an_unknown_one(account: Account) -> None:
    with pytest.raises(NotFoundError, match="nearest names are 'my-job'"):
        check(account.provider("my-jbo"))


def test_check_names_the_instance_types_nearest_to_an_unknown_one(account: Account) -> None:
    with pytest.raises(ConfigError, match=r"'ml\.g5\.13xlarge'.*ml\.g5\.12xlarge") as caught:
        check(account.provider(instance_type="ml.g5.13xlarge"))

    assert caught.value.field == "instance_type"


def test_check_tells_of_a_quota_that_is_too_small(account: Account) -> None:
    account.fake.quota("ml.g5.12xlarge", 1)

    check(account.provider())
    with pytest.raises(ProviderError, match=r"quota 'ml\.g5\.12xlarge for endpoint usage'.* is 1"):
        check(account.provider(instance_count=2))


def test_check_passes_without_permission_to_see_quotas(account: Account) -> None:
    account.fake.quota("ml.g5.12xlarge", 0)
    account.fake.deny("servicequotas:ListServiceQuotas")

    check(account.provider())


def test_check_refuses_a_budget_that_nobody_can_keep(account: Account) -> None:
    with pytest.raises(ConfigError, match=r"max_cost_usd cannot be kept") as caught:
        check(account.provider(instance_type=UNPRICED, max_cost_usd=5))

    assert caught.value.field == "max_cost_usd"
    check(account.provider(instance_type=UNPRICED))


def test_check_refuses_a_budget_that_pays_for_no_endpoint(account: Account) -> None:
    with pytest.raises(BudgetExceededError, match="Raise max_cost_usd"):
        check(account.provider(max_cost_usd=0.01))


def test_endpoint_lives_no_longer_than_its_budget_pays(account: Account) -> None:
    lives: list[float] = []

    async def look(provider: SageMakerProvider) -> Response:
        (entry,) = account.store.endpoints.unclosed(JOB_ID)
        lives.append(entry.expires_at - entry.planned_at)
        return await provider.invoke(PROMPT)

    run(account, account.provider(max_cost_usd=7.09), look)

    assert 3_000 < lives[0] < 3_600  # an hour's money, less what deleting it takes


def test_check_of_a_running_endpoint_asks_for_no_instances(account: Account) -> None:
    account.fake.running_endpoint("theirs")
    provider = account.provider(endpoint_name="theirs", instance_type="ml.g5.13xlarge")

    check(provider)

    assert provider.hosting is None


def test_check_tells_of_an_endpoint_that_is_not_there(account: Account) -> None:
    with pytest.raises(NotFoundError, match="no endpoint 'nobody'"):
        check(account.provider(endpoint_name="nobody"))


# --- a model that is deployed


def test_training_job_is_deployed_answers_and_leaves_nothing(account: Account) -> None:
    response = run(account, account.provider(), ask)

    assert response is not None
    assert response.text
    assert account.events[-1].kind == "deleted"
    account.fake.assert_nothing_left()
    assert account.store.endpoints.unclosed() == []


def test_opening_tells_its_phases(account: Account) -> None:
    run(account, account.provider())

    phases = [event.kind for event in account.events]
    assert phases[0] == "resolving"
    assert phases.index("deploying") < phases.index("ready") < phases.index("deleting")
    assert "min so far (usually 5 to 15)" in account.told("deploying")
    assert "speaks lmi" in account.told("ready")


def test_endpoint_is_watched_and_written_down_with_its_price(account: Account) -> None:
    seen = []

    async def look(provider: SageMakerProvider) -> Response:
        seen.extend(account.store.endpoints.unclosed(JOB_ID))
        return await provider.invoke(PROMPT)

    run(account, account.provider(), look)

    (entry,) = seen
    assert entry.name.startswith("outboard-20261122-101500-abc123-")
    assert entry.usd_per_hour == pytest.approx(7.09)
    assert account.watchers == 1


def test_existing_model_is_deployed_and_never_deleted(account: Account, aws: Aws) -> None:
    role = "arn:aws:iam::123456789012:role/Mine"
    container = {"Image": LMI_IMAGE}
    aws.sagemaker.create_model(ModelName="mine", PrimaryContainer=container, ExecutionRoleArn=role)

    run(account, account.provider("mine"), ask)

    account.fake.assert_nothing_left(but=("mine",))
    assert account.fake.resources()["models"] == ["mine"]


def test_more_instances_take_more_rows_at_a_time(account: Account) -> None:
    provider = account.provider(instance_count=3)

    run(account, provider)

    assert provider.limits.max_concurrency == 96
    assert provider.limits.max_request_bytes == 6_291_456
    assert provider.limits.max_prompt_tokens is None


def test_endpoint_that_does_not_start_is_deleted(account: Account) -> None:
    account.fake.plan("*", outcome="ping", step_s=120.0, log_lines=("CUDA out of memory",))

    with pytest.raises(ProviderError, match=r"never became healthy.*CUDA out of memory|CUDA out"):
        run(account, account.provider())

    account.fake.assert_nothing_left()
    assert account.store.endpoints.unclosed() == []


def test_endpoint_that_was_to_be_kept_but_does_not_start_is_deleted(account: Account) -> None:
    account.fake.plan("*", outcome="capacity", step_s=120.0)

    with pytest.raises(ProviderError):
        run(account, account.provider(keep_endpoint=True))

    account.fake.assert_nothing_left()


def test_kept_endpoint_stays_with_a_warning_of_its_price(account: Account, aws: Aws) -> None:
    run(account, account.provider(keep_endpoint=True), ask)

    (name,) = account.fake.resources()["endpoints"]
    assert f"Endpoint '{name}' is kept, as asked, and costs $7.09/h" in account.told("warning")
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_endpoint_of_the_jobs_earlier_run_is_used_again(account: Account) -> None:
    async def die_without_closing() -> str:
        provider = account.provider()
        await provider.open(account.events.append)
        return account.fake.resources()["endpoints"][0]

    name = asyncio.run(die_without_closing())
    account.events.clear()

    run(account, account.provider(), ask)

    assert f"Going on with endpoint '{name}'" in account.told("adopted")
    assert account.fake.seen()["events"]["CreateEndpoint"] == 1
    account.fake.assert_nothing_left()


def test_nothing_is_deployed_without_a_job_to_take_it_down(account: Account) -> None:
    with pytest.raises(ProviderError, match="deployed by a job only"):
        run(account, account.provider(for_job=False))

    account.fake.assert_nothing_left()


def test_secrets_of_the_container_are_told_nowhere(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hf_very_secret")

    run(account, account.provider(environment={"HF_TOKEN": "${MY_TOKEN}"}), ask)

    assert "hf_very_secret" not in repr(account.events)
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"hf_very_secret" in data for data in files)


def test_cancelled_start_leaves_nothing(account: Account) -> None:
    async def cancel() -> None:
        provider = account.provider()
        opening = asyncio.create_task(provider.open(account.events.append))
        await asyncio.to_thread(account.fake.wait_for, "CreateEndpoint")
        opening.cancel()
        await asyncio.wait([opening])
        await provider.close()

    asyncio.run(cancel())

    account.fake.assert_nothing_left()
    assert account.store.endpoints.unclosed() == []


# --- an endpoint that runs


def test_running_endpoint_is_used_and_left_alone(account: Account) -> None:
    account.fake.running_endpoint("Theirs")

    response = run(account, account.provider("model", endpoint_name="theirs"), ask)

    assert response is not None
    assert account.fake.resources()["endpoints"] == ["Theirs"]
    assert "'Theirs', which is never deleted" in account.told("resolved")
    assert account.watchers == 0
    assert "DeleteEndpoint" not in account.fake.seen()["events"]


def test_running_endpoint_can_be_used_without_a_job(account: Account) -> None:
    account.fake.running_endpoint("theirs")

    assert run(account, account.provider(endpoint_name="theirs", for_job=False), ask)


def test_requests_name_the_inference_component(account: Account) -> None:
    account.fake.running_endpoint("theirs")
    account.fake.inference_component("one", "theirs")

    run(account, account.provider("one"), ask)

    headers = account.fake.seen()["headers"][-1]
    assert headers["X-Amzn-SageMaker-Inference-Component"] == "one"


def test_endpoint_deleted_by_somebody_else_ends_the_job(account: Account) -> None:
    account.fake.running_endpoint("theirs")

    async def delete_then_ask(provider: SageMakerProvider) -> Response:
        account.fake.remove_endpoint("theirs")
        return await provider.invoke(PROMPT)

    with pytest.raises(ProviderError, match="theirs"):
        run(account, account.provider("model", endpoint_name="theirs"), delete_then_ask)


def test_rows_are_refused_before_open(account: Account) -> None:
    with pytest.raises(ProviderError, match=r"Call open\(\) first"):
        asyncio.run(ask(account.provider()))  # type: ignore[arg-type]


def test_tokens_are_not_counted(account: Account) -> None:
    assert asyncio.run(account.provider().count_tokens("one two")) is None
