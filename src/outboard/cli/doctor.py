"""`outboard doctor`: what works here."""

import click

from outboard.cli.output import console, one_line, print_json
from outboard.workspace import Workspace


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at what works here and what does not, with the fix for each.

    Exit status 1 if something that is needed does not work.
    """
    from dataclasses import asdict

    from rich.text import Text

    from outboard.doctor import Verdict, examine

    styles = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}
    findings = []
    out = console(wide=True)
    for finding in examine(Workspace.current()):
        findings.append(finding)
        if as_json:
            continue
        line = Text.assemble(
            (f"{finding.verdict:<5}", styles[finding.verdict]),
            f"{finding.subject:<12} {one_line(finding.message, limit=1_000)}",
        )
        if finding.fix:
            line.append(f"\n{'':<17} fix: {one_line(finding.fix, limit=1_000)}")
        out.print(line)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        ctx.exit(1)
