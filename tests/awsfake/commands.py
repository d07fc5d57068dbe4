"""The private routes by which a test scripts the fake AWS."""

import json
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any

from aiohttp import web
from tests.awsfake.faults import Rule
from tests.awsfake.plan import Plan
from tests.awsfake.runtime_faults import Draw
from tests.awsfake.services import Services
from tests.awsfake.wire import Json

PREFIX = "/_fake/"


class Commands:
    """One public method for each route; the arguments come as a JSON object.

    `tests.awsfake.driver.Driver` is the other side: what they mean is said there.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def handle(self, request: web.Request) -> web.Response:
        """Run the command that a request names."""
        name = request.match_info["command"]
        command = getattr(self, name, None)
        if name.startswith("_") or name in {"handle", "credentials"} or command is None:
            return web.Response(status=404, text=f"no command {name!r}")
        try:
            answer = command(**json.loads(await request.read() or b"{}"))
            if isawaitable(answer):
                answer = await answer
        except Exception as error:  # noqa: BLE001 - the test has to see what it did wrong
            return web.Response(status=400, text=f"{type(error).__name__}: {error}")
        return web.json_response(answer)

    async def credentials(self, request: web.Request) -> web.Response:
        """Hand out fresh credentials, as a container's metadata service does."""
        return web.json_response(self.session(float(request.match_info["lifetime_s"])))

    # --- time

    def advance(self, seconds: float) -> None:
        self._services.clock.advance(seconds)

    def release(self) -> None:
        self._services.released.set()

    # --- what exists

    def training_job(self, name: str, tags: dict[str, str], members: Json) -> None:
        self._services.catalogue.add_training_job(name, tags, **members)

    def model_package(self, name: str, version: int, members: Json) -> str:
        return self._services.catalogue.add_model_package(name, version, **members)

    def hub_content(self, hub: str, name: str, document: str, members: Json) -> None:
        self._services.catalogue.add_hub_content(hub, name, document, **members)

    def inference_component(self, name: str, endpoint_name: str, members: Json) -> None:
        self._services.catalogue.add_inference_component(name, endpoint_name, **members)

    def running_endpoint(
        self, name: str, image: str, instance_type: str, tags: dict[str, str]
    ) -> None:
        services = self._services
        services.models.add(
            {
                "ModelName": name,
                "PrimaryContainer": {"Image": image},
                "ExecutionRoleArn": f"arn:aws:iam::{services.account.id}:role/SageMaker",
            }
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": instance_type,
            "InitialInstanceCount": 1,
        }
        services.configs.add({"EndpointConfigName": name, "ProductionVariants": [variant]})
        given = {
            "EndpointName": name,
            "EndpointConfigName": name,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }
        services.endpoints.create(given, preexisting=True)

    def remove_endpoint(self, name: str) -> None:
        self._services.endpoints.remove(name)

    # --- how things go

    def plan(self, pattern: str, changes: Json) -> None:
        endpoints = self._services.endpoints
        if "log_lines" in changes:
            changes["log_lines"] = tuple(changes["log_lines"])
        endpoints.plans.append((pattern, Plan(**changes)))

    def fail(self, rule: Json) -> None:
        self._services.faults.rules.append(Rule(**rule))

    def fault_rates(self, rates: dict[str, float], seed: int) -> None:
        self._services.runtime.draw = Draw(rates=rates, seed=seed)

    def use_engine(self, base_url: str) -> None:
        self._services.runtime.use_engine(base_url)

    def quota(self, instance_type: str, instances: int) -> None:
        self._services.account.quotas[instance_type] = instances

    def deny(self, action: str, principal: str | None) -> None:
        self._services.account.denied.add((action, principal))

    def allow(self, action: str, principal: str | None) -> None:
        self._services.account.denied.discard((action, principal))

    def missing_role(self, role_arn: str) -> None:
        self._services.account.missing_roles.add(role_arn)

    def skew(self, seconds: float) -> None:
        self._services.skew_s = seconds

    def schedule_retries(self, on: bool) -> None:
        self._services.scheduler.retries_refusals = on

    # --- who asks

    def session(self, lifetime_s: float) -> Json:
        session = self._services.account.open_session(lifetime_s)
        return {
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key,
            "Token": session.token,
            "Expiration": datetime.fromtimestamp(session.expires_at or 0.0, UTC).isoformat(),
        }

    def expire(self, access_key: str) -> None:
        self._services.account.expire(access_key)

    # --- what happened

    def seen(self) -> dict[str, Any]:
        return self._services.seen.to_record()

    async def wait_for(self, what: str, at_least: int) -> None:
        seen = self._services.seen
        await seen.until(lambda: seen.count(what) >= at_least)

    def ledger(self) -> Json:
        return self._services.ledger.to_record()

    def resources(self) -> dict[str, list[str]]:
        services = self._services
        return {
            "endpoints": [endpoint.name for endpoint in services.endpoints.all()],
            "endpoint_configs": services.configs.names(),
            "models": services.models.names(),
            "schedules": services.scheduler.names(),
        }

    def tags(self, kind: str, name: str) -> dict[str, str]:
        services = self._services
        return services.tags.of(services.account.arn(kind, name))
