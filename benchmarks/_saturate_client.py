"""The same requests through saturate, a peer that writes its answers to Parquet files.

Runs in a virtual environment of its own: it gets its paths as arguments and imports none of ours.
"""

import sys
from typing import Any

import pyarrow.parquet as pq
from saturate import Fixed, pump  # type: ignore[import-not-found]


def _request(row: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "user", "content": row["question"]}
    return {"model": "bench", "max_tokens": 256, "messages": [message]}


def _answer(_row: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    choice = reply["choices"][0]
    return {"response": choice["message"]["content"], "finish_reason": choice["finish_reason"]}


def _run(base_url: str, in_flight: int, rows: str, output: str) -> None:
    batches = pq.ParquetFile(rows).iter_batches()
    pump(
        (row for batch in batches for row in batch.to_pylist()),
        _request,
        _answer,
        base_url,
        output,
        window=Fixed(in_flight),
        signal_source="none",
    )


if __name__ == "__main__":
    _run(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
