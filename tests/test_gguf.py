import struct
from pathlib import Path

import pytest

from outboard.assets import MODEL
from outboard.providers.gguf import trained_context_length


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def header(*entries: bytes, n_entries: int | None = None) -> bytes:
    count = len(entries) if n_entries is None else n_entries
    return b"GGUF" + struct.pack("<IQQ", 3, 0, count) + b"".join(entries)


CONTEXT = string("qwen.context_length") + struct.pack("<II", 4, 4096)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_context_length_of_the_embedded_model(assets_dir: Path) -> None:
    assert trained_context_length(assets_dir / MODEL.file_name) == 8192


def test_context_length_stands_behind_values_of_every_kind(file: Path) -> None:
    file.write_bytes(
        header(
            string("name") + struct.pack("<I", 8) + string("a model"),
            string("tokens") + struct.pack("<IIQ", 9, 8, 2) + string("a") + string("bc"),
            string("scores") + struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3),
            string("flag") + struct.pack("<I?", 7, True),
            string("big") + struct.pack("<IQ", 10, 2**40),
            CONTEXT,
        )
    )

    assert trained_context_length(file) == 4096


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"no model at all, but long enough for a header",
        header(),
        header(CONTEXT[:-2]),
        header(string("odd") + struct.pack("<I", 99), CONTEXT),
        header(CONTEXT[10:], n_entries=2**60),
        header(string("endless") + struct.pack("<IIQ", 9, 8, 2**60)),
        header(string("endless") + struct.pack("<IIQ", 9, 10, 2**62)),
    ],
)
def test_file_that_does_not_say_has_none(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert trained_context_length(file) is None


def test_missing_file_is_an_error_of_the_system(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trained_context_length(file)
