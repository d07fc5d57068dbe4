"""An endpoint that is there already: used as it is, never changed, never deleted."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from outboard.errors import ProviderError
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.aws_error import PROVIDER, is_denied, is_not_found, translated
from outboard.providers.sagemaker.deployable import RunningEndpoint
from outboard.providers.sagemaker.payload import PayloadFormat
from outboard.providers.server_error import one_line

_SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})


def describe_endpoint(aws: Aws, name: str, *, region: str | None = None) -> dict[str, Any] | None:
    """Return the answer of DescribeEndpoint; None if there is no such endpoint."""
    client = aws.client("sagemaker", region=region)
    with translated():
        try:
            answer: dict[str, Any] = client.describe_endpoint(EndpointName=name)
        except ClientError as fault:
            if is_not_found(fault):
                return None
            raise
    return answer


def running_endpoint(
    aws: Aws,
    endpoint: Mapping[str, Any],
    *,
    component: str | None,
    payload_format: PayloadFormat | None,
) -> RunningEndpoint:
    """Return how to reach an endpoint.

    Parameters
    ----------
    aws : Aws
        The account.
    endpoint : mapping
        The answer of DescribeEndpoint.
    component : str or None
        The inference component that is wanted, should the endpoint have components.
    payload_format : PayloadFormat or None
        What the user said that it speaks.

    Raises
    ------
    ProviderError
        If it is not in service, or has several components and none was chosen.
    """
    name, status = str(endpoint["EndpointName"]), endpoint["EndpointStatus"]
    if status not in _SERVING:
        reason = one_line(endpoint.get("FailureReason") or "")
        raise ProviderError(
            f"Endpoint {name!r} is not in service (status: {status}"
            f"{'; ' + reason if reason else ''}). "
            + (
                "Wait until it is InService, then call again."
                if status == "Creating"
                else "Pass one that is InService, or none to have one deployed."
            ),
            provider=PROVIDER,
        )
    variant = (endpoint.get("ProductionVariants") or [{}])[0]
    images = variant.get("DeployedImages") or []
    image = images[0].get("SpecifiedImage") if images else None
    chosen = _component(aws, name, wanted=component, has_image=image is not None)
    return RunningEndpoint(
        name=name,  # as AWS has it: invocations are sensitive to case
        component=chosen,
        image_uri=image if chosen is None else _image_of(aws, chosen) or image,
        payload_format=payload_format,
        instance_count=max(1, variant.get("CurrentInstanceCount", 1)),
    )


def describe_component(aws: Aws, name: str) -> dict[str, Any] | None:
    """Return the answer of DescribeInferenceComponent; None if there is no such component."""
    with translated():
        try:
            answer: dict[str, Any] = aws.sagemaker.describe_inference_component(
                InferenceComponentName=name
            )
        except ClientError as fault:
            if is_not_found(fault):
                return None
            raise
    return answer


def _component(aws: Aws, endpoint: str, *, wanted: str | None, has_image: bool) -> str | None:
    """Return the inference component to send requests to; None if the endpoint has none."""
    found = _components(aws, endpoint, may_be_denied=has_image)
    if not found:
        return None
    names = ", ".join(map(repr, found))
    if wanted in found:
        if found[wanted] == "InService":
            return wanted
        raise ProviderError(
            f"Inference component {wanted!r} of endpoint {endpoint!r} is not in service (status: "
            f"{found[wanted]}). Wait until it is InService, then call again.",
            provider=PROVIDER,
        )
    serving = [name for name, status in found.items() if status == "InService"]
    if not serving:
        raise ProviderError(
            f"Endpoint {endpoint!r} serves by inference components, of which none is in service: "
            f"{names}. Wait until one is InService, then call again.",
            provider=PROVIDER,
        )
    if len(serving) > 1:
        raise ProviderError(
            f"Endpoint {endpoint!r} has several inference components: {names}. Pass the name of "
            "one as external_model_name.",
            provider=PROVIDER,
        )
    return serving[0]


def _components(aws: Aws, endpoint: str, *, may_be_denied: bool) -> dict[str, str]:
    """Return the statuses of an endpoint's inference components by their names."""
    with translated():
        try:
            pages = aws.sagemaker.get_paginator("list_inference_components").paginate(
                EndpointNameEquals=endpoint
            )
            return {
                component["InferenceComponentName"]: component["InferenceComponentStatus"]
                for page in pages
                for component in page["InferenceComponents"]
            }
        except ClientError as fault:
            # Who may only invoke can use an endpoint that has a model of its own.
            if may_be_denied and is_denied(fault):
                return {}
            raise


def _image_of(aws: Aws, component: str) -> str | None:
    """Return the image of an inference component, where it tells."""
    described = describe_component(aws, component) or {}
    specification = described.get("Specification", {})
    image = specification.get("Container", {}).get("DeployedImage", {}).get("SpecifiedImage")
    return None if image is None else str(image)
