"""Puts a call together from what a user passed, collecting every fault on the way."""

import reprlib
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from outboard import providers
from outboard.call import DEFAULT_PROMPT_TEMPLATE, InferenceCall
from outboard.config import DeploymentConfig, FinetuningProvider, GenerationConfig
from outboard.container_environment import refuse_secrets
from outboard.datasource import Datasource, get_datasource
from outboard.errors import ConfigError, NotFoundError, OutboardError, PromptTemplateError
from outboard.prompt import PromptTemplate
from outboard.providers import Provider
from outboard.providers.local_model import KNOWN_MODELS
from outboard.selection import Part, Selection, parse_x_uids, plan_for
from outboard.workspace import Workspace

#: Most rows that a problem names.
MOST_X_UIDS = 20

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
    #: Rows in question, at most `MOST_X_UIDS` of them.
    x_uids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.hint) if part)


@dataclass(kw_only=True)
class Preparation:
    """A call put together from what a user passed, with every fault that was found on the way."""

    call: InferenceCall
    x_uids: "array[int] | None" = None
    #: None if the datasources, the rows, a template or the mapping are at fault.
    selection: Selection | None = None
    faults: list[OutboardError] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    #: False if a config is at fault: the call then holds defaults in its place.
    has_configs: bool = True

    def raise_faults(self) -> None:
        """Raise what was found: one fault as it is, several as one error of the first's class."""
        if not self.faults:
            return
        first = self.faults[0]
        if len(self.faults) == 1:
            raise first
        listed = "".join(f"\n- {fault.message}" for fault in self.faults)
        raise _reworded(first, f"{len(self.faults)} things are wrong with this call:{listed}")

    def create_provider(self) -> Provider | None:
        """Return the provider, not yet open; None if it cannot be had, with the fault added."""
        if not self.has_configs:
            return None
        try:
            return providers.create(
                self.call.served_by,
                self.call.model_name,
                generation=self.call.generation_config,
                deployment=self.call.deployment_config,
                assets_dir=Workspace.current().assets_dir,
            )
        except OutboardError as fault:
            self.faults.append(fault)
            return None


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

    generation = attempt(lambda: GenerationConfig.parse(generation_config))
    deployment = attempt(lambda: _deployment(deployment_config))
    template = attempt(lambda: _template(prompt_template))
    system = attempt(lambda: _system_prompt(generation))
    uids = attempt(lambda: existing_uids(datasource_uids))
    chosen = None if x_uids is None else attempt(lambda: parse_x_uids(x_uids))
    call = InferenceCall(
        model_name=model_name,
        provider=provider,
        column_mappings=column_mappings,
        datasource_uids=uids or (),
        generation=generation.given() if generation else {},
        deployment=deployment.given() if deployment else {},
        prompt_template=template.text if template else DEFAULT_PROMPT_TEMPLATE,
    )
    if call.served_by is FinetuningProvider.LOCAL:
        call = replace(call, model_name=_found_from_anywhere(model_name))
    preparation = Preparation(
        call=call,
        x_uids=chosen,
        faults=faults,
        warnings=_doubts(call) if generation and deployment else [],
        has_configs=generation is not None and deployment is not None,
    )
    if template and system and uids and (chosen is not None or x_uids is None):
        preparation.selection = attempt(lambda: _select(preparation))
    return preparation


def _deployment(deployment_config: DeploymentConfig | Mapping[str, Any] | None) -> DeploymentConfig:
    deployment = DeploymentConfig.parse(deployment_config)
    refuse_secrets(deployment.environment)
    return deployment


def _template(prompt_template: PromptTemplate | str | None) -> PromptTemplate:
    if isinstance(prompt_template, PromptTemplate):
        return prompt_template
    return PromptTemplate(DEFAULT_PROMPT_TEMPLATE if prompt_template is None else prompt_template)


def _system_prompt(generation: GenerationConfig | None) -> PromptTemplate:
    try:
        return PromptTemplate((generation and generation.system_prompt) or "")
    except PromptTemplateError as fault:
        raise PromptTemplateError(
            fault.message.replace("the prompt template", "the system prompt"),
            field="system_prompt",
            position=fault.position,
        ) from None


def _found_from_anywhere(model_name: str) -> str:
    """Return a model file's absolute path: a job may be resumed from another folder."""
    is_path = model_name.lower().endswith(".gguf")
    return str(Path(model_name).expanduser().absolute()) if is_path else model_name


def _doubts(call: InferenceCall) -> list[Problem]:
    """Return what is allowed and yet hardly meant: the embedded model's name, on SageMaker."""
    name, where = call.model_name, call.served_by
    is_local = name in KNOWN_MODELS or name.lower().endswith(".gguf")
    named = call.deployment_config.endpoint_name
    if where is not FinetuningProvider.AWS_SAGEMAKER or not is_local or named:
        return []
    message = f"{name!r} names a model for the embedded engine, but would be looked up on SageMaker"
    hint = "For the embedded engine pass finetuning_provider_type=FinetuningProvider.LOCAL."
    return [
        Problem(
            severity="warning",
            code="doubtful",
            message=f"{message}. {hint}",
            field="finetuning_provider_type",
        )
    ]


def existing_uids(datasource_uids: Iterable[object]) -> tuple[int, ...]:
    """Return the uids of registered datasources as ints, each once.

    Raises
    ------
    NotFoundError
        Names all of those that do not exist.
    ConfigError
        If there are none, or they are no iterable of uids.
    """
    if hasattr(datasource_uids, "columns"):  # a table, or a Datasource
        name = type(datasource_uids).__name__
        use = (
            "[datasource]"
            if isinstance(datasource_uids, Datasource)
            else "[create_datasource(...)]"
        )
        raise ConfigError(
            f"datasource_uids takes a list of uids, got a {name}. Write {use}.",
            field="datasource_uids",
        )
    if isinstance(datasource_uids, (str, bytes)) or not isinstance(datasource_uids, Iterable):
        shown = reprlib.repr(datasource_uids)
        is_uid = str(datasource_uids).isdecimal()
        advice = f"Write [{shown}]" if is_uid else "Pass [uid], as create_datasource() returned it"
        raise ConfigError(
            f"datasource_uids takes a list of uids, got {shown} alone. {advice}.",
            field="datasource_uids",
        )
    found: dict[int, None] = {}
    unknown: dict[str, None] = {}
    for uid in datasource_uids:
        try:
            found[_registered(uid).uid] = None
        except NotFoundError as fault:
            unknown |= dict.fromkeys(fault.ids)
    if unknown:
        none = "is no datasource" if len(unknown) == 1 else "are no datasources"
        raise NotFoundError(
            f"There {none} {', '.join(unknown)} in workspace "
            f"{str(Workspace.current().path)!r}. list_datasources() shows those there are.",
            kind="datasource",
            ids=tuple(unknown),
        )
    if not found:
        raise ConfigError(
            "datasource_uids is empty: there is nothing to run on. "
            "Pass what create_datasource() returned.",
            field="datasource_uids",
        )
    return tuple(found)


def _registered(uid: object) -> Datasource:
    if not isinstance(uid, Datasource):
        return get_datasource(uid)  # type: ignore[arg-type]
    found = get_datasource(uid.uid)
    if found.fingerprint != uid.fingerprint:
        raise ConfigError(
            f"{uid!r} is from another workspace; datasource {uid.uid} is another table here. "
            "Enter its workspace, or register the table in this one.",
            field="datasource_uids",
        )
    return found


def _select(preparation: Preparation) -> Selection | None:
    """Bind the templates to each datasource, and choose the rows."""
    call, x_uids = preparation.call, preparation.x_uids
    datasources = [get_datasource(uid) for uid in call.datasource_uids]
    for datasource in datasources:
        datasource.check_unchanged()
    parts = [
        Part(place, datasource, plan_for(call, datasource), x_uids)
        for place, datasource in enumerate(datasources)
    ]
    faults = _where(parts, lambda part: [(p.message, p) for p in part.plan.problems])
    preparation.faults += [_reworded(fault, message) for message, fault in faults]
    preparation.warnings += [
        Problem(severity="warning", code="doubtful", message=message)
        for message, _ in _where(parts, lambda part: [(w, None) for w in part.plan.warnings])
    ]
    if faults:
        return None
    selection = Selection(parts)
    if x_uids is not None:
        _refuse_unknown(x_uids, selection)
    if selection.total == 0:
        raise ConfigError(
            "No row is chosen: x_uids is empty. Leave x_uids out to run every row.", field="x_uids"
        )
    return selection


def _where(
    parts: list[Part], findings: Callable[[Part], Iterable[tuple[str, _Value]]]
) -> list[tuple[str, _Value]]:
    """Return what was found in the datasources, each finding once, saying where it holds."""
    uids: dict[str, list[int]] = {}
    first: dict[str, _Value] = {}
    for part in parts:
        for message, finding in findings(part):
            uids.setdefault(message, []).append(part.datasource.uid)
            first.setdefault(message, finding)
    return [
        (
            message if len(found) == len(parts) else f"Datasource {_listed(found)}: {message}",
            first[message],
        )
        for message, found in uids.items()
    ]


def _refuse_unknown(x_uids: "array[int]", selection: Selection) -> None:
    missing: Iterable[int] = x_uids
    for part in selection.parts:
        missing = part.datasource.missing_uids(missing)
    names = tuple(f"doc::{uid}" for uid in missing)
    if names:
        shown = ", ".join(names[:10]) + (f" ... ({len(names):,} in all)" if len(names) > 10 else "")
        raise NotFoundError(
            f"{'x_uid' if len(names) == 1 else 'x_uids'} {shown} "
            f"{'is' if len(names) == 1 else 'are'} not in datasource "
            f"{_listed(part.datasource.uid for part in selection.parts)}. "
            "get_datasource(uid).to_pandas() shows a table with its x_uids.",
            kind="x_uid",
            ids=names[:1_000],
        )


def _reworded(fault: OutboardError, message: str) -> OutboardError:
    return OutboardError.from_record(fault.to_record() | {"message": message})


def _listed(uids: Iterable[int]) -> str:
    return ", ".join(map(str, uids))
