"""A server that fails in every way at once costs no row its own outcome."""

import pytest
from tests.job_runs import (
    assert_every_row_has_its_own_outcome,
    datasource_of,
    launch,
    questions,
)
from tests.openai_server import OpenAIServer

from outboard.job import JobStatus
from outboard.workspace import Workspace

#: Marker in the prompt -> the code that the row must end with.
LASTING = {
    "<fault:400>": "rejected",
    "<fault:vllm-too-long>": "prompt_too_long",
    "<fault:413>": "request_too_large",
    "<fault:null>": "invalid_response",
}


@pytest.mark.timeout(300)
def test_every_one_of_5000_rows_ends_with_its_own_outcome(workspace: Workspace) -> None:
    prompts = questions(5_000)
    expected: dict[int, str] = {}
    for row in range(60, 5_000, 50):
        marker = list(LASTING)[row % len(LASTING)]
        prompts[row] += marker
        expected[row] = LASTING[marker]
    faults = {"429": 0.30, "reset": 0.05, "cut": 0.05, "500": 0.03, "503": 0.02}
    with OpenAIServer(fault_rates=faults) as server:
        job = launch(server, datasource_of(prompts), max_concurrency=512)

        job.wait()

        assert_every_row_has_its_own_outcome(job, prompts)
        assert job.status is JobStatus.SUCCEEDED
        assert job.results()["error_code"].dropna().to_dict() == expected
        assert all(server.seen.faults[name] > 50 for name in faults)
