"""The panel that sets up, starts, shows inference in a notebook."""

from outboard.errors import OutboardError


class InferencePanel:
    """Side panel for inference with a fine-tuned model. Not part of this version.

    Raises
    ------
    OutboardError
        Always: says what to use instead.
    """

    def __init__(self, *_arguments: object, **_settings: object) -> None:
        raise OutboardError(
            "InferencePanel is not part of this version of outboard. "
            "Call ExternalModel(...).preview(...) to look at prompts, "
            "ExternalModel(...).inference(...) to run them, and list_jobs() to see what ran."
        )
