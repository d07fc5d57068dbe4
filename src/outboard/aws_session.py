"""boto3's default session, handed from a notebook to the processes that work for it.

What comes from the environment, from ``~/.aws`` or from the machine, another process finds by
itself, and renews by itself. What a notebook has set in code with
``boto3.setup_default_session(...)`` is known nowhere else.
"""

import json
import sys
from typing import TYPE_CHECKING, Any

from outboard.errors import CredentialsError

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import Credentials


def pack_session() -> bytes | None:
    """Return what was set in code of boto3's default session; None if nothing was.

    The bytes may hold keys: they go through a pipe, never into a file, an argument, a variable
    or a log.

    Raises
    ------
    CredentialsError
        If the session's credentials cannot be read.
    """
    loaded = sys.modules.get("boto3")  # who has not imported it has set nothing
    session: boto3.Session | None = getattr(loaded, "DEFAULT_SESSION", None)
    if session is None:
        return None
    # boto3 shows neither its botocore session nor what of it was chosen in code.
    chosen = session._session.instance_variables()
    parts = {
        "region_name": chosen.get("region"),
        "profile_name": chosen.get("profile"),
        **_keys(session),
    }
    given = {name: value for name, value in parts.items() if value is not None}
    return json.dumps(given).encode() if given else None


def adopt_session(packed: bytes) -> None:
    """Make what `pack_session` returned the default session of this process."""
    import boto3

    boto3.setup_default_session(**json.loads(packed))


def found_by_chain(session: "boto3.Session", credentials: "Credentials") -> bool:
    """Return whether another process would find these credentials of a session by itself."""
    chain: Any = session._session.get_component("credential_provider")
    return credentials.method in {provider.METHOD for provider in chain.providers}


def _keys(session: "boto3.Session") -> dict[str, str | None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        credentials = session.get_credentials()
        if credentials is None or found_by_chain(session, credentials):
            return {}
        # Those that renew themselves by code of the user's can only be had as they are now.
        keys = credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError, RuntimeError) as fault:
        raise CredentialsError(
            "The credentials of boto3's default session cannot be read: "
            f"{str(fault).rstrip('.')}. Sign in again, or call boto3.setup_default_session(...).",
            provider="sagemaker",
        ) from fault
    return {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "aws_session_token": keys.token,
    }
