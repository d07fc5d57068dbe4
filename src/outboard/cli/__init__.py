"""The command `outboard`: the options, errors, exit status that its subcommands share."""

import io
import sys
from importlib import import_module
from pathlib import Path

import click

import outboard

INTERRUPTED = 130

# Command -> module beside this one. In the order in which help lists them.
_MODULES = {
    "demo": "demo",
    "datasource": "datasource",
    "infer": "infer",
    "job": "job",
    "export": "export",
    "fetch": "demo",
    "reap": "reap",
    "doctor": "doctor",
}


class Outboard(click.Group):
    """Loads a command when it is called; turns what stops it into one clear line.

    So `outboard doctor` runs even where what another command needs cannot be imported.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"outboard.cli.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            from outboard.cli.output import safe

            if isinstance(error, outboard.errors.OutboardError):
                raise click.ClickException(safe(error.message)) from None
            error.add_note(
                "This is a fault in outboard itself. What the workers logged is in "
                f"{outboard.Workspace.current().path / 'logs'}."
            )
            raise


@click.group(
    cls=Outboard, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(outboard.__version__, prog_name="outboard")
@click.option(
    "--home",
    envvar="OUTBOARD_HOME",
    type=click.Path(file_okay=False, path_type=Path),
    help="Workspace folder.  [default: OUTBOARD_HOME, else the platform's user data folder]",
)
@click.pass_context
def main(ctx: click.Context, home: Path | None) -> None:
    """Run a language model over the rows of your datasources.

    What a command produces goes to stdout; progress, hints and errors go to stderr.
    Exit status: 0 done, 1 the job failed or something was wrong, 2 usage, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An answer may hold characters that the terminal's encoding lacks.
            stream.reconfigure(errors="replace")
    if home is not None:
        ctx.with_resource(outboard.Workspace(home))
