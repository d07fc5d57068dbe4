"""`outboard datasource`: register, look at, remove tables."""

import click

import outboard
from outboard.cli.output import print_fields, print_json, print_table, say


@click.group()
def datasource() -> None:
    """Tables of rows to run a model over."""


@datasource.command()
@click.argument("source")
@click.option("--name", help="Name to list it under; default: the file's.")
@click.option("--uid-col", help="Column whose whole numbers name the rows; default: position.")
def add(source: str, name: str | None, uid_col: str | None) -> None:
    """Register SOURCE, a .parquet, .csv, .json or .jsonl file or an s3:// URI; print its uid."""
    uid = outboard.create_datasource(source, name=name, uid_col=uid_col)
    registered = outboard.get_datasource(uid)
    click.echo(uid)
    say(
        f"Datasource {uid} {registered.name!r} has {registered.n_rows:,} rows of "
        f"{', '.join(registered.columns)}."
    )


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
    first = found.to_pandas(max_rows=rows)
    fields = {
        "uid": found.uid,
        "name": found.name,
        "n_rows": found.n_rows,
        "columns": list(found.columns),
        "uid_col": found.uid_col,
        "fingerprint": found.fingerprint,
    }
    if as_json:
        print_json(fields | {"rows": first.to_dict(orient="records")})
        return
    print_fields(fields)
    if rows:
        click.echo()
        print_table([str(column) for column in first.columns], first.itertuples(index=False))


@datasource.command()
@click.argument("uid", type=int)
def rm(uid: int) -> None:
    """Forget a table. A file of yours stays where it is."""
    outboard.delete_datasource(uid)
    say(f"Datasource {uid} is removed.")
