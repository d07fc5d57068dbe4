"""Models on AWS SageMaker: found by their training job, deployed, invoked, taken down."""
