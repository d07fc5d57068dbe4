"""How soon the kernel answers a panel that looks through the results of a million rows.

Windows are asked for as the panel's table does, without the browser: what is measured is the
way from a request's payload to the bytes that are sent. The first request for a sorted or
filtered table has to sort or filter; those that scroll through it do not.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pyarrow.csv as pc
import pyarrow.parquet as pq
from benchmarks import _machine
from benchmarks._report import say, show, spread, verdict
from benchmarks._rows import write_parquet

import outboard
from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.job_status import JobStatus
from outboard.lease import lease_for_this_process
from outboard.panel import messages
from outboard.panel.rows import ResultRows
from outboard.store.responses import ResponseRecord

_COMMIT_ROWS = 20_000
_WINDOW_ROWS = 100
_TARGET_MS = 300.0
_TARGET_KB = 100.0

#: The parts `sort` and `filter` of a request.
Order = dict[str, Any]


def response(n: int, datasource_uid: int, rng: Random) -> ResponseRecord:
    """Return what became of one row: one in a hundred failed, one in ten was truncated."""
    failed = n % 100 == 7
    text = f"{rng.randrange(10**6)} is what row {n} comes to. " + "It need not be so, though. " * 8
    return ResponseRecord(
        ordinal=n,
        datasource_uid=datasource_uid,
        row_uid=n,
        round=0,
        succeeded=not failed,
        response=None if failed else text,
        finish_reason="error" if failed else "length" if n % 10 == 3 else "stop",
        error_code="timeout" if failed else None,
        error_message="The server took longer than 60 s." if failed else None,
        input_tokens=30 + n % 17,
        output_tokens=None if failed else 60 + n % 40,
        latency_s=rng.expovariate(2.0),
        attempts=4 if failed else 1,
    )


def record_job(datasource_uid: int, n_rows: int) -> outboard.Job:
    """Write down a job over `n_rows` rows, with as many responses."""
    store, rng = outboard.Workspace.current().store, Random(7)
    call = InferenceCall(
        model_name="m",
        provider=FinetuningProvider.OPENAI,
        column_mappings={"question": "instruction", "answer": "response"},
        datasource_uids=(datasource_uid,),
    )
    lease = lease_for_this_process(worker=f"w{datasource_uid}", now=time.time())
    name = f"job-{datasource_uid}"
    store.jobs.add(name, call, launch_token=name, x_uids=None, total=n_rows, lease=lease)
    record = store.jobs.claim(name, lease)
    assert record is not None
    assert lease.worker is not None
    store.jobs.begin_running(record.seq, lease.worker)
    for start in range(0, n_rows, _COMMIT_ROWS):
        rows = [
            response(n, datasource_uid, rng)
            for n in range(start, min(start + _COMMIT_ROWS, n_rows))
        ]
        expires_at = time.time() + 3_600
        store.responses.commit(
            record.seq, lease.worker, rows, rows_per_s=None, expires_at=expires_at
        )
    store.jobs.finish(record.seq, lease.worker, JobStatus.SUCCEEDED)
    return outboard.get_job(name)


def write_csv(parquet: Path, path: Path) -> None:
    """Write the rows of a Parquet file as CSV."""
    pc.write_csv(pq.read_table(parquet), path)


class Look:
    """Looks through one job, and takes the time."""

    def __init__(self, job: outboard.Job, n_rows: int, rounds: int) -> None:
        self._rows = ResultRows(outboard.Workspace.current())
        self._job, self._n_rows, self._rounds = job, n_rows, rounds
        self._rng = Random(11)

    def windows(self, what: str, order: Order | None = None) -> list[tuple[str, list[float], int]]:
        """Measure the first window of an order, one at its end, those in between."""
        total = self._window(0, order)[2]
        timed = [
            (f"{what}: at its end", [self._window(total - _WINDOW_ROWS, order)]),
            (
                f"{what}: anywhere",
                [
                    self._window(self._rng.randrange(max(1, total - _WINDOW_ROWS)), order)
                    for _ in range(self._rounds)
                ],
            ),
        ]
        return [
            (name, [ms for ms, _, _ in found], max(n_bytes for _, n_bytes, _ in found))
            for name, found in timed
        ]

    def first(self, order: Order | None = None) -> tuple[float, int]:
        """Measure the first window of an order, in milliseconds and bytes."""
        return self._window(0, order)[:2]

    def second(self, order: Order) -> float:
        """Measure the window after the first one, in milliseconds."""
        return self._window(_WINDOW_ROWS, order)[0]

    def prompts(self, ordinals: Callable[[], list[int]], rounds: int) -> tuple[list[float], int]:
        """Measure the prompts of some rows, in milliseconds and bytes."""
        times, n_bytes = [], 0
        for _ in range(rounds):
            request = messages.Prompts(job_id=self._job.id, ordinals=ordinals())
            began = time.perf_counter()
            n_bytes = max(n_bytes, len(self._rows.prompts(request)))
            times.append((time.perf_counter() - began) * 1_000)
        return times, n_bytes

    def _window(self, start: int, order: Order | None = None) -> tuple[float, int, int]:
        start = max(0, start)
        payload = {"job_id": self._job.id, "start": start, "stop": start + _WINDOW_ROWS}
        request = messages.parse_request("rows", payload | (order or {}))
        assert isinstance(request, messages.Rows)
        began = time.perf_counter()
        reply, data = self._rows.window(request)
        return (time.perf_counter() - began) * 1_000, len(data), reply["total"]


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the job")
    parser.add_argument("--rounds", type=int, default=30, help="windows at any place")
    given = parser.parse_args()
    logging.basicConfig()

    with tempfile.TemporaryDirectory(prefix="outboard-bench-") as temporary:
        folder = Path(temporary)
        say(_machine.describe(folder))
        with outboard.Workspace(folder / "workspace"):
            write_parquet(folder / "rows.parquet", given.rows)
            write_csv(folder / "rows.parquet", folder / "rows.csv")
            parquet, csv = (
                outboard.create_datasource(str(folder / f"rows.{suffix}"))
                for suffix in ("parquet", "csv")
            )
            job = record_job(parquet, given.rows)
            size_mb = (folder / "workspace" / "outboard.db").stat().st_size / 1e6
            say(f"{given.rows:,} rows, {size_mb:,.0f} MB of database")
            report_windows(Look(job, given.rows, given.rounds))
            report_prompts(job, record_job(csv, 0), given.rows)


def report_windows(look: Look) -> None:
    """Measure windows of all kinds, and print tables."""
    first_ms, n_bytes = look.first()
    plain = [("input order: first of the process", [first_ms], n_bytes)]
    plain += look.windows("input order")
    orders: list[tuple[str, Order]] = [
        ("by latency", {"sort": {"column": "latency_s", "descending": True}}),
        ("by response", {"sort": {"column": "response"}}),
        ("failed", {"filter": {"statuses": ["failed"]}}),
        ("truncated", {"filter": {"statuses": ["truncated"]}}),
        ("with a text", {"filter": {"text": "Row 4242"}}),
        ("with an accent", {"filter": {"text": "é"}}),
    ]
    worked_out = [(what, look.first(order)[0], look.second(order)) for what, order in orders]
    # Four are kept: those that were worked out last.
    for what, order in orders[-4:]:
        plain += look.windows(what, order)
    show(
        f"Windows of {_WINDOW_ROWS} rows, in milliseconds, median (lowest-highest)",
        ("window", "ms", "target", "", "most KB", "target", ""),
        [
            (what, spread(ms, 1), f"<= {_TARGET_MS:g}", verdict(median(ms), at_most=_TARGET_MS))
            + (f"{n_bytes / 1e3:.1f}", f"<= {_TARGET_KB:g}")
            + (verdict(n_bytes / 1e3, at_most=_TARGET_KB),)
            for what, ms, n_bytes in plain
        ],
    )
    show(
        "To sort or filter once, in milliseconds",
        ("order", "first window", "the next one"),
        [(what, f"{first:,.0f}", f"{second:,.0f}") for what, first, second in worked_out],
    )


def report_prompts(parquet: outboard.Job, csv: outboard.Job, n_rows: int) -> None:
    """Measure prompts, and print a table."""
    rng = Random(13)
    places: list[tuple[str, Callable[[], list[int]]]] = [
        ("at the beginning", lambda: list(range(_WINDOW_ROWS))),
        ("at the end", lambda: list(range(n_rows - _WINDOW_ROWS, n_rows))),
        ("scattered", lambda: rng.sample(range(n_rows), _WINDOW_ROWS)),
    ]
    rows = []
    for kind, job in (("Parquet", parquet), ("CSV", csv)):
        look = Look(job, n_rows, 1)
        for where, ordinals in places:
            times, n_bytes = look.prompts(ordinals, 3)
            rows.append((f"{kind}: {where}", spread(times, 0), f"{n_bytes / 1e3:.1f}"))
    show(
        f"Prompts of {_WINDOW_ROWS} rows, in milliseconds, median (lowest-highest)",
        ("rows", "ms", "most KB"),
        rows,
    )


if __name__ == "__main__":
    main()
