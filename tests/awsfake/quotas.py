"""Service Quotas: how many instances of each type endpoints may use."""

from hashlib import sha256

from tests.awsfake.account import Account
from tests.awsfake.listing import cut
from tests.awsfake.shapes import service_model
from tests.awsfake.wire import AwsError, Json


class Quotas:
    """The quotas of the service ``sagemaker``."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, operation: str, given: Json, principal: str) -> Json:
        """Return what GetServiceQuota or ListServiceQuotas answers with."""
        self._account.authorize(principal, f"servicequotas:{operation}", "*")
        if given["ServiceCode"] != "sagemaker":
            raise _unknown(f"service {given['ServiceCode']}")
        types = service_model("sagemaker").shape_for("ProductionVariantInstanceType").enum
        quotas = [self._quota(instance_type) for instance_type in types]
        code = given.get("QuotaCode")
        chosen = [quota for quota in quotas if code in {None, quota["QuotaCode"]}]
        if operation == "ListServiceQuotas":
            shown, token = cut(given, chosen, default=100)
            return {"Quotas": shown, **token}
        if not chosen:
            raise _unknown(f"quota {code}")
        return {"Quota": chosen[0]}

    def _quota(self, instance_type: str) -> Json:
        name = f"{instance_type} for endpoint usage"
        code = f"L-{sha256(name.encode()).hexdigest()[:8].upper()}"
        where = f"arn:aws:servicequotas:{self._account.region}:{self._account.id}"
        return {
            "ServiceCode": "sagemaker",
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"{where}:sagemaker/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": float(self._account.quota(instance_type)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


def _unknown(what: str) -> AwsError:
    return AwsError(
        "NoSuchResourceException", f"The request failed because the {what} does not exist."
    )
