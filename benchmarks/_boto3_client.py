"""The same rows through boto3 in threads, as one would write it: nothing is kept."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from benchmarks._rows import questions
from benchmarks._server import ENDPOINT
from botocore.config import Config

_PARAMETERS = {"max_new_tokens": 256, "details": True, "return_full_text": False}


def _run(root_url: str, n_rows: int, in_flight: int) -> None:
    # Retries off, as many connections as threads: kinder to boto3 than its defaults.
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=root_url,
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=in_flight,
            read_timeout=75,
        ),
    )

    def invoke(question: str) -> int:
        reply = runtime.invoke_endpoint(
            EndpointName=ENDPOINT,
            ContentType="application/json",
            Accept="application/json",
            Body=json.dumps({"inputs": question, "parameters": _PARAMETERS}),
        )
        return len(json.loads(reply["Body"].read()))

    with ThreadPoolExecutor(in_flight) as pool:
        n_answers = sum(pool.map(invoke, questions(n_rows)))
    assert n_answers == n_rows


if __name__ == "__main__":
    _run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
