"""What `external_model_name` stands for on SageMaker: something to deploy, or something running."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outboard.providers.sagemaker.payload import PayloadFormat

#: Members of CreateModel's requests, as boto3 takes them.
Members = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Deployable:
    """What an endpoint is made of."""

    #: Where it was found, for people: ``"training job 'my-job'"``.
    source: str
    #: A model that exists on SageMaker: deployed as it is, never deleted. None to create one.
    model_name: str | None = None
    #: The containers of the model to create; empty with `model_name`. May hold secrets.
    containers: tuple[Members, ...] = field(default=(), repr=False)
    #: What the endpoint runs as; None where an existing model has it.
    role_arn: str | None = None
    #: ``VpcConfig`` of the model to create, as the training job had it.
    vpc_config: Members | None = None
    network_isolation: bool = False
    #: Image of the first container; None where a model package hides it.
    image_uri: str | None = None
    #: What the user asked for; None to be told by the image, or by the endpoint's answers.
    payload_format: PayloadFormat | None = None
    #: Values that stand in the containers' environment and must not be shown.
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def create_model_members(self, name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        """Return the arguments of CreateModel; not to be called with a `model_name`."""
        members: dict[str, Any] = {
            "ModelName": name,
            "ExecutionRoleArn": self.role_arn,
            "Tags": tags,
        }
        if len(self.containers) == 1:
            members["PrimaryContainer"] = dict(self.containers[0])
        else:
            members["Containers"] = [dict(container) for container in self.containers]
        if self.vpc_config is not None:
            members["VpcConfig"] = dict(self.vpc_config)
        if self.network_isolation:
            members["EnableNetworkIsolation"] = True
        return members


@dataclass(frozen=True, kw_only=True)
class RunningEndpoint:
    """An endpoint that takes requests."""

    #: In the case it was created with: invocations are told apart by it.
    name: str
    #: The inference component that requests are for, where the endpoint has components.
    component: str | None = None
    image_uri: str | None = None
    #: What the user asked for; None to be told by the image, or by the endpoint's answers.
    payload_format: PayloadFormat | None = None
    #: Instances behind it now.
    instance_count: int = 1
