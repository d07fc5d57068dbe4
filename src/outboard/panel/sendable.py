"""Makes values fit to be sent as JSON in UTF-8."""

import math
from typing import Any

from outboard.panel.arrow_stream import printable


def sendable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return a value with nothing in it that a message cannot carry.

    Half of a surrogate pair becomes U+FFFD, a number that is not finite None.
    """
    match value:
        case str():
            return printable(value)
        case dict():
            return {printable(str(key)): sendable(item) for key, item in value.items()}
        case list() | tuple():
            return [sendable(item) for item in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
