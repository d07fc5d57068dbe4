"""How fast rows go to a SageMaker endpoint, how much CPU that takes, beside other clients.

Every contender sends the same prompts to the same local server, in a process of its own:

outboard   the `sagemaker` provider in a real worker process: requests signed, every answer
           committed to the workspace
bare       aiohttp + uvloop + orjson in a loop, as one would write it: unsigned; nothing is kept
boto3      one client shared by as many threads as there may be requests in flight; nothing is kept

The control plane is the tests' fake of AWS; invocations go to the benchmarks' own server.
"""

import argparse
import logging
import os
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import _machine, _server
from benchmarks._cost import Cost, Meter
from benchmarks._report import say, show, spread, verdict
from benchmarks._rows import write_parquet
from benchmarks.throughput import (
    Contender,
    Runs,
    measure,
    run_module,
    show_contenders,
    worker_of,
)
from tests.awsfake.server import AwsFake

import outboard


def run_outboard(folder: Path, in_flight: int, base_url: str, n_rows: int) -> Cost:
    """Run a job on a running endpoint as a user would, and watch its worker."""
    os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = _root(base_url)
    path = folder / f"{n_rows}.parquet"
    if not path.exists():
        write_parquet(path, n_rows)
    with outboard.Workspace(folder / "workspace"):
        uid = outboard.create_datasource(str(path))
        model = outboard.ExternalModel(_server.ENDPOINT, {"question": "instruction"})
        meter = Meter()
        job_id = model.inference(
            [uid],
            deployment_config={"endpoint_name": _server.ENDPOINT, "max_concurrency": in_flight},
            sync=False,
        )
        cost = meter.watch(worker_of(job_id))
        job = outboard.get_job(job_id)
        if job.progress.succeeded != n_rows:
            raise SystemExit(f"{job!r}: {job.error}")
    return cost


def run_client(name: str, in_flight: int, base_url: str, n_rows: int) -> Cost:
    """Run one of the clients beside this file."""
    return run_module(name, in_flight, _root(base_url), n_rows)


def _root(base_url: str) -> str:
    return base_url.removesuffix("/v1")


def show_targets(runs: Runs, n_rows: int) -> None:
    """Print how outboard does against what we aim at."""
    ours = runs["outboard", n_rows]
    rows = []
    for other, at_least in (("bare", 0.85), ("boto3", 3.0)):
        if (other, n_rows) in runs:
            # Round by round: neighbours in time saw the same machine.
            ratios = [
                run.rows_per_s / theirs.rows_per_s
                for run, theirs in zip(ours, runs[other, n_rows], strict=True)
            ]
            met = verdict(median(ratios), at_least=at_least)
            rows.append((f"rows/s, of {other}'s", spread(ratios), f">= {at_least:g}", met))
    cpu = median(run.cpu_s_per_1k for run in ours)
    met = verdict(cpu, at_most=0.45)
    rows.append(("CPU-s per 1,000 rows, signed", f"{cpu:.3f}", "<= 0.45", met))
    show("Targets", ("what", "measured", "target", ""), rows)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.02, metavar="SECONDS")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--only", nargs="+", metavar="CONTENDER", help="leave the others out")
    parser.add_argument("--dir", help="where the workspace is made: its disk counts")
    given = parser.parse_args()
    logging.basicConfig()

    with (
        tempfile.TemporaryDirectory(dir=given.dir, prefix="outboard-bench-") as temporary,
        AwsFake() as fake,
        _server.running(given.latency) as server,
    ):
        os.environ.update(fake.environment())
        fake.running_endpoint(_server.ENDPOINT)
        folder = Path(temporary)
        contenders: dict[str, Contender] = {
            "outboard": partial(run_outboard, folder, given.in_flight),
            "bare": partial(run_client, "_bare_endpoint_client", given.in_flight),
            "boto3": partial(run_client, "_boto3_client", given.in_flight),
        }
        if given.only:
            contenders = {name: contenders[name] for name in given.only}
        say(_machine.describe(folder))
        say(f"{given.in_flight} in flight, {given.latency * 1_000:g} ms latency")
        runs = measure(contenders, server, n_rows=given.rows, rounds=given.rounds)
    show_contenders(runs)
    if "outboard" in contenders:
        show_targets(runs, given.rows)


if __name__ == "__main__":
    main()
