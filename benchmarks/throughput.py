"""How fast rows go through a job, how much CPU and memory that takes, beside other clients.

Every contender sends the same prompts to the same local server, in a process of its own:

outboard   the `openai` provider in a real worker process, every answer committed to the workspace
bare       aiohttp + uvloop + orjson in a loop, as one would write it; nothing is kept
raw        straight on sockets: the least that Python can take; nothing is kept
saturate   with ``--peer``: a peer that writes its answers to Parquet files
"""

import argparse
import logging
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psutil
from benchmarks import _machine, _server
from benchmarks._cost import Cost, Meter
from benchmarks._report import say, show, spread, verdict
from benchmarks._rows import write_parquet

import outboard

_PEER_VENV = Path(".cache/saturate")
_PEER = "saturate==0.2.0"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One contender's run over some rows."""

    n_rows: int
    cost: Cost
    #: As the server saw it, from the first request to the last.
    rows_per_s: float
    server_cpu_s: float
    calibration_s: float

    @property
    def cpu_s_per_1k(self) -> float:
        """CPU seconds for 1,000 rows, start and imports included."""
        return self.cost.cpu_s / self.n_rows * 1_000


Contender = Callable[[str, int], Cost]
Runs = Mapping[tuple[str, int], Sequence[Run]]


def run_outboard(folder: Path, in_flight: int, base_url: str, n_rows: int) -> Cost:
    """Run a job as a user would, and watch its worker."""
    with outboard.Workspace(folder / "workspace"):
        uid = outboard.create_datasource(str(_rows_file(folder, n_rows)))
        model = outboard.ExternalModel(_server.MODEL, {"question": "instruction"}, "openai")
        meter = Meter()
        job_id = model.inference(
            [uid],
            deployment_config={"base_url": base_url, "max_concurrency": in_flight},
            sync=False,
        )
        job = outboard.get_job(job_id)
        cost = meter.watch(worker_of(job_id))
        if job.progress.succeeded != n_rows:
            raise SystemExit(f"{job} did not answer every row: {job.error}")
    return cost


def run_module(name: str, in_flight: int, base_url: str, n_rows: int) -> Cost:
    """Run one of the clients beside this file."""
    return _run([sys.executable, "-m", f"benchmarks.{name}", base_url, str(n_rows), str(in_flight)])


def run_peer(python: Path, folder: Path, in_flight: int, base_url: str, n_rows: int) -> Cost:
    """Run the peer on the same Parquet file."""
    script = Path(__file__).with_name("_saturate_client.py")
    with tempfile.TemporaryDirectory(dir=folder) as output:
        rows = _rows_file(folder, n_rows)
        return _run([str(python), str(script), base_url, str(in_flight), str(rows), output])


def _run(command: Sequence[str]) -> Cost:
    meter = Meter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    # Waited for in the background, as the launcher of a job does: all are watched alike.
    reaper = threading.Thread(target=process.wait)
    reaper.start()
    cost = meter.watch(process.pid)
    reaper.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with status {process.returncode}.")
    return cost


def worker_of(job_id: str) -> int:
    """Return the process of a job that was just launched."""
    return next(child.pid for child in psutil.Process().children() if job_id in child.cmdline())


def _rows_file(folder: Path, n_rows: int) -> Path:
    path = folder / f"{n_rows}.parquet"
    if not path.exists():
        write_parquet(path, n_rows)
    return path


def _peer_python() -> Path:
    """Return the Python that has the peer, set up at the first use."""
    python = _PEER_VENV.absolute() / "bin" / "python"
    if not python.exists():
        say(f"Setting up {_PEER} in {_PEER_VENV}.")
        subprocess.run([sys.executable, "-m", "venv", str(_PEER_VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", _PEER], check=True)
    return python


def measure(
    contenders: Mapping[str, Contender], server: _server.RunningServer, *, n_rows: int, rounds: int
) -> Runs:
    """Run each contender once a round, in an order that turns with every round."""
    runs: defaultdict[tuple[str, int], list[Run]] = defaultdict(list)
    names = list(contenders)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            server.reset()
            server_cpu_s = server.seen().cpu_s
            calibration_s = _machine.calibration_s()
            cost = contenders[name](server.base_url, n_rows)
            seen = server.seen()
            if seen.requests != n_rows:
                raise SystemExit(f"{name} sent {seen.requests:,} requests for {n_rows:,} rows.")
            runs[name, n_rows].append(
                Run(
                    n_rows=n_rows,
                    cost=cost,
                    rows_per_s=seen.rows_per_s,
                    server_cpu_s=seen.cpu_s - server_cpu_s,
                    calibration_s=(calibration_s + _machine.calibration_s()) / 2,
                )
            )
            say(f"  {name}, {n_rows:,} rows: {seen.rows_per_s:,.0f} rows/s")
    return runs


def show_contenders(runs: Runs) -> None:
    """Print what every contender took."""
    show(
        "Medians (lowest-highest) over the rounds",
        (
            "contender, rows",
            "rows/s",
            "CPU-s/1,000",
            "peak MB",
            "start to end, s",
            "server CPU-s/1,000",
            "calibration, s",
        ),
        [
            (
                f"{name}, {n_rows:,}",
                spread([run.rows_per_s for run in group], 0),
                spread([run.cpu_s_per_1k for run in group], 3),
                spread([run.cost.peak_bytes / 1e6 for run in group], 0),
                spread([run.cost.wall_s for run in group], 1),
                spread([run.server_cpu_s / n_rows * 1_000 for run in group], 3),
                spread([run.calibration_s for run in group], 2),
            )
            for (name, n_rows), group in runs.items()
        ],
    )


def show_targets(runs: Runs) -> None:
    """Print how outboard does against what we aim at."""
    rows = []
    for (name, n_rows), group in runs.items():
        if name != "outboard":
            continue
        for other in ("bare", "raw", "saturate"):
            if (other, n_rows) in runs:
                # Round by round: neighbours in time saw the same machine.
                ratios = [
                    ours.rows_per_s / theirs.rows_per_s
                    for ours, theirs in zip(group, runs[other, n_rows], strict=True)
                ]
                met = verdict(median(ratios), at_least=0.85)
                target = (">= 0.85", met) if other == "bare" else ("", "")
                rows.append((f"rows/s, of {other}'s, {n_rows:,} rows", spread(ratios), *target))
        cpu = median(run.cpu_s_per_1k for run in group)
        rows.append(
            (f"CPU-s per 1,000, {n_rows:,} rows", f"{cpu:.3f}", "<= 0.35")
            + (verdict(cpu, at_most=0.35),)
        )
        peak_mb = median(run.cost.peak_bytes / 1e6 for run in group)
        rows.append(
            (f"peak MB, {n_rows:,} rows", f"{peak_mb:.0f}", "<= 200")
            + (verdict(peak_mb, at_most=200),)
        )
    show("Targets", ("what", "measured", "target", ""), rows)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.02, metavar="SECONDS")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--only", nargs="+", metavar="CONTENDER", help="leave the others out")
    parser.add_argument("--peer", action="store_true", help=f"also run {_PEER}, fetched from PyPI")
    parser.add_argument("--dir", help="where the workspace is made: its disk counts")
    given = parser.parse_args()
    logging.basicConfig()

    with (
        tempfile.TemporaryDirectory(dir=given.dir, prefix="outboard-bench-") as temporary,
        _server.running(given.latency) as server,
    ):
        folder = Path(temporary)
        contenders: dict[str, Contender] = {
            "outboard": partial(run_outboard, folder, given.in_flight),
            "bare": partial(run_module, "_bare_client", given.in_flight),
            "raw": partial(run_module, "_raw_client", given.in_flight),
        }
        if given.peer:
            contenders["saturate"] = partial(run_peer, _peer_python(), folder, given.in_flight)
        if given.only:
            contenders = {name: contenders[name] for name in given.only}
        say(_machine.describe(folder))
        say(f"{given.in_flight} in flight, {given.latency * 1_000:g} ms latency")
        runs: dict[tuple[str, int], Sequence[Run]] = {}
        for n_rows in given.rows:
            _rows_file(folder, n_rows)
            runs |= measure(contenders, server, n_rows=n_rows, rounds=given.rounds)
    show_contenders(runs)
    if "outboard" in contenders:
        show_targets(runs)


if __name__ == "__main__":
    main()
