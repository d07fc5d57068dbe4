"""One `ExternalModel(...).inference(...)` call, as data that can be stored or printed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from outboard.config import (
    LOCAL_INSTANCE_TYPE,
    DeploymentConfig,
    FinetuningProvider,
    GenerationConfig,
)

DEFAULT_PROMPT_TEMPLATE = "{instruction}"


@dataclass(frozen=True, kw_only=True)
class InferenceCall:
    """Everything a job needs to know of what the user asked for, less the chosen x_uids."""

    #: `external_model_name` as given.
    model_name: str
    provider: FinetuningProvider
    #: Dataset column -> role; None where the user left the default.
    column_mappings: Mapping[str, str] | None = None
    datasource_uids: tuple[int, ...]
    #: Only what differs from the defaults.
    generation: Mapping[str, Any] = field(default_factory=dict)
    deployment: Mapping[str, Any] = field(default_factory=dict)
    prompt_template: str = DEFAULT_PROMPT_TEMPLATE

    @property
    def served_by(self) -> FinetuningProvider:
        """The provider that runs it: ``instance_type="local"`` asks for the embedded engine."""
        if self.deployment_config.instance_type == LOCAL_INSTANCE_TYPE:
            return FinetuningProvider.LOCAL
        return self.provider

    @property
    def generation_config(self) -> GenerationConfig:
        """The decoding settings in full."""
        return GenerationConfig.parse(self.generation)

    @property
    def deployment_config(self) -> DeploymentConfig:
        """The deployment settings in full."""
        return DeploymentConfig.parse(self.deployment)

    def with_budget(self, max_cost_usd: float) -> "InferenceCall":
        """Return the call with another limit to what it may cost.

        Raises
        ------
        ConfigError
            If it is no limit.
        """
        given = {**self.deployment, "max_cost_usd": max_cost_usd}
        return replace(self, deployment=DeploymentConfig.parse(given).given())

    def to_json(self) -> str:
        """Return the call as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "InferenceCall":
        """Return the call that `to_json` wrote."""
        values = json.loads(text)
        values["provider"] = FinetuningProvider(values["provider"])
        values["datasource_uids"] = tuple(values["datasource_uids"])
        return cls(**values)

    def as_python(self, x_uids: str | None = None) -> str:
        """Return the call as Python source that runs as it is.

        Parameters
        ----------
        x_uids : str, optional
            Python expression for the chosen rows; None for every row.
        """
        model = [repr(self.model_name)]
        if self.column_mappings is not None:
            model.append(repr(dict(self.column_mappings)))
        if self.provider is not FinetuningProvider.AWS_SAGEMAKER:
            provider = f"outboard.FinetuningProvider.{self.provider.name}"
            model.append(f"finetuning_provider_type={provider}")
        arguments = [repr(list(self.datasource_uids))]
        if x_uids is not None:
            arguments.append(f"x_uids={x_uids}")
        if self.generation:
            arguments.append(f"generation_config={dict(self.generation)!r}")
        if self.deployment:
            arguments.append(f"deployment_config={dict(self.deployment)!r}")
        if self.prompt_template != DEFAULT_PROMPT_TEMPLATE:
            arguments.append(f"prompt_template={self.prompt_template!r}")
        if len(arguments) == 1:
            inference = f"model.inference({arguments[0]})"
        else:
            inference = "\n    ".join(["model.inference(", *(f"{a}," for a in arguments)]) + "\n)"
        return (
            "import outboard\n\n"
            f"model = outboard.ExternalModel({', '.join(model)})\n"
            f"source_uid = {inference}\n"
        )
