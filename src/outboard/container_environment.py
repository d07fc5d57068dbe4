"""Keeps secrets out of the container settings that are stored with a job."""

import re
from collections.abc import Mapping

from outboard.errors import ConfigError

#: What is written in place of a secret: the environment variable that holds it.
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Whole words: MAX_INPUT_TOKENS and TOKENIZERS_PARALLELISM are no secrets.
_SECRET_WORDS = frozenset(
    ("APIKEY", "AUTH", "CREDENTIAL", "CREDENTIALS", "KEY", "PASSPHRASE", "PASSWD", "PASSWORD")
    + ("SECRET", "SECRETS", "TOKEN")
)


def refuse_secrets(environment: Mapping[str, str]) -> None:
    """Raise if a variable that sounds like a secret is given by its value.

    A job's settings are stored and shown again. A secret is given by the name of the variable
    that holds it, ``"${HF_TOKEN}"``, and looked up by `resolve` when it is used.

    Raises
    ------
    ConfigError
        Names the variables, never their values.
    """
    names = [name for name, value in environment.items() if _is_secret(name, value)]
    if names:
        secret = ", ".join(map(repr, names))
        raise ConfigError(
            f"environment holds {secret}, which looks like a secret, and a job's settings are "
            f'stored. Write {{"{names[0]}": "${{{names[0]}}}"}} instead, and put the value into '
            f"the environment variable {names[0]} before you start Python.",
            field="environment",
        )


def without_secrets(environment: Mapping[str, object]) -> dict[str, object]:
    """Return variables with a reference in place of each value that `refuse_secrets` refuses."""
    return {
        name: f"${{{name}}}" if _is_secret(name, str(value)) else value
        for name, value in environment.items()
    }


def resolve(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return a container's environment with each ``"${NAME}"`` replaced by its variable's value.

    Only a value that is a reference as a whole is replaced.

    Parameters
    ----------
    environment : mapping
        As `DeploymentConfig.environment` has it.
    variables : mapping
        This process's own variables: ``os.environ``.

    Raises
    ------
    ConfigError
        If a variable is not set. Names it.
    """
    resolved = {}
    for name, value in environment.items():
        reference = _REFERENCE.fullmatch(value)
        if reference and reference[1] not in variables:
            raise ConfigError(
                f"environment[{name!r}] takes its value from the environment variable "
                f"{reference[1]}, which is not set here. Set it, then start the job again.",
                field="environment",
            )
        resolved[name] = variables[reference[1]] if reference else value
    return resolved


def _is_secret(name: str, value: str) -> bool:
    words = re.split(r"[^A-Z]+", name.upper())
    return not (_SECRET_WORDS.isdisjoint(words) or _REFERENCE.fullmatch(value) or not value)
