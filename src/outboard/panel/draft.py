"""Puts the call together that a draft stands for."""

from array import array
from dataclasses import replace
from itertools import chain, islice

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.container_environment import without_secrets
from outboard.datasource import Datasource, get_datasource
from outboard.errors import ConfigError, NotFoundError, OutboardError
from outboard.job import Job
from outboard.panel.messages import AllRows, Draft, FirstRows, GivenRows, RandomRows
from outboard.panel.row_choice import ChosenRows, choose
from outboard.preparation import Preparation, Problem, prepare
from outboard.selection import Selection

_PROVIDERS = {str(provider): provider for provider in FinetuningProvider}


def prepare_draft(draft: Draft, given: "array[int] | None" = None) -> Preparation:
    """Check a draft, and put its call together. Faults are collected, not raised.

    Parameters
    ----------
    draft : Draft
        What the panel shows.
    given : array of int, optional
        The x_uids that were passed in code.
    """
    return _prepare(draft, given)[0]


def draft_as_python(draft: Draft, given: "array[int] | None" = None) -> str:
    """Return a draft as Python source that runs as it is.

    Raises
    ------
    OutboardError
        What is wrong with the draft.
    """
    preparation, rows = _prepare(draft, given)
    preparation.raise_faults()
    code = preparation.call.as_python(rows.python)
    return f"{rows.imports}\n\n{code}" if rows.imports else code


def narrowed(preparation: Preparation, n: int) -> Preparation:
    """Return a sound preparation of the first `n` of its rows only, for a trial.

    An x_uid holds in all datasources of a call: where those of the first rows would choose
    others as well, only the first datasource that has any is taken.
    """
    selection = preparation.selection
    assert selection is not None
    taken: list[tuple[int, list[int]]] = []
    left = n
    for part in selection.parts:
        places = part.places(part.ordinals.start)
        uids = list(islice(chain.from_iterable(uids for _, uids in places), left))
        if uids:
            taken.append((part.datasource.uid, uids))
            left -= len(uids)
    exact = _only(preparation, taken)
    if exact.selection is not None and exact.selection.total > n:
        return _only(preparation, taken[:1])
    return exact


def _only(preparation: Preparation, taken: list[tuple[int, list[int]]]) -> Preparation:
    call = replace(preparation.call, datasource_uids=tuple(uid for uid, _ in taken))
    numbers = array("q", sorted({number for _, uids in taken for number in uids}))
    selection = Selection.of_call(call, numbers)
    return replace(preparation, call=call, x_uids=numbers, selection=selection)


def draft_of(call: InferenceCall, n_x_uids: int | None, job_id: str | None) -> Draft:
    """Return the draft of a call.

    Parameters
    ----------
    call : InferenceCall
        The call.
    n_x_uids : int, optional
        How many rows were chosen; None for every row.
    job_id : str, optional
        The job whose x_uids they are; None if they were passed in code.
    """
    rows = AllRows(kind="all")
    return Draft(
        model_name=call.model_name,
        provider=call.provider.value,
        column_mappings=None if call.column_mappings is None else dict(call.column_mappings),
        datasource_uids=list(call.datasource_uids),
        rows=rows if n_x_uids is None else GivenRows(kind="given", n=n_x_uids, job_id=job_id),
        generation=dict(call.generation),
        deployment=dict(call.deployment),
        prompt_template=call.prompt_template,
    )


def draft_of_job(job: Job) -> Draft:
    """Return the draft that a job was launched from, as far as that is still known."""
    x_uids = job.x_uids
    return draft_of(job.call, None if x_uids is None else len(x_uids), job.id)


def without_secrets_of(draft: Draft) -> Draft:
    """Return a draft that may be kept: what may be a secret is replaced or left out."""
    if "environment" not in draft.deployment:
        return draft
    deployment = dict(draft.deployment)
    environment = deployment.pop("environment")
    if isinstance(environment, dict):
        deployment["environment"] = without_secrets(environment)
    return draft.model_copy(update={"deployment": deployment})


def _prepare(draft: Draft, given: "array[int] | None") -> tuple[Preparation, ChosenRows]:
    faults: list[OutboardError] = []
    if not draft.model_name.strip():
        faults.append(
            ConfigError(
                "No model is named. Type the name of the fine-tuning job, or of the model.",
                field="external_model_name",
            )
        )
    rows, tables = ChosenRows(), _tables(draft)
    try:
        rows = choose(draft.rows, tables, given)
    except OutboardError as fault:
        faults.append(fault)
    preparation = prepare(
        model_name=draft.model_name.strip(),
        column_mappings=draft.column_mappings,
        provider=_PROVIDERS[draft.provider],
        datasource_uids=draft.datasource_uids,
        x_uids=rows.numbers,
        generation_config=draft.generation,
        deployment_config=draft.deployment,
        prompt_template=draft.prompt_template,
    )
    preparation.faults[:0] = faults
    if any(fault.field == "x_uids" for fault in faults if isinstance(fault, ConfigError)):
        preparation.selection = None  # every row would be the wrong ones
    if problem := _more_than_asked_for(draft, tables, preparation.selection):
        preparation.warnings.append(problem)
    return preparation, rows


def _tables(draft: Draft) -> list[Datasource]:
    tables = []
    for uid in draft.datasource_uids:
        try:
            tables.append(get_datasource(uid))
        except NotFoundError:
            continue  # told by `prepare`
    return tables


def _more_than_asked_for(
    draft: Draft, tables: list[Datasource], selection: Selection | None
) -> Problem | None:
    if selection is None or not isinstance(draft.rows, FirstRows | RandomRows):
        return None
    n = draft.rows.n
    asked_for = sum(min(n, table.n_rows) for table in tables)
    if selection.total <= asked_for:
        return None
    return Problem(
        severity="warning",
        code="shared_x_uids",
        message=f"{selection.total:,} rows are chosen instead of {asked_for:,}: an x_uid that was "
        "chosen in one datasource is chosen in the others as well.",
        hint="Run one datasource at a time for exact numbers.",
        field="x_uids",
    )
