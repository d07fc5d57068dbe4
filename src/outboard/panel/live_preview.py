"""Renders any of the chosen rows while a draft is being edited."""

import threading
from array import array
from collections import OrderedDict
from typing import Any

from outboard.datasource import Datasource, get_datasource
from outboard.errors import DatasourceError, OutboardError, PromptTemplateError
from outboard.panel.draft import prepare_draft
from outboard.panel.messages import Draft
from outboard.panel.replies import PreviewItem, PreviewReply, ProblemItem, UnknownItem
from outboard.panel.token_counter import TOKENS
from outboard.preflight import problem_of
from outboard.preparation import Problem
from outboard.preview import PreviewRow
from outboard.prompt import DEFAULT_COLUMN_MAPPINGS, PromptTemplate, parse_column_mappings
from outboard.selection import Part, Row, Selection
from outboard.workspace import Workspace

#: Most characters of a prompt that are shown.
MOST_CHARS = 20_000

# Rows are read some at a time, for the arrows that step through them.
_BLOCK_ROWS = 16
_KEPT_BLOCKS = 16
_MOST_BLOCK_BYTES = 2 << 20


def preview_reply(draft: Draft, index: int, given: "array[int] | None") -> PreviewReply:
    """Return one row as it would be sent, with what is wrong with the draft.

    Parameters
    ----------
    draft : Draft
        What the panel shows.
    index : int
        Place of the row among the chosen ones; past the end, the last one is shown.
    given : array of int, optional
        The x_uids that were passed in code.
    """
    preparation = prepare_draft(draft, given)
    # A setting that is still wrong does not keep the prompt from being seen.
    shown = prepare_draft(_less_settings(draft), given) if preparation.faults else preparation
    selection = shown.selection
    n_rows = None if selection is None else selection.total
    row = None
    if selection is not None and n_rows:
        index = min(index, n_rows - 1)
        try:
            row = TOKENS.rendered(shown, _read(selection, index))
        except DatasourceError as fault:
            preparation.faults.append(fault)
    problems = [problem_of(fault) for fault in preparation.faults] + preparation.warnings
    return {
        "index": index,
        "n_rows": n_rows,
        "row": None if row is None else _item(row),
        "unknown": unknown_names(draft),
        "problems": [problem_item(problem) for problem in problems],
    }


def _less_settings(draft: Draft) -> Draft:
    """Return a draft with no settings but those that the prompt is made of."""
    system = draft.generation.get("system_prompt")
    generation = {"system_prompt": system} if isinstance(system, str) else {}
    return draft.model_copy(update={"generation": generation, "deployment": {}})


def problem_item(problem: Problem) -> ProblemItem:
    """Return a problem as a message carries it."""
    return {
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "field": problem.field,
        "x_uids": list(problem.x_uids),
    }


def unknown_names(draft: Draft) -> list[UnknownItem]:
    """Return the names of both templates that some of the datasources do not have."""
    try:
        tables = [get_datasource(uid) for uid in draft.datasource_uids]
        known = [_known(table, draft.column_mappings) for table in tables]
    except OutboardError:
        return []
    texts = {
        "prompt_template": draft.prompt_template,
        "system_prompt": draft.generation.get("system_prompt"),
    }
    found: dict[tuple[str, str], UnknownItem] = {}
    for field, text in texts.items():
        if not isinstance(text, str):
            continue
        try:
            template = PromptTemplate(text)
        except PromptTemplateError:
            continue  # it is among the problems
        for names in known:
            for each in template.unknown_names(names):
                found.setdefault(
                    (field, each.name),
                    {
                        "field": field,
                        "name": each.name,
                        "position": _utf16_units(text[: each.position]),
                        "nearest": each.nearest,
                    },
                )
    return list(found.values())


def _known(table: Datasource, mappings: dict[str, str] | None) -> set[str]:
    roles = parse_column_mappings(mappings)
    by_default = roles == DEFAULT_COLUMN_MAPPINGS
    # A role that was mapped is known; that its column is not there is told apart.
    mapped = {str(r) for column, r in roles.items() if column in table.columns or not by_default}
    return {*table.columns, *mapped}


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _item(row: PreviewRow) -> PreviewItem:
    prompt, system = row.prompt, row.system
    cut = any(text is not None and len(text) > MOST_CHARS for text in (prompt, system))
    return {
        "datasource_uid": row.datasource_uid,
        "x_uid": row.x_uid,
        "prompt": None if prompt is None else prompt[:MOST_CHARS],
        "system": None if system is None else system[:MOST_CHARS],
        "n_tokens": row.n_tokens,
        "problem": row.problem,
        "cut": cut,
    }


def _read(selection: Selection, index: int) -> Row:
    part, at = selection.position(index)
    part.datasource.check_unchanged()
    block, columns = _block(part, at), part.plan.columns
    values = {name: (block[name][at % _BLOCK_ROWS],) for name in columns}
    (prompt,) = part.plan.render_batch(values, 1)
    return Row(
        ordinal=part.ordinals.start + at,
        datasource_uid=part.datasource.uid,
        row_uid=part.datasource.uids()[at],
        prompt=prompt,
    )


_Block = dict[str, list[Any]]
_blocks: "OrderedDict[tuple[object, ...], _Block]" = OrderedDict()
_lock = threading.Lock()


def _block(part: Part, at: int) -> _Block:
    """Return the columns that the prompt needs for the rows around one; the last are kept."""
    datasource, columns = part.datasource, part.plan.columns
    if not columns:
        return {}
    start = at - at % _BLOCK_ROWS
    key = (str(Workspace.current().path), datasource.uid, datasource.fingerprint, columns, start)
    with _lock:
        if (kept := _blocks.get(key)) is not None:
            _blocks.move_to_end(key)
            return kept
    found: _Block = {name: [] for name in columns}
    n_bytes = 0
    for batch in datasource.batches(columns, start=start, batch_rows=_BLOCK_ROWS):
        n_bytes += batch.table.nbytes
        for name, values in batch.table.to_pydict().items():
            found[name] += values
        if batch.offset + batch.table.num_rows >= start + _BLOCK_ROWS:
            break
    if n_bytes <= _MOST_BLOCK_BYTES:
        with _lock:
            _blocks[key] = found
            while len(_blocks) > _KEPT_BLOCKS:
                _blocks.popitem(last=False)
    return found
