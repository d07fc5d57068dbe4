"""How soon an answer can be read by others, how soon a cancelled job has stopped.

The server stamps each answer with the time at which it leaves, and another process than the
worker, this one, looks for it in the workspace's database every few milliseconds: what is
measured is the whole way from the server's socket to a committed row that everybody sees.
"""

import argparse
import logging
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from benchmarks import _machine, _server
from benchmarks._report import say, show, spread, verdict
from benchmarks._rows import write_parquet

import outboard

_LOOK_S = 0.004


def launch(server: _server.RunningServer, uid: int, in_flight: int) -> outboard.Job:
    """Start a job, and wait for its first answer."""
    model = outboard.ExternalModel(_server.MODEL, {"question": "instruction"}, "openai")
    deployment = {"base_url": server.base_url, "max_concurrency": in_flight}
    job = outboard.get_job(model.inference([uid], None, None, deployment, sync=False))
    server.wait_for_request()
    return job


def stop(job: outboard.Job) -> float:
    """Cancel a job; return the seconds until its status says so."""
    began = time.monotonic()
    job.cancel()
    while job.status.live:
        time.sleep(_LOOK_S)
    assert job.status is outboard.JobStatus.CANCELLED, job
    return time.monotonic() - began


def answers(database: Path, job: outboard.Job, duration_s: float) -> Iterator[float]:
    """Yield how old each answer is when it is first seen, for so many seconds."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    seq = int(job.model_source_uid)
    (last,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM responses").fetchone()
    ends_at = time.monotonic() + duration_s
    while time.monotonic() < ends_at:
        time.sleep(_LOOK_S)
        found = connection.execute(
            "SELECT rowid, response FROM responses WHERE rowid > ? AND job_seq = +?", (last, seq)
        ).fetchall()
        now = time.monotonic()
        for rowid, response in found:
            last = max(last, rowid)
            yield now - float(response)
    connection.close()


def answer_ages(uid: int, latency_s: float, in_flight: int, duration_s: float) -> list[float]:
    """Return how old the answers of a fresh job are when others see them."""
    with _server.running(latency_s, stamped=True) as server:
        job = launch(server, uid, in_flight)
        database = outboard.Workspace.current().path / "outboard.db"
        ages = list(answers(database, job, duration_s))
        stop(job)
    return ages


def cancellations(uid: int, latency_s: float, rounds: int) -> list[float]:
    """Return how long it takes to stop a job whose server answers after `latency_s`."""
    with _server.running(latency_s) as server:
        job = launch(server, uid, 64)
        seconds = [stop(job)]
        for _ in range(rounds - 1):
            server.reset()
            job.resume()
            server.wait_for_request()
            seconds.append(stop(job))
    return seconds


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="how long to watch each job")
    parser.add_argument("--rounds", type=int, default=7, help="jobs to cancel")
    given = parser.parse_args()
    logging.basicConfig()

    with tempfile.TemporaryDirectory(prefix="outboard-bench-") as temporary:
        folder = Path(temporary)
        say(_machine.describe(folder))
        with outboard.Workspace(folder / "workspace"):
            write_parquet(folder / "rows.parquet", 200_000)
            uid = outboard.create_datasource(str(folder / "rows.parquet"))
            ages = [
                (f"{in_flight} in flight, {latency_s * 1_000:g} ms latency", seconds)
                for in_flight, latency_s in ((64, 0.02), (64, 0.5), (4, 0.5))
                if (seconds := answer_ages(uid, latency_s, in_flight, given.seconds))
            ]
            stops = [
                (
                    f"server answers after {latency_s:g} s",
                    cancellations(uid, latency_s, given.rounds),
                )
                for latency_s in (0.02, 60.0)
            ]
    show(
        "From the server's socket to a committed row, in milliseconds",
        ("job", "answers", "median", "p95", "longest", "target for p95", ""),
        [
            (what, f"{len(seconds):,}")
            + tuple(f"{value * 1_000:.0f}" for value in (median(seconds), p95(seconds)))
            + (f"{max(seconds) * 1_000:.0f}", "<= 300", verdict(p95(seconds), at_most=0.3))
            for what, seconds in ages
        ],
    )
    show(
        "From cancel() to status 'cancelled', seconds, median (lowest-highest)",
        ("job", "measured", "target", ""),
        [
            (what, spread(seconds), "<= 1", verdict(median(seconds), at_most=1.0))
            for what, seconds in stops
        ],
    )


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main()
