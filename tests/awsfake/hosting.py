"""Models and endpoint configurations: what an endpoint is made of."""

from dataclasses import dataclass
from typing import Any

from tests.awsfake.account import Account
from tests.awsfake.clock import Clock
from tests.awsfake.listing import Listed, page
from tests.awsfake.tags import Tags
from tests.awsfake.wire import AwsError, Json


@dataclass(frozen=True)
class Resource:
    """A model or an endpoint configuration, as it was created."""

    name: str
    arn: str
    created_at: float
    #: Members of the Create request, without the tags.
    members: Json


class Shelf:
    """Resources of one kind, by name.

    Parameters
    ----------
    kind : str
        As in ARNs, e.g. ``"endpoint-config"``.
    words : str
        As in error texts, e.g. ``"endpoint configuration"``.
    prefix : str
        Of the members for name and ARN, e.g. ``"EndpointConfig"``.
    """

    def __init__(
        self, account: Account, clock: Clock, tags: Tags, *, kind: str, words: str, prefix: str
    ) -> None:
        self.kind = kind
        self._words = words
        self._prefix = prefix
        self._account = account
        self._clock = clock
        self._tags = tags
        self._resources: dict[str, Resource] = {}

    def names(self) -> list[str]:
        """Return the names of all there are."""
        return [resource.name for resource in self._resources.values()]

    def find(self, name: str) -> Resource:
        """Return a resource, or refuse as AWS does."""
        resource = self._resources.get(name.lower())
        if resource is None:
            raise self._error("Could not find", name)
        return resource

    def add(self, given: Json) -> Json:
        """Keep a new resource; its name must be free."""
        name = given[f"{self._prefix}Name"]
        if name.lower() in self._resources:
            raise self._error("Cannot create already existing", name)
        arn = self._account.arn(self.kind, name)
        self._tags.register(arn, given.get("Tags", []))
        members = {key: value for key, value in given.items() if key != "Tags"}
        self._resources[name.lower()] = Resource(name, arn, self._clock.client_now(), members)
        return {f"{self._prefix}Arn": arn}

    def describe(self, given: Json) -> Json:
        """Answer Describe."""
        resource = self.find(given[f"{self._prefix}Name"])
        return resource.members | self._head(resource)

    def delete(self, given: Json) -> None:
        """Answer Delete."""
        resource = self.find(given[f"{self._prefix}Name"])
        del self._resources[resource.name.lower()]
        self._tags.forget(resource.arn)

    def summaries(self, given: Json) -> Json:
        """Answer List."""
        found = [
            Listed(
                name=resource.name,
                created_at=resource.created_at,
                modified_at=resource.created_at,
                summary=self._head(resource),
            )
            for resource in self._resources.values()
        ]
        summaries, token = page(given, found)
        return {f"{self._prefix}s": summaries, **token}

    def _head(self, resource: Resource) -> Json:
        return {
            f"{self._prefix}Name": resource.name,
            f"{self._prefix}Arn": resource.arn,
            "CreationTime": resource.created_at,
        }

    def _error(self, words: str, name: str) -> AwsError:
        arn = self._account.arn(self.kind, name)
        return AwsError("ValidationException", f'{words} {self._words} "{arn}".')


def check_model(given: Json, account: Account) -> None:
    """Refuse what CreateModel refuses beyond the shape of the request."""
    containers = given.get("Containers") or [given.get("PrimaryContainer")]
    if containers == [None]:
        raise _invalid("You must provide a primary container or a list of containers.")
    role = given.get("ExecutionRoleArn")
    if role is None:
        raise _invalid("ExecutionRoleArn is required to create the model.")
    if role in account.missing_roles:
        raise _invalid(
            f"Could not assume role {role}. Please ensure that the role exists and allows "
            "principal 'sagemaker.amazonaws.com' to assume the role."
        )
    for container in containers:
        _check_container(container)


def check_endpoint_config(given: Json, models: Shelf) -> None:
    """Refuse what CreateEndpointConfig refuses beyond the shape of the request."""
    names = [variant["VariantName"] for variant in given["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise _invalid("Production variant names must be unique within an endpoint configuration.")
    for variant in given["ProductionVariants"]:
        on_instances = variant.get("InstancePools") or (
            variant.get("InstanceType") and variant.get("InitialInstanceCount")
        )
        if not on_instances and "ServerlessConfig" not in variant:
            raise _invalid(
                "Production variant must have InstanceType and InitialInstanceCount, or a "
                f"ServerlessConfig: {variant['VariantName']}."
            )
        if model_name := variant.get("ModelName"):
            models.find(model_name)


def _check_container(container: dict[str, Any]) -> None:
    if not container.get("Image") and not container.get("ModelPackageName"):
        raise _invalid("A container needs an Image or a ModelPackageName.")
    if "ModelDataUrl" in container and "ModelDataSource" in container:
        raise _invalid("ModelDataUrl and ModelDataSource cannot both be given.")
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    is_prefix = source.get("S3DataType") == "S3Prefix"
    if is_prefix and not source["S3Uri"].endswith("/"):
        raise _invalid(
            f"The S3 URI {source['S3Uri']} of an S3Prefix data source must end with a slash."
        )


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationException", text)
