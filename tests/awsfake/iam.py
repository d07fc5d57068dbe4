"""Identity and Access Management: what a principal may do, whom a role trusts."""

import json
from urllib.parse import quote

from tests.awsfake.account import Account
from tests.awsfake.wire import AwsError, Json

_CREATED = "2026-01-02T03:04:05Z"


class Iam:
    """Simulates policies by what the account denies, and describes roles."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, operation: str, given: Json, principal: str) -> Json:
        """Return what SimulatePrincipalPolicy or GetRole answers with."""
        self._account.authorize(principal, f"iam:{operation}", "*")
        if operation == "GetRole":
            return {"Role": self._role(given["RoleName"])}
        return self._simulated(given, principal)

    def _simulated(self, given: Json, principal: str) -> Json:
        if given["PolicySourceArn"].split(":")[5].split("/")[0] not in {"user", "role"}:
            raise AwsError("InvalidInput", "Invalid Entity Arn")
        actions = [value for name, value in given.items() if name.startswith("ActionNames.")]
        denied = self._account.denied
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": given["ResourceArns.member.1"],
                "EvalDecision": "allowed"
                if denied.isdisjoint({(action, None), (action, principal)})
                else "implicitDeny",
            }
            for action in actions
        ]
        return {"EvaluationResults": results, "IsTruncated": "false"}

    def _role(self, name: str) -> Json:
        # In a path, as roles of an organization are.
        role_arn = f"arn:aws:iam::{self._account.id}:role/team/{name}"
        if any(arn.endswith(f"/{name}") for arn in self._account.missing_roles):
            raise AwsError(
                "NoSuchEntity", f"The role with name {name} cannot be found.", status=404
            )
        service = "scheduler" if "scheduler" in name else "sagemaker"
        trust = {"Principal": {"Service": f"{service}.amazonaws.com"}, "Effect": "Allow"}
        document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
        return {
            "Path": "/team/",
            "RoleName": name,
            "RoleId": "AROAIOSFODNN7EXAMPLE",
            "Arn": role_arn,
            "CreateDate": _CREATED,
            "AssumeRolePolicyDocument": quote(json.dumps(document)),
        }
