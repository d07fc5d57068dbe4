"""Read the header of a GGUF model file.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

#: First bytes of every such file.
MAGIC = b"GGUF"

# Value types: how `struct` calls the numbers, in the order of their codes; two are no numbers.
_STRING, _ARRAY = 8, 9
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))


def trained_context_length(path: Path) -> int | None:
    """Return how many tokens of context the model was trained for.

    None if the file does not say, or is damaged: loading it tells what is wrong with it.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            magic, _version, _n_tensors, n_entries = _read(file, "4sIQQ")
            if magic != MAGIC:
                return None
            for _ in range(n_entries):
                key = _read_string(file)
                (kind,) = _read(file, "I")
                if key.endswith(b".context_length"):
                    return int(_read(file, _NUMBERS[kind])[0])
                _skip(file, kind)
        except (struct.error, KeyError, OverflowError, ValueError):
            return None
    return None


def _read(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{layout}", file.read(struct.calcsize(f"<{layout}")))


def _read_string(file: BinaryIO) -> bytes:
    (length,) = _read(file, "Q")
    return file.read(min(length, 2**16))  # as long as a key may be


def _skip(file: BinaryIO, kind: int) -> None:
    count = 1
    if kind == _ARRAY:
        kind, count = _read(file, "IQ")
    if kind != _STRING:
        file.seek(count * struct.calcsize(_NUMBERS[kind]), 1)
        return
    for _ in range(count):
        (length,) = _read(file, "Q")
        file.seek(length, 1)
