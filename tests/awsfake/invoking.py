"""What a client does to ask a model behind an endpoint, and to be refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.awsfake.deploying import NAME


def ask(runtime: Any, payload: Any, **given: Any) -> Any:
    """Return the answer of a model as JSON values."""
    return json.loads(raw(runtime, payload, **given)["Body"].read())


def raw(runtime: Any, payload: Any, **given: Any) -> dict[str, Any]:
    """Return boto3's whole answer to a payload: JSON values, or bytes as they are."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent = {"EndpointName": NAME, "ContentType": "application/json", "Body": body}
    return dict(runtime.invoke_endpoint(**sent | given))


def failed(runtime: Any, prompt: str, **parameters: Any) -> dict[str, Any]:
    """Return the error response to a prompt."""
    with pytest.raises(ClientError) as caught:
        ask(runtime, {"inputs": prompt, "parameters": parameters})
    return dict(caught.value.response)


def chat(text: str, **settings: Any) -> dict[str, Any]:
    """Return a payload of one user message."""
    return {"messages": [{"role": "user", "content": text}], **settings}


def refused(call: Callable[..., Any], **given: Any) -> tuple[str, str]:
    """Return code and message of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
