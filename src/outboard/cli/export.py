"""`outboard export`: answers into a file."""

from pathlib import PurePosixPath

import click

import outboard
from outboard.cli.output import safe, say

SUFFIXES = (".parquet", ".csv", ".jsonl")


@click.command(short_help="Write the answers of a job to a file.")
@click.argument("job_or_source")
@click.option(
    "--to",
    "target",
    required=True,
    help="File or URI to write: .parquet, .csv or .jsonl. An existing one is replaced.",
)
def export(job_or_source: str, target: str) -> None:
    """Write the answers of JOB_OR_SOURCE, a job id or a model source uid, to a file.

    Works at any time: rows without an answer yet have the status `pending`.
    """
    suffix = PurePosixPath(target).suffix.lower()
    if suffix not in SUFFIXES:
        raise click.UsageError(f"Cannot tell the format of {target}: end it in {_or(SUFFIXES)}.")
    source = source_of(job_or_source)
    match suffix:
        case ".parquet":
            source.to_parquet(target)
        case ".csv":
            source.to_csv(target)
        case _:
            source.to_jsonl(target)
    say(f"Wrote {safe(target)}.")


def source_of(job_or_source: str) -> "outboard.ModelSource":
    """Return the answers of a job, or a model source by its uid."""
    if not job_or_source.isdecimal():
        job_or_source = outboard.get_job(job_or_source).model_source_uid
    return outboard.get_model_source(job_or_source)


def _or(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
