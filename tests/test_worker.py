"""A job in a worker of its own: started, stopped, gone on with."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

import pytest
from tests.job_runs import (
    assert_every_row_has_its_own_outcome,
    datasource_of,
    hanging_after,
    launch,
    log_of,
    query,
    questions,
    signal_worker,
    stored_rows,
    wait_for_end_of,
    worker_pid,
)
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

import outboard
from outboard.errors import (
    CredentialsError,
    JobCancelledError,
    JobFailedError,
    JobInterruptedError,
)
from outboard.job import Job, JobStatus
from outboard.lease import LEASE_S, lease_for_this_process
from outboard.workspace import Workspace


def started(server: OpenAIServer, prompts: list[str], *, n_done: int) -> Job:
    """Launch a job, and wait until so many rows are done and the rest hangs."""
    job = launch(server, datasource_of(prompts))
    wait_until(lambda: job.progress.done == n_done and server.seen.in_flight > 0)
    return job


def python(script: str) -> "subprocess.Popen[str]":
    """Start Python code in the foreground of a terminal, in the current workspace."""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OUTBOARD_HOME": str(Workspace.current().path)},
        start_new_session=True,
    )


def by_hand(workspace: Workspace, job_id: str) -> "subprocess.Popen[str]":
    """Start a worker as the launcher does."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "outboard.worker", str(workspace.path), job_id],
        stderr=subprocess.PIPE,
        text=True,
    )


def queued_without_a_worker(
    workspace: Workspace, server: OpenAIServer, uid: int, *, x_uids: Iterable[int] | None = None
) -> Job:
    """Return a job that waits for a worker, of which there is none."""
    job = launch(server, uid, x_uids=x_uids)
    pid = worker_pid(job)
    job.cancel()
    wait_until(lambda: job.status is JobStatus.CANCELLED)
    wait_for_end_of(pid)
    record = workspace.store.jobs.get(job.id)
    assert record is not None
    lease = lease_for_this_process(worker=None, now=time.time())
    assert workspace.store.jobs.requeue(record, lease, retry_failed=False)
    return job


# Ends


def test_results_come_in_input_order_although_answers_do_not(
    workspace: Workspace, server: OpenAIServer
) -> None:
    # Every fifth row is throttled once, and answered long after the rows behind it.
    prompts = [f"What is {n}?{'<fault:500*1>' if n % 5 == 0 else ''}" for n in range(60)]

    job = launch(server, datasource_of(prompts))
    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    stored = [n for (n,) in query(workspace, "SELECT ordinal FROM responses ORDER BY rowid")]
    assert stored != sorted(stored)


def test_one_bad_row_fails_alone(workspace: Workspace, server: OpenAIServer) -> None:
    prompts = [*questions(30), "No!<fault:400>"]

    job = launch(server, datasource_of(prompts))
    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert job.results()["error_code"].dropna().to_dict() == {30: "rejected"}
    assert (job.status, job.progress.failed) == (JobStatus.SUCCEEDED, 1)


def test_a_job_without_one_success_has_failed(workspace: Workspace, server: OpenAIServer) -> None:
    job = launch(server, datasource_of(questions(10, marker="<fault:400>")))

    with pytest.raises(
        JobFailedError, match=r"Not one row.*: 10 of 10 failed.*'rejected'.*retry_failed"
    ):
        job.wait()

    assert job.status is JobStatus.FAILED
    assert job.progress.failed == 10


def test_a_job_of_which_most_first_rows_fail_is_stopped(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = questions(30, marker="<fault:400>") + [f"Good row {n}" for n in range(2_000)]

    job = launch(server, datasource_of(prompts), max_concurrency=8)

    with pytest.raises(JobFailedError, match="26 of its first 50 rows failed"):
        job.wait()
    assert server.seen.requests < 50


def test_a_server_that_goes_away_stops_the_job_which_goes_on_when_it_is_back(
    workspace: Workspace,
) -> None:
    prompts = hanging_after(60, 940)
    with OpenAIServer() as server:
        job = launch(server, datasource_of(prompts), max_concurrency=64)
        wait_until(lambda: job.progress.done == 60 and server.seen.in_flight == 64)

    with pytest.raises(JobFailedError, match=r"the server failed 50 rows.*retry_failed\(\)"):
        job.wait()
    with OpenAIServer(port=server.port) as again:
        again.release()
        job.retry_failed()
        job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert job.progress.failed == 0


def test_a_key_revoked_in_mid_run_stops_the_job_and_fails_no_row(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-secret-of-this-test"
    monkeypatch.setenv("TEST_KEY", key)
    prompts = questions(200)
    with OpenAIServer(api_key=key, revoke_after=60, latency_s=0.01) as server:
        job = launch(server, datasource_of(prompts), api_key_env="TEST_KEY", max_concurrency=8)
        pid = worker_pid(job)

        with pytest.raises(CredentialsError, match="TEST_KEY"):
            job.wait()
        wait_for_end_of(pid)

        assert type(job.error) is CredentialsError
        assert (job.status, job.progress.failed) == (JobStatus.FAILED, 0)
        assert job.progress.succeeded == len(stored_rows(workspace)) >= 60 - 8
        refused = server.seen.paths["/v1/chat/completions"] - server.seen.requests
        assert refused <= 8

        server.revoke_after = None
        job.resume()
        job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    for file in workspace.path.rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes(), file


# Cancel


def test_cancel_keeps_finished_rows_and_is_quick_while_requests_hang(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = hanging_after(40)
    job = started(server, prompts, n_done=40)

    job.cancel()
    took = wait_until(lambda: job.status is JobStatus.CANCELLED)

    assert took < 1.0
    with pytest.raises(JobCancelledError, match="resume"):
        job.wait()
    assert sorted(stored_rows(workspace)) == list(range(40))
    server.wait_until(lambda seen: seen.in_flight == 0)

    server.release()
    job.resume()
    job.wait()
    assert_every_row_has_its_own_outcome(job, prompts)
    assert all(server.seen.prompts[prompt] == 1 for prompt in prompts[:40])


def test_a_job_cancelled_before_its_worker_is_there_sends_nothing(
    workspace: Workspace, server: OpenAIServer
) -> None:
    job = launch(server, datasource_of(questions(10)))

    job.cancel()
    wait_until(lambda: job.status is JobStatus.CANCELLED)

    assert not server.seen.paths
    job.resume()
    job.wait()
    assert job.progress.succeeded == 10


def test_cancel_does_not_wait_for_a_model_that_is_loading(workspace: Workspace) -> None:
    with OpenAIServer(loading_replies=1_000) as server:
        job = launch(server, datasource_of(questions(10)))
        wait_until(lambda: any(event.kind == "waiting" for event in job.events()))
        assert job.status is JobStatus.DEPLOYING

        job.cancel()
        took = wait_until(lambda: job.status is JobStatus.CANCELLED)

    assert took < 1.0
    assert server.seen.requests == 0


def test_a_model_that_never_gets_ready_fails_the_job(workspace: Workspace) -> None:
    with OpenAIServer(loading_replies=1_000) as server:
        job = launch(server, datasource_of(questions(10)), startup_timeout_s=0.3)

        with pytest.raises(outboard.errors.OutboardError, match="ready"):
            job.wait()

    assert job.status is JobStatus.FAILED


# Interruptions


def test_sigterm_writes_finished_rows_and_leaves_the_rest_for_resume(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = hanging_after(40)
    job = started(server, prompts, n_done=40)

    signal_worker(job, signal.SIGTERM)
    took = wait_until(lambda: job.status is JobStatus.INTERRUPTED)

    assert took < 1.0
    with pytest.raises(JobInterruptedError):
        job.wait()
    assert sorted(stored_rows(workspace)) == list(range(40))

    server.release()
    job.resume()
    job.wait()
    assert_every_row_has_its_own_outcome(job, prompts)
    assert all(server.seen.prompts[prompt] == 1 for prompt in prompts[:40])


def test_sigterm_right_after_an_answer_does_not_lose_it(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = hanging_after(40)
    job = launch(server, datasource_of(prompts), max_concurrency=60)
    # All are answered, and some of the answers may wait for their commit.
    server.wait_until(lambda seen: seen.requests == 60 and seen.in_flight == 20)

    pid = signal_worker(job, signal.SIGTERM)
    wait_for_end_of(pid)

    assert job.progress.succeeded >= 40 - 16  # those under way to the worker at that moment


def test_a_job_outlives_the_process_that_launched_it(
    workspace: Workspace, server: OpenAIServer
) -> None:
    uid = datasource_of(questions(50))
    launcher = python(
        f"""
import os, signal, outboard
model = outboard.ExternalModel("tiny-chat", finetuning_provider_type="openai")
print(model.inference([{uid}], deployment_config={{"base_url": {server.base_url!r}}}, sync=False))
os.sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    job_id = launcher.communicate()[0].strip()

    outboard.get_job(job_id).wait(timeout=30)

    assert launcher.returncode == -signal.SIGKILL
    assert_every_row_has_its_own_outcome(outboard.get_job(job_id), questions(50))


def test_ctrl_c_cancels_the_job_and_says_how_to_go_on(
    workspace: Workspace, server: OpenAIServer
) -> None:
    uid = datasource_of(hanging_after(40))
    terminal = python(
        f"""
import outboard
model = outboard.ExternalModel("tiny-chat", finetuning_provider_type="openai")
model.inference([{uid}], deployment_config={{"base_url": {server.base_url!r}}})
"""
    )
    wait_until(lambda: len(outboard.list_jobs()) == 1)
    job = outboard.get_job(outboard.list_jobs()["job_id"][0])
    wait_until(lambda: job.progress.done == 40)
    pid = worker_pid(job)

    os.killpg(terminal.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
    _, shown = terminal.communicate(timeout=30)

    assert terminal.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in shown
    assert "40 of 60 rows, which are kept" in shown
    assert f"outboard.get_job({job.id!r}).resume()" in shown
    assert job.status is JobStatus.CANCELLED
    wait_for_end_of(pid)
    assert "Traceback" not in log_of(job)


# Retries of failed rows


def test_a_retry_sends_failed_rows_only(workspace: Workspace, server: OpenAIServer) -> None:
    passing = [f"Once {n}.<fault:400*1>" for n in range(20)]
    lasting = [f"Never {n}.<fault:400>" for n in range(5)]
    prompts = questions(75) + passing + lasting
    job = launch(server, datasource_of(prompts))
    job.wait()
    assert job.progress.failed == 25

    job.retry_failed()
    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert (job.progress.succeeded, job.progress.failed) == (95, 5)
    sent = server.seen.prompts
    assert [sent[p] for p in prompts] == [1] * 75 + [2] * 25


def test_a_retry_killed_half_way_is_finished_without_sending_a_row_a_third_time(
    workspace: Workspace, server: OpenAIServer
) -> None:
    passing = [f"Once {n}.<fault:400*1>" for n in range(30)]
    lasting = [f"Never {n}.<fault:400>" for n in range(10)]
    prompts = questions(60) + passing + lasting
    uid = datasource_of(prompts)
    job = launch(server, uid, max_concurrency=2)
    job.wait()
    server.latency_s = 1.0  # twenty seconds for the whole round: time enough to step in
    job.retry_failed()
    wait_until(lambda: len(of_round(workspace, 1)) >= 4)

    pid = signal_worker(job, signal.SIGKILL)
    wait_for_end_of(pid)
    settled = [prompts[ordinal] for ordinal in of_round(workspace, 1)]
    assert job.status is JobStatus.INTERRUPTED
    server.latency_s = 0.0
    job.resume()
    job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert (job.progress.succeeded, job.progress.failed) == (90, 10)
    assert {server.seen.prompts[prompt] for prompt in settled} == {2}
    assert {server.seen.prompts[prompt] for prompt in prompts[:60]} == {1}


def of_round(workspace: Workspace, number: int) -> list[int]:
    """Return the ordinals that got their outcome in this round."""
    return [n for (n,) in query(workspace, "SELECT ordinal FROM responses WHERE round = ?", number)]


def test_a_job_with_nothing_left_ends_without_asking_for_the_model(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = questions(10)
    job = launch(server, datasource_of(prompts))
    job.wait()
    # As if the worker had been killed between its last row and its last word.
    with workspace.store._database.writing() as connection:
        connection.execute("UPDATE jobs SET status = 'running', worker = 'w', lease_expires_at = 0")
    before = server.seen.paths.copy()

    job.resume()
    job.wait()

    assert server.seen.paths == before
    assert_every_row_has_its_own_outcome(job, prompts)


# Workers


def test_of_two_workers_one_runs_the_job(workspace: Workspace, server: OpenAIServer) -> None:
    prompts = questions(40)
    job = queued_without_a_worker(workspace, server, datasource_of(prompts))
    before = server.seen.requests

    both = [by_hand(workspace, job.id) for _ in range(2)]
    told = [worker.communicate(timeout=30)[1] for worker in both]

    assert sorted(worker.returncode for worker in both) == [0, 1]
    assert sum("is not waiting for a worker" in text for text in told) == 1
    assert job.status is JobStatus.SUCCEEDED
    assert server.seen.requests - before <= 40
    assert_every_row_has_its_own_outcome(job, prompts)


def test_a_worker_that_slept_past_its_lease_writes_nothing_more(
    workspace: Workspace, server: OpenAIServer
) -> None:
    prompts = hanging_after(20, 10)
    job = started(server, prompts, n_done=20)
    sleeper = signal_worker(job, signal.SIGSTOP)
    with workspace.store._database.writing() as connection:  # instead of waiting 15 s for it
        connection.execute("UPDATE jobs SET lease_expires_at = 0")
    assert job.status is JobStatus.INTERRUPTED

    job.resume()
    wait_until(lambda: server.seen.in_flight == 20)
    server.release()  # answers the sleeper as well
    job.wait()
    events = len(job.events())
    os.kill(sleeper, signal.SIGCONT)
    wait_for_end_of(sleeper)

    assert "in other hands" in log_of(job)
    assert len(job.events()) == events
    assert_every_row_has_its_own_outcome(job, prompts)


def test_a_worker_of_an_older_version_says_so_in_one_line(
    workspace: Workspace, server: OpenAIServer
) -> None:
    job = queued_without_a_worker(workspace, server, datasource_of(questions(5)))
    with workspace.store._database.reading() as connection:
        connection.execute("PRAGMA user_version = 999")

    worker = by_hand(workspace, job.id)
    _, told = worker.communicate(timeout=30)

    assert worker.returncode == 1
    assert "was written by a newer outboard (schema 999" in told
    assert len(told.splitlines()) == 1


def test_a_worker_that_cannot_be_started_fails_the_job(
    workspace: Workspace, server: OpenAIServer
) -> None:
    uid = datasource_of(questions(5))
    (workspace.path / "logs").write_text("a file where the folder should be")

    with pytest.raises(JobFailedError, match=r"No worker could be started.*resume\(\)"):
        launch(server, uid)

    job = outboard.get_job(outboard.list_jobs()["job_id"][0])
    assert job.status is JobStatus.FAILED
    (workspace.path / "logs").unlink()
    job.resume()
    job.wait()


def test_the_worker_does_not_load_pandas(workspace: Workspace, server: OpenAIServer) -> None:
    # Not all rows: choosing among those of a batch takes the longest way through Arrow.
    uid, chosen = datasource_of(questions(1_200)), range(0, 1_200, 3)
    job = queued_without_a_worker(workspace, server, uid, x_uids=chosen)
    script = f"""
import sys
from outboard.worker import main
status = main([{str(workspace.path)!r}, {job.id!r}])
heavy = {{"pandas", "IPython", "boto3", "tqdm", "click", "rich"}}
print(sorted(heavy & sys.modules.keys()), status)
"""

    worker = python(script)
    told, _ = worker.communicate(timeout=30)

    assert told.strip() == "[] 0"
    assert_every_row_has_its_own_outcome(job, [questions(1_200)[n] for n in chosen])


# Promptness


def test_answers_are_in_the_store_within_300_ms(workspace: Workspace) -> None:
    # A busy machine makes them late now and then, none makes them early.
    assert any(late_delay_s() <= 0.3 for _ in range(3))


def late_delay_s() -> float:
    """Return the time from answer to store that 95 % of the rows of a job keep within."""
    seen: list[tuple[float, int, int]] = []
    with OpenAIServer(latency_s=0.03) as server:
        job = launch(server, datasource_of(questions(60)), max_concurrency=2)

        def look() -> bool:
            answered = server.seen.requests - server.seen.in_flight
            done = job.progress.done
            seen.append((time.monotonic(), answered, done))
            return done == 60

        wait_until(look)

    delays = []
    for row in range(1, 61):
        answered_at = next(at for at, answered, _ in seen if answered >= row)
        stored_at = next(at for at, _, done in seen if done >= row)
        delays.append(stored_at - answered_at)
    return sorted(delays)[56]


def test_the_sender_waits_for_a_disk_that_does_not_write(workspace: Workspace) -> None:
    done, prompts = 50, hanging_after(50, 3_950)
    with OpenAIServer() as server:
        job = launch(server, datasource_of(prompts), max_concurrency=32)
        wait_until(lambda: job.progress.done == done)

        with workspace.store._database.writing():
            server.release()
            server.wait_until(lambda seen: seen.requests >= done + 1_000)
            with pytest.raises(TimeoutError):
                server.wait_until(lambda seen: seen.requests > done + 1_000 + 2 * 32, timeout_s=1)
        job.wait()

    assert_every_row_has_its_own_outcome(job, prompts)
    assert server.seen.requests == 4_000


assert LEASE_S > 10, "the tests above tell an early notice from a lease that ran out"
