"""`outboard reap`: delete the endpoints that nobody owns any more."""

import asyncio
from collections.abc import Iterable

import click

from outboard.cli.output import print_table, say
from outboard.ledger import price_text
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.pace import Pace
from outboard.reaper import Leftover, delete_leftovers, find_leftovers
from outboard.workspace import Workspace


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--kept", is_flag=True, help="Delete those, too, that were to be kept.")
@click.pass_context
def reap(ctx: click.Context, dry_run: bool, kept: bool) -> None:
    """Delete endpoints that outboard created and nobody owns any more.

    Those are endpoints of this workspace's jobs that have ended, and, in the account and region
    that your AWS settings lead to, endpoints of others that have expired. What outboard did not
    create is never touched. Exit status 1 if something could not be deleted.
    """
    workspace = Workspace.current()
    aws = Aws()
    leftovers = find_leftovers(workspace, aws, kept=kept)
    if not leftovers:
        say(f"Nothing is left in region {aws.region} of account {aws.identity.account_id}.")
        return
    if dry_run:
        outcomes = {True: "would be deleted", False: "is in another account"}
        _show((leftover, outcomes[leftover.in_reach]) for leftover in leftovers)
        in_reach = [leftover for leftover in leftovers if leftover.in_reach]
        say(f"Deleting them would save {_saved(in_reach)}.")
        return
    say(f"Deleting {len(leftovers)}: {', '.join(found.entry.name for found in leftovers)}")
    reaped = asyncio.run(
        delete_leftovers(
            workspace,
            aws,
            leftovers,
            report=lambda event: say(f"{event.data.get('endpoint_name')}: {event.message}"),
            pace=Pace.from_environment(),
        )
    )
    _show((result.leftover, result.problem or "deleted") for result in reaped)
    gone = [result.leftover for result in reaped if result.problem is None]
    say(f"Saved {_saved(gone)}.")
    if len(gone) < len(reaped):
        ctx.exit(1)


def _show(leftovers: Iterable[tuple[Leftover, str]]) -> None:
    print_table(
        ["endpoint", "region", "status", "price", "why", "outcome"],
        (
            [
                found.entry.name,
                found.entry.region,
                found.status or "not there",
                price_text(found.entry) if found.is_billed else "-",
                found.reason,
                outcome,
            ]
            for found, outcome in leftovers
        ),
    )


def _saved(leftovers: list[Leftover]) -> str:
    prices = [found.entry.usd_per_hour_in_all for found in leftovers if found.is_billed]
    known = sum(price for price in prices if price is not None)
    unknown = prices.count(None)
    others = f" and what {unknown} of unknown price cost" if unknown else ""
    return f"${known:,.2f}/h{others}"
