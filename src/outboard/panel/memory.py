"""What a panel showed last, for the panel that takes its place after a restart."""

import json
import os
from array import array
from dataclasses import dataclass

from pydantic import ValidationError

from outboard.container_environment import refuse_secrets
from outboard.errors import ConfigError
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


def notebook_name() -> str | None:
    """Return the notebook that this kernel belongs to, as its server names it; None if unknown."""
    return os.environ.get("JPY_SESSION_NAME") or None


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
        """Note what is shown now, unless it holds a secret."""
        if self._place is None:
            return
        environment = draft.deployment.get("environment")
        try:
            refuse_secrets(environment if isinstance(environment, dict) else {})
        except (ConfigError, AttributeError, TypeError):
            return
        draft = _without_given(draft, given)
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
