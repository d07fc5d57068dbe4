"""The panel as a widget: its traits, its way to the browser."""

import itertools
import logging
import threading
import uuid
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t
from pydantic import ValidationError

from outboard.config import DeploymentConfig, GenerationConfig
from outboard.datasource import Datasource
from outboard.errors import ConfigError, OutboardError
from outboard.external_model import ExternalModel
from outboard.job import Job, get_job
from outboard.panel.answers import Answers
from outboard.panel.draft import draft_as_python, without_secrets_of
from outboard.panel.memory import notebook_name
from outboard.panel.messages import Draft
from outboard.panel.opening import Arguments, Opening, check_arguments, opening
from outboard.panel.pulse import PULSE
from outboard.panel.replies import JobSnapshot, Versions
from outboard.panel.requests import Requests
from outboard.panel.sendable import sendable
from outboard.prompt import PromptTemplate
from outboard.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_STATIC = Path(__file__).parents[1] / "static"


class InferencePanel(anywidget.AnyWidget):
    """Everything about inference in one place: choose rows, write the prompt, try, run, judge.

    Shown as the last line of a notebook cell. What is left out is taken from the panel on the
    same model that was in this notebook before, e.g. before its kernel was restarted; without
    one, and without a model, the panel starts on the embedded model. Its workspace is the one
    that is current when it is made.

    Parameters
    ----------
    model : ExternalModel, optional
        The model to run.
    datasource_uids, x_uids, generation_config, deployment_config, prompt_template
        As in `ExternalModel.inference`: what the panel begins with.
    job : Job or str, optional
        A job to show, with its settings where nothing else is given.

    Raises
    ------
    ConfigError, PromptTemplateError, NotFoundError
        If an argument is wrong.
    OutboardError
        If the front end is missing from this installation.
    """

    _esm = t.Unicode().tag(sync=True)
    _css = t.Unicode().tag(sync=True)

    #: The call that the panel stands for, as it is edited there; see `messages.Draft`.
    call = t.Dict().tag(sync=True)
    #: The job that it shows, as of a moment ago; see `replies.JobSnapshot`. None for none.
    job = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    #: Which lists may have changed; see `replies.Versions`.
    versions = t.Dict().tag(sync=True)
    #: Which kernel's panel this is; see `replies.Session`.
    session = t.Dict().tag(sync=True)

    def __init__(  # noqa: PLR0917 - the arguments of `ExternalModel.inference`, in their order
        self,
        model: ExternalModel | None = None,
        datasource_uids: Iterable[int | str | Datasource] | None = None,
        x_uids: Iterable[str | int] | None = None,
        generation_config: GenerationConfig | Mapping[str, Any] | None = None,
        deployment_config: DeploymentConfig | Mapping[str, Any] | None = None,
        prompt_template: PromptTemplate | str | None = None,
        *,
        job: Job | str | None = None,
    ) -> None:
        arguments = check_arguments(
            model=model,
            datasource_uids=datasource_uids,
            x_uids=x_uids,
            generation_config=generation_config,
            deployment_config=deployment_config,
            prompt_template=prompt_template,
            job=job,
        )
        self._workspace = Workspace.current()
        first = self._open(arguments)
        self._memory = first.memory
        self._given: array[int] | None = arguments.x_uids
        self._watched = first.job_id
        self._unsaved = False
        self._shown = 0
        # Traits are set by the browser's messages on one thread, by the pulse on another.
        self._writing = threading.RLock()
        self._requests = Requests(
            Answers(self._workspace, given=lambda: self._given, watch=self.watch), self._send_reply
        )
        super().__init__(
            _esm=_built("widget.js"),
            _css=_built("widget.css"),
            call=first.draft.model_dump(mode="json"),
            session={"id": uuid.uuid4().hex, "notebook": notebook_name()},
        )
        self._unsaved = False
        self.on_msg(lambda _widget, content, _buffers: self._requests.receive(content))
        # ipykernel would hand a click to the thread that published last, which may be busy with a
        # cell; the browser names the right one. Private, hence the guard.
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda _data, default: default
        self._is_open = True
        PULSE.add(self)

    @property
    def workspace(self) -> Workspace:
        """The workspace that it works in."""
        return self._workspace

    @property
    def watched(self) -> str | None:
        """Id of the job that it shows; None for none."""
        return self._watched

    @property
    def job_id(self) -> str | None:
        """Id of the job that it shows; None for none."""
        return self._watched

    @property
    def shown(self) -> int:
        """Greater than that of every panel that was displayed before it; 0 if it never was."""
        return self._shown

    def results(self) -> "pd.DataFrame":
        """Return what the job that it shows has so far. See `Job.results`.

        Raises
        ------
        ConfigError
            If it shows no job.
        """
        if self._watched is None:
            raise ConfigError(
                "The panel shows no job yet. Press Run in it, or open a job of its history."
            )
        with self._workspace:
            return get_job(self._watched).results()

    def as_python(self) -> str:
        """Return the call that it stands for as Python source that runs as it is.

        Raises
        ------
        OutboardError
            What is wrong with the call.
        """
        with self._workspace:
            return draft_as_python(Draft.model_validate(self.call), self._given)

    def watch(self, job_id: str | None, draft: Draft | None = None) -> None:
        """Show a job, or none, and take over a draft if one is given."""
        self._watched = job_id
        if draft is not None:
            with self._writing:
                self.call = draft.model_dump(mode="json")
        self._unsaved = True
        PULSE.wake()
        self.remember()

    def close(self) -> None:
        """Take the panel down. Jobs go on."""
        # Called once more when it is collected, in whatever thread that happens.
        if getattr(self, "_is_open", False):
            self._is_open = False
            self._requests.close()
            PULSE.discard(self)
        super().close()

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take over what the browser has changed, as far as it is the browser's to change."""
        state = {key: value for key, value in sync_data.items() if key not in _OURS}
        given = state.pop("call", None)
        draft = _draft_of(given)
        if draft is not None:
            state["call"] = draft.model_dump(mode="json")
        elif "call" in sync_data:
            logger.warning("A panel got a call from its browser that is none.")
        with self._writing:
            super().set_state(state)
            if draft is not None and state["call"] != given:
                self.send_state("call")  # what the browser has is not fit to be kept

    def show(self, job: JobSnapshot | None, versions: Versions) -> None:
        """Take over what the pulse has seen."""
        with self._writing:
            if self.comm is not None:
                self.set_trait("job", None if job is None else sendable(job))
                self.versions = dict(versions)

    def beat(self, seq: int) -> None:
        """Send a sign of life."""
        if self.comm is not None:
            self.send({"type": "beat", "seq": seq})

    def remember(self) -> None:
        """Write down what it shows, if that has changed."""
        with self._writing:
            draft = _draft_of(self.call)
            if self._unsaved and draft is not None:
                self._memory.keep(draft, self._watched, self._given)
                self._unsaved = False

    def _open(self, arguments: Arguments) -> Opening:
        """Decide what it shows first."""
        return opening(self._workspace, arguments)

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401
        self._shown = next(_DISPLAYS)
        return super()._repr_mimebundle_(**options)

    def _send_reply(self, reply: dict[str, Any], buffers: Sequence[bytes]) -> None:
        if self.comm is not None:
            self.send(reply, buffers=list(buffers))

    @t.validate("call")
    def _check_call(self, proposal: t.Bunch) -> dict[str, Any]:
        draft = _draft_of(proposal["value"])
        if draft is None:
            raise t.TraitError(
                "call is the draft of a call, with model_name, provider and prompt_template. "
                "Change a copy of it: panel.call = {**panel.call, 'prompt_template': '...'}."
            )
        return draft.model_dump(mode="json")

    @t.observe("call")
    def _note_change(self, _change: t.Bunch) -> None:
        self._unsaved = True


#: Counts what is displayed.
_DISPLAYS = itertools.count(1)

#: Traits that only the kernel writes.
_OURS = frozenset({"job", "versions", "session", "_esm", "_css"})


def _draft_of(value: object) -> Draft | None:
    """Return a draft as it may be kept, without secrets; None if it is no draft."""
    try:
        draft = Draft.model_validate(sendable(value))
    except (ValidationError, RecursionError):
        return None
    return without_secrets_of(draft)


def _built(name: str) -> str:
    path = _STATIC / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        raise OutboardError(
            f"The panel's front end is not part of this installation: {str(path)!r} is missing. "
            "Install a released wheel, or build it in a checkout with `make bundle`."
        ) from None
