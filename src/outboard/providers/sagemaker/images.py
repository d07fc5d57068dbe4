"""The container image that serves what a training image has made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from outboard.providers.sagemaker.payload import PayloadFormat, format_of_image

# LMI 20 with vLLM 0.15.1, of February 2026: the newest for CUDA 12.8, which the driver of every
# GPU instance runs; later ones are for CUDA 13.
# https://aws.github.io/deep-learning-containers/reference/available_images/
_LMI = "djl-inference:0.36.0-lmi20.0.0-cu128"

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<domain>[a-z0-9.]+)"
    r"/(?P<repository>[^:@]+)"
)

#: What the training images of these repositories write can be read by LMI: a folder, or an
#: archive, in the format of Hugging Face's transformers.
_TRAINING_REPOSITORIES = frozenset(
    (
        "huggingface-pytorch-training",
        "huggingface-pytorch-trcomp-training",
        "pytorch-training",
        "pytorch-trcomp-training",
    )
)

#: Accounts of AWS's deep learning containers in regions that have one of their own.
#: https://aws.github.io/deep-learning-containers/reference/available_images/ (2026)
_ACCOUNT = "763104351884"
_ACCOUNTS = {
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "cn-north-1": "727897471807",
    "cn-northwest-1": "727897471807",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "mx-central-1": "637423239942",
    "us-gov-east-1": "446045086412",
    "us-gov-west-1": "442386744353",
}

#: Where SageMaker puts the model's files in a container.
_MODEL_DIR = "/opt/ml/model"
_ENVIRONMENTS: Mapping[PayloadFormat, Mapping[str, str]] = {
    PayloadFormat.LMI: {
        "HF_MODEL_ID": _MODEL_DIR,
        "OPTION_TENSOR_PARALLEL_DEGREE": "max",  # every GPU of the instance
        # A model that cannot be loaded ends the container at once, with the reason in its log.
        "SERVING_FAIL_FAST": "true",
    },
    PayloadFormat.TGI: {"HF_MODEL_ID": _MODEL_DIR},
}
#: vLLM's and SGLang's images share a payload format, not the names of their settings.
_ENVIRONMENTS_BY_REPOSITORY = {
    "vllm": {"SM_VLLM_MODEL": _MODEL_DIR},
    "sglang": {"SM_SGLANG_MODEL_PATH": _MODEL_DIR},
}


@dataclass(frozen=True, kw_only=True)
class _Image:
    """The parts of an image's address."""

    account: str
    registry: str
    repository: str


def lmi_image(region: str) -> str:
    """Return the LMI image of a region: it serves any model in Hugging Face's format."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{_ACCOUNTS.get(region, _ACCOUNT)}.dkr.ecr.{region}.{domain}/{_LMI}"


def serving_image(training_image: str, *, job_account: str) -> str | None:
    """Return the image that serves the model of a training job; None if nobody can tell.

    Its registry is the training image's: the same region, the same account.

    Parameters
    ----------
    training_image : str
        ``AlgorithmSpecification.TrainingImage`` of the job.
    job_account : str
        Account that the job ran in. An image of its own may hold anything, whatever its name.
    """
    image = _parsed(training_image)
    if image is None or image.account == job_account:
        return None
    if image.repository in _TRAINING_REPOSITORIES:
        return f"{image.registry}/{_LMI}"
    return current(training_image) if format_of_image(training_image) else None


def current(image_uri: str) -> str:
    """Return the image to deploy for one that serves: LMI instead of TGI, which has ended.

    LMI reads the same models. TGI is archived since March 2026.
    """
    image = _parsed(image_uri)
    if image is None or format_of_image(image_uri) is not PayloadFormat.TGI:
        return image_uri
    return f"{image.registry}/{_LMI}"


def serving_environment(image_uri: str) -> dict[str, str]:
    """Return the variables by which a container of this image finds its model; may be none."""
    image = _parsed(image_uri)
    repository = image.repository if image else ""
    for part, environment in _ENVIRONMENTS_BY_REPOSITORY.items():
        if part in repository:
            return dict(environment)
    known = format_of_image(image_uri)
    return dict(_ENVIRONMENTS.get(known, {})) if known else {}


def _parsed(image_uri: str) -> _Image | None:
    found = _URI.match(image_uri)
    if found is None:
        return None
    registry = image_uri.partition("/")[0]
    return _Image(account=found["account"], registry=registry, repository=found["repository"])
