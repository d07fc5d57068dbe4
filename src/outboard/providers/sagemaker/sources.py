"""The containers of a model, from what training or registration left behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outboard.errors import ProviderError
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.aws_error import PROVIDER, translated
from outboard.providers.sagemaker.deployable import Members
from outboard.providers.sagemaker.images import (
    current,
    lmi_image,
    serving_environment,
    serving_image,
)
from outboard.providers.sagemaker.jumpstart import hosted_model
from outboard.providers.server_error import one_line

#: Where a serverless fine-tuning job puts whole weights, beside its adapter.
_MERGED = "/checkpoints/hf_merged/"
_DATA_SOURCE_MEMBERS = (
    "S3Uri",
    "S3DataType",
    "CompressionType",
    "ModelAccessConfig",
    "HubAccessConfig",
)


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What the user wants otherwise than it was found."""

    instance_type: str
    image_uri: str | None = None
    #: With secrets in place of their references.
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def container(
        self, data: Members, image_uri: str, environment: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return a container that serves `data`.

        `environment` is what belongs to `image_uri`; None for what its kind of image needs.
        """
        if self.image_uri is not None or environment is None:
            image_uri = self.image_uri or image_uri
            environment = serving_environment(image_uri)
        return {"Image": image_uri, **data, "Environment": {**environment, **self.environment}}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model to create, as far as its source tells."""

    #: For people: ``"training job 'my-job'"``.
    name: str
    containers: tuple[Members, ...] = field(repr=False)
    image_uri: str | None
    role_arn: str | None = None
    vpc_config: Members | None = None
    network_isolation: bool = False


def from_training_job(aws: Aws, job: Mapping[str, Any], overrides: Overrides) -> Source:
    """Return what a training job made.

    Its model package comes first; else its artifacts, served as JumpStart says where it
    was one of JumpStart's, or by the image that goes with the training image.

    Parameters
    ----------
    aws : Aws
        The account.
    job : mapping
        The answer of DescribeTrainingJob.
    overrides : Overrides
        The user's own image and variables.

    Raises
    ------
    ProviderError
        If the job is not completed, left nothing behind, or nobody knows what serves it.
    """
    name = f"training job {job['TrainingJobName']!r}"
    _refuse_unfinished(name, job)
    place: dict[str, Any] = {
        "role_arn": job.get("RoleArn"),
        "vpc_config": job.get("VpcConfig"),
        "network_isolation": bool(job.get("EnableNetworkIsolation", False)),
    }
    if package_arn := job.get("OutputModelPackageArn"):
        with translated():
            package = aws.sagemaker.describe_model_package(ModelPackageName=package_arn)
        containers, image = _of_package(aws, package, overrides)
        return Source(name=name, containers=containers, image_uri=image, **place)
    data = _artifacts(name, job)
    if overrides.image_uri is not None:
        container = overrides.container(data, overrides.image_uri)
    elif hosted := hosted_model(aws, job, overrides.instance_type):
        image = current(hosted.image_uri)
        # The hub's settings are for the hub's image.
        environment = hosted.environment if image == hosted.image_uri else None
        container = overrides.container(data, image, environment)
    else:
        container = overrides.container(data, _serving_image(aws, name, job))
    return Source(name=name, containers=(container,), image_uri=container["Image"], **place)


def from_model_package(aws: Aws, package: Mapping[str, Any], overrides: Overrides) -> Source:
    """Return what a model package holds; `package` is the answer of DescribeModelPackage.

    Raises
    ------
    ProviderError
        If it is not completed, or holds nothing that can be served.
    """
    containers, image = _of_package(aws, package, overrides)
    return Source(name=_package_name(package), containers=containers, image_uri=image)


def from_model(model: Mapping[str, Any], overrides: Overrides) -> Source:
    """Return a copy of an existing model with the user's own image and variables.

    Raises
    ------
    ProviderError
        If it has several containers: nobody knows which of them is meant.
    """
    name = f"model {model['ModelName']!r}"
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    if len(containers) > 1:
        raise ProviderError(
            f"{_capital(name)} has {len(containers)} containers, so image_uri and environment "
            "cannot tell which one they are for. Leave them out of deployment_config.",
            provider=PROVIDER,
        )
    container = dict(containers[0])
    image = overrides.image_uri or container.get("Image")
    if image is not None:
        container["Image"] = image
    container["Environment"] = {**container.get("Environment", {}), **overrides.environment}
    return Source(
        name=name,
        containers=(container,),
        image_uri=image,
        role_arn=model.get("ExecutionRoleArn"),
        vpc_config=model.get("VpcConfig"),
        network_isolation=bool(model.get("EnableNetworkIsolation", False)),
    )


def _refuse_unfinished(name: str, job: Mapping[str, Any]) -> None:
    status = job["TrainingJobStatus"]
    artifacts = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    match status:
        case "Completed":
            return
        case "InProgress" | "Stopping":
            fix = "Wait until it is Completed, then call again."
        case "Stopped" if artifacts:
            fix = (
                f"What it had made by then may be at {artifacts}: create a SageMaker model from "
                "it, and pass the model's name; or train to the end."
            )
        case _:
            reason = one_line(job.get("FailureReason") or "")
            fix = f"{reason + '. ' if reason else ''}Pass a job that is Completed."
    raise ProviderError(
        f"{_capital(name)} is {status}, so there is no finished model to deploy. {fix}",
        provider=PROVIDER,
    )


def _artifacts(name: str, job: Mapping[str, Any]) -> dict[str, Any]:
    uri = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if not uri:
        raise ProviderError(
            f"{_capital(name)} is Completed, but left no model artifacts. Pass a job that saves "
            "its model to /opt/ml/model, the name of a SageMaker model, or the ARN of a model "
            "package.",
            provider=PROVIDER,
        )
    if job.get("OutputDataConfig", {}).get("CompressionType") != "NONE":
        return {"ModelDataUrl": uri}
    return _folder(uri)


def _folder(uri: str) -> dict[str, Any]:
    """Return the members for model files that lie in a folder as they are."""
    source = {
        "S3Uri": f"{uri.rstrip('/')}/",  # without the slash it is no folder to CreateModel
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    return {"ModelDataSource": {"S3DataSource": source}}


def _serving_image(aws: Aws, name: str, job: Mapping[str, Any]) -> str:
    algorithm = job.get("AlgorithmSpecification", {})
    training_image = algorithm.get("TrainingImage")
    account = job["TrainingJobArn"].split(":")[4]
    found = training_image and serving_image(training_image, job_account=account)
    if found:
        return str(found)
    used = training_image or algorithm.get("AlgorithmName") or "no image of its own"
    raise ProviderError(
        f"{_capital(name)} was trained with {used}, which does not tell what serves its model. "
        'Pass the image that does: deployment_config={"image_uri": ...}. For a model in the '
        f'format of Hugging Face\'s transformers that is "{lmi_image(aws.region)}".',
        provider=PROVIDER,
    )


def _of_package(
    aws: Aws, package: Mapping[str, Any], overrides: Overrides
) -> tuple[tuple[Members, ...], str | None]:
    name = _package_name(package)
    if package["ModelPackageStatus"] != "Completed":
        raise ProviderError(
            f"{_capital(name)} is {package['ModelPackageStatus']}, so it cannot be deployed. Pass "
            "one that is Completed.",
            provider=PROVIDER,
        )
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if not containers:
        raise ProviderError(
            f"{_capital(name)} does not say what serves it: it has no inference specification. "
            "Pass the training job that made it, or the name of a SageMaker model.",
            provider=PROVIDER,
        )
    first = containers[0]
    image = first.get("Image")
    if len(containers) > 1 or (image and overrides.image_uri is None):
        # By its ARN, and not by its parts: what is bought on the Marketplace hides them.
        by_arn: dict[str, Any] = {"ModelPackageName": package["ModelPackageArn"]}
        if overrides.environment:
            by_arn["Environment"] = dict(overrides.environment)
        return (by_arn,), image
    data = _package_data(name, first)
    container = overrides.container(data, image or lmi_image(aws.region))
    return (container,), container["Image"]


def _package_data(name: str, container: Mapping[str, Any]) -> dict[str, Any]:
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        if url := container.get("ModelDataUrl"):
            return {"ModelDataUrl": url}
        raise ProviderError(
            f"{_capital(name)} holds no model data. Pass the training job that made it, or the "
            "name of a SageMaker model.",
            provider=PROVIDER,
        )
    if container.get("IsCheckpoint") is False:
        return _folder(source["S3Uri"].rstrip("/") + _MERGED)
    kept = {name: source[name] for name in _DATA_SOURCE_MEMBERS if name in source}
    return {"ModelDataSource": {"S3DataSource": kept}}


def _package_name(package: Mapping[str, Any]) -> str:
    return f"model package {package['ModelPackageArn']!r}"


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]
