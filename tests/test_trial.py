"""A trial: a job of a few rows whose answers can be read while they grow."""

import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.job_runs import (
    assert_every_row_has_its_own_outcome,
    datasource_of,
    query,
    questions,
    signal_worker,
    stored_rows,
    wait_for_end_of,
)
from tests.job_runs import launch as launch_run
from tests.openai_server import OpenAIServer, answer_to
from tests.openai_streams import pieces_of
from tests.waiting import wait_until

import outboard
from outboard.config import FinetuningProvider
from outboard.external_model import launch
from outboard.job import Job, JobStatus
from outboard.preparation import prepare
from outboard.workspace import Workspace

STEPWISE = "What is the sea?<fault:stepwise>"


def try_out(
    uid: int,
    *,
    provider: FinetuningProvider = FinetuningProvider.OPENAI,
    model_name: str = "tiny-chat",
    x_uids: Iterable[int] | None = None,
    generation: dict[str, Any] | None = None,
    **deployment: Any,
) -> Job:
    """Start a trial."""
    preparation = prepare(
        model_name=model_name,
        column_mappings=None,
        provider=provider,
        datasource_uids=[uid],
        x_uids=x_uids,
        generation_config=generation,
        deployment_config=deployment,
        prompt_template=None,
    )
    return launch(preparation, launch_token=f"trial of {uid}", trial=True)


def partials(job: Job) -> dict[int, str]:
    """Return what rows have of their answers, by ordinal."""
    store = Workspace.current().store
    record = store.jobs.get(job.id)
    assert record is not None
    return {ordinal: text for ordinal, _, text in store.partials.of_job(record.seq)}


def wait_for_partials(job: Job, texts: dict[int, str]) -> None:
    wait_until(lambda: partials(job) == texts)


def begun(server: OpenAIServer, n_pieces: int) -> Job:
    """Return a trial of one row that hangs after so many pieces of its answer."""
    job = try_out(datasource_of([STEPWISE]), base_url=server.base_url)
    server.wait_until(lambda seen: seen.in_flight == 1)
    for _ in range(n_pieces + 1):  # one event more, which tells of the role
        server.step()
    wait_for_partials(job, {0: "".join(pieces_of(answer_to(STEPWISE))[:n_pieces])})
    return job


def test_answer_grows_in_the_store_before_it_is_committed(
    workspace: Workspace, server: OpenAIServer
) -> None:
    pieces = pieces_of(answer_to(STEPWISE))
    job = begun(server, 1)

    for n_pieces in range(2, len(pieces) + 1):
        server.step()
        wait_for_partials(job, {0: "".join(pieces[:n_pieces])})
        assert job.progress.done == 0
    for _ in range(3):  # reason, usage, end
        server.step()
    job.wait()

    assert partials(job) == {}
    assert job.results()["response"].tolist() == [answer_to(STEPWISE)]


def test_row_that_is_done_leaves_the_others_growing(
    workspace: Workspace, server: OpenAIServer
) -> None:
    job = try_out(datasource_of([*questions(2), STEPWISE]), base_url=server.base_url)
    server.wait_until(lambda seen: STEPWISE in seen.prompts)
    for _ in range(3):
        server.step()

    wait_until(lambda: job.progress.done == 2)

    wait_for_partials(job, {2: "".join(pieces_of(answer_to(STEPWISE))[:2])})
    job.cancel()


def test_attempt_that_breaks_off_is_followed_by_a_whole_answer(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = [f"What is {n}?<fault:stream-no-end*1>" for n in range(3)]

    job = try_out(datasource_of(prompts), base_url=server.base_url)
    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert query(workspace, "SELECT DISTINCT attempts FROM responses") == [(2,)]
    assert partials(job) == {}


def test_run_that_is_no_trial_asks_for_no_pieces(
    workspace: Workspace, server: OpenAIServer
) -> None:
    job = launch_run(server, datasource_of(questions(20)))
    job.wait()

    assert not any("stream" in body for body in server.seen.bodies)
    assert not outboard.list_jobs()["trial"].any()


def test_cancelled_trial_leaves_neither_answer_nor_piece(
    workspace: Workspace, server: OpenAIServer
) -> None:
    job = begun(server, 3)

    job.cancel()
    wait_until(lambda: not job.status.live)

    assert job.status is JobStatus.CANCELLED
    assert partials(job) == {}
    assert job.progress.done == 0


def test_trial_killed_in_the_middle_of_an_answer_begins_it_anew(
    workspace: Workspace, server: OpenAIServer
) -> None:
    job = begun(server, 3)
    wait_for_end_of(signal_worker(job, signal.SIGKILL))
    wait_until(lambda: job.status is JobStatus.INTERRUPTED)
    server.wait_until(lambda seen: seen.in_flight == 0)

    job.resume()
    server.wait_until(lambda seen: seen.prompts[STEPWISE] == 2)
    assert partials(job) == {}
    assert stored_rows(workspace) == {}
    for _ in range(12):
        server.step()
    job.wait()

    assert outboard.list_jobs()["trial"].tolist() == [True]
    assert job.results()["response"].tolist() == [answer_to(STEPWISE)]
    assert partials(job) == {}


def test_embedded_models_answers_grow(workspace: Workspace, assets_dir: Path) -> None:
    uid = datasource_of(["Tell me a long story.", "What is the sea?", "Name three colours."])
    model = next(assets_dir.glob("*.gguf"))
    seen: list[dict[int, str]] = []

    job = try_out(
        uid,
        provider=FinetuningProvider.LOCAL,
        model_name=str(model),
        generation={"max_new_tokens": 80},
    )

    def ended() -> bool:
        seen.append(partials(job))
        return not job.status.live

    wait_until(ended, timeout_s=120.0)

    answers = job.results()["response"].tolist()
    grown = [(n, text) for texts in seen for n, text in texts.items()]
    assert len({text for n, text in grown if n == 0}) > 1
    assert all(answers[n].startswith(text) for n, text in grown)
    assert partials(job) == {}
