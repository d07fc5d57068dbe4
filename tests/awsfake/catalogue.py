"""What was in the account before the test: training jobs, model packages, hub contents."""

from typing import Any

from tests.awsfake.account import Account
from tests.awsfake.clock import Clock
from tests.awsfake.listing import Listed, page
from tests.awsfake.tags import Tags
from tests.awsfake.wire import AwsError, Json

TRAINING_IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
    "huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04"
)


class Catalogue:
    """Records in the shape that the Describe operations answer with."""

    def __init__(self, account: Account, clock: Clock, tags: Tags) -> None:
        self._account = account
        self._clock = clock
        self._tags = tags
        self._training_jobs: dict[str, Json] = {}
        self._packages: dict[str, Json] = {}
        self._hub_contents: dict[tuple[str, str], Json] = {}
        self._components: dict[str, Json] = {}

    # --- filled by the test; a member of None is left out

    def add_training_job(self, name: str, tags: dict[str, str], **members: Any) -> None:
        """Put a training job into the account, completed unless told otherwise."""
        arn = self._account.arn("training-job", name)
        output = f"s3://training-output/{name}"
        record = {
            "TrainingJobName": name,
            "TrainingJobArn": arn,
            "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{name}/output/model.tar.gz"},
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": members.get("TrainingJobStatus", "Completed"),
            "HyperParameters": {"epochs": "1"},
            "AlgorithmSpecification": {
                "TrainingImage": TRAINING_IMAGE,
                "TrainingInputMode": "File",
            },
            "RoleArn": f"arn:aws:iam::{self._account.id}:role/SageMakerExecutionRole",
            "OutputDataConfig": {"S3OutputPath": output, "CompressionType": "GZIP"},
            "ResourceConfig": {
                "InstanceType": "ml.g5.2xlarge",
                "InstanceCount": 1,
                "VolumeSizeInGB": 100,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        }
        self._training_jobs[name] = self._dated(record, members)
        self._register(arn, tags)

    def add_model_package(self, name: str, version: int, **members: Any) -> str:
        """Put a version of a model package into the account, and return its ARN."""
        arn = self._account.arn("model-package", f"{name}/{version}")
        record = {
            "ModelPackageName": name,
            "ModelPackageGroupName": name,
            "ModelPackageVersion": version,
            "ModelPackageArn": arn,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": "Approved",
        }
        self._packages[arn] = self._dated(record, members)
        return arn

    def add_hub_content(self, hub: str, name: str, document: str, **members: Any) -> None:
        """Put a model into a hub, e.g. JumpStart's ``SageMakerPublicHub``."""
        hub_arn = f"arn:aws:sagemaker:{self._account.region}:aws:hub/{hub}"
        record = {
            "HubContentName": name,
            "HubContentArn": f"{hub_arn.replace(':hub/', ':hub-content/')}/Model/{name}/1.0.0",
            "HubContentVersion": "1.0.0",
            "HubContentType": "Model",
            "DocumentSchemaVersion": "2.2.0",
            "HubName": hub,
            "HubArn": hub_arn,
            "HubContentDocument": document,
            "HubContentStatus": "Available",
        }
        self._hub_contents[hub, name] = self._dated(record, members)

    def add_inference_component(self, name: str, endpoint_name: str, **members: Any) -> None:
        """Put an inference component onto an endpoint."""
        arn = self._account.arn("inference-component", name)
        record = {
            "InferenceComponentName": name,
            "InferenceComponentArn": arn,
            "EndpointName": endpoint_name,
            "EndpointArn": self._account.arn("endpoint", endpoint_name),
            "VariantName": "AllTraffic",
            "InferenceComponentStatus": "InService",
            "RuntimeConfig": {"DesiredCopyCount": 1, "CurrentCopyCount": 1},
        }
        self._components[name] = self._dated(record, members)
        self._register(arn, {})

    def components_of(self, endpoint_name: str) -> list[Json]:
        """Return the inference components of an endpoint."""
        return [c for c in self._components.values() if c["EndpointName"] == endpoint_name]

    # --- asked over the wire

    def describe_training_job(self, given: Json) -> Json:
        """Answer DescribeTrainingJob."""
        # The service model promises ResourceNotFound; the service answers with this.
        return self._shown(
            self._training_jobs, given["TrainingJobName"], "Requested resource not found."
        )

    def list_training_jobs(self, given: Json) -> Json:
        """Answer ListTrainingJobs."""
        keys = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus")
        jobs, token = self._page(given, self._training_jobs, keys)
        return {"TrainingJobSummaries": jobs, **token}

    def describe_model_package(self, given: Json) -> Json:
        """Answer DescribeModelPackage, for an ARN or a name."""
        name = given["ModelPackageName"]
        known = self._packages | {
            record["ModelPackageName"]: record for record in self._packages.values()
        }
        return self._shown(known, name, f"ModelPackage {name} does not exist.")

    def describe_inference_component(self, given: Json) -> Json:
        """Answer DescribeInferenceComponent."""
        name = given["InferenceComponentName"]
        arn = self._account.arn("inference-component", name)
        return self._shown(self._components, name, f'Could not find inference component "{arn}".')

    def list_inference_components(self, given: Json) -> Json:
        """Answer ListInferenceComponents."""
        endpoint = given.get("EndpointNameEquals")
        chosen = {
            name: record
            for name, record in self._components.items()
            if endpoint in {None, record["EndpointName"]}
        }
        keys = (
            "InferenceComponentName",
            "InferenceComponentArn",
            "EndpointName",
            "EndpointArn",
            "VariantName",
            "InferenceComponentStatus",
        )
        components, token = self._page(given, chosen, keys)
        return {"InferenceComponents": components, **token}

    def describe_hub_content(self, given: Json) -> Json:
        """Answer DescribeHubContent."""
        hub, name = given["HubName"].split("/")[-1], given["HubContentName"]
        record = self._hub_contents.get((hub, name))
        wanted = given.get("HubContentVersion")
        if record is None or wanted not in {None, record["HubContentVersion"]}:
            raise AwsError(
                "ResourceNotFound", f"HubContent {name} of type Model does not exist in hub {hub}."
            )
        return record

    # --- shared

    def _dated(self, record: Json, members: Json) -> Json:
        now = self._clock.client_now()
        dated = {"CreationTime": now, "LastModifiedTime": now} | record | members
        return {name: value for name, value in dated.items() if value is not None}

    def _register(self, arn: str, tags: dict[str, str]) -> None:
        self._tags.register(arn, [{"Key": key, "Value": value} for key, value in tags.items()])

    def _shown(self, records: dict[str, Json], name: str, otherwise: str) -> Json:
        if name not in records:
            raise AwsError("ValidationException", otherwise)
        return records[name]

    def _page(
        self, given: Json, records: dict[str, Json], keys: tuple[str, ...]
    ) -> tuple[list[Json], Json]:
        return page(given, (self._listed(r, keys) for r in records.values()))

    def _listed(self, record: Json, keys: tuple[str, ...]) -> Listed:
        name, status = (next(k for k in keys if k.endswith(end)) for end in ("Name", "Status"))
        return Listed(
            name=record[name],
            created_at=record["CreationTime"],
            modified_at=record["LastModifiedTime"],
            status=record[status],
            summary={key: record[key] for key in (*keys, "CreationTime", "LastModifiedTime")},
        )
