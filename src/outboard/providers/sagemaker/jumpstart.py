"""What JumpStart says on how to serve a model that was fine-tuned with it."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.aws_error import code_of, is_denied, translated

logger = logging.getLogger(__name__)

_PUBLIC_HUB = "SageMakerPublicHub"
_MODEL_ID_TAG = "sagemaker-sdk:jumpstart-model-id"
_VERSION_TAG = "sagemaker-sdk:jumpstart-model-version"
_HUB_TAG = "sagemaker-hub:hub-arn"
_MODEL_ID = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, kw_only=True)
class HostedModel:
    """One model of a hub, as it is to be served."""

    model_id: str
    image_uri: str
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Reference:
    """Which model of which hub a training job started from."""

    model_id: str
    version: str | None
    hub: str


def hosted_model(aws: Aws, job: Mapping[str, Any], instance_type: str) -> HostedModel | None:
    """Return how JumpStart serves the model that a training job started from.

    Parameters
    ----------
    aws : Aws
        The account.
    job : mapping
        The answer of DescribeTrainingJob.
    instance_type : str
        What it is to run on: JumpStart has images and settings by instance.

    Returns
    -------
    HostedModel or None
        None if the job is none of JumpStart's, or the hub does not know its model any more.

    Raises
    ------
    CredentialsError, ProviderError
        If AWS does not let us look.
    """
    reference = _reference(aws, job)
    if reference is None:
        return None
    document = _document(aws, reference)
    if document is None:
        logger.warning(
            "JumpStart's hub %s does not know model %s", reference.hub, reference.model_id
        )
        return None
    properties = _properties(document, instance_type)
    image_uri = properties.get("image_uri") or document.get("HostingEcrUri")
    if not image_uri:
        return None
    environment = _environment(document) | _texts(properties.get("environment_variables", {}))
    return HostedModel(
        model_id=reference.model_id, image_uri=str(image_uri), environment=environment
    )


def _reference(aws: Aws, job: Mapping[str, Any]) -> _Reference | None:
    tags = _tags(aws, job["TrainingJobArn"])
    model_id = tags.get(_MODEL_ID_TAG) or _from_hyperparameters(job)
    if not model_id or not _MODEL_ID.fullmatch(model_id):
        return None
    version = tags.get(_VERSION_TAG, "")
    return _Reference(
        model_id=model_id,
        version=version if _VERSION.fullmatch(version) else None,
        hub=tags.get(_HUB_TAG) or _PUBLIC_HUB,
    )


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    """Return the tags of a resource; none if we may not look: they are only one trace of it."""
    with translated():
        try:
            pages = aws.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        except ClientError as fault:
            if is_denied(fault):
                return {}
            raise


def _from_hyperparameters(job: Mapping[str, Any]) -> str | None:
    """Return the model id among the settings of a script of JumpStart's."""
    # The SDK writes each value as JSON: a text has quotes of its own.
    settings: dict[str, str] = {
        name: value.strip('"') for name, value in job.get("HyperParameters", {}).items()
    }
    if named := settings.get("jumpstart_model_id"):
        return named
    script = settings.get("sagemaker_submit_directory", "")
    return settings.get("model_id") if script.startswith("s3://jumpstart-") else None


def _document(aws: Aws, reference: _Reference) -> dict[str, Any] | None:
    asked: dict[str, str] = {
        "HubName": reference.hub,
        "HubContentType": "Model",
        "HubContentName": reference.model_id,
    }
    # A version may be withdrawn from the hub; the newest one then serves the model as well.
    for version in dict.fromkeys((reference.version, None)):
        with translated():
            try:
                exact = {} if version is None else {"HubContentVersion": version}
                answer = aws.sagemaker.describe_hub_content(**asked, **exact)
            except ClientError as fault:
                if code_of(fault) != "ResourceNotFound":
                    raise
            else:
                document: dict[str, Any] = json.loads(answer["HubContentDocument"])
                return document
    return None


def _properties(document: Mapping[str, Any], instance_type: str) -> dict[str, Any]:
    """Return what differs for an instance type, by snake-case names: its own word goes last."""
    table = document.get("HostingInstanceTypeVariants") or {}
    aliases = table.get("Aliases") or {}
    variants = table.get("Variants") or {}
    family = instance_type.removeprefix("ml.").partition(".")[0]
    merged: dict[str, Any] = {}
    for named in (family, f"ml.{family}", instance_type):
        variant = variants.get(named) or {}
        properties = variant.get("Properties") or variant.get("properties") or {}
        for name, value in properties.items():
            key = _WORD_START.sub("_", name).lower()
            merged[key] = merged.get(key, {}) | value if isinstance(value, dict) else value
    image = merged.get("image_uri")
    if isinstance(image, str) and image.startswith("$"):
        merged["image_uri"] = aliases.get(image[1:])
    return merged


def _environment(document: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable in document.get("InferenceEnvironmentVariables") or []:
        value = variable.get("Default", variable.get("DefaultValue"))
        if value not in (None, ""):  # an empty one would override the container's own default
            found[variable["Name"]] = str(value)
    return found


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
