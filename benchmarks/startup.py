"""How long until something happens: import, launch, first request, resume.

All of it in fresh processes, as a user meets it: a script that runs once, a worker that is
started for one job. Clocks are read in several processes; `time.monotonic` is one clock for
all of them.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import orjson
from benchmarks import _machine, _server
from benchmarks._report import say, show, spread, verdict
from benchmarks._rows import write_parquet

import outboard

_IMPORT = """
import time
began = time.process_time()
import outboard
print(time.process_time() - began)
"""

_WORKER_IMPORTS = """
import time, outboard.worker, outboard.providers.openai, uvloop
print(time.monotonic())
"""

_LAUNCH = """
import json, sys, time
began = time.monotonic()
import outboard
uid, base_url = sys.argv[1:]
model = outboard.ExternalModel("bench", {"question": "instruction"}, "openai")
imported = time.monotonic()
job_id = model.inference([uid], deployment_config={"base_url": base_url}, sync=False)
returned = time.monotonic()
print(json.dumps({"job_id": job_id, "began": began, "imported": imported, "returned": returned}))
sys.stdout.flush()
sys.stdin.read()
"""


def import_cpu_s() -> float:
    """Return the CPU seconds of ``import outboard`` in a fresh process."""
    return float(subprocess.check_output([sys.executable, "-c", _IMPORT]))


def worker_imports_s() -> float:
    """Return the seconds that Python takes to start and to load what a worker needs."""
    began = time.monotonic()
    return float(subprocess.check_output([sys.executable, "-c", _WORKER_IMPORTS])) - began


def launch(workspace: outboard.Workspace, server: _server.RunningServer, uid: int) -> list[float]:
    """Launch a job in a fresh process.

    Returns
    -------
    list of float
        Seconds of the imports, of the call, and from its return to the first request.
    """
    server.reset()
    command = [sys.executable, "-c", _LAUNCH, str(uid), server.base_url]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OUTBOARD_HOME": str(workspace.path)},
        text=True,
    ) as process:
        assert process.stdout is not None
        told = orjson.loads(process.stdout.readline())
        first_at = server.wait_for_request()
        process.communicate()
    stop(outboard.get_job(told["job_id"]))
    return [
        told["imported"] - told["began"],
        told["returned"] - told["imported"],
        first_at - told["returned"],
    ]


def job_with_rows_done(server: _server.RunningServer, uid: int, n_done: int) -> outboard.Job:
    """Run a job until at least `n_done` rows are done, and cancel it."""
    model = outboard.ExternalModel(_server.MODEL, {"question": "instruction"}, "openai")
    deployment = {"base_url": server.base_url}
    job = outboard.get_job(model.inference([uid], None, None, deployment, sync=False))
    while job.progress.done < n_done:
        time.sleep(0.05)
    stop(job)
    return job


def resume(server: _server.RunningServer, job: outboard.Job) -> float:
    """Return the seconds from `resume` to the first request."""
    server.reset()
    began = time.monotonic()
    job.resume()
    first_at = server.wait_for_request()
    stop(job)
    return first_at - began


def stop(job: outboard.Job) -> None:
    """Cancel a job and wait for its end."""
    job.cancel()
    while job.status.live:
        time.sleep(0.02)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the job to launch")
    parser.add_argument("--done", type=int, default=100_000, help="rows done before the resume")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    logging.basicConfig()
    rounds = range(given.rounds)

    with (
        tempfile.TemporaryDirectory(prefix="outboard-bench-") as temporary,
        _server.running(0.0) as server,
    ):
        folder = Path(temporary)
        say(_machine.describe(folder))
        calibration = [_machine.calibration_s()]
        imports = [import_cpu_s() for _ in rounds]
        with outboard.Workspace(folder / "workspace") as workspace:
            write_parquet(folder / "rows.parquet", given.rows)
            uid = outboard.create_datasource(str(folder / "rows.parquet"))
            launches = [launch(workspace, server, uid) for _ in rounds]
            write_parquet(folder / "one.parquet", 1)
            one = outboard.create_datasource(str(folder / "one.parquet"))
            small = [launch(workspace, server, one) for _ in rounds]
            job = job_with_rows_done(server, uid, given.done)
            say(f"{job.progress.done:,} rows are done before the first resume.")
            # In turn, so that the busy moments of the machine are shared out.
            pairs = [(resume(server, job), worker_imports_s()) for _ in rounds]
        calibration.append(_machine.calibration_s())
    rows = f"{given.rows:,} rows"
    show(
        "Seconds, median (lowest-highest)",
        ("what", "measured", "target", ""),
        [
            line("import outboard, CPU", imports, 0.15),
            line(f"inference(sync=False), {rows}", [each[1] for each in launches], 1.0),
            line("... with all imports before it", [sum(each[:2]) for each in launches]),
            line("... from its return to the first request", [each[2] for each in launches]),
            line("inference(sync=False), 1 row", [each[1] for each in small]),
            line("... from its return to the first request", [each[2] for each in small]),
            line(
                f"resume over {given.done:,} rows to the first request",
                [each[0] for each in pairs],
                1.0,
            ),
            line("... of that, loading Python and its packages", [each[1] for each in pairs]),
            line("calibration loop, CPU", calibration),
        ],
    )


def line(what: str, seconds: Sequence[float], target: float | None = None) -> tuple[str, ...]:
    """Return one line of the table."""
    if target is None:
        return what, spread(seconds), "", ""
    return what, spread(seconds), f"<= {target:g}", verdict(median(seconds), at_most=target)


if __name__ == "__main__":
    main()
