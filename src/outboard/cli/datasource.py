"""`outboard datasource`: register, look at, remove tables."""

from typing import Any

import click

import outboard
from outboard.cli.output import print_fields, print_json, print_table, say


@click.group()
def datasource() -> None:
    """Tables of rows to run a model over."""


@datasource.command(short_help="Register a file or an s3:// URI.")
@click.argument("source")
@click.option("--name", help="Name to list it under; default: the file's.")
@click.option("--uid-col", help="Column whose whole numbers name the rows; default: position.")
def add(source: str, name: str | None, uid_col: str | None) -> None:
    """Register SOURCE, a .parquet, .csv, .json or .jsonl file or an s3:// URI; print its uid."""
    uid = outboard.create_datasource(source, name=name, uid_col=uid_col)
    registered = outboard.get_datasource(uid)
    click.echo(uid)
    rows = "1 row" if registered.n_rows == 1 else f"{registered.n_rows:,} rows"
    say(f"Datasource {uid} {registered.name!r} has {rows} of {', '.join(registered.columns)}.")


@datasource.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the registered tables."""
    rows = outboard.list_datasources().to_dict(orient="records")
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No datasource yet. Register one: outboard datasource add FILE")
        return
    columns = ["uid", "name", "n_rows", "columns", "created_at"]
    print_table(columns, ([row[column] for column in columns] for row in rows))


@datasource.command()
@click.argument("uid", type=int)
@click.option("--rows", type=click.IntRange(0, 1_000), default=5, help="How many rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(uid: int, rows: int, as_json: bool) -> None:
    """Show what a table holds, with its first rows."""
    found = outboard.get_datasource(uid)
    first = _first_rows(found, rows)
    fields = {
        "uid": found.uid,
        "name": found.name,
        "n_rows": found.n_rows,
        "columns": list(found.columns),
        "uid_col": found.uid_col,
        "fingerprint": found.fingerprint,
    }
    if as_json:
        print_json(fields | {"rows": [{"x_uid": x_uid, "values": row} for x_uid, row in first]})
        return
    print_fields(fields)
    if rows:
        click.echo()
        # As text: of a number, the table would show but one decimal.
        texts = ([x_uid, *map(_text, row.values())] for x_uid, row in first)
        print_table(["x_uid", *found.columns], texts)


@datasource.command()
@click.argument("uid", type=int)
def rm(uid: int) -> None:
    """Forget a table. A file of yours stays where it is."""
    outboard.delete_datasource(uid)
    say(f"Datasource {uid} is removed.")


def _first_rows(found: outboard.Datasource, n_rows: int) -> list[tuple[str, dict[str, Any]]]:
    """Return x_uids with rows: from Arrow, where an integer stays one and a null is None."""
    first: list[tuple[str, dict[str, Any]]] = []
    for batch in found.batches(batch_rows=n_rows) if n_rows else ():
        names = (f"doc::{uid}" for uid in batch.uids)
        first += zip(names, batch.table.to_pylist(), strict=True)
        if len(first) >= n_rows:
            break
    return first[:n_rows]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
