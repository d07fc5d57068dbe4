"""Generation and deployment settings, checked where they are made."""

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from outboard.errors import ConfigError


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

_SAGEMAKER = [FinetuningProvider.AWS_SAGEMAKER.value]
_LOCAL = [FinetuningProvider.LOCAL.value]
_OPENAI = [FinetuningProvider.OPENAI.value]
_EVERY = [provider.value for provider in FinetuningProvider]


def _setting(
    title: str,
    *,
    help: str,  # noqa: A002 - the word of the JSON schema that the panel's forms are drawn from
    default: Any = None,
    unit: str | None = None,
    providers: list[str] = _EVERY,
) -> Any:
    return Field(
        default=default,
        title=title,
        description=help,
        json_schema_extra={"providers": providers} | ({"unit": unit} if unit else {}),
    )


class _Settings(BaseModel):
    """What both configs share: frozen, no unknown keys, errors in our own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as failure:
            raise _config_error(type(self), failure) from None

    @classmethod
    def parse(cls, value: "Mapping[str, Any] | Self | None") -> Self:
        """Return settings from what a user passed: a dict, settings, or None for the defaults.

        Raises
        ------
        ConfigError
            Names the setting, the value, what is allowed, and for an unknown name the nearest.
        """
        match value:
            case None:
                return cls()
            case _ if isinstance(value, cls):
                return value
            case Mapping():
                return cls(**{str(key): item for key, item in value.items()})
            case _:
                raise ConfigError(
                    f"{cls.__name__} takes a dict or a {cls.__name__}, "
                    f"got {type(value).__name__}: {value!r}."
                )

    def given(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults, as plain JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)


class GenerationConfig(_Settings):
    """Decoding settings, the same for every row of a job.

    An unset value is not sent: the model server's own default holds. The embedded engine
    then decodes greedily, as text-generation servers on SageMaker do.

    Raises
    ------
    ConfigError
        If a name is unknown, a value is out of bounds, or settings contradict each other.
    """

    max_new_tokens: Annotated[int, Field(ge=1, le=131_072)] = _setting(
        "New tokens",
        help="Longest answer. One that is cut here has finish reason 'length'.",
        default=256,
        unit="tokens",
    )
    do_sample: bool | None = _setting(
        "Sample",
        help="Off decodes greedily: the likeliest token each time, the same answer every time.",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = _setting(
        "Temperature",
        help="How freely to choose among likely tokens; 0 is greedy.",
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = _setting(
        "Top p",
        help="Choose among the likeliest tokens that together have this probability.",
    )
    top_k: Annotated[int, Field(ge=1, le=1_000)] | None = _setting(
        "Top k",
        help="Choose among this many of the likeliest tokens.",
        unit="tokens",
    )
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = _setting(
        "Repetition penalty",
        help="Above 1 makes repeating a token less likely; 1 changes nothing.",
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = _setting(
        "Seed",
        help="The same seed draws the same answer, where the server honours it.",
    )
    stop: tuple[str, ...] = _setting(
        "Stop strings",
        help="The answer ends before the first of these.",
        default=(),
    )
    system_prompt: str | None = _setting(
        "System prompt",
        help="A template like the prompt's, sent as the system message.",
    )
    extra: dict[str, Any] = _setting(
        "Extra parameters",
        help="Passed to the model server as they are, beside the settings above.",
        default={},
    )

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, values: Any) -> Any:
        values = dict(values)
        if isinstance(values.get("stop"), str):
            values["stop"] = (values["stop"],)
        if values.get("stop", ()) is None:
            values["stop"] = ()
        if "max_tokens" in values and "max_new_tokens" in values:
            raise ConfigError(
                "max_tokens and max_new_tokens are two names of one setting. Pass only one.",
                field="max_new_tokens",
            )
        if "max_tokens" in values:
            values["max_new_tokens"] = values.pop("max_tokens")
        return values

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if any(not text for text in self.stop):
            raise ConfigError("stop holds an empty string, which ends every answer.", field="stop")
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


class DeploymentConfig(_Settings):
    """Where a model runs, on what, and how much it may use.

    Raises
    ------
    ConfigError
        If a name is unknown, a value is out of bounds, or settings contradict each other.
    """

    instance_type: Annotated[str, Field(min_length=1)] = _setting(
        "Instance type",
        help="SageMaker instance to deploy on, or 'local' for the embedded engine.",
        default="ml.g5.12xlarge",
        providers=_SAGEMAKER,
    )
    instance_count: Annotated[int, Field(ge=1, le=1_000)] = _setting(
        "Instances",
        help="How many instances serve the model side by side.",
        default=1,
        unit="instances",
        providers=_SAGEMAKER,
    )
    endpoint_name: str | None = _setting(
        "Endpoint",
        help="Use this running endpoint and never delete it.",
        providers=_SAGEMAKER,
    )
    keep_endpoint: bool = _setting(
        "Keep the endpoint",
        help="Leave the endpoint running after the job. It is billed by the hour until deleted.",
        default=False,
        providers=_SAGEMAKER,
    )
    role_arn: str | None = _setting(
        "Execution role",
        help="IAM role that the endpoint runs as; default: the training job's.",
        providers=_SAGEMAKER,
    )
    image_uri: str | None = _setting(
        "Container image",
        help="Image that serves the model; default: found from the training job.",
        providers=_SAGEMAKER,
    )
    environment: dict[str, str] = _setting(
        "Container environment",
        help="Environment variables of the serving container.",
        default={},
        providers=_SAGEMAKER,
    )
    payload_format: Literal["auto", "tgi", "lmi", "openai", "jumpstart"] = _setting(
        "Payload format",
        help="Request shape that the container speaks; 'auto' finds out.",
        default="auto",
        providers=_SAGEMAKER,
    )
    max_concurrency: Annotated[int, Field(ge=1, le=4_096)] | None = _setting(
        "Requests in flight",
        help="Upper bound; fewer are used while the server is throttling. Default: the provider's.",
        unit="requests",
    )
    request_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = _setting(
        "Request timeout",
        help="How long to wait for one answer.",
        default=300.0,
        unit="s",
    )
    startup_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = _setting(
        "Start-up timeout",
        help="How long the model may take until it can answer.",
        default=1_800.0,
        unit="s",
    )
    max_lifetime_s: Annotated[float, Field(ge=60, le=30 * 86_400)] = _setting(
        "Longest life",
        help="An endpoint of this job is deleted after this time, whatever happens.",
        default=6 * 3_600.0,
        unit="s",
        providers=_SAGEMAKER,
    )
    max_cost_usd: Annotated[float, Field(gt=0)] | None = _setting(
        "Budget",
        help="Stop the job in time to stay under this cost.",
        unit="USD",
        providers=_SAGEMAKER,
    )
    base_url: str | None = _setting(
        "Server address",
        help="Where the OpenAI-compatible API begins, e.g. http://localhost:8000/v1.",
        providers=_OPENAI,
    )
    api_key_env: str | None = _setting(
        "API key variable",
        help="Name of the environment variable that holds the key; the key itself is not stored.",
        providers=_OPENAI,
    )
    context_length: Annotated[int, Field(ge=128, le=1_048_576)] | None = _setting(
        "Context length",
        help="Longest prompt with answer, for each request. Default: 2048, or less if the model is smaller.",
        unit="tokens",
        providers=_LOCAL,
    )
    mode: Literal["realtime"] = _setting(
        "Mode",
        help="How rows reach the model.",
        default="realtime",
    )


def _config_error(settings: type[_Settings], failure: ValidationError) -> ConfigError:
    """Put pydantic's findings into one message in our own words."""
    names = list(settings.model_fields)
    messages: list[str] = []
    first_field: str | None = None
    for error in failure.errors():
        field = ".".join(str(part) for part in error["loc"])
        top = str(error["loc"][0]) if error["loc"] else ""
        first_field = first_field or top
        context = error.get("ctx", {})
        got = f", got {error['input']!r}"
        match error["type"]:
            case "extra_forbidden":
                near = difflib.get_close_matches(field, names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}."
                messages.append(f"{settings.__name__} has no setting {field!r}: {hint}")
            case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
                messages.append(f"{field} must be {_bounds(settings, top)}{got}.")
            case "literal_error":
                messages.append(f"{field} must be {context['expected']}{got}.")
            case _:
                reason = error["msg"].removeprefix("Input should be ")
                messages.append(f"{field} must be {reason}{got}.")
    return ConfigError(" ".join(dict.fromkeys(messages)), field=first_field)


def _bounds(settings: type[_Settings], name: str) -> str:
    """Say in words what values the field takes, e.g. 'between 0 and 2'."""
    schema = settings.model_json_schema()["properties"][name]
    bounded = next((option for option in schema.get("anyOf", []) if len(option) > 1), schema)
    low, above = bounded.get("minimum"), bounded.get("exclusiveMinimum")
    high = bounded.get("maximum")
    match (low, above, high):
        case (None, above, None):
            return f"greater than {above:g}"
        case (low, None, None):
            return f"at least {low:g}"
        case (None, above, high):
            return f"greater than {above:g} and at most {high:g}"
        case _:
            return f"between {low:g} and {high:g}"
