"""What a name stands for on SageMaker, and what is said when it stands for nothing usable."""

from typing import Any

import pytest
from tests.awsfake.driver import LMI_IMAGE, TGI_IMAGE, VLLM_IMAGE
from tests.awsfake.server import AwsFake

from outboard.config import DeploymentConfig
from outboard.errors import ConfigError, CredentialsError, NotFoundError, ProviderError
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.images import current, lmi_image, serving_environment
from outboard.providers.sagemaker.payload import PayloadFormat
from outboard.providers.sagemaker.resolve import Deployable, RunningEndpoint, resolve

ROLE = "arn:aws:iam::123456789012:role/SageMakerExecutionRole"
LMI = lmi_image("us-east-1")
PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"
#: What InferenceSpecification says of a model that a serverless job has tuned.
TUNED = {
    "ModelDataSource": {
        "S3DataSource": {
            "S3Uri": "s3://bucket/tuned",
            "S3DataType": "S3Prefix",
            "CompressionType": "None",
            "ETag": "1",
        }
    },
    "IsCheckpoint": False,
}


def deployable(aws: Aws, name: str, **deployment: Any) -> Deployable:
    """Resolve to something to deploy."""
    found = resolve(aws, name, DeploymentConfig(**deployment))
    assert isinstance(found, Deployable)
    return found


def container(aws: Aws, name: str, **deployment: Any) -> Any:
    """Resolve to one container."""
    (only,) = deployable(aws, name, **deployment).containers
    return only


def running(aws: Aws, name: str, **deployment: Any) -> RunningEndpoint:
    """Resolve to an endpoint that runs."""
    found = resolve(aws, name, DeploymentConfig(**deployment))
    assert isinstance(found, RunningEndpoint)
    return found


def refused(aws: Aws, name: str, **deployment: Any) -> str:
    """Return what is said instead of resolving."""
    with pytest.raises(ProviderError) as caught:
        resolve(aws, name, DeploymentConfig(**deployment))
    return caught.value.message


def create_model(aws: Aws, name: str = "my-model", **container: Any) -> None:
    """Create a model of the user's own."""
    parts = {"Image": LMI_IMAGE, "Environment": {"A": "theirs"}} | container
    aws.sagemaker.create_model(ModelName=name, PrimaryContainer=parts, ExecutionRoleArn=ROLE)


def create_endpoint(aws: Aws, name: str) -> None:
    """Begin to create an endpoint."""
    create_model(aws, "my-model")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "my-model",
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1,
    }
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


# --- training jobs


def test_archive_of_a_training_job_is_served_by_lmi(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    found = deployable(aws, "my-job")

    assert found.source == "training job 'my-job'"
    assert found.role_arn == ROLE
    assert found.image_uri == LMI
    assert found.payload_format is None
    assert found.containers == (
        {
            "Image": LMI,
            "ModelDataUrl": "s3://training-output/my-job/my-job/output/model.tar.gz",
            "Environment": {
                "HF_MODEL_ID": "/opt/ml/model",
                "OPTION_TENSOR_PARALLEL_DEGREE": "max",
                "SERVING_FAIL_FAST": "true",
            },
        },
    )


def test_uncompressed_artifacts_are_taken_as_a_folder(fake: AwsFake, aws: Aws) -> None:
    fake.training_job(
        "my-job",
        ModelArtifacts={"S3ModelArtifacts": "s3://out/my-job/output/model"},
        OutputDataConfig={"S3OutputPath": "s3://out", "CompressionType": "NONE"},
    )

    found = container(aws, "my-job")

    assert "ModelDataUrl" not in found
    assert found["ModelDataSource"] == {
        "S3DataSource": {
            "S3Uri": "s3://out/my-job/output/model/",
            "S3DataType": "S3Prefix",
            "CompressionType": "None",
        }
    }


def test_network_of_the_training_job_is_kept(fake: AwsFake, aws: Aws) -> None:
    network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    fake.training_job("my-job", VpcConfig=network, EnableNetworkIsolation=True)

    found = deployable(aws, "my-job")

    assert found.vpc_config == network
    assert found.network_isolation


def test_what_is_found_can_be_created_as_a_model(fake: AwsFake, aws: Aws) -> None:
    network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    fake.training_job("my-job", VpcConfig=network, EnableNetworkIsolation=True)
    tags = [{"Key": "outboard:job-id", "Value": "j"}]

    members = deployable(aws, "my-job").create_model_members("outboard-1", tags)
    aws.sagemaker.create_model(**members)

    created = aws.sagemaker.describe_model(ModelName="outboard-1")
    assert created["VpcConfig"] == network
    assert created["EnableNetworkIsolation"]
    assert created["PrimaryContainer"]["Image"] == LMI
    assert fake.tags("model", "outboard-1") == {"outboard:job-id": "j"}


def test_own_image_comes_before_the_one_that_was_found(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    found = container(aws, "my-job", image_uri=VLLM_IMAGE)

    assert found["Image"] == VLLM_IMAGE
    assert found["Environment"] == {"SM_VLLM_MODEL": "/opt/ml/model"}


def test_own_variables_come_before_those_that_were_found(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    found = container(
        aws, "my-job", environment={"HF_MODEL_ID": "/opt/ml/model/best", "OPTION_DTYPE": "bf16"}
    )

    assert found["Environment"]["HF_MODEL_ID"] == "/opt/ml/model/best"
    assert found["Environment"]["OPTION_DTYPE"] == "bf16"
    assert found["Environment"]["SERVING_FAIL_FAST"] == "true"


def test_secret_variables_are_looked_up_and_never_shown(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")
    config = DeploymentConfig(environment={"HF_TOKEN": "${MY_TOKEN}", "PLAIN": "x"})

    found = resolve(aws, "my-job", config, {"MY_TOKEN": "hf_secret"})

    assert isinstance(found, Deployable)
    assert found.containers[0]["Environment"]["HF_TOKEN"] == "hf_secret"
    assert found.secrets == ("hf_secret",)
    assert "hf_secret" not in repr(found)


def test_secret_that_is_not_set_is_named(fake: AwsFake, aws: Aws) -> None:
    with pytest.raises(ConfigError, match="MY_TOKEN, which is not set"):
        resolve(aws, "my-job", DeploymentConfig(environment={"HF_TOKEN": "${MY_TOKEN}"}), {})


def test_payload_format_is_the_one_asked_for(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    assert deployable(aws, "my-job", payload_format="openai").payload_format is PayloadFormat.OPENAI


def test_own_role_comes_before_the_training_jobs(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")
    role = "arn:aws:iam::123456789012:role/path/Serving"

    assert deployable(aws, "my-job", role_arn=role).role_arn == role


def test_role_that_is_no_arn_is_refused(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    assert "must be the ARN of an IAM role, got 'Serving'" in refused(
        aws, "my-job", role_arn="Serving"
    )


def test_role_of_another_account_is_refused(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    message = refused(aws, "my-job", role_arn="arn:aws:iam::999999999999:role/Serving")

    assert "is of account 999999999999" in message
    assert "in account 123456789012" in message


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_training_job_that_still_runs_is_to_be_waited_for(
    fake: AwsFake, aws: Aws, status: str
) -> None:
    fake.training_job("my-job", TrainingJobStatus=status)

    message = refused(aws, "my-job")

    assert f"Training job 'my-job' is {status}" in message
    assert "Wait until it is Completed" in message


def test_failed_training_job_is_refused_with_its_reason(fake: AwsFake, aws: Aws) -> None:
    fake.training_job(
        "my-job", TrainingJobStatus="Failed", FailureReason="AlgorithmError: out of memory"
    )

    message = refused(aws, "my-job")

    assert "is Failed" in message
    assert "AlgorithmError: out of memory. Pass a job that is Completed." in message


def test_stopped_training_job_tells_where_its_artifacts_may_be(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", TrainingJobStatus="Stopped")

    message = refused(aws, "my-job")

    assert "is Stopped" in message
    assert "s3://training-output/my-job/my-job/output/model.tar.gz" in message


def test_training_job_without_artifacts_says_what_to_pass(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", ModelArtifacts=None)

    message = refused(aws, "my-job")

    assert "left no model artifacts" in message
    assert "/opt/ml/model" in message


def test_image_that_only_trains_says_what_to_pass(fake: AwsFake, aws: Aws) -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    fake.training_job(
        "my-job", AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"}
    )

    message = refused(aws, "my-job")

    assert image in message
    assert 'deployment_config={"image_uri": ...}' in message
    assert LMI in message


def test_image_of_the_users_own_is_not_trusted_by_its_name(fake: AwsFake, aws: Aws) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:mine"
    fake.training_job(
        "my-job", AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"}
    )

    assert "does not tell what serves its model" in refused(aws, "my-job")


def test_algorithm_of_the_marketplace_says_what_to_pass(fake: AwsFake, aws: Aws) -> None:
    fake.training_job(
        "my-job",
        AlgorithmSpecification={"AlgorithmName": "bought-one", "TrainingInputMode": "File"},
    )

    assert "was trained with bought-one" in refused(aws, "my-job")


def test_serving_image_is_of_the_registry_of_the_training_image(fake: AwsFake, aws: Aws) -> None:
    image = "692866216735.dkr.ecr.eu-south-1.amazonaws.com/pytorch-training:2.7-gpu"
    fake.training_job(
        "my-job", AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"}
    )

    assert deployable(aws, "my-job").image_uri == lmi_image("eu-south-1")


@pytest.mark.parametrize(
    ("region", "registry"),
    [
        ("us-west-2", "763104351884.dkr.ecr.us-west-2.amazonaws.com"),
        ("eu-central-2", "380420809688.dkr.ecr.eu-central-2.amazonaws.com"),
        ("cn-north-1", "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_lmi_image_is_of_the_regions_own_registry(region: str, registry: str) -> None:
    assert lmi_image(region).partition("/")[0] == registry


def test_image_that_serves_already_is_kept_but_for_tgi() -> None:
    assert current(VLLM_IMAGE) == VLLM_IMAGE
    assert current("my-registry/any-image:1") == "my-registry/any-image:1"
    assert current(TGI_IMAGE) == LMI


def test_image_that_nobody_knows_gets_no_variables() -> None:
    assert serving_environment("my-registry/any-image:1") == {}


# --- JumpStart

HUB_DOCUMENT: dict[str, Any] = {
    "HostingEcrUri": LMI_IMAGE,
    "InferenceEnvironmentVariables": [
        {"Name": "OPTION_MAX_MODEL_LEN", "Default": 8192, "Scope": "container"},
        {"Name": "HF_MODEL_ID", "DefaultValue": "/opt/ml/model"},
        {"Name": "HF_TOKEN", "Default": ""},
    ],
    "HostingInstanceTypeVariants": {
        "Aliases": {"gpu_ecr_uri_1": VLLM_IMAGE},
        "Variants": {
            "g5": {"Properties": {"EnvironmentVariables": {"OPTION_DTYPE": "fp16", "GPUS": "1"}}},
            "ml.g5.12xlarge": {"Properties": {"EnvironmentVariables": {"GPUS": "4"}}},
            "p5": {"properties": {"image_uri": "$gpu_ecr_uri_1"}},
        },
    },
}
JUMPSTART_TAGS = {
    "sagemaker-sdk:jumpstart-model-id": "huggingface-llm-mistral-7b",
    "sagemaker-sdk:jumpstart-model-version": "1.0.0",
}


def test_jumpstart_job_is_served_as_the_hub_says(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", tags=JUMPSTART_TAGS)
    fake.hub_content("huggingface-llm-mistral-7b", HUB_DOCUMENT)

    found = container(aws, "my-job")

    assert found["Image"] == LMI_IMAGE
    assert found["ModelDataUrl"].endswith("/model.tar.gz")
    assert found["Environment"] == {
        "OPTION_MAX_MODEL_LEN": "8192",
        "HF_MODEL_ID": "/opt/ml/model",
        "OPTION_DTYPE": "fp16",
        "GPUS": "4",
    }


def test_jumpstart_image_may_depend_on_the_instance(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", tags=JUMPSTART_TAGS)
    fake.hub_content("huggingface-llm-mistral-7b", HUB_DOCUMENT)

    assert deployable(aws, "my-job", instance_type="ml.p5.48xlarge").image_uri == VLLM_IMAGE


def test_jumpstart_version_that_was_withdrawn_gives_way_to_the_newest(
    fake: AwsFake, aws: Aws
) -> None:
    fake.training_job(
        "my-job", tags=JUMPSTART_TAGS | {"sagemaker-sdk:jumpstart-model-version": "0.9.0"}
    )
    fake.hub_content("huggingface-llm-mistral-7b", HUB_DOCUMENT)

    assert deployable(aws, "my-job").image_uri == LMI_IMAGE


def test_jumpstart_model_of_a_private_hub_is_looked_up_there(fake: AwsFake, aws: Aws) -> None:
    hub_arn = f"{PREFIX}:hub/ours"
    fake.training_job("my-job", tags=JUMPSTART_TAGS | {"sagemaker-hub:hub-arn": hub_arn})
    fake.hub_content("huggingface-llm-mistral-7b", HUB_DOCUMENT, hub="ours")

    assert deployable(aws, "my-job").image_uri == LMI_IMAGE


def test_jumpstart_job_without_tags_is_known_by_its_script(fake: AwsFake, aws: Aws) -> None:
    fake.training_job(
        "my-job",
        HyperParameters={
            "sagemaker_submit_directory": '"s3://jumpstart-cache-prod-us-east-1/source/x.tar.gz"',
            "model_id": '"huggingface-llm-mistral-7b"',
        },
    )
    fake.hub_content("huggingface-llm-mistral-7b", HUB_DOCUMENT)

    assert deployable(aws, "my-job").image_uri == LMI_IMAGE


def test_model_id_of_an_ordinary_script_is_no_jumpstart_model(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", HyperParameters={"model_id": '"gpt2"'})

    assert deployable(aws, "my-job").image_uri == LMI
    assert "DescribeHubContent" not in fake.seen()["events"]


def test_tgi_image_of_the_hub_gives_way_to_lmi(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", tags=JUMPSTART_TAGS)
    fake.hub_content(
        "huggingface-llm-mistral-7b",
        {
            "HostingEcrUri": TGI_IMAGE,
            "InferenceEnvironmentVariables": [{"Name": "SM_NUM_GPUS", "Default": "4"}],
        },
    )

    found = container(aws, "my-job")

    assert found["Image"] == LMI
    assert found["Environment"] == serving_environment(LMI)


@pytest.mark.parametrize("document", [None, {"TrainingSupported": True}])
def test_model_that_the_hub_cannot_serve_is_served_by_its_training_image(
    fake: AwsFake, aws: Aws, document: dict[str, Any] | None
) -> None:
    fake.training_job("my-job", tags=JUMPSTART_TAGS)
    if document is not None:
        fake.hub_content("huggingface-llm-mistral-7b", document)

    assert deployable(aws, "my-job").image_uri == LMI


def test_tags_that_may_not_be_read_do_not_stop_us(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", tags=JUMPSTART_TAGS)
    fake.deny("sagemaker:ListTags")

    assert deployable(aws, "my-job").image_uri == LMI


def test_hub_that_may_not_be_read_is_named(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job", tags=JUMPSTART_TAGS)
    fake.deny("sagemaker:DescribeHubContent")

    with pytest.raises(CredentialsError, match="sagemaker:DescribeHubContent"):
        resolve(aws, "my-job", DeploymentConfig())


# --- model packages


def test_package_of_a_serverless_job_is_served_by_its_merged_weights(
    fake: AwsFake, aws: Aws
) -> None:
    package = fake.model_package("tuned", InferenceSpecification={"Containers": [TUNED]})
    fake.training_job(
        "my-job",
        OutputModelPackageArn=package,
        AlgorithmSpecification=None,
        ModelArtifacts=None,
    )

    found = deployable(aws, "my-job")

    assert found.source == "training job 'my-job'"
    assert found.role_arn == ROLE
    assert found.containers[0]["Image"] == LMI
    assert found.containers[0]["ModelDataSource"]["S3DataSource"] == {
        "S3Uri": "s3://bucket/tuned/checkpoints/hf_merged/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }


def test_package_with_an_image_is_deployed_by_its_arn(fake: AwsFake, aws: Aws) -> None:
    package = fake.model_package(
        "mine", InferenceSpecification={"Containers": [{"Image": VLLM_IMAGE}]}
    )

    found = deployable(aws, package, role_arn=ROLE, environment={"A": "b"})

    assert found.containers == ({"ModelPackageName": package, "Environment": {"A": "b"}},)
    assert found.image_uri == VLLM_IMAGE


def test_package_can_be_served_by_another_image(fake: AwsFake, aws: Aws) -> None:
    held = {"Image": TGI_IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    package = fake.model_package("mine", InferenceSpecification={"Containers": [held]})

    found = container(aws, package, role_arn=ROLE, image_uri=VLLM_IMAGE)

    assert found["Image"] == VLLM_IMAGE
    assert found["ModelDataUrl"] == "s3://bucket/model.tar.gz"


def test_checkpoint_in_a_package_is_taken_where_it_lies(fake: AwsFake, aws: Aws) -> None:
    package = fake.model_package(
        "mine", InferenceSpecification={"Containers": [TUNED | {"IsCheckpoint": True}]}
    )

    source = container(aws, package, role_arn=ROLE)["ModelDataSource"]["S3DataSource"]

    assert source == {
        "S3Uri": "s3://bucket/tuned",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }


def test_package_without_a_role_asks_for_one(fake: AwsFake, aws: Aws) -> None:
    package = fake.model_package("mine", InferenceSpecification={"Containers": [TUNED]})

    assert 'deployment_config={"role_arn":' in refused(aws, package)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"ModelPackageStatus": "InProgress"}, "is InProgress, so it cannot be deployed"),
        ({}, "has no inference specification"),
        ({"InferenceSpecification": {"Containers": [{"IsCheckpoint": True}]}}, "no model data"),
    ],
)
def test_package_that_cannot_be_served_says_why(
    fake: AwsFake, aws: Aws, members: dict[str, Any], said: str
) -> None:
    package = fake.model_package("mine", **members)

    assert said in refused(aws, package, role_arn=ROLE)


# --- models


def test_existing_model_is_deployed_as_it_is(fake: AwsFake, aws: Aws) -> None:
    create_model(aws)

    found = deployable(aws, "my-model")

    assert found.model_name == "my-model"
    assert found.containers == ()
    assert found.image_uri == LMI_IMAGE


def test_existing_model_with_other_settings_is_copied(fake: AwsFake, aws: Aws) -> None:
    create_model(aws, ModelDataUrl="s3://bucket/model.tar.gz")

    found = deployable(aws, "my-model", environment={"B": "mine"}, image_uri=VLLM_IMAGE)

    assert found.model_name is None
    assert found.containers == (
        {
            "Image": VLLM_IMAGE,
            "ModelDataUrl": "s3://bucket/model.tar.gz",
            "Environment": {"A": "theirs", "B": "mine"},
        },
    )


def test_other_settings_for_a_pipeline_of_containers_are_refused(fake: AwsFake, aws: Aws) -> None:
    aws.sagemaker.create_model(
        ModelName="pipe",
        Containers=[{"Image": LMI_IMAGE}, {"Image": VLLM_IMAGE}],
        ExecutionRoleArn=ROLE,
    )

    assert deployable(aws, "pipe").model_name == "pipe"
    assert "Model 'pipe' has 2 containers" in refused(aws, "pipe", image_uri=VLLM_IMAGE)


def test_training_job_comes_before_a_model_of_its_name(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("twice")
    create_model(aws, "twice")

    assert deployable(aws, "twice").model_name is None
    assert deployable(aws, f"{PREFIX}:model/twice").model_name == "twice"


# --- endpoints


def test_endpoint_that_runs_is_used_as_it_is(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint("Somebodys-Endpoint")

    found = running(aws, "any-name", endpoint_name="somebodys-endpoint", payload_format="tgi")

    assert found == RunningEndpoint(
        name="Somebodys-Endpoint",  # invocations need the case that it was created with
        image_uri=TGI_IMAGE,
        payload_format=PayloadFormat.TGI,
    )


@pytest.mark.parametrize("name", ["theirs", f"{PREFIX}:endpoint/theirs"])
def test_endpoint_can_be_given_as_the_models_name(fake: AwsFake, aws: Aws, name: str) -> None:
    fake.running_endpoint("theirs")
    aws.sagemaker.delete_model(ModelName="theirs")

    assert running(aws, name).name == "theirs"
    assert running(aws, "model", endpoint_name=name).name == "theirs"


def test_model_comes_before_an_endpoint_that_bears_its_name(fake: AwsFake, aws: Aws) -> None:
    # Nobody's endpoint gets our load unasked.
    fake.running_endpoint("theirs")

    assert deployable(aws, "theirs").model_name == "theirs"


@pytest.mark.parametrize("name", ["nobody", "not a name!", f"{PREFIX}:endpoint/nobody"])
def test_unknown_endpoint_tells_where_it_was_looked_for(fake: AwsFake, aws: Aws, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(aws, "model", DeploymentConfig(endpoint_name=name))

    assert caught.value.kind == "endpoint"
    assert "in region us-east-1 of account 123456789012" in caught.value.message


def test_endpoint_that_is_being_created_is_to_be_waited_for(fake: AwsFake, aws: Aws) -> None:
    create_endpoint(aws, "theirs")

    message = refused(aws, "theirs")

    assert message == (
        "Endpoint 'theirs' is not in service (status: Creating). Wait until it is InService, then "
        "call again."
    )
    fake.remove_endpoint("theirs")


def test_failed_endpoint_is_refused_with_its_reason(fake: AwsFake, aws: Aws) -> None:
    fake.plan("theirs", outcome="ping")
    create_endpoint(aws, "theirs")
    fake.advance(600)

    assert "did not pass the ping health check" in refused(aws, "theirs")


def test_only_inference_component_of_an_endpoint_is_used(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint("theirs")
    specification = {"Container": {"DeployedImage": {"SpecifiedImage": VLLM_IMAGE}}}
    fake.inference_component("one", "theirs", Specification=specification)

    found = running(aws, "model", endpoint_name="theirs")

    assert found.component == "one"
    assert found.image_uri == VLLM_IMAGE


def test_several_inference_components_are_named(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint("theirs")
    for name in ("one", "two"):
        fake.inference_component(name, "theirs")

    message = refused(aws, "model", endpoint_name="theirs")

    assert "'one'" in message
    assert "'two'" in message
    assert "Pass the name of one as external_model_name" in message


@pytest.mark.parametrize("name", ["two", f"{PREFIX}:inference-component/two"])
def test_inference_component_is_found_by_its_name(fake: AwsFake, aws: Aws, name: str) -> None:
    fake.running_endpoint("theirs")
    for component in ("one", "two"):
        fake.inference_component(component, "theirs")

    found = running(aws, name)

    assert (found.name, found.component) == ("theirs", "two")


def test_inference_component_of_a_chosen_endpoint_is_found_by_its_name(
    fake: AwsFake, aws: Aws
) -> None:
    fake.running_endpoint("theirs")
    for component in ("one", "two"):
        fake.inference_component(component, "theirs")

    assert running(aws, "two", endpoint_name="theirs").component == "two"


def test_inference_component_that_is_not_in_service_is_refused(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint("theirs")
    fake.inference_component("one", "theirs", InferenceComponentStatus="Creating")

    assert "'one' of endpoint 'theirs' is not in service (status: Creating)" in refused(aws, "one")
    assert "none is in service: 'one'" in refused(aws, "model", endpoint_name="theirs")


def test_who_may_only_invoke_can_use_an_endpoint_of_one_model(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint("theirs")
    fake.deny("sagemaker:ListInferenceComponents")

    assert running(aws, "model", endpoint_name="theirs").component is None


# --- what is not there


def test_unknown_name_tells_the_nearest_ones_and_where_it_looked(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("mistral-finetune-2026")
    fake.training_job("xgboost-churn")
    create_model(aws, "mistral-finetune-2025")

    with pytest.raises(NotFoundError) as caught:
        resolve(aws, "mistral-finetun-2026", DeploymentConfig())

    assert caught.value.kind == "model"
    assert caught.value.ids == ("mistral-finetun-2026",)
    assert "in region us-east-1 of account 123456789012" in caught.value.message
    assert (
        "nearest names are 'mistral-finetune-2026', 'mistral-finetune-2025'" in caught.value.message
    )
    assert "xgboost" not in caught.value.message


@pytest.mark.parametrize("name", ["nobody", "not/a name", "a" * 64, f"{PREFIX}:model/nobody"])
def test_unknown_name_is_an_error_whatever_it_looks_like(
    fake: AwsFake, aws: Aws, name: str
) -> None:
    with pytest.raises(NotFoundError, match="There is no training job, model or endpoint"):
        resolve(aws, name, DeploymentConfig())


def test_unknown_name_is_told_without_permission_to_look_further(fake: AwsFake, aws: Aws) -> None:
    for action in ("DescribeModel", "DescribeEndpoint", "ListTrainingJobs", "ListModels"):
        fake.deny(f"sagemaker:{action}")

    with pytest.raises(NotFoundError):
        resolve(aws, "nobody", DeploymentConfig())


def test_missing_permission_to_look_at_training_jobs_is_named(fake: AwsFake, aws: Aws) -> None:
    fake.deny("sagemaker:DescribeTrainingJob")

    with pytest.raises(CredentialsError, match="sagemaker:DescribeTrainingJob"):
        resolve(aws, "my-job", DeploymentConfig())


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("arn:aws:sagemaker:eu-west-1:123456789012:training-job/j", "Set AWS_DEFAULT_REGION=eu-we"),
        ("arn:aws:sagemaker:us-east-1:999999999999:training-job/j", "is of account 999999999999"),
        ("arn:aws:sagemaker:us-east-1:123456789012:domain/d", "is a domain, which cannot be dep"),
        ("arn:aws:s3:::bucket/model.tar.gz", "is not an ARN of SageMaker's"),
    ],
)
def test_arn_that_cannot_be_ours_says_why(fake: AwsFake, aws: Aws, arn: str, said: str) -> None:
    assert said in refused(aws, arn)


def test_arn_of_something_else_is_no_endpoint(fake: AwsFake, aws: Aws) -> None:
    assert "is not the ARN of an endpoint" in refused(
        aws, "model", endpoint_name=f"{PREFIX}:model/theirs"
    )


def test_looking_creates_nothing(fake: AwsFake, aws: Aws) -> None:
    fake.training_job("my-job")

    deployable(aws, "my-job")

    fake.assert_nothing_left()
