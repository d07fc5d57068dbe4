"""Read the elements of a JSON array without holding all of it."""

import json
import re
from collections.abc import Iterator
from typing import TextIO

_READ_CHARS = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
# Longest beginning of a token whose rest may not have been read yet, e.g. "-Infinit" or "\ud83".
_TOKEN_CHARS = 16


def elements(stream: TextIO) -> Iterator[object]:
    """Yield the elements of the one array in a text.

    Holds one element, or a mebibyte of them. Accepts what Python's own writer lets through:
    NaN, Infinity, half of a surrogate pair.

    Raises
    ------
    ValueError
        If the text is not a JSON array.
    """
    text = _Text(stream)
    if text.peek() != "[":
        raise ValueError("an array begins with '['")
    text.position += 1
    if text.peek() == "]":
        text.position += 1
    else:
        yield from _elements_to_the_end(text)
    if text.peek():
        raise ValueError("there is text after the array's end")


def _elements_to_the_end(text: "_Text") -> Iterator[object]:
    while True:
        yield text.value()
        sign = text.peek()
        text.position += 1
        match sign:
            case ",":
                continue
            case "]":
                return
            case "":
                raise ValueError("it ends inside the array")
            case _:
                raise ValueError(f"',' or ']' is expected, not {sign!r}")


class _Text:
    """A text that is read on while its values are taken."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self.position = 0

    def peek(self) -> str:
        """Return the next character that is no white space; empty at the end."""
        while True:
            space = _SPACE.match(self._buffer, self.position)
            self.position = space.end() if space else self.position
            if self.position < len(self._buffer) or not self._read_on(_READ_CHARS):
                return self._buffer[self.position : self.position + 1]

    def value(self) -> object:
        """Return the next value."""
        self.peek()
        n_chars = _READ_CHARS
        while True:
            try:
                value, self.position = self._decoder.raw_decode(self._buffer, self.position)
            except json.JSONDecodeError as fault:
                if not self._may_be_cut(fault) or not self._read_on(n_chars):
                    raise ValueError(fault.msg) from fault
                n_chars *= 2  # so that a long value is not tried again for each mebibyte
            else:
                return value

    def _may_be_cut(self, fault: json.JSONDecodeError) -> bool:
        """Return True if the text may go on, not be wrong: the fault is where the buffer ends."""
        near_end = fault.pos > len(self._buffer) - _TOKEN_CHARS
        return near_end or fault.msg.startswith("Unterminated string")

    def _read_on(self, n_chars: int) -> bool:
        more = self._stream.read(n_chars)
        self._buffer = self._buffer[self.position :] + more
        self.position = 0
        return more != ""
