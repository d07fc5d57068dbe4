"""`outboard job`: look at jobs, stop them, go on with them."""

from dataclasses import asdict
from datetime import UTC, datetime

import click

import outboard
from outboard.cli.output import print_fields, print_json, print_table, say
from outboard.cli.progress import follow, follow_or_cancel, summary
from outboard.unattended import billing_warning, unattended
from outboard.workspace import Workspace


@click.group()
def job() -> None:
    """Inference runs, whatever process started them."""


@job.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the jobs, newest first."""
    rows = outboard.list_jobs().to_dict(orient="records")
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No job yet. Start one: outboard demo, or outboard infer MODEL --datasource UID")
        return
    # As many as fit into 80 characters; --json has all of them.
    columns = ["job_id", "status", "total", "succeeded", "failed", "model"]
    for row in rows:
        row["status"] += ", trial" if row["trial"] else ""
    print_table(columns, ([row[column] for column in columns] for row in rows))
    for entry in unattended(Workspace.current()):
        say(billing_warning(entry))


@job.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--python", "as_python", is_flag=True, help="Print the Python that runs it again.")
def show(job_id: str, as_json: bool, as_python: bool) -> None:
    """Show how a job stands, what happened to it, what it was asked for."""
    found = outboard.get_job(job_id)
    if as_python:
        click.echo(found.as_python(), nl=False)
        return
    error = found.error
    fields = {
        "job_id": found.id,
        "status": str(found.status),
        "model": found.call.model_name,
        "provider": str(found.call.served_by),
        "datasource_uids": list(found.call.datasource_uids),
        "model_source_uid": found.model_source_uid,
        "error": None if error is None else error.message,
        "log": str(found.log_path),
    }
    if as_json:
        events = [asdict(event) for event in found.events()]
        print_json(fields | {"progress": asdict(found.progress), "events": events})
        return
    print_fields(fields | {"progress": summary(found)})
    click.echo()
    print_table(
        ["at", "kind", "message"],
        (
            [datetime.fromtimestamp(event.at, UTC), event.kind, event.message]
            for event in found.events()
        ),
    )
    for entry in unattended(Workspace.current()):
        if entry.job_id == found.id:
            say(billing_warning(entry))


@job.command()
@click.argument("job_id")
def watch(job_id: str) -> None:
    """Follow a job until it ends. Ctrl-C stops the watching, not the job."""
    found = outboard.get_job(job_id)
    try:
        follow(found)
    except KeyboardInterrupt:
        say(f"\nJob {found.id} goes on. Watch it again: outboard job watch {found.id}")
        raise


@job.command()
@click.argument("job_id")
def cancel(job_id: str) -> None:
    """Stop a job; finished rows are kept."""
    found = outboard.get_job(job_id)
    if not found.status.live and found.status != "interrupted":
        say(f"Job {found.id} has ended already: it is {found.status}.")
        return
    found.cancel()
    say(f"Job {found.id} is asked to stop. Go on later: outboard job resume {found.id}")


@job.command()
@click.argument("job_id")
@click.option("--max-cost-usd", type=float, help="What the whole job may cost from now on.")
@click.option("--detach", is_flag=True, help="Return at once.")
def resume(job_id: str, max_cost_usd: float | None, detach: bool) -> None:
    """Go on with the rows that have no answer yet."""
    found = outboard.get_job(job_id)
    found.resume(max_cost_usd=max_cost_usd)
    if not detach:
        follow_or_cancel(found)


@job.command()
@click.argument("job_id")
@click.option("--detach", is_flag=True, help="Return at once.")
def retry(job_id: str, detach: bool) -> None:
    """Send the failed rows again."""
    found = outboard.get_job(job_id)
    found.retry_failed()
    if not detach:
        follow_or_cancel(found)
