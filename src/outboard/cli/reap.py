"""`outboard reap`: delete the endpoints that nobody owns any more."""

import click


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def reap(dry_run: bool) -> None:  # noqa: ARG001 - the option is part of the contract
    """Delete endpoints that outboard created and nobody owns any more."""
    click.echo("This version of outboard creates no endpoints, so there is nothing to delete.")
