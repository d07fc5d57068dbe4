"""Endpoints, from CreateEndpoint until they are gone."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

from tests.awsfake.account import Account
from tests.awsfake.clock import Clock
from tests.awsfake.hosting import Resource, Shelf
from tests.awsfake.ledger import Ledger
from tests.awsfake.listing import Listed, page
from tests.awsfake.logs import Logs
from tests.awsfake.plan import CONTAINER_RAN, FAILURE_REASONS, Plan
from tests.awsfake.seen import Seen
from tests.awsfake.tags import Tags
from tests.awsfake.wire import AwsError, Json

#: States in which an endpoint can be neither updated nor deleted.
IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


@dataclass
class Endpoint:
    """One endpoint."""

    name: str
    arn: str
    config_name: str
    #: As the endpoint configuration had them when it was created.
    variants: list[Json]
    #: Image of each variant's container, by variant name; None where there is no model.
    images: dict[str, str | None]
    created_at: float
    modified_at: float
    plan: Plan
    status: str = "Creating"
    failure_reason: str | None = None
    #: Requests that its containers are working on.
    in_flight: int = field(default=0, compare=False)

    @property
    def serves(self) -> bool:
        """True if it takes requests."""
        return self.status in {"InService", "Updating", "SystemUpdating", "RollingBack"}


class Endpoints:
    """The endpoints of the account, with their bill and their logs."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        *,
        models: Shelf,
        configs: Shelf,
        tags: Tags,
        ledger: Ledger,
        logs: Logs,
        seen: Seen,
    ) -> None:
        self._account = account
        self._clock = clock
        self._models = models
        self._configs = configs
        self._tags = tags
        self._ledger = ledger
        self._logs = logs
        self._seen = seen
        self._endpoints: dict[str, Endpoint] = {}
        #: (pattern of names, how it will go), the newest last.
        self.plans: list[tuple[str, Plan]] = []

    def all(self) -> list[Endpoint]:
        """Return all there are."""
        return list(self._endpoints.values())

    def plan_for(self, name: str) -> Plan:
        """Return how it will go with an endpoint of this name."""
        for pattern, plan in reversed(self.plans):
            if fnmatchcase(name, pattern):
                return plan
        return Plan()

    def serving(self, name: str) -> Endpoint | None:
        """Return the endpoint that takes requests under exactly this name, or None."""
        endpoint = self._endpoints.get(name.lower())
        if endpoint is None or endpoint.name != name or not endpoint.serves:
            return None
        return endpoint

    def create(self, given: Json, *, preexisting: bool = False) -> Json:
        """Answer CreateEndpoint."""
        name = given["EndpointName"]
        if name.lower() in self._endpoints:
            raise self._error("Cannot create already existing", name)
        config = self._configs.find(given["EndpointConfigName"])
        images = self._images(config)
        variants = config.members["ProductionVariants"]
        if not preexisting:
            self._check_quota(variants)
        arn = self._account.arn("endpoint", name)
        self._tags.register(arn, given.get("Tags", []))
        now = self._clock.client_now()
        endpoint = Endpoint(name, arn, config.name, variants, images, now, now, self.plan_for(name))
        self._endpoints[name.lower()] = endpoint
        for instance_type, instances in _instances(variants):
            self._ledger.start(name, instance_type, instances, preexisting=preexisting)
        if preexisting:
            self._settle(endpoint)
        elif endpoint.plan.outcome != "stuck":
            self._clock.after(endpoint.plan.creating_s, lambda: self._settle(endpoint))
        return {"EndpointArn": arn}

    def describe(self, given: Json) -> Json:
        """Answer DescribeEndpoint; time may pass with every look (`Plan.step_s`)."""
        self._clock.advance(self._find(given["EndpointName"]).plan.step_s)
        endpoint = self._find(given["EndpointName"])
        answer = {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config_name,
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created_at,
            "LastModifiedTime": endpoint.modified_at,
        }
        if endpoint.status == "Creating":
            answer["PendingDeploymentSummary"] = {
                "EndpointConfigName": endpoint.config_name,
                "ProductionVariants": self._variants(endpoint, current=False),
                "StartTime": endpoint.created_at,
            }
        elif endpoint.status != "Failed":
            answer["ProductionVariants"] = self._variants(endpoint, current=True)
        if endpoint.failure_reason is not None:
            answer["FailureReason"] = endpoint.failure_reason
        return answer

    def update(self, given: Json) -> Json:
        """Refuse UpdateEndpoint: what we test never changes a running endpoint."""
        endpoint = self._find(given["EndpointName"])
        self._configs.find(given["EndpointConfigName"])
        if endpoint.status in IN_PROGRESS:
            raise self._error("Cannot update in-progress", endpoint.name)
        raise AwsError(
            "ValidationException", f'Endpoint "{endpoint.arn}" cannot be updated in this account.'
        )

    def delete(self, given: Json) -> None:
        """Answer DeleteEndpoint. What is in progress, even its creation, cannot be deleted."""
        endpoint = self._find(given["EndpointName"])
        if endpoint.status in IN_PROGRESS:
            raise self._error("Cannot update in-progress", endpoint.name)
        self._change(endpoint, "Deleting")
        self._ledger.stop(endpoint.name)
        self._clock.after(endpoint.plan.deleting_s, lambda: self._remove(endpoint))

    def remove(self, name: str) -> None:
        """Let an endpoint be gone at once, in whatever state it is."""
        self._remove(self._find(name))

    def summaries(self, given: Json) -> Json:
        """Answer ListEndpoints."""
        found = [self._listed(endpoint) for endpoint in self._endpoints.values()]
        summaries, token = page(given, found)
        return {"Endpoints": summaries, **token}

    def _remove(self, endpoint: Endpoint) -> None:
        if self._is_there(endpoint):
            del self._endpoints[endpoint.name.lower()]
            self._ledger.stop(endpoint.name)
            self._tags.forget(endpoint.arn)
            self._seen.note(f"{endpoint.name}:gone")

    def _is_there(self, endpoint: Endpoint) -> bool:
        return self._endpoints.get(endpoint.name.lower()) is endpoint

    def _settle(self, endpoint: Endpoint) -> None:
        """End the creation as planned."""
        if not self._is_there(endpoint):
            return
        plan, variant = endpoint.plan, endpoint.variants[0]["VariantName"]
        if plan.outcome in CONTAINER_RAN:
            self._logs.write(endpoint.name, variant, plan.log_lines)
        if plan.outcome == "InService":
            self._change(endpoint, "InService")
            return
        endpoint.failure_reason = FAILURE_REASONS[plan.outcome].format(
            variant=variant, image=endpoint.images[variant], endpoint=endpoint.name
        )
        self._ledger.stop(endpoint.name)
        self._change(endpoint, "Failed")

    def _change(self, endpoint: Endpoint, status: str) -> None:
        endpoint.status = status
        endpoint.modified_at = self._clock.client_now()
        self._seen.note(f"{endpoint.name}:{status}")

    def _find(self, name: str) -> Endpoint:
        endpoint = self._endpoints.get(name.lower())
        if endpoint is None:
            raise self._error("Could not find", name)
        return endpoint

    def _images(self, config: Resource) -> dict[str, str | None]:
        images: dict[str, str | None] = {}
        for variant in config.members["ProductionVariants"]:
            image = None
            if model_name := variant.get("ModelName"):
                model = self._models.find(model_name).members
                container = model.get("PrimaryContainer") or model["Containers"][0]
                image = container.get("Image")
            images[variant["VariantName"]] = image
        return images

    def _check_quota(self, variants: list[Json]) -> None:
        for instance_type, instances in _instances(variants):
            quota = self._account.quota(instance_type)
            in_use = self._ledger.instances_in_use(instance_type)
            if in_use + instances > quota:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{instance_type} for endpoint usage' is "
                    f"{quota} Instances, with current utilization of {in_use} Instances and a "
                    f"request delta of {instances} Instances. Please use AWS Service Quotas to "
                    "request an increase for this quota. If AWS Service Quotas is not available, "
                    "contact AWS support to request an increase for this quota.",
                )

    def _variants(self, endpoint: Endpoint, *, current: bool) -> list[Json]:
        return [self._variant(endpoint, variant, current=current) for variant in endpoint.variants]

    def _variant(self, endpoint: Endpoint, variant: Json, *, current: bool) -> Json:
        name, count = variant["VariantName"], variant.get("InitialInstanceCount", 1)
        weight = variant.get("InitialVariantWeight", 1.0)
        shown: Json = {"VariantName": name, "DesiredWeight": weight, "DesiredInstanceCount": count}
        if image := endpoint.images[name]:
            digest = sha256(image.encode()).hexdigest()
            shown["DeployedImages"] = [
                {
                    "SpecifiedImage": image,
                    "ResolvedImage": f"{image.split(':')[0]}@sha256:{digest}",
                    "ResolutionTime": endpoint.created_at,
                }
            ]
        if current:
            return shown | {"CurrentWeight": weight, "CurrentInstanceCount": count}
        return shown | {"VariantStatus": [{"Status": "Creating", "StartTime": endpoint.created_at}]}

    def _listed(self, endpoint: Endpoint) -> Listed:
        return Listed(
            name=endpoint.name,
            created_at=endpoint.created_at,
            modified_at=endpoint.modified_at,
            status=endpoint.status,
            summary={
                "EndpointName": endpoint.name,
                "EndpointArn": endpoint.arn,
                "EndpointStatus": endpoint.status,
                "CreationTime": endpoint.created_at,
                "LastModifiedTime": endpoint.modified_at,
            },
        )

    def _error(self, words: str, name: str) -> AwsError:
        arn = self._account.arn("endpoint", name)
        return AwsError("ValidationException", f'{words} endpoint "{arn}".')


def _instances(variants: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return (instance type, instances) of the variants that run on instances."""
    found = []
    for variant in variants:
        pools = variant.get("InstancePools")
        instance_type = pools[0]["InstanceType"] if pools else variant.get("InstanceType")
        if instance_type:
            found.append((instance_type, variant.get("InitialInstanceCount", 1)))
    return found
