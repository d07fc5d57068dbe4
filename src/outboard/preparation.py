"""Puts a call together from what a user passed, collecting every fault on the way."""

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from outboard.call import DEFAULT_PROMPT_TEMPLATE, InferenceCall
from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.datasource import get_datasource
from outboard.errors import ConfigError, NotFoundError, OutboardError, PromptTemplateError
from outboard.prompt import PromptTemplate
from outboard.selection import Part, Selection, parse_x_uids, plan_for

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, or may be."""

    #: ``error`` keeps a job from being launched, ``warning`` does not.
    severity: Literal["error", "warning"]
    #: What kind of thing, in one word, e.g. ``missing_value``.
    code: str
    #: What is wrong, and what to do.
    message: str
    #: What to do, where it is not part of the message.
    hint: str = ""
    #: Argument or setting at fault, e.g. ``prompt_template`` or ``temperature``.
    field: str | None = None
    #: Rows in question, at most twenty of them.
    x_uids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.hint) if part)


@dataclass(kw_only=True)
class Preparation:
    """A call put together from what a user passed, with every fault that was found on the way."""

    call: InferenceCall
    x_uids: "array[int] | None" = None
    #: None if the datasources, the template or the mapping are at fault.
    selection: Selection | None = None
    faults: list[OutboardError] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def raise_faults(self) -> None:
        """Raise what was found: one fault as it is, several as one error of the first's class."""
        if not self.faults:
            return
        first = self.faults[0]
        if len(self.faults) == 1:
            raise first
        record = first.to_record()
        listed = "".join(f"\n- {fault.message}" for fault in self.faults)
        record["message"] = f"{len(self.faults)} things are wrong with this call:{listed}"
        raise OutboardError.from_record(record)


def prepare(
    *,
    model_name: str,
    column_mappings: Mapping[str, str] | None,
    provider: FinetuningProvider,
    datasource_uids: Iterable[object],
    x_uids: Iterable[object] | None,
    generation_config: GenerationConfig | Mapping[str, Any] | None,
    deployment_config: DeploymentConfig | Mapping[str, Any] | None,
    prompt_template: PromptTemplate | str | None,
) -> Preparation:
    """Check a call without reading a row, and put it together.

    Nothing is raised: faults are collected, so that a user sees all of them at once.
    """
    faults: list[OutboardError] = []

    def attempt(make: Callable[[], _Value]) -> _Value | None:
        try:
            return make()
        except OutboardError as fault:
            faults.append(fault)
            return None

    generation = attempt(lambda: GenerationConfig.parse(generation_config)) or GenerationConfig()
    deployment = attempt(lambda: DeploymentConfig.parse(deployment_config)) or DeploymentConfig()
    template = attempt(lambda: _template(prompt_template))
    system = attempt(lambda: PromptTemplate(generation.system_prompt or ""))
    uids = attempt(lambda: _existing(datasource_uids)) or ()
    chosen = None if x_uids is None else attempt(lambda: parse_x_uids(x_uids))
    call = InferenceCall(
        model_name=model_name,
        provider=provider,
        column_mappings=column_mappings,
        datasource_uids=uids,
        generation=generation.given(),
        deployment=deployment.given(),
        prompt_template=template.text if template else DEFAULT_PROMPT_TEMPLATE,
    )
    preparation = Preparation(call=call, x_uids=chosen, faults=faults)
    if template and system and uids and (chosen is not None or x_uids is None):
        preparation.selection = attempt(lambda: _select(preparation))
    return preparation


def _template(prompt_template: PromptTemplate | str | None) -> PromptTemplate:
    match prompt_template:
        case None:
            return PromptTemplate(DEFAULT_PROMPT_TEMPLATE)
        case PromptTemplate():
            return prompt_template
        case str():
            return PromptTemplate(prompt_template)
        case _:
            raise PromptTemplateError(
                "prompt_template takes a text such as '{instruction}', "
                f"got {type(prompt_template).__name__}."
            )


def _existing(datasource_uids: Iterable[object]) -> tuple[int, ...]:
    """Return the uids as ints, each once; unknown ones are an error that names them all."""
    if isinstance(datasource_uids, (str, bytes)) or not isinstance(datasource_uids, Iterable):
        raise ConfigError(
            f"datasource_uids takes a list of uids, got {datasource_uids!r}. "
            f"Write [{datasource_uids!r}].",
            field="datasource_uids",
        )
    found: dict[int, None] = {}
    unknown: list[str] = []
    for uid in datasource_uids:
        try:
            found[get_datasource(uid).uid] = None  # type: ignore[arg-type]
        except NotFoundError as fault:
            unknown.extend(fault.ids)
    if unknown:
        names = ", ".join(dict.fromkeys(unknown))
        raise NotFoundError(
            f"There is no datasource with uid {names}. list_datasources() shows those there are.",
            kind="datasource",
            ids=tuple(dict.fromkeys(unknown)),
        )
    if not found:
        raise ConfigError(
            "datasource_uids is empty: there is nothing to run on. "
            "Pass what create_datasource() returned.",
            field="datasource_uids",
        )
    return tuple(found)


def _select(preparation: Preparation) -> Selection | None:
    """Bind the template to each datasource, and choose the rows."""
    call, x_uids = preparation.call, preparation.x_uids
    parts = []
    for place, uid in enumerate(call.datasource_uids):
        datasource = get_datasource(uid)
        _ = datasource.schema  # reads nothing, and refuses a file that was changed
        plan = plan_for(call, datasource)
        parts.append(Part(place, datasource, plan, x_uids))
        preparation.faults.extend(plan.problems)
        preparation.warnings.extend(
            Problem(
                severity="warning", code="shadowed_column", message=text, field="column_mappings"
            )
            for text in plan.warnings
        )
    if any(part.plan.problems for part in parts):
        return None
    selection = Selection(parts)
    if x_uids is not None:
        _refuse_unknown(x_uids, selection)
    if selection.total == 0:
        raise ConfigError(
            "No row is chosen: x_uids is empty. Leave x_uids out to run every row.", field="x_uids"
        )
    return selection


def _refuse_unknown(x_uids: "array[int]", selection: Selection) -> None:
    missing: Iterable[int] = x_uids
    for part in selection.parts:
        missing = part.datasource.missing_uids(missing)
    names = tuple(f"doc::{uid}" for uid in missing)
    if names:
        shown = ", ".join(names[:10]) + (f" ... ({len(names):,} in all)" if len(names) > 10 else "")
        uids = ", ".join(str(part.datasource.uid) for part in selection.parts)
        raise NotFoundError(
            f"x_uids {shown} are not in datasource {uids}. "
            "get_datasource(uid).to_pandas() shows a table with its x_uids.",
            kind="x_uid",
            ids=names[:1_000],
        )
