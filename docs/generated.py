"""Pages that are made from the code, so that they never differ from it."""

from collections.abc import Iterator
from typing import Any

import click

from outboard import DeploymentConfig, GenerationConfig
from outboard.cli import main
from outboard.settings import Settings


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put what the code says in place of the marks in a page."""
    for mark, lines in (
        ("<!-- generation settings -->", settings_table(GenerationConfig)),
        ("<!-- deployment settings -->", settings_table(DeploymentConfig)),
        ("<!-- commands -->", commands()),
    ):
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(lines))
    return markdown


def on_page_content(html: str, **_: object) -> str:
    """Drop the marks by which docstrings announce a drawing; Markdown shows them as text."""
    return html.replace("<p>::</p>\n", "")


def settings_table(config: type[Settings]) -> Iterator[str]:
    """Yield a table of all settings: name, default, meaning, providers that heed it."""
    properties = config.model_json_schema()["properties"]
    yield "| setting | default | what it does | providers |"
    yield "|---|---|---|---|"
    for name, schema in properties.items():
        unit = schema.get("unit")
        meaning = schema["description"] + _bounds(schema)
        default = schema.get("default")
        shown = "" if default in (None, [], {}, ()) else f"`{default!r}`"
        shown += f" {unit}" if shown and unit and not isinstance(default, str) else ""
        providers = ", ".join(schema["providers"])
        yield f"| `{name}` | {shown} | {_cell(meaning)} | {providers} |"


def commands() -> Iterator[str]:
    """Yield the help of each command."""
    context = click.Context(main, info_name="outboard")
    yield from _help(main, context, level=2)


def _help(command: click.Command, context: click.Context, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{context.command_path}`\n"
    yield f"```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            inner = click.Context(found, info_name=name, parent=context)
            yield from _help(found, inner, level=min(level + 1, 3))


def _bounds(schema: dict[str, Any]) -> str:
    found = next((s for s in [schema, *schema.get("anyOf", [])] if _numbers(s)), schema)
    least = found.get("minimum", found.get("exclusiveMinimum"))
    most = found.get("maximum")
    if least is None or most is None:
        return ""
    above = "above " if "exclusiveMinimum" in found else ""
    return f" From {above}{least:,} to {most:,}."


def _numbers(schema: dict[str, Any]) -> bool:
    return schema.get("type") in {"integer", "number"}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
