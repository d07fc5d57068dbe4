"""What a panel showed last, for the panel that takes its place after a restart."""

import json
import os
from array import array
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self

from pydantic import ValidationError

from outboard.panel.draft import without_secrets_of
from outboard.panel.messages import Draft, GivenRows, NamedRows
from outboard.panel.row_choice import as_typed
from outboard.workspace import Workspace

#: Longest list of x_uids that is kept as text, in characters.
_MOST_TYPED_CHARS = 10_000


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What a panel showed last."""

    draft: Draft | None = None
    job_id: str | None = None


#: Sessions of kernels that the side bar started for itself have names that begin like this.
SIDE_PANEL = "outboard-side-panel"


def notebook_name() -> str | None:
    """Return the notebook that this kernel belongs to, as its server names it; None if unknown.

    The side bar's own kernels belong together: each takes up what the last one left.
    """
    name = os.environ.get("JPY_SESSION_NAME") or None
    if name is not None and PurePath(name).name.startswith(SIDE_PANEL):
        return SIDE_PANEL
    return name


class Memory:
    """What panels of one notebook on one model showed last.

    Parameters
    ----------
    workspace : Workspace
        Where it is kept.
    provider, model_name : str
        The model that the code names; empty if it names none.
    """

    def __init__(self, workspace: Workspace, provider: str, model_name: str) -> None:
        self._workspace = workspace
        self._provider = provider
        self._model_name = model_name
        notebook = notebook_name()
        self._place = None if notebook is None else json.dumps([notebook, provider, model_name])

    @classmethod
    def newest(cls, workspace: Workspace) -> Self:
        """Return that of the model whose panel was the last one in use in this notebook."""
        notebook = notebook_name()
        if notebook is not None:
            beginning = json.dumps([notebook])[:-1] + ", "
            place = workspace.store.panels.newest_place(beginning)
            if place is not None:
                _, provider, model_name = json.loads(place)
                return cls(workspace, provider, model_name)
        return cls(workspace, "", "")

    def recall(self) -> Remembered:
        """Return what was shown last; outside a known notebook, the newest live job."""
        if self._place is None:
            return Remembered(job_id=self._live_job())
        record = self._workspace.store.panels.get(self._place)
        if record is None:
            return Remembered()
        try:
            draft = Draft.model_validate(record.draft)
        except ValidationError:  # of another version
            draft = None
        job_id = record.job_id
        if job_id is not None and self._workspace.store.jobs.get(job_id) is None:
            job_id = None
        return Remembered(draft=draft, job_id=job_id)

    def keep(self, draft: Draft, job_id: str | None, given: "array[int] | None") -> None:
        """Note what is shown now, without what may be a secret."""
        if self._place is None:
            return
        draft = _without_given(without_secrets_of(draft), given)
        self._workspace.store.panels.save(self._place, draft.model_dump(mode="json"), job_id)

    def _live_job(self) -> str | None:
        if not self._model_name:
            return None
        for record in self._workspace.store.jobs.all():
            is_ours = (str(record.call.provider), record.call.model_name) == (
                self._provider,
                self._model_name,
            )
            if is_ours and record.stored_status.live and record.status().live:
                return record.id
        return None


def _without_given(draft: Draft, given: "array[int] | None") -> Draft:
    """Write x_uids that came from code as if they had been typed: only this kernel has them."""
    if not isinstance(draft.rows, GivenRows) or draft.rows.job_id is not None or given is None:
        return draft
    text = as_typed(given)
    if len(text) > _MOST_TYPED_CHARS:
        return draft
    return draft.model_copy(update={"rows": NamedRows(kind="x_uids", x_uids=text)})
