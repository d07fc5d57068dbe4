"""Which column of a table fills each name of a prompt, row by row."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from outboard.errors import ConfigError, InvocationError, PromptTemplateError
from outboard.roles import (
    DEFAULT_COLUMN_MAPPINGS,
    FineTuningColumnType,
    mapping_error,
    parse_column_mappings,
)
from outboard.template import (
    PromptTemplate,
    UnknownName,
    escape_braces,
    hints,
    listed,
    nearest,
    some_of,
)
from outboard.value_text import as_text, text_of

__all__ = [
    "DEFAULT_COLUMN_MAPPINGS",
    "FineTuningColumnType",
    "PromptPlan",
    "PromptTemplate",
    "RenderedPrompt",
    "escape_braces",
    "parse_column_mappings",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedPrompt:
    """What is sent for one row, with the answer it is compared with."""

    #: The user message.
    prompt: str
    #: The system message, or None for none.
    system: str | None
    #: The reference answer, or None if the row has none.
    reference: str | None


@dataclass(frozen=True, kw_only=True)
class PromptPlan:
    """How the rows of one table become prompts. Made by `for_columns`."""

    #: Template of the user message.
    prompt: PromptTemplate
    #: Template of the system message, or None for no system message.
    system: PromptTemplate | None
    #: The columns that each name of the templates stands for, and no others.
    column_of: Mapping[str, str]
    #: Column of the reference answers, or None.
    reference_column: str | None
    #: Column that has to have a value in every row, if the prompt uses it.
    instruction_column: str | None
    #: Why no row of the table can be rendered; empty if rows can.
    problems: tuple[ConfigError | PromptTemplateError, ...]
    #: What is allowed and yet probably not meant, as sentences.
    warnings: tuple[str, ...]

    @classmethod
    def for_columns(
        cls,
        columns: Collection[str],
        *,
        prompt: PromptTemplate,
        system: PromptTemplate | None = None,
        mappings: Mapping[str, str] | None = None,
    ) -> Self:
        """Decide which column fills each name; never raises for names that do not fit.

        Parameters
        ----------
        columns : collection of str
            Columns of the table.
        prompt, system : PromptTemplate
            Templates of the user message and the system message.
        mappings : mapping or None
            Column -> role. A mapped role wins over a column of the same name. By default
            columns called like a role have that role. A mapped column need not be there as
            long as no template uses its role: new data rarely has the reference answers.

        Raises
        ------
        ConfigError
            If the mapping itself is wrong, see `parse_column_mappings`.
        """
        roles = parse_column_mappings(mappings)
        by_default = roles == DEFAULT_COLUMN_MAPPINGS
        names = dict.fromkeys(prompt.names + (system.names if system else ()))
        mapped = {
            str(role): column
            for column, role in roles.items()
            if column in columns or (role in names and not by_default)
        }
        unused = (
            {}
            if by_default
            else {str(role): column for column, role in roles.items() if role not in mapped}
        )
        known = {column: column for column in columns} | mapped
        return cls(
            prompt=prompt,
            system=system,
            column_of={name: known[name] for name in names if name in known},
            reference_column=mapped.get(FineTuningColumnType.RESPONSE),
            instruction_column=known.get(FineTuningColumnType.INSTRUCTION),
            problems=tuple(_problems(prompt, system, known, mapped, columns)),
            warnings=(
                *_warnings(prompt, system, known, mapped, columns),
                *_absent(unused, columns),
            ),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read, each once."""
        reference = (self.reference_column,) if self.reference_column else ()
        return tuple(dict.fromkeys((*self.column_of.values(), *reference)))

    def render(self, row: Mapping[str, object]) -> RenderedPrompt:
        """Return the prompt of one row, given a value for each of `columns`.

        Raises
        ------
        InvocationError
            If this row cannot be sent: ``missing_value``, ``invalid_value`` or
            ``request_too_large``.
        ConfigError, PromptTemplateError
            If no row can: the first of `problems`.
        """
        rendered = next(self.render_batch({name: (row[name],) for name in self.columns}, 1))
        if isinstance(rendered, InvocationError):
            raise rendered
        return rendered

    def render_batch(
        self, columns: Mapping[str, Sequence[object]], n_rows: int
    ) -> Iterator[RenderedPrompt | InvocationError]:
        """Render `n_rows` rows, one at a time; a row that cannot be sent is its error.

        Parameters
        ----------
        columns : mapping
            For each of `columns` its values, `n_rows` of them.
        n_rows : int
            How many rows to render.

        Yields
        ------
        RenderedPrompt or InvocationError
            For each row in order.

        Raises
        ------
        ConfigError, PromptTemplateError
            The first of `problems`, if there is one.
        """
        if self.problems:
            raise self.problems[0]
        prompt = self._series(self.prompt, columns, self.instruction_column)
        system = self._series(self.system, columns, None) if self.system else []
        references = columns[self.reference_column] if self.reference_column else None
        for row in range(n_rows):
            rendered: RenderedPrompt | InvocationError
            try:
                rendered = RenderedPrompt(
                    prompt=self.prompt.fill(_texts(prompt, row)),
                    system=_or_none(self.system.fill(_texts(system, row))) if self.system else None,
                    reference=_reference(references[row]) if references is not None else None,
                )
            except InvocationError as fault:
                # A traceback would keep the whole batch alive.
                rendered = fault.with_traceback(None)
            yield rendered

    def _series(
        self,
        template: PromptTemplate,
        columns: Mapping[str, Sequence[object]],
        required: str | None,
    ) -> "list[_Series]":
        names = (self.column_of[name] for name in template.parts[1::2])
        return [(name, columns[name], name == required) for name in names]


#: Column, its values, and whether each row has to have one.
_Series = tuple[str, Sequence[object], bool]


def _texts(series: list[_Series], row: int) -> list[str]:
    texts = []
    for column, values, required in series:
        value = values[row]
        # Most values are text: spare them the call.
        texts.append(value if type(value) is str else text_of(column, value, required=required))
    return texts


def _or_none(text: str) -> str | None:
    return None if not text or text.isspace() else text


def _reference(value: object) -> str | None:
    try:
        return as_text(value)
    except ValueError:
        # It is only shown beside the answer: no reason to lose the answer.
        return None


def _problems(
    prompt: PromptTemplate,
    system: PromptTemplate | None,
    known: Collection[str],
    mapped: Mapping[str, str],
    columns: Collection[str],
) -> Iterator[ConfigError | PromptTemplateError]:
    if not prompt.text.strip():
        yield PromptTemplateError(
            "The prompt template is empty: there is nothing to send. "
            'Name a column in it, e.g. "{instruction}".'
        )
    absent = [
        UnknownName(name=column, position=None, nearest=nearest(column, columns), hint="")
        for column in mapped.values()
        if column not in columns
    ]
    if absent:
        yield mapping_error(
            f"column_mappings names {listed(absent)}, but there are only the columns "
            f"{some_of(columns)}."
        )
    for title, template in (("prompt template", prompt), ("system prompt", system)):
        unknown = template.unknown_names(known) if template else ()
        if unknown:
            advised = [_with_role_hint(each, columns) for each in unknown]
            renamed = [role for role, column in mapped.items() if role != column]
            role = "role" if len(renamed) == 1 else "roles"
            roles = f" and the mapped {role} {some_of(renamed)}" if renamed else ""
            yield PromptTemplateError(
                f"The {title} uses {listed(advised)}, but there are only the columns "
                f"{some_of(columns)}{roles}.{hints(advised)}",
                field=title.replace(" ", "_"),
                names=tuple(each.name for each in unknown),
                position=unknown[0].position,
            )


def _with_role_hint(unknown: UnknownName, columns: Collection[str]) -> UnknownName:
    if unknown.name not in list(FineTuningColumnType):
        return unknown
    column = unknown.nearest or next(iter(columns), "column")
    hint = f'Map a column to the role: column_mappings={{"{column}": "{unknown.name}"}}.'
    return replace(unknown, hint=hint)


def _warnings(
    prompt: PromptTemplate,
    system: PromptTemplate | None,
    known: Collection[str],
    mapped: Mapping[str, str],
    columns: Collection[str],
) -> Iterator[str]:
    templates = [template for template in (prompt, system) if template]
    for name in dict.fromkeys(name for template in templates for name in template.names):
        if name in columns and mapped.get(name, name) != name:
            yield (
                f"{{{name}}} is filled from the column {mapped[name]!r}, which has that role; "
                f"the column {name!r} is not used."
            )
    for template in templates:
        for name in known:
            if any(f"{{{name}}}" in literal for literal in template.parts[0::2]):
                yield (
                    f"{{{{{name}}}}} is sent as the text {{{name}}}. "
                    f"Write {{{name}}} to put in the row's value."
                )


def _absent(unused: Mapping[str, str], columns: Collection[str]) -> Iterator[str]:
    for role, column in unused.items():
        effect = "there will be no reference answers" if role == "response" else "it is not needed"
        near = nearest(column, columns)
        hint = f" (did you mean {near!r}?)" if near else ""
        yield f"There is no column {column!r}{hint} for the role {role!r}: {effect}."
