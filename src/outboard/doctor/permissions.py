"""What we may do on AWS, found out without doing it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from outboard.providers.sagemaker.aws import Aws, translated
from outboard.providers.sagemaker.aws_error import code_of, is_denied

#: A name that nothing has, but that policies for outboard's things match.
_NAME = "outboard-doctor"

#: What outboard does, by the resource that it does it to. ``docs/sagemaker.md`` grants the same.
ACTIONS: dict[str, tuple[str, ...]] = {
    "sagemaker:training-job/" + _NAME: ("sagemaker:DescribeTrainingJob", "sagemaker:ListTags"),
    "sagemaker:model/" + _NAME: (
        "sagemaker:AddTags",
        "sagemaker:CreateModel",
        "sagemaker:DeleteModel",
        "sagemaker:DescribeModel",
    ),
    "sagemaker:endpoint-config/" + _NAME: (
        "sagemaker:AddTags",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DescribeEndpointConfig",
    ),
    "sagemaker:endpoint/" + _NAME: (
        "sagemaker:AddTags",
        "sagemaker:CreateEndpoint",
        "sagemaker:DeleteEndpoint",
        "sagemaker:DescribeEndpoint",
        "sagemaker:InvokeEndpoint",
        "sagemaker:ListTags",
    ),
    "logs:log-group:/aws/sagemaker/Endpoints/" + _NAME: (
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
    ),
    "*": (
        "pricing:GetProducts",
        "sagemaker:ListEndpoints",
        "sagemaker:ListModels",
        "sagemaker:ListTrainingJobs",
        "servicequotas:ListServiceQuotas",
    ),
}
#: What it does besides where a role for schedules is set up.
SCHEDULE_ACTIONS = (
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:UpdateSchedule",
)


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What was found."""

    #: Actions that are not allowed, each once.
    denied: tuple[str, ...]
    n_checked: int
    #: True if IAM was asked about every action; False if some that change nothing were tried.
    simulated: bool


def look_up(aws: Aws, *, scheduler_role: str | None) -> Permissions:
    """Find out what the credentials allow. Creates nothing, and blocks.

    Parameters
    ----------
    aws : Aws
        The account.
    scheduler_role : str or None
        Role that is handed to EventBridge Scheduler.

    Raises
    ------
    CredentialsError, ProviderError
        If AWS refuses the credentials, or cannot be reached.
    """
    with translated():
        try:
            decisions = list(_simulated(aws, scheduler_role))
        except ClientError as fault:
            # Few may ask IAM; and it knows no account's root, nor who is federated.
            if not is_denied(fault) and code_of(fault) not in {"InvalidInput", "NoSuchEntity"}:
                raise
            return _tried(aws)
    return _permissions(decisions, simulated=True)


def _simulated(aws: Aws, scheduler_role: str | None) -> Iterator[tuple[str, bool]]:
    iam = aws.client("iam")
    principal = _principal(aws, iam)
    wanted = {_arn(aws, resource): actions for resource, actions in ACTIONS.items()}
    if scheduler_role is not None:
        wanted[_arn(aws, f"scheduler:schedule/default/{_NAME}")] = SCHEDULE_ACTIONS
    for resource, actions in wanted.items():
        yield from _ask(iam, principal, actions, resource)
    if scheduler_role is not None:
        service: dict[str, object] = {
            "ContextKeyName": "iam:PassedToService",
            "ContextKeyValues": ["scheduler.amazonaws.com"],
            "ContextKeyType": "string",
        }
        yield from _ask(iam, principal, ("iam:PassRole",), scheduler_role, (service,))


def _ask(
    iam: BaseClient,
    principal: str,
    actions: tuple[str, ...],
    resource: str,
    context: tuple[dict[str, object], ...] = (),
) -> Iterator[tuple[str, bool]]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=list(actions),
        ResourceArns=[resource],
        ContextEntries=list(context),
    )
    for page in pages:
        for result in page["EvaluationResults"]:
            yield result["EvalActionName"], result["EvalDecision"] == "allowed"


def _principal(aws: Aws, iam: BaseClient) -> str:
    """Return the ARN whose policies count: a session's is not its role's, which has a path."""
    arn: str = aws.identity.arn
    if ":assumed-role/" not in arn:
        return arn
    role_name = arn.split("/")[1]
    return str(iam.get_role(RoleName=role_name)["Role"]["Arn"])


def _arn(aws: Aws, resource: str) -> str:
    if resource == "*":
        return resource
    partition = aws.identity.arn.split(":")[1]
    service, _, name = resource.partition(":")
    return f"arn:{partition}:{service}:{aws.region}:{aws.identity.account_id}:{name}"


def _tried(aws: Aws) -> Permissions:
    """Look at things that do not exist: who may not look is told so, others that there is none."""
    sagemaker = aws.sagemaker
    looks: dict[str, Callable[[], object]] = {
        "sagemaker:DescribeTrainingJob": lambda: sagemaker.describe_training_job(
            TrainingJobName=_NAME
        ),
        "sagemaker:DescribeModel": lambda: sagemaker.describe_model(ModelName=_NAME),
        "sagemaker:DescribeEndpoint": lambda: sagemaker.describe_endpoint(EndpointName=_NAME),
        "sagemaker:ListEndpoints": lambda: sagemaker.list_endpoints(MaxResults=1),
    }
    return _permissions(
        [(action, _is_allowed(look)) for action, look in looks.items()], simulated=False
    )


def _is_allowed(look: Callable[[], object]) -> bool:
    try:
        look()
    except ClientError as fault:
        return not is_denied(fault)
    return True


def _permissions(decisions: list[tuple[str, bool]], *, simulated: bool) -> Permissions:
    denied = dict.fromkeys(action for action, is_allowed in decisions if not is_allowed)
    checked = {action for action, _ in decisions}
    return Permissions(denied=tuple(denied), n_checked=len(checked), simulated=simulated)
