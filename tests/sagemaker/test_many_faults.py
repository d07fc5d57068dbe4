"""An endpoint that fails in every way at once costs no row its own outcome."""

import pytest
from tests.awsfake.server import AwsFake
from tests.job_runs import assert_every_row_has_its_own_outcome, datasource_of, questions

import outboard
from outboard.job import JobStatus
from outboard.workspace import Workspace

ENDPOINT = "their-endpoint"

#: Marker in the prompt -> the code that the row must end with.
LASTING = {
    "<fault:ModelError-422>": "rejected",
    "<fault:out-of-memory>": "model_error",
    "<fault:wrong-shape>": "invalid_response",
    "<fault:empty>": "empty_response",
}
#: Name of a fault -> share of the requests that meet it.
PASSING = {
    "ThrottlingException-null": 0.30,
    "reset": 0.05,
    "cut": 0.05,
    "InternalFailure": 0.03,
    "ServiceUnavailable": 0.02,
}


@pytest.mark.timeout(180)
def test_every_one_of_5000_rows_ends_with_its_own_outcome(
    fake: AwsFake, workspace: Workspace
) -> None:
    prompts = questions(5_000)
    expected: dict[int, str] = {}
    for row in range(60, 5_000, 50):
        marker = list(LASTING)[row % len(LASTING)]
        prompts[row] += marker
        expected[row] = LASTING[marker]
    fake.running_endpoint(ENDPOINT)
    fake.fault_rates(PASSING)
    model = outboard.ExternalModel("irrelevant")
    settings = {"endpoint_name": ENDPOINT, "max_concurrency": 512}
    job_id = model.inference([datasource_of(prompts)], deployment_config=settings, sync=False)
    job = outboard.get_job(job_id)

    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert job.status is JobStatus.SUCCEEDED
    assert job.results()["error_code"].dropna().to_dict() == expected
    assert all(fake.seen()["events"][f"fault:{name}"] > 50 for name in PASSING)
    assert fake.resources()["endpoints"] == [ENDPOINT]
