"""Finds what `external_model_name` stands for on SageMaker."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from outboard.config import DeploymentConfig
from outboard.container_environment import resolve as with_secrets
from outboard.errors import NotFoundError, ProviderError
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.aws_error import PROVIDER, is_denied, is_not_found, translated
from outboard.providers.sagemaker.deployable import Deployable, RunningEndpoint
from outboard.providers.sagemaker.names import NAME, nearest_names, parse_arn
from outboard.providers.sagemaker.payload import PayloadFormat
from outboard.providers.sagemaker.running import (
    describe_endpoint,
    running_endpoint,
)
from outboard.providers.sagemaker.sources import (
    Overrides,
    Source,
    from_model,
    from_model_package,
    from_training_job,
)

__all__ = ["Deployable", "RunningEndpoint", "resolve"]

_ROLE = re.compile(r"arn:aws[\w-]*:iam::(?P<account>\d{12}):role/.+")


def resolve(
    aws: Aws,
    model_name: str,
    deployment: DeploymentConfig,
    variables: Mapping[str, str] = os.environ,
) -> Deployable | RunningEndpoint:
    """Find out what is to be deployed, or what runs already. Asks AWS, changes nothing.

    Parameters
    ----------
    aws : Aws
        The account and the region to look in.
    model_name : str
        A training job, a model, an endpoint or an inference component by its name or ARN,
        looked for in this order: nobody's endpoint gets our load because a model bears its name.
        A model package by its ARN.
    deployment : DeploymentConfig
        `endpoint_name` comes before everything else; `image_uri`, `environment`, `role_arn`,
        `payload_format` before what is found.
    variables : mapping
        Where secrets of `environment` are looked up.

    Raises
    ------
    NotFoundError
        If there is nothing by that name; names the nearest ones.
    ProviderError
        If it cannot be deployed; says what to pass instead.
    CredentialsError
        If AWS does not let us look.
    ConfigError
        If `environment` refers to a variable that is not set.
    """
    with translated():
        return _Resolver(aws, deployment, variables).resolve(model_name)


class _Resolver:
    def __init__(
        self, aws: Aws, deployment: DeploymentConfig, variables: Mapping[str, str]
    ) -> None:
        self._aws = aws
        self._deployment = deployment
        environment = with_secrets(deployment.environment, variables)
        self._secrets = tuple(
            value for name, value in environment.items() if value != deployment.environment[name]
        )
        self._overrides = Overrides(
            instance_type=deployment.instance_type,
            image_uri=deployment.image_uri,
            environment=environment,
        )
        asked = deployment.payload_format
        self._format = None if asked == "auto" else PayloadFormat(asked)

    def resolve(self, model_name: str) -> Deployable | RunningEndpoint:
        if endpoint_name := self._deployment.endpoint_name:
            if endpoint_name.startswith("arn:"):
                endpoint_name = parse_arn(self._aws, endpoint_name, kind="endpoint").name
            return self._endpoint(endpoint_name, component=model_name)
        if model_name.startswith("arn:"):
            return self._by_arn(model_name)
        return self._by_name(model_name)

    def _by_name(self, name: str) -> Deployable | RunningEndpoint:
        if NAME.fullmatch(name):
            finders = (self._training_job, self._model, self._named_endpoint, self._component)
            for number, find in enumerate(finders):
                try:
                    found = find(name)
                except ClientError as fault:
                    # Who may only look at training jobs is not told of what else may be there.
                    if not number or not is_denied(fault):
                        raise
                    continue
                if found is not None:
                    return found
        raise self._not_found(name)

    def _by_arn(self, arn: str) -> Deployable | RunningEndpoint:
        named = parse_arn(self._aws, arn)
        finders: dict[str, Callable[[str], Deployable | RunningEndpoint | None]] = {
            "training-job": self._training_job,
            "model": self._model,
            "model-package": lambda _: self._model_package(arn),
            "endpoint": self._named_endpoint,
            "inference-component": self._component,
        }
        find = finders.get(named.kind)
        if find is None:
            raise ProviderError(
                f"{arn} is a {named.kind}, which cannot be deployed. Pass a "
                f"{', '.join(list(finders)[:-1])} or {list(finders)[-1]}.",
                provider=PROVIDER,
            )
        found = find(named.name)
        if found is None:
            raise self._not_found(named.name)
        return found

    # --- one kind of thing each; None if there is none by that name

    def _training_job(self, name: str) -> Deployable | None:
        describe = self._aws.sagemaker.describe_training_job
        job = _described(lambda: describe(TrainingJobName=name))
        if job is None:
            return None
        return self._deployable(from_training_job(self._aws, job, self._overrides))

    def _model(self, name: str) -> Deployable | None:
        describe = self._aws.sagemaker.describe_model
        model = _described(lambda: describe(ModelName=name))
        if model is None:
            return None
        deployment = self._deployment
        if deployment.image_uri or deployment.environment or deployment.role_arn:
            return self._deployable(from_model(model, self._overrides))
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        return Deployable(
            source=f"model {model['ModelName']!r}",
            model_name=model["ModelName"],
            role_arn=model.get("ExecutionRoleArn"),
            image_uri=containers[0].get("Image"),
            payload_format=self._format,
        )

    def _model_package(self, arn: str) -> Deployable | None:
        describe = self._aws.sagemaker.describe_model_package
        package = _described(lambda: describe(ModelPackageName=arn))
        if package is None:
            return None
        return self._deployable(from_model_package(self._aws, package, self._overrides))

    def _named_endpoint(self, name: str) -> RunningEndpoint | None:
        describe = self._aws.sagemaker.describe_endpoint
        if _described(lambda: describe(EndpointName=name)) is None:
            return None
        return self._endpoint(name, component=None)

    def _component(self, name: str) -> RunningEndpoint | None:
        describe = self._aws.sagemaker.describe_inference_component
        component = _described(lambda: describe(InferenceComponentName=name))
        if component is None:
            return None
        return self._endpoint(
            component["EndpointName"], component=component["InferenceComponentName"]
        )

    # --- shared

    def _endpoint(self, name: str, *, component: str | None) -> RunningEndpoint:
        endpoint = describe_endpoint(self._aws, name) if NAME.fullmatch(name) else None
        if endpoint is None:
            raise NotFoundError(
                f"There is no endpoint {name!r} in region {self._aws.region} of account "
                f"{self._aws.identity.account_id}. Correct endpoint_name, set AWS_DEFAULT_REGION "
                "to where it is, or leave endpoint_name out to have one deployed.",
                kind="endpoint",
                ids=(name,),
            )
        return running_endpoint(
            self._aws, endpoint, component=component, payload_format=self._format
        )

    def _deployable(self, source: Source) -> Deployable:
        return Deployable(
            source=source.name,
            containers=source.containers,
            role_arn=self._role(source),
            vpc_config=source.vpc_config,
            network_isolation=source.network_isolation,
            image_uri=source.image_uri,
            payload_format=self._format,
            secrets=self._secrets,
        )

    def _role(self, source: Source) -> str:
        role_arn = self._deployment.role_arn or source.role_arn
        if role_arn is None:
            raise ProviderError(
                f"Nothing tells what role an endpoint from {source.name} is to run as. Pass it: "
                'deployment_config={"role_arn": "arn:aws:iam::123456789012:role/..."}.',
                provider=PROVIDER,
            )
        role = _ROLE.fullmatch(role_arn)
        if role is None:
            raise ProviderError(
                f"role_arn must be the ARN of an IAM role, got {role_arn!r}. It looks like "
                "arn:aws:iam::123456789012:role/SageMakerExecutionRole.",
                provider=PROVIDER,
            )
        account_id = self._aws.identity.account_id
        if role["account"] != account_id:
            raise ProviderError(
                f"Role {role_arn} is of account {role['account']}, but the endpoint would run in "
                f"account {account_id}, where it cannot be used. Pass a role_arn of that account.",
                provider=PROVIDER,
            )
        return role_arn

    def _not_found(self, name: str) -> NotFoundError:
        nearest = ", ".join(map(repr, nearest_names(self._aws, name)))
        return NotFoundError(
            f"There is no training job, model or endpoint {name!r} in region {self._aws.region} "
            f"of account {self._aws.identity.account_id}. "
            + (f"The nearest names are {nearest}. " if nearest else "")
            + "Correct the name, or set AWS_DEFAULT_REGION (or AWS_PROFILE) to where it is.",
            kind="model",
            ids=(name,),
        )


def _described(describe: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    try:
        return describe()
    except ClientError as fault:
        if is_not_found(fault):
            return None
        raise
