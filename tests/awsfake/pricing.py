"""The Price List service: on-demand prices of hosting instances."""

import json

from tests.awsfake.account import Account
from tests.awsfake.listing import cut
from tests.awsfake.wire import AwsError, Json

#: Dollars an hour for hosting in us-east-1, of the types that tests use.
PRICES = {
    "ml.m5.xlarge": 0.23,
    "ml.g5.xlarge": 1.4084,
    "ml.g5.2xlarge": 1.515,
    "ml.g5.12xlarge": 7.09,
    "ml.g6.2xlarge": 1.222,
}


class Pricing:
    """Prices by instance type; a type that is missing here has no price."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, operation: str, given: Json, principal: str) -> Json:
        """Return what GetProducts answers with."""
        self._account.authorize(principal, f"pricing:{operation}", "*")
        if given["ServiceCode"] != "AmazonSageMaker":
            raise AwsError("InvalidParameterException", "Input Parameters are invalid.")
        wanted = {f["Field"]: f["Value"] for f in given.get("Filters", [])}
        products = [self._product(name, price) for name, price in PRICES.items()]
        chosen = [
            json.dumps(product)  # each one a string of its own, as the service sends them
            for product in products
            if wanted.items() <= product["product"]["attributes"].items()
        ]
        shown, token = cut(given, chosen, default=100)
        return {"FormatVersion": "aws_v1", "PriceList": shown, **token}

    def _product(self, instance_type: str, price: float) -> Json:
        sku = instance_type.replace(".", "").upper()
        dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}
        return {
            "product": {
                "productFamily": "ML Instance",
                "sku": sku,
                "attributes": {
                    "regionCode": self._account.region,
                    "instanceName": instance_type,
                    "component": "Hosting",
                    "servicecode": "AmazonSageMaker",
                },
            },
            "serviceCode": "AmazonSageMaker",
            "terms": {"OnDemand": {f"{sku}.T": {"priceDimensions": {f"{sku}.T.D": dimension}}}},
        }
