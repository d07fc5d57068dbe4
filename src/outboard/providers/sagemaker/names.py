"""The names that SageMaker gives to things."""

import difflib
import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from outboard.errors import ProviderError
from outboard.providers.sagemaker.aws import PROVIDER, Aws

#: Of training jobs, models, endpoints and inference components.
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

_ARN = re.compile(
    r"arn:aws[\w-]*:sagemaker:(?P<region>[\w-]+):(?P<account>\d{12}|aws)"
    r":(?P<kind>[\w-]+)/(?P<name>.+)"
)
_MOST_LISTED = 100
_MOST_SHOWN = 3


@dataclass(frozen=True)
class ResourceName:
    """A resource of our account in our region."""

    #: As in ARNs, e.g. ``"training-job"``.
    kind: str
    #: In an ARN, AWS spells most names in lower case.
    name: str


def parse_arn(aws: Aws, arn: str, *, kind: str | None = None) -> ResourceName:
    """Return what an ARN names.

    Parameters
    ----------
    aws : Aws
        Where it has to be.
    arn : str
        As the user gave it.
    kind : str, optional
        What it has to be, e.g. ``"endpoint"``.

    Raises
    ------
    ProviderError
        If it is none, not of that kind, of another region, or of another account.
    """
    parts = _ARN.fullmatch(arn)
    if parts is None or kind not in {None, parts["kind"]}:
        wanted = f"the ARN of an {kind}" if kind else "an ARN of SageMaker's"
        raise ProviderError(
            f"{arn!r} is not {wanted}. Correct it, or pass the name alone.", provider=PROVIDER
        )
    if parts["region"] != aws.region:
        raise ProviderError(
            f"{arn} is in region {parts['region']}, but AWS is asked in {aws.region}. Set "
            f"AWS_DEFAULT_REGION={parts['region']}, or call "
            f"boto3.setup_default_session(region_name={parts['region']!r}).",
            provider=PROVIDER,
        )
    # A model package may be shared with us by another account; nothing else can.
    account_id = aws.identity.account_id
    if parts["kind"] != "model-package" and parts["account"] != account_id:
        raise ProviderError(
            f"{arn} is of account {parts['account']}, but these credentials are for account "
            f"{account_id}. Use credentials of the other account, e.g. by AWS_PROFILE.",
            provider=PROVIDER,
        )
    return ResourceName(parts["kind"], parts["name"])


def nearest_names(aws: Aws, name: str) -> list[str]:
    """Return the training jobs and models whose names come nearest; none if we may not look."""
    listed = [
        *_listed(aws, "list_training_jobs", "TrainingJobSummaries", "TrainingJobName", name),
        *_listed(aws, "list_models", "Models", "ModelName", name),
    ]
    return difflib.get_close_matches(name, dict.fromkeys(listed), n=_MOST_SHOWN, cutoff=0.5)


def _listed(aws: Aws, operation: str, member: str, key: str, name: str) -> list[str]:
    # AWS only looks for a part that is in the name: the longest words are likely to be right.
    words = sorted(re.findall(r"[a-zA-Z0-9]+", name), key=len, reverse=True)
    list_names = getattr(aws.sagemaker, operation)
    for word in words[:2]:
        try:
            answer = list_names(NameContains=word[:63], MaxResults=_MOST_LISTED)
        except ClientError:
            return []
        if answer[member]:
            return [summary[key] for summary in answer[member]]
    return []
