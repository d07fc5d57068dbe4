"""What a client does to have an endpoint on the fake AWS."""

from typing import Any

from tests.awsfake.driver import LMI_IMAGE, Driver

ROLE = "arn:aws:iam::123456789012:role/SageMakerExecutionRole"
NAME = "outboard-1"


def variant(name: str = NAME, **changes: Any) -> dict[str, Any]:
    """Return a production variant of one instance."""
    return {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.g5.12xlarge",
        "InitialInstanceCount": 1,
    } | changes


def prepare(sagemaker: Any, name: str = NAME, *, image: str = LMI_IMAGE, **changes: Any) -> None:
    """Create a model and a configuration of one name."""
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": image}, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant(name, **changes)]
    )


def deploy(sagemaker: Any, name: str = NAME, *, image: str = LMI_IMAGE, **changes: Any) -> None:
    """Create a model, a configuration and an endpoint of one name."""
    prepare(sagemaker, name, image=image, **changes)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def serve(
    fake: Driver, sagemaker: Any, name: str = NAME, *, image: str = LMI_IMAGE, **plan: Any
) -> None:
    """Create an endpoint that goes as planned, and let it come into service."""
    fake.plan(name, **plan)
    deploy(sagemaker, name, image=image)
    fake.advance(300)


def status_of(sagemaker: Any, name: str = NAME) -> str:
    """Return an endpoint's status."""
    return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
