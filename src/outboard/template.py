"""Prompt templates: text with `{name}` placeholders."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from outboard.errors import InvocationError, PromptTemplateError
from outboard.value_text import text_of

#: Longest rendered prompt. Far beyond any model's context; it bounds the memory of one row.
MAX_PROMPT_CHARS = 10_000_000

_TOKEN = re.compile(r"(?P<double>\{\{|\}\})|\{(?P<name>[^{}]+)\}|(?P<stray>[{}])")
_JSON_HINT = "It looks like JSON: double its braces, {{ and }}."


@dataclass(frozen=True, kw_only=True)
class UnknownName:
    """A name that a template or a mapping uses and a table does not have."""

    #: The name, verbatim.
    name: str
    #: Where its `{` stands in the template, counted from 0; None for a name in a mapping.
    position: int | None
    #: The name there is that was probably meant, or None.
    nearest: str | None
    #: What to do about it, as a sentence; empty if there is nothing to say.
    hint: str

    def __str__(self) -> str:
        return self._as_written(self.name)

    @property
    def suggestion(self) -> str:
        """The nearest name, written as it would be used."""
        return self._as_written(self.nearest or "")

    def _as_written(self, name: str) -> str:
        shown = name if len(name) <= 60 else f"{name[:59]}…"
        if self.position is None or not shown.isprintable():
            shown = repr(shown)
        return shown if self.position is None else f"{{{shown}}}"


@dataclass(frozen=True)
class PromptTemplate:
    """Text in which `{name}` is replaced by a row's value of that name.

    A name is taken verbatim: it may hold spaces, dots and brackets, and nothing in it is
    special. ``{{`` and ``}}`` are literal braces. Values are never read as templates.

    Parameters
    ----------
    text : str
        The template, e.g. ``"Translate into {language}: {text}"``.

    Raises
    ------
    PromptTemplateError
        If a brace has no partner, or ``{}`` names nothing. `position` tells where.

    Examples
    --------
    >>> template = PromptTemplate('Answer as {{"answer": ...}}. {question}')
    >>> template.names
    ('question',)
    >>> template.render({"question": "What is {x}?"})
    'Answer as {"answer": ...}. What is {x}?'
    """

    #: The template as it was written.
    text: str
    #: The names that it uses, in order of first appearance.
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    #: Literal texts and names in turn, beginning and ending with a literal text.
    parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise PromptTemplateError(
                f"A prompt template is text, got {type(self.text).__name__}. "
                'Write it like "{instruction}".'
            )
        parts: list[str] = []
        literal: list[str] = []
        end = 0
        for token in _TOKEN.finditer(self.text):
            if token["stray"]:
                raise self._unpaired(token.start())
            literal.append(self.text[end : token.start()])
            if token["name"]:
                parts += ["".join(literal), token["name"]]
                literal = []
            else:
                literal.append(token["double"][0])
            end = token.end()
        parts.append("".join([*literal, self.text[end:]]))
        object.__setattr__(self, "parts", tuple(parts))
        object.__setattr__(self, "names", tuple(dict.fromkeys(parts[1::2])))

    def render(self, row: Mapping[str, object]) -> str:
        """Return the template filled with a row's values.

        Lists and dicts become compact JSON, numbers and dates their `str`. A null (None,
        NaN, NaT, pandas.NA) becomes empty text, except for ``instruction``.

        Parameters
        ----------
        row : mapping
            A value for each of `names`; others are ignored.

        Raises
        ------
        PromptTemplateError
            If the row lacks a name, has no value for ``instruction``, or holds a value that
            has no text form. A job treats the last two as faults of that row alone.
        """
        if unknown := self.unknown_names(row):
            has = f"has only {some_of(row)}" if row else "is empty"
            raise PromptTemplateError(
                f"The prompt template uses {listed(unknown)}, but the row {has}.{hints(unknown)}",
                names=tuple(each.name for each in unknown),
                position=unknown[0].position,
            )
        try:
            texts = {
                name: text_of(name, row[name], required=name == "instruction")
                for name in self.names
            }
            return self.fill([texts[name] for name in self.parts[1::2]])
        except InvocationError as fault:
            raise PromptTemplateError(fault.message) from None

    def fill(self, texts: Iterable[str]) -> str:
        """Return the template with one text for each placeholder, in order of appearance.

        Raises
        ------
        InvocationError
            If the result would be longer than `MAX_PROMPT_CHARS`.
        """
        filled = list(self.parts)
        filled[1::2] = texts
        # Before joining: a name used a thousand times multiplies a long value.
        if (length := sum(map(len, filled))) > MAX_PROMPT_CHARS:
            raise InvocationError(
                f"The rendered prompt has {length:,} characters; at most {MAX_PROMPT_CHARS:,} "
                "can be sent. Shorten the row's values.",
                code="request_too_large",
            )
        return "".join(filled)

    def unknown_names(self, known: Collection[str]) -> tuple[UnknownName, ...]:
        """Return the names that are not among `known`, in order of first appearance."""
        found: dict[str, UnknownName] = {}
        for token in _TOKEN.finditer(self.text):
            name = token["name"]
            if name and name not in known and name not in found:
                near = nearest(name, known)
                found[name] = UnknownName(
                    name=name,
                    position=token.start(),
                    nearest=near,
                    hint=_JSON_HINT if near is None and _looks_like_json(name) else "",
                )
        return tuple(found.values())

    def _unpaired(self, position: int) -> PromptTemplateError:
        brace, rest = self.text[position], self.text[position + 1 :]
        line = self.text.count("\n", 0, position) + 1
        column = position - self.text.rfind("\n", 0, position)
        place = f"at line {line}, character {column} of the prompt template"
        if brace == "{" and rest.startswith("}"):
            message = f"The {{}} {place} names no column. Put a name between the braces."
        elif brace == "{" and _looks_like_json(rest):
            message = f"The '{{' {place} has no '}}' of its own. {_JSON_HINT}"
        else:
            message = (
                f"The {brace!r} {place} has no partner. "
                f"Write it twice, {brace * 2!r}, for a literal brace."
            )
        return PromptTemplateError(message, position=position)


def escape_braces(text: str, names: Collection[str]) -> str:
    """Double every brace of `text` but those around one of `names`.

    Makes a template of text that holds JSON. Text that is a template over these names already
    is returned unchanged; otherwise no brace of it counts as doubled before.

    Parameters
    ----------
    text : str
        E.g. ``'{"text": "{context}"}'``.
    names : collection of str
        Names that stay placeholders, e.g. the columns and roles there are.

    Returns
    -------
    str
        E.g. ``'{{"text": "{context}"}}'``.
    """
    try:
        if not PromptTemplate(text).unknown_names(names):
            return text
    except PromptTemplateError:
        pass
    return re.sub(
        r"\{([^{}]+)\}|[{}]",
        lambda found: (
            found[0] if found[1] in names else found[0].replace("{", "{{").replace("}", "}}")
        ),
        text,
    )


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that was probably meant, or None."""
    # What is read as attribute, index, conversion or format elsewhere is part of a name here.
    for bare in (name.strip(), re.split(r"[.\[!:]", name)[0].strip()):
        if bare in known:
            return bare
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    return folded[near[0]] if near else None


def listed(unknown: Iterable[UnknownName]) -> str:
    """Say which names are unknown, each with the one it may have meant."""
    *first, last = (
        f"{each} (did you mean {each.suggestion}?)" if each.nearest else str(each)
        for each in unknown
    )
    return f"{', '.join(first)} and {last}" if first else last


def hints(unknown: Iterable[UnknownName]) -> str:
    """Say what to do about unknown names, each thing once, with a space before it."""
    return "".join(f" {hint}" for hint in dict.fromkeys(each.hint for each in unknown) if hint)


def some_of(names: Iterable[str]) -> str:
    """Say which names there are, the first twenty of them."""
    known = [str(name) for name in names]
    more = f" and {len(known) - 20:,} more" if len(known) > 20 else ""
    return (", ".join(known[:20]) + more) if known else "nothing"


def _looks_like_json(text: str) -> bool:
    return text.startswith(("'", '"')) or text[:1].isspace()
