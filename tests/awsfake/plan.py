"""How it will go with an endpoint: how long, how it ends, how its container behaves."""

from dataclasses import dataclass
from typing import Literal

#: ``stuck`` stays Creating for ever; the others but InService end in Failed.
Outcome = Literal[
    "InService",
    "stuck",
    "capacity",
    "ping",
    "image",
    "image-access",
    "container-start",
    "model-data",
]
#: Shapes of request and answer; ``auto`` is told by the image.
Format = Literal["auto", "tgi", "lmi", "openai", "jumpstart"]

#: FailureReason by outcome, worded as SageMaker words it.
FAILURE_REASONS = {
    "capacity": (
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity "
        "error. Please retry using a different ML instance type or after some time."
    ),
    "ping": (
        "The primary container for production variant {variant} did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint."
    ),
    "image": "The image '{image}' does not exist.",
    "image-access": (
        "Please make sure all images included in the model for the production variant {variant} "
        "exist, and that the execution role used to create the model has permissions to access "
        "them."
    ),
    "container-start": (
        "CannotStartContainerError. Please ensure the model container for variant {variant} "
        "starts correctly when invoked with 'docker run <image> serve'."
    ),
    "model-data": (
        'Failed to download model data for container "container_1" from URL. Please ensure that '
        "there is an object located at the URL and that the role passed to CreateModel has "
        "permissions to download the model."
    ),
}
#: Outcomes in which a container ran and logged something.
CONTAINER_RAN = {"InService", "ping", "container-start"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens to an endpoint. Times are virtual seconds."""

    outcome: Outcome = "InService"
    creating_s: float = 240.0
    deleting_s: float = 60.0
    #: Time that passes with every DescribeEndpoint, so that a poll loop gets somewhere.
    step_s: float = 0.0
    #: What the container logs before it is in service, or fails.
    log_lines: tuple[str, ...] = ("Loading the model", "Model server started")
    payload_format: Format = "auto"
    #: Time until an answer.
    latency_s: float = 0.0
    #: Requests at a time; more are throttled. None for no limit.
    max_in_flight: int | None = None
    #: Tokens of prompt and answer together.
    context_length: int = 2_048
