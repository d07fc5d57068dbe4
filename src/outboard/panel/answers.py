"""Answers the requests of a panel, each by the module whose matter it is."""

from array import array
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from outboard.errors import ConfigError
from outboard.external_model import launch
from outboard.job import get_job
from outboard.panel import messages, replies
from outboard.panel.describe import describe
from outboard.panel.draft import draft_as_python, draft_of_job, narrowed, prepare_draft
from outboard.panel.exports import export
from outboard.panel.guess import guess_mappings
from outboard.panel.history import event_page, job_page, log_tail
from outboard.panel.live_preview import preview_reply
from outboard.panel.preflight_reply import preflight_reply
from outboard.panel.presets import delete_preset, load_preset, preset_page, save_preset
from outboard.panel.pulse import PULSE
from outboard.panel.registering import datasource_page, register
from outboard.panel.requests import Answer
from outboard.panel.rows import ResultRows
from outboard.panel.variables import kernel_variables, variable_page
from outboard.prompt import escape_braces
from outboard.workspace import Workspace

_DONE = Answer({})


class Answers:
    """What one panel's requests are answered with.

    Parameters
    ----------
    workspace : Workspace
        Where everything is.
    given : callable
        Returns the x_uids that were passed in code, or None.
    watch : callable
        Makes the panel show a job, or none, with a draft in place of its own if there is one.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        given: "Callable[[], array[int] | None]",
        watch: Callable[[str | None, messages.Draft | None], None],
    ) -> None:
        self._workspace = workspace
        self._given = given
        self._watch = watch
        self._rows = ResultRows(workspace)

    def __call__(self, request: BaseModel) -> Answer:
        """Answer one request.

        Raises
        ------
        OutboardError
            What is wrong with it.
        """
        with self._workspace:
            match request:
                case messages.Preview() | messages.Preflight() | messages.AsPython():
                    return self._of_draft(request)
                case messages.Launch() | messages.Watch():
                    return self._of_panel(request)
                case messages.Cancel() | messages.Resume() | messages.RetryFailed():
                    return self._to_job(request)
                case messages.Rows() | messages.Prompts() | messages.OneRow():
                    return self._of_results(request)
                case _:
                    return Answer(_OF_WORKSPACE[type(request)](self._workspace, request))

    def _of_draft(
        self, request: messages.Preview | messages.Preflight | messages.AsPython
    ) -> Answer:
        match request:
            case messages.Preview(draft=draft, index=index):
                return Answer(preview_reply(draft, index, self._given()))
            case messages.Preflight(draft=draft):
                return Answer(preflight_reply(draft, self._given()))
            case messages.AsPython(job_id=str() as job_id):
                return Answer({"code": get_job(job_id).as_python()})
            case messages.AsPython(draft=messages.Draft() as draft):
                return Answer({"code": draft_as_python(draft, self._given())})
            case _:
                raise ConfigError("A draft or a job is needed to be written as Python.")

    def _of_panel(self, request: messages.Launch | messages.Watch) -> Answer:
        match request:
            case messages.Launch(draft=draft, token=token, trial=trial):
                preparation = prepare_draft(draft, self._given())
                preparation.raise_faults()
                if trial is not None:
                    preparation = narrowed(preparation, trial)
                job = launch(preparation, launch_token=token, trial=trial is not None)
                self._watch(job.id, None)
                return Answer({"job_id": job.id})
            case messages.Watch(job_id=None):
                self._watch(None, None)
            case messages.Watch(job_id=job_id, restore=restore):
                job = get_job(str(job_id))
                self._watch(job.id, draft_of_job(job) if restore else None)
        return _DONE

    def _to_job(self, request: messages.Cancel | messages.Resume | messages.RetryFailed) -> Answer:
        job = get_job(request.job_id)
        match request:
            case messages.Cancel():
                job.cancel()
            case messages.Resume(max_cost_usd=max_cost_usd):
                job.resume(max_cost_usd=max_cost_usd)
            case messages.RetryFailed():
                job.retry_failed()
        PULSE.wake()
        return _DONE

    def _of_results(self, request: messages.Rows | messages.Prompts | messages.OneRow) -> Answer:
        match request:
            case messages.Rows():
                return Answer(*self._rows.window(request))
            case messages.Prompts():
                return Answer({}, self._rows.prompts(request))
            case messages.OneRow():
                return Answer(self._rows.detail(request))


def _saved(workspace: Workspace, request: messages.SavePreset) -> replies.Done:
    save_preset(workspace, request)
    return {}


def _deleted(workspace: Workspace, request: messages.DeletePreset) -> replies.Done:
    delete_preset(workspace, request)
    return {}


#: Requests that concern no panel and no job alone.
_OF_WORKSPACE: dict[type[BaseModel], Callable[[Workspace, Any], Any]] = {
    messages.Describe: lambda workspace, _: describe(workspace),
    messages.ListDatasources: datasource_page,
    messages.ListVariables: lambda _, __: variable_page(kernel_variables()),
    messages.Register: lambda workspace, request: register(workspace, request, kernel_variables()),
    messages.GuessMappings: lambda _, request: {
        "column_mappings": guess_mappings(request.datasource_uids)
    },
    messages.EscapeBraces: lambda _, request: {"text": escape_braces(request.text, request.names)},
    messages.ListJobs: job_page,
    messages.Log: log_tail,
    messages.Events: event_page,
    messages.Export: lambda workspace, request: export(workspace, request, kernel_variables()),
    messages.ListPresets: lambda workspace, _: preset_page(workspace),
    messages.SavePreset: _saved,
    messages.LoadPreset: load_preset,
    messages.DeletePreset: _deleted,
}
