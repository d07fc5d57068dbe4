"""The test's hand on the fake AWS: scripts it and looks into it, from any process."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.awsfake.account import ACCESS_KEY, SECRET_KEY
from tests.awsfake.commands import PREFIX
from tests.awsfake.wire import Json

TGI_IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
    "huggingface-pytorch-tgi-inference:2.6.0-tgi3.2.3-gpu-py311-cu124-ubuntu22.04"
)
LMI_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.33.0-lmi15.0.0-cu128"
VLLM_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:0.11-gpu-py312-sagemaker"


class Driver:
    """Commands to a fake AWS, wherever it runs.

    Parameters
    ----------
    url : str
        Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def environment(self, *, region: str = "us-east-1") -> dict[str, str]:
        """Return the variables that send every AWS client here, with a key it knows."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Nothing of the developer's own settings.
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def refreshing_environment(self, *, lifetime_s: float) -> dict[str, str]:
        """Return variables for credentials that expire, and are fetched anew from here."""
        fixed = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        rest = {name: value for name, value in self.environment().items() if name not in fixed}
        uri = f"{self.url}{PREFIX}credentials/{lifetime_s:g}"
        return rest | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri}

    # --- time

    def advance(self, seconds: float) -> None:
        """Let virtual time pass at once: endpoints settle, schedules fire."""
        self._do("advance", seconds=seconds)

    def release(self) -> None:
        """Let go on what hangs, now and from now on."""
        self._do("release")

    # --- what exists

    def training_job(
        self, name: str, *, tags: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        """Put a completed training job into the account.

        `members` are those of DescribeTrainingJob's answer that differ; None leaves one out.
        """
        self._do("training_job", name=name, tags=dict(tags or {}), members=members)

    def model_package(self, name: str, *, version: int = 1, **members: Any) -> str:
        """Put a model package into the account, and return its ARN."""
        return str(self._do("model_package", name=name, version=version, members=members))

    def hub_content(
        self, name: str, document: Json, *, hub: str = "SageMakerPublicHub", **members: Any
    ) -> None:
        """Put a model into a hub, with its document."""
        text = json.dumps(document)
        self._do("hub_content", hub=hub, name=name, document=text, members=members)

    def inference_component(self, name: str, endpoint_name: str, **members: Any) -> None:
        """Put an inference component onto an endpoint."""
        self._do("inference_component", name=name, endpoint_name=endpoint_name, members=members)

    def running_endpoint(
        self,
        name: str,
        *,
        image: str = TGI_IMAGE,
        instance_type: str = "ml.g5.2xlarge",
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Put an endpoint into the account that is somebody's own, in service and not our bill."""
        self._do(
            "running_endpoint",
            name=name,
            image=image,
            instance_type=instance_type,
            tags=dict(tags or {}),
        )

    def remove_endpoint(self, name: str) -> None:
        """Let somebody else delete an endpoint: gone at once, in whatever state it is."""
        self._do("remove_endpoint", name=name)

    # --- how things go

    def plan(self, pattern: str = "*", **changes: Any) -> None:
        """Say how it goes with endpoints whose name matches, created from now on.

        `changes` are fields of `tests.awsfake.plan.Plan`. The newest plan wins.
        """
        self._do("plan", pattern=pattern, changes=changes)

    def fail(
        self,
        operation: str,
        fault: str,
        *,
        message: str | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Let coming calls of an operation fail; see `tests.awsfake.faults.Rule`."""
        rule = {
            "operation": operation,
            "fault": fault,
            "message": message,
            "skip": skip,
            "times": times,
        }
        self._do("fail", rule=rule)

    def fault_rates(self, rates: Mapping[str, float], *, seed: int = 0) -> None:
        """Let that share of invocations fail, by names in `runtime_faults.FAULTS`."""
        self._do("fault_rates", rates=dict(rates), seed=seed)

    def use_engine(self, base_url: str) -> None:
        """Let a real model behind an OpenAI-compatible server do the talking."""
        self._do("use_engine", base_url=base_url)

    def quota(self, instance_type: str, instances: int) -> None:
        """Set how many instances of a type endpoints may use."""
        self._do("quota", instance_type=instance_type, instances=instances)

    def deny(self, action: str, *, principal: str | None = None) -> None:
        """Forbid an action, e.g. ``sagemaker:CreateEndpoint``, to everybody or to one ARN."""
        self._do("deny", action=action, principal=principal)

    def allow(self, action: str, *, principal: str | None = None) -> None:
        """Take back `deny`."""
        self._do("allow", action=action, principal=principal)

    def missing_role(self, role_arn: str) -> None:
        """Let a role be one that no service can assume."""
        self._do("missing_role", role_arn=role_arn)

    def skew(self, seconds: float) -> None:
        """Let the server's clock run ahead when it judges signatures."""
        self._do("skew", seconds=seconds)

    def schedule_retries(self, *, on: bool) -> None:
        """Say whether a schedule whose target refuses is tried again."""
        self._do("schedule_retries", on=on)

    # --- who asks

    def session(self, *, lifetime_s: float = 3_600.0) -> dict[str, str]:
        """Return new credentials with a token: AccessKeyId, SecretAccessKey, Token, Expiration."""
        return dict(self._do("session", lifetime_s=lifetime_s))

    def expire(self, access_key: str = ACCESS_KEY) -> None:
        """Let a key be expired from now on."""
        self._do("expire", access_key=access_key)

    # --- what happened

    def seen(self) -> Json:
        """Return all counts; see `tests.awsfake.seen.Seen`."""
        return dict(self._do("seen"))

    def wait_for(self, what: str, *, at_least: int = 1, timeout_s: float = 30.0) -> None:
        """Block until something was seen so often.

        `what` is an operation (``CreateEndpoint``), ``fault:NAME``, a state that an endpoint
        reached (``my-endpoint:InService``, ``my-endpoint:gone``), ``schedule:fired``,
        ``in_flight``, ``max_in_flight`` or ``abandoned``.
        """
        try:
            self._do("wait_for", timeout_s=timeout_s, what=what, at_least=at_least)
        except TimeoutError as cause:
            raise TimeoutError(
                f"{what!r} was not seen {at_least} times within {timeout_s:g} s; seen so far: "
                f"{self.seen()['events']}"
            ) from cause

    def ledger(self) -> Json:
        """Return the bill: lines, open lines, and instance_seconds by type."""
        return dict(self._do("ledger"))

    def resources(self) -> dict[str, list[str]]:
        """Return the names of all endpoints, endpoint_configs, models and schedules."""
        return dict(self._do("resources"))

    def tags(self, kind: str, name: str) -> dict[str, str]:
        """Return the tags of a resource, e.g. of ``("endpoint-config", "outboard-1")``."""
        return dict(self._do("tags", kind=kind, name=name))

    def assert_nothing_billed(self) -> None:
        """Raise AssertionError, naming it, if anything created since the start is billed."""
        lines = self.ledger()["open"]
        names = ", ".join(
            f"{line['endpoint_name']} ({line['instance_count']} x {line['instance_type']})"
            for line in lines
        )
        assert not lines, f"Still billed: {names}"

    def assert_nothing_left(self, *, but: tuple[str, ...] = ()) -> None:
        """Raise AssertionError, naming it, if any resource is left but those named."""
        self.assert_nothing_billed()
        found = {
            kind: [name for name in names if name not in but]
            for kind, names in self.resources().items()
        }
        left = {kind: names for kind, names in found.items() if names}
        assert not left, f"Left behind: {left}"

    def _do(self, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Any:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=timeout_s)
        try:
            connection.request("POST", PREFIX + command, body=json.dumps(arguments))
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"{command}: {text}")
        return json.loads(text)
