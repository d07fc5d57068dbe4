"""SageMaker's control plane: its operations by name."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.awsfake.account import Account
from tests.awsfake.catalogue import Catalogue
from tests.awsfake.endpoints import Endpoints
from tests.awsfake.hosting import Shelf, check_endpoint_config, check_model
from tests.awsfake.shapes import check
from tests.awsfake.tags import Tags
from tests.awsfake.wire import AwsError, Json

#: Member of a request that names the resource -> the kind of it in ARNs.
_RESOURCES = {
    "TrainingJobName": "training-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageName": "model-package",
    "InferenceComponentName": "inference-component",
    "HubContentName": "hub-content",
}


@dataclass(frozen=True)
class ControlPlane:
    """Answers one operation at a time."""

    account: Account
    tags: Tags
    catalogue: Catalogue
    models: Shelf
    configs: Shelf
    endpoints: Endpoints

    def answer(self, operation: str, given: Json, principal: str) -> Json | None:
        """Return what an operation answers with, None for an empty body."""
        known = self._operations()
        if operation not in known:
            raise AwsError("UnknownOperationException", None)
        self.account.authorize(principal, f"sagemaker:{operation}", self._resource(given))
        check("sagemaker", operation, given)
        if operation == "CreateModel" and "ExecutionRoleArn" in given:
            self.account.pass_role(principal, given["ExecutionRoleArn"])
        if given.get("Tags"):
            self.account.authorize(principal, "sagemaker:AddTags", self._resource(given))
        return known[operation](given)

    def _operations(self) -> dict[str, Callable[[Json], Json | None]]:
        catalogue, endpoints = self.catalogue, self.endpoints
        return {
            "DescribeTrainingJob": catalogue.describe_training_job,
            "ListTrainingJobs": catalogue.list_training_jobs,
            "DescribeModelPackage": catalogue.describe_model_package,
            "DescribeHubContent": catalogue.describe_hub_content,
            "DescribeInferenceComponent": catalogue.describe_inference_component,
            "ListInferenceComponents": catalogue.list_inference_components,
            "CreateModel": self._create_model,
            "DescribeModel": self.models.describe,
            "DeleteModel": self.models.delete,
            "ListModels": self.models.summaries,
            "CreateEndpointConfig": self._create_endpoint_config,
            "DescribeEndpointConfig": self.configs.describe,
            "DeleteEndpointConfig": self.configs.delete,
            "ListEndpointConfigs": self.configs.summaries,
            "CreateEndpoint": endpoints.create,
            "DescribeEndpoint": endpoints.describe,
            "UpdateEndpoint": endpoints.update,
            "DeleteEndpoint": endpoints.delete,
            "ListEndpoints": endpoints.summaries,
            "AddTags": self.tags.add,
            "ListTags": self.tags.summaries,
        }

    def _create_model(self, given: Json) -> Json:
        check_model(given, self.account)
        return self.models.add(given)

    def _create_endpoint_config(self, given: Json) -> Json:
        check_endpoint_config(given, self.models)
        return self.configs.add(given)

    def _resource(self, given: Json) -> str:
        if arn := given.get("ResourceArn"):
            return str(arn)
        named = [
            (kind, given[m]) for m, kind in _RESOURCES.items() if isinstance(given.get(m), str)
        ]
        return self.account.arn(*named[0]) if named else "*"
