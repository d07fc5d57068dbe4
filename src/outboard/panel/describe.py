"""What a panel needs to know once: providers, roles, the schemas that forms are drawn from."""

from outboard import __version__
from outboard.call import DEFAULT_PROMPT_TEMPLATE
from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.panel.replies import Description, ProviderItem
from outboard.roles import FineTuningColumnType
from outboard.workspace import Workspace

#: The model that a panel starts on when none is given.
EMBEDDED_MODEL = "smollm2-135m-instruct"

_PROVIDERS: dict[FinetuningProvider, ProviderItem] = {
    FinetuningProvider.AWS_SAGEMAKER: {
        "name": "sagemaker",
        "label": "AWS SageMaker",
        "default_model": "",
        "model_hint": "Name of the training job, a model or model package ARN; or set an endpoint.",
    },
    FinetuningProvider.LOCAL: {
        "name": "local",
        "label": "This machine",
        "default_model": EMBEDDED_MODEL,
        "model_hint": f"{EMBEDDED_MODEL}, or the path of a .gguf file.",
    },
    FinetuningProvider.OPENAI: {
        "name": "openai",
        "label": "OpenAI-compatible server",
        "default_model": "",
        "model_hint": "The name that the server serves the model by. Set its address below.",
    },
}

_ROLES = {
    FineTuningColumnType.INSTRUCTION: "What the model is told or asked.",
    FineTuningColumnType.CONTEXT: "Material that the instruction is about.",
    FineTuningColumnType.PROMPT_PREFIX: "Text that goes before, e.g. what the model is.",
    FineTuningColumnType.RESPONSE: "Reference answer: kept beside the model's, sent only if a "
    "template names it.",
}


def describe(workspace: Workspace) -> Description:
    """Return what does not change while the kernel lives."""
    return {
        "version": __version__,
        "workspace": str(workspace.path),
        "providers": [_PROVIDERS[provider] for provider in FinetuningProvider],
        "roles": [{"name": str(role), "help": _ROLES[role]} for role in FineTuningColumnType],
        "default_template": DEFAULT_PROMPT_TEMPLATE,
        "generation_schema": GenerationConfig.model_json_schema(),
        "deployment_schema": DeploymentConfig.model_json_schema(),
    }
