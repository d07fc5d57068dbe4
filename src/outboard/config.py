"""The two configs of a call: how to generate, where to run."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from outboard.errors import ConfigError
from outboard.fields import Address, Environment, JsonObject, Text, Texts, VariableName, setting
from outboard.settings import Settings


class FinetuningProvider(StrEnum):
    """Where a model is served."""

    #: A model fine-tuned on AWS SageMaker, known by its training job.
    AWS_SAGEMAKER = "sagemaker"
    #: A GGUF file, run in the worker process by the embedded engine.
    LOCAL = "local"
    #: A server that speaks the OpenAI chat protocol: vLLM, llama.cpp, Ollama, TGI.
    OPENAI = "openai"


#: `instance_type` that selects the embedded engine, as in SageMaker's own local mode.
LOCAL_INSTANCE_TYPE = "local"

_SAGEMAKER = (FinetuningProvider.AWS_SAGEMAKER.value,)
_LOCAL = (FinetuningProvider.LOCAL.value,)
_OPENAI = (FinetuningProvider.OPENAI.value,)
_EVERY = tuple(provider.value for provider in FinetuningProvider)


class GenerationConfig(Settings):
    """Decoding settings, the same for every row of a job.

    An unset value is not sent: the model server's own default holds. The embedded engine
    then decodes greedily, as text-generation servers on SageMaker do.

    Raises
    ------
    ConfigError
        If a name is unknown, a value is out of bounds, or settings contradict each other.
    """

    parameter: ClassVar[str] = "generation_config"
    aliases: ClassVar[Mapping[str, str]] = {"max_tokens": "max_new_tokens"}
    foreign_names: ClassVar[Mapping[str, str]] = {
        "max_length": "max_new_tokens",
        "max_completion_tokens": "max_new_tokens",
        "max_output_tokens": "max_new_tokens",
        "max_gen_len": "max_new_tokens",
        "n_predict": "max_new_tokens",
        "stop_sequences": "stop",
        "stop_strings": "stop",
        "repeat_penalty": "repetition_penalty",
        "random_seed": "seed",
        "temp": "temperature",
        "system": "system_prompt",
        "system_message": "system_prompt",
        "system_instruction": "system_prompt",
        "extra_body": "extra",
    }

    max_new_tokens: Annotated[int, Field(ge=1, le=131_072)] = setting(
        "New tokens",
        help="Longest answer. One that is cut here has finish reason 'length'.",
        default=256,
        unit="tokens",
        providers=_EVERY,
    )
    do_sample: bool | None = setting(
        "Sample",
        help="Off decodes greedily: the likeliest token each time, the same answer every time.",
        providers=_EVERY,
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = setting(
        "Temperature",
        help="How freely to choose among likely tokens; 0 is greedy.",
        providers=_EVERY,
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = setting(
        "Top p",
        help="Choose among the likeliest tokens that together have this probability.",
        providers=_EVERY,
    )
    top_k: Annotated[int, Field(ge=1, le=1_000)] | None = setting(
        "Top k",
        help="Choose among this many of the likeliest tokens.",
        unit="tokens",
        providers=_EVERY,
    )
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = setting(
        "Repetition penalty",
        help="Above 1 makes repeating a token less likely; 1 changes nothing.",
        providers=_EVERY,
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = setting(
        "Seed",
        help="The same seed draws the same answer, where the server honours it.",
        providers=_EVERY,
    )
    stop: Texts = setting(
        "Stop strings",
        help="The answer ends before the first of these.",
        default=(),
        providers=_EVERY,
    )
    system_prompt: str | None = setting(
        "System prompt",
        help="A template like the prompt's, sent as the system message.",
        providers=_EVERY,
    )
    extra: JsonObject = setting(
        "Extra parameters",
        help="Passed to the model server as they are, beside the settings above.",
        default={},
        providers=_EVERY,
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for key in self.extra:
            field = self.aliases.get(key, key)
            if field in self.model_fields_set:
                raise ConfigError(
                    f"extra[{key!r}] contradicts {field}, which is set beside it. Pass only one.",
                    field="extra",
                )
        if self.do_sample and self.temperature == 0:
            raise ConfigError(
                "do_sample=True draws at random, but temperature=0 is greedy. "
                "Raise temperature or set do_sample=False.",
                field="temperature",
            )
        if self.do_sample is not False:
            return self
        for field in ("temperature", "top_p", "top_k"):
            value = getattr(self, field)
            if value is not None and not (field == "temperature" and value == 0):
                raise ConfigError(
                    f"do_sample=False decodes greedily, so {field}={value} would have no effect. "
                    f"Leave out {field} or set do_sample=True.",
                    field=field,
                )
        return self

    @property
    def greedy(self) -> bool:
        """True if the settings ask for the likeliest token each time."""
        return self.do_sample is False or self.temperature == 0


class DeploymentConfig(Settings):
    """Where a model runs, on what, and how much it may use.

    Raises
    ------
    ConfigError
        If a name is unknown, a value is out of bounds, or settings contradict each other.
    """

    parameter: ClassVar[str] = "deployment_config"
    foreign_names: ClassVar[Mapping[str, str]] = {
        "instance": "instance_type",
        "initial_instance_count": "instance_count",
        "endpoint": "endpoint_name",
        "role": "role_arn",
        "execution_role_arn": "role_arn",
        "image": "image_uri",
        "env": "environment",
        "environment_variables": "environment",
        "concurrency": "max_concurrency",
        "max_workers": "max_concurrency",
        "timeout": "request_timeout_s",
        "invocation_timeout": "request_timeout_s",
        "startup_timeout": "startup_timeout_s",
        "container_startup_health_check_timeout": "startup_timeout_s",
        "container_startup_health_check_timeout_in_seconds": "startup_timeout_s",
        "max_lifetime": "max_lifetime_s",
        "ttl": "max_lifetime_s",
        "budget": "max_cost_usd",
        "url": "base_url",
        "api_base": "base_url",
        "endpoint_url": "base_url",
        "api_key": "api_key_env",
        "n_ctx": "context_length",
        "num_ctx": "context_length",
        "max_model_len": "context_length",
    }

    instance_type: Text = setting(
        "Instance type",
        help="SageMaker instance to deploy on, or 'local' for the embedded engine.",
        default="ml.g5.12xlarge",
        providers=_SAGEMAKER,
    )
    instance_count: Annotated[int, Field(ge=1, le=1_000)] = setting(
        "Instances",
        help="How many instances serve the model side by side.",
        default=1,
        unit="instances",
        providers=_SAGEMAKER,
    )
    endpoint_name: Text | None = setting(
        "Endpoint",
        help="Use this running endpoint and never delete it.",
        providers=_SAGEMAKER,
    )
    keep_endpoint: bool = setting(
        "Keep the endpoint",
        help="Leave the endpoint running after the job. It is billed by the hour until deleted.",
        default=False,
        providers=_SAGEMAKER,
    )
    role_arn: Text | None = setting(
        "Execution role",
        help="IAM role that the endpoint runs as; default: the training job's.",
        providers=_SAGEMAKER,
    )
    image_uri: Text | None = setting(
        "Container image",
        help="Image that serves the model; default: found from the training job.",
        providers=_SAGEMAKER,
    )
    environment: Environment = setting(
        "Container environment",
        help="Environment variables of the serving container. A secret is not stored: give it as "
        "${NAME}, the variable of yours that holds it.",
        default={},
        providers=_SAGEMAKER,
        shown=False,  # may hold access tokens
    )
    payload_format: Literal["auto", "tgi", "lmi", "openai", "jumpstart"] = setting(
        "Payload format",
        help="Request shape that the container speaks; 'auto' finds out.",
        default="auto",
        providers=_SAGEMAKER,
    )
    max_concurrency: Annotated[int, Field(ge=1, le=4_096)] | None = setting(
        "Requests in flight",
        help="Upper bound; fewer are used while the server is throttling. Default: the provider's.",
        unit="requests",
        providers=_EVERY,
    )
    request_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = setting(
        "Request timeout",
        help="How long to wait for one answer.",
        default=300.0,
        unit="s",
        providers=_EVERY,
    )
    startup_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = setting(
        "Start-up timeout",
        help="How long the model may take until it can answer.",
        default=1_800.0,
        unit="s",
        providers=_EVERY,
    )
    max_lifetime_s: Annotated[float, Field(ge=60, le=30 * 86_400)] = setting(
        "Longest life",
        help="An endpoint of this job is deleted after this time, whatever happens.",
        default=6 * 3_600.0,
        unit="s",
        providers=_SAGEMAKER,
    )
    max_cost_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = setting(
        "Budget",
        help="Stop the job in time to stay under this cost.",
        unit="USD",
        providers=_SAGEMAKER,
    )
    base_url: Address | None = setting(
        "Server address",
        help="Where the OpenAI-compatible API begins, e.g. http://localhost:8000/v1.",
        providers=_OPENAI,
    )
    api_key_env: VariableName | None = setting(
        "API key variable",
        help="Name of the environment variable that holds the key; the key itself is not stored.",
        providers=_OPENAI,
    )
    context_length: Annotated[int, Field(ge=128, le=1_048_576)] | None = setting(
        "Context length",
        help="Longest prompt with answer, for each request. "
        "Default: 2048, or less if the model is smaller.",
        unit="tokens",
        providers=_LOCAL,
    )
    mode: Literal["realtime"] = setting(
        "Mode",
        help="How rows reach the model.",
        default="realtime",
        providers=_EVERY,
    )
