"""Where an OpenAI-compatible server is, from the settings or the environment."""

import os

from yarl import URL

from outboard.config import DeploymentConfig, FinetuningProvider
from outboard.errors import ConfigError, CredentialsError

_EXAMPLE = "http://localhost:8000/v1"


def base_url(deployment: DeploymentConfig) -> URL:
    """Return the address where the API begins, without a slash at the end.

    Raises
    ------
    ConfigError
        If neither `base_url` nor the variable ``OPENAI_BASE_URL`` holds a usable address.
    """
    source = "base_url" if deployment.base_url else "OPENAI_BASE_URL"
    address = (deployment.base_url or os.environ.get("OPENAI_BASE_URL", "")).strip()
    if not address:
        raise ConfigError(
            "The OpenAI provider needs the server's address. Pass "
            f'deployment_config={{"base_url": "{_EXAMPLE}"}}, or set OPENAI_BASE_URL.',
            field="base_url",
        )
    try:
        url = URL(address.rstrip("/"))
        usable = url.scheme in ("http", "https") and url.host and url.port
    except ValueError:
        usable = False
    if not usable or any(mark in address for mark in "@?#"):
        # Not repeated: it may hold a password.
        raise ConfigError(
            f"{source} must begin with http:// or https://, name a host, and have no user, "
            f"password or query, such as {_EXAMPLE}. A key belongs into an environment variable "
            "of its own (api_key_env).",
            field="base_url",
        )
    return url


def key_variable(deployment: DeploymentConfig) -> str:
    """Return the name of the environment variable that holds the key, if there is one."""
    return deployment.api_key_env or "OPENAI_API_KEY"


def api_key(deployment: DeploymentConfig) -> str | None:
    """Return the key to send, or None for a server that asks for none.

    Raises
    ------
    CredentialsError
        If `api_key_env` names a variable that is not set, or the key cannot be one.
    """
    variable = key_variable(deployment)
    key = os.environ.get(variable, "").strip()
    if not key and deployment.api_key_env:
        raise CredentialsError(
            f"The environment variable {variable}, named by api_key_env, is not set. "
            "Set it to your key where outboard runs, or leave out api_key_env.",
            provider=FinetuningProvider.OPENAI.value,
        )
    if not (key.isascii() and key.isprintable()):
        raise CredentialsError(
            f"The environment variable {variable} holds characters that no key has. "
            "Set it again, without line breaks or quotes.",
            provider=FinetuningProvider.OPENAI.value,
        )
    return key or None
