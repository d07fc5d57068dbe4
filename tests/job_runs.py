"""Jobs for tests: real workers, run against `tests.openai_server`."""

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from tests.openai_server import OpenAIServer, answer_to
from tests.waiting import wait_until

import outboard
from outboard.job import Job
from outboard.workspace import Workspace


def questions(n_rows: int, *, marker: str = "") -> list[str]:
    """Return prompts of which no two are alike."""
    return [f"What is {row}?{marker}" for row in range(n_rows)]


def hanging_after(n_rows: int, n_hanging: int = 20) -> list[str]:
    """Return prompts of which the last get no answer until the server is released.

    A job over them waits for whoever wants to step in, however long that takes.
    """
    return questions(n_rows) + [f"Never mind {n}.<fault:hang>" for n in range(n_hanging)]


def datasource_of(prompts: Sequence[str | None]) -> int:
    """Register a table with these prompts."""
    return outboard.create_datasource(pa.table({"instruction": pa.array(prompts, pa.string())}))


def launch(
    server: OpenAIServer,
    datasource_uid: int,
    *,
    x_uids: Iterable[int] | None = None,
    **deployment: Any,
) -> Job:
    """Start a job over a datasource, and return at once."""
    model = outboard.ExternalModel(server.model, finetuning_provider_type="openai")
    settings = {"base_url": server.base_url} | deployment
    job_id = model.inference([datasource_uid], x_uids, deployment_config=settings, sync=False)
    return outboard.get_job(job_id)


def worker_pid(job: Job) -> int:
    """Return the process that has the job."""
    record = Workspace.current().store.jobs.get(job.id)
    assert record is not None
    assert record.lease is not None
    return record.lease.pid


def signal_worker(job: Job, number: signal.Signals) -> int:
    """Send a signal to the job's worker, and return its process id."""
    pid = worker_pid(job)
    assert pid != os.getpid()
    os.kill(pid, number)
    return pid


def wait_for_end_of(pid: int) -> None:
    """Block until a process has ended, be it that nobody has looked at how."""

    def ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(ended)


def kill_workers(workspace: Workspace) -> None:
    """End the workers that a test has left running, with their watchers."""
    for record in workspace.store.jobs.all():
        if record.lease is not None and record.lease.pid != os.getpid() and record.status().live:
            with suppress(ProcessLookupError):
                os.kill(record.lease.pid, signal.SIGKILL)
            wait_for_end_of(record.lease.pid)
        if workspace.store.endpoints.of_job(record.id):
            for watcher in watchers_of(record.id):
                with suppress(psutil.NoSuchProcess):
                    watcher.kill()
                wait_for_end_of(watcher.pid)


def watchers_of(job_id: str) -> list[psutil.Process]:
    """Return the processes that would delete what a job leaves behind."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "outboard.watcher" in line and job_id in line:
            found.append(process)
    return found


def query(workspace: Workspace, sql: str, *values: object) -> list[Any]:
    """Read the workspace's database behind outboard's back."""
    with sqlite3.connect(workspace.path / "outboard.db") as connection:
        rows = connection.execute(sql, values).fetchall()
    connection.close()
    return rows


def stored_rows(workspace: Workspace) -> Counter[int]:
    """Return how many responses there are for each ordinal."""
    return Counter(ordinal for (ordinal,) in query(workspace, "SELECT ordinal FROM responses"))


def assert_every_row_has_its_own_outcome(job: Job, prompts: Sequence[str]) -> None:
    """Check that each prompt has one response, its own one, and that the counters agree."""
    results = job.results()
    assert results["prompt"].tolist() == list(prompts)
    assert set(results["status"]) <= {"succeeded", "failed"}
    for row in results.itertuples():
        if row.status == "succeeded":
            assert row.response == answer_to(str(row.prompt)), row.prompt
        else:
            assert row.error_code, row.prompt
    progress = job.progress
    counts = Counter(results["status"])
    assert (progress.succeeded, progress.failed) == (counts["succeeded"], counts["failed"])
    assert progress.pending == 0
    assert set(stored_rows(Workspace.current()).values()) == {1}


def log_of(job: Job) -> str:
    """Return what the job's workers have logged."""
    return Path(job.log_path).read_text()
