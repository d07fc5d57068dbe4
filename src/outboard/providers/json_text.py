"""A row's text as JSON."""

import orjson

from outboard.errors import InvocationError


def json_text(text: str) -> bytes:
    """Return `text` as a JSON string, quotes included.

    Raises
    ------
    InvocationError
        Code rejected if it is not Unicode text.
    """
    try:
        return orjson.dumps(text)
    except TypeError as fault:
        raise InvocationError(
            "The prompt holds half a character (a lone surrogate), which no server accepts. "
            "Clean this row's text.",
            code="rejected",
        ) from fault
