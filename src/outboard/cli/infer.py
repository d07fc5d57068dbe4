"""`outboard infer`: run a model over datasources."""

from collections.abc import Iterable
from typing import Any

import click
import orjson

import outboard
from outboard.cli.output import say
from outboard.cli.progress import follow_or_cancel

SECTIONS = ("generation", "deployment")


@click.command(short_help="Run a model over the rows of datasources.")
@click.argument("model")
@click.option(
    "--datasource",
    "datasource_uids",
    metavar="UID",
    required=True,
    multiple=True,
    help="Datasource to run over; may be repeated.",
)
@click.option(
    "--provider",
    type=click.Choice(["sagemaker", "local", "openai"]),
    default="sagemaker",
    help="Where MODEL is served.",
)
@click.option(
    "--template", metavar="TEXT", help="Prompt template; names in braces are roles or columns."
)
@click.option(
    "--map",
    "mappings",
    metavar="COLUMN=ROLE",
    multiple=True,
    help="Give a column a role: instruction, context, prompt_prefix or response; may be repeated.",
)
@click.option(
    "--set",
    "settings",
    metavar="SETTING=VALUE",
    multiple=True,
    help="A setting, e.g. generation.temperature=0 or deployment.instance_count=2. "
    "The value is read as JSON, else as text; may be repeated.",
)
@click.option(
    "--x-uid",
    "x_uids",
    metavar="X_UID",
    multiple=True,
    help="Run only over this row, e.g. doc::7; may be repeated.",
)
@click.option("--detach", is_flag=True, help="Return at once and print the job's id.")
def infer(
    *,
    model: str,
    datasource_uids: tuple[str, ...],
    provider: str,
    template: str | None,
    mappings: tuple[str, ...],
    settings: tuple[str, ...],
    x_uids: tuple[str, ...],
    detach: bool,
) -> None:
    """Run MODEL over the rows of datasources; print the uid of the model source.

    Interrupting it (Ctrl-C) cancels the job and keeps the finished rows.
    """
    configs = parse_settings(settings)
    arguments: dict[str, Any] = {"finetuning_provider_type": outboard.FinetuningProvider(provider)}
    if mappings:
        arguments["column_mappings"] = parse_mappings(mappings)
    job_id = outboard.ExternalModel(model, **arguments).inference(
        datasource_uids,
        x_uids=x_uids or None,
        generation_config=configs["generation"],
        deployment_config=configs["deployment"],
        prompt_template=template,
        sync=False,
    )
    if detach:
        click.echo(job_id)
        say(f"Watch it: outboard job watch {job_id}")
        return
    job = outboard.get_job(job_id)
    follow_or_cancel(job)
    click.echo(job.model_source_uid)
    say(f"See the answers: outboard export {job.model_source_uid} --to answers.csv")


def parse_mappings(mappings: Iterable[str]) -> dict[str, str]:
    """Return column -> role from ``COLUMN=ROLE`` arguments."""
    roles: dict[str, str] = {}
    for mapping in mappings:
        # A column may hold an equals sign; a role never does.
        column, equals, role = mapping.rpartition("=")
        if not equals or not column or not role:
            raise click.BadParameter(
                f"{mapping!r} is not of the form COLUMN=ROLE.", param_hint="--map"
            )
        if column in roles:
            raise click.BadParameter(f"column {column!r} is given twice.", param_hint="--map")
        roles[column] = role
    return roles


def parse_settings(settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the generation and deployment settings from ``SECTION.NAME=VALUE`` arguments."""
    configs: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for setting in settings:
        path, equals, text = setting.partition("=")
        section, *names = path.split(".")
        if not equals or section not in SECTIONS or not names or not all(names):
            raise click.BadParameter(
                f"{setting!r} is not of the form generation.NAME=VALUE or deployment.NAME=VALUE.",
                param_hint="--set",
            )
        inner = configs[section]
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise click.BadParameter(
                    f"{setting!r} sets a part of {name!r}, which is a plain value already.",
                    param_hint="--set",
                )
        if names[-1] in inner:
            raise click.BadParameter(f"{path!r} is given twice.", param_hint="--set")
        inner[names[-1]] = _json_or_text(text)
    return configs


def _json_or_text(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
