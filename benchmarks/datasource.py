"""Register and read a table of a million rows, beside plain pyarrow reading the same file.

    python benchmarks/datasource.py [--rows 1000000] [--format parquet]

Each figure is of a process of its own: seconds and CPU-seconds of the work without imports,
and the peak of its memory, with that after the imports in brackets. pyarrow's reading is the
limit: it keeps the same columns as text, checks nothing and counts rows.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FORMATS = ("parquet", "csv", "jsonl", "json")
COLUMNS = ["question", "answer"]
BATCH_ROWS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        what, path = arguments.measure
        print(json.dumps(measure(MEASURES[what], Path(path))))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(f"{arguments.rows:,} rows       |    MB |      s |  CPU-s | peak RSS MB")
        for suffix in arguments.format or FORMATS:
            path = Path(folder) / f"rows.{suffix}"
            write(path, arguments.rows)
            for what in MEASURES:
                if (suffix, what) != ("json", "pyarrow read"):  # it cannot read arrays
                    report(path, what)
            path.unlink()


def report(path: Path, what: str) -> None:
    command = [sys.executable, __file__, "--measure", what, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, cpu, peak, imported = json.loads(done.stdout)
    size = path.stat().st_size / 1e6
    print(
        f"{path.suffix[1:]:8}{what:12} | {size:5.0f} | {seconds:6.2f} | {cpu:6.2f} "
        f"| {peak:5.0f} ({imported:.0f})"
    )


def measure(work: Callable[[Path], Callable[[], int]], path: Path) -> tuple[float, ...]:
    run = work(path)
    imported = peak_mb()
    started, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - cpu, peak_mb(), imported


def peak_mb() -> float:
    # Not getrusage's: a new process starts with the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def register(path: Path) -> Callable[[], int]:
    from outboard.datasource import create_datasource
    from outboard.workspace import Workspace

    workspace = Workspace(path.parent / "workspace")

    def run() -> int:
        with workspace:
            return create_datasource(path)

    return run


def register_uids(path: Path) -> Callable[[], int]:
    from outboard.datasource import create_datasource
    from outboard.workspace import Workspace

    workspace = Workspace(path.parent / "workspace")

    def run() -> int:
        with workspace:
            return create_datasource(path, uid_col="id")

    return run


def read(path: Path) -> Callable[[], int]:
    from outboard.datasource import get_datasource
    from outboard.workspace import Workspace

    workspace = Workspace(path.parent / "workspace")
    uid = workspace.store.datasources.all()[-1].uid
    with workspace:
        datasource = get_datasource(uid)
    return lambda: sum(len(batch.uids) for batch in datasource.batches(COLUMNS))


def read_with_pyarrow(path: Path) -> Callable[[], int]:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    def batches() -> Iterator[pa.RecordBatch]:
        match path.suffix:
            case ".parquet":
                file = pyarrow.parquet.ParquetFile(path)
                return file.iter_batches(batch_size=BATCH_ROWS, columns=COLUMNS)
            case ".csv":
                options = pyarrow.csv.ConvertOptions(
                    include_columns=COLUMNS, column_types=dict.fromkeys(COLUMNS, pa.string())
                )
                return iter(pyarrow.csv.open_csv(path, convert_options=options))
            case _:
                schema = pa.schema([(name, pa.string()) for name in COLUMNS])
                parse = pyarrow.json.ParseOptions(schema, unexpected_field_behavior="ignore")
                return iter(pyarrow.json.open_json(path, parse_options=parse))

    return lambda: sum(batch.num_rows for batch in batches())


MEASURES = {
    "register": register,
    "with uid_col": register_uids,
    "read": read,
    "pyarrow read": read_with_pyarrow,
}


def write(path: Path, n_rows: int) -> None:
    rows = (
        {
            "id": n,
            "question": f"What is question {n}, and why would anybody, anywhere, care to ask it?",
            "answer": f"The answer to question {n} is forty-two.",
            "score": n / 2,
        }
        for n in range(n_rows)
    )
    match path.suffix:
        case ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(list(rows)), path)
        case ".csv":
            import csv

            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, ["id", "question", "answer", "score"])
                writer.writeheader()
                writer.writerows(rows)
        case suffix:
            with path.open("w") as file:
                lines = suffix == ".jsonl"
                file.write("" if lines else "[")
                for row in rows:
                    separator = "" if lines or not row["id"] else ","
                    file.write(f"{separator}{json.dumps(row)}\n")
                file.write("" if lines else "]")


if __name__ == "__main__":
    main()
