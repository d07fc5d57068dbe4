"""Every error that outboard raises on purpose.

::

    OutboardError
    |-- ConfigError                  a generation or deployment setting is wrong
    |-- PromptTemplateError          a template cannot be parsed, or names something unknown
    |-- DatasourceError              a table cannot be registered or read
    |   `-- DatasourceChangedError   the file behind a datasource is no longer the one registered
    |-- NotFoundError                a uid, x_uid, job or model name does not exist
    |-- WorkspaceError               the workspace folder or its database cannot be used
    |-- AssetError                   a model or data file cannot be fetched, or is damaged
    |-- ExportError                  responses cannot be written where they should go
    |-- JobError
    |   |-- JobFailedError           a fault that no row could survive
    |   |-- JobCancelledError        somebody asked it to stop
    |   |-- JobInterruptedError      its worker is gone
    |   |-- JobTimeoutError          we stopped waiting; the job goes on
    |   `-- JobStateError            the job's status does not allow what was asked
    |-- ProviderError                the model cannot be reached or used
    |   `-- CredentialsError         the provider refuses who we are
    |-- BudgetExceededError          the job would cost more than it may
    `-- InvocationError              one row's request failed; never stops a job
"""

from typing import Any


class OutboardError(Exception):
    """Base of all errors: a message for people, and its parts as attributes for programs.

    Parameters
    ----------
    message : str
        What happened, to which thing, and what to do next.
    **parts
        Values named in the message. Only names that the class declares are accepted;
        they must survive JSON, because a worker hands its error to other processes.
    """

    def __init__(self, message: str, **parts: object) -> None:
        super().__init__(message)
        for name, value in parts.items():
            # What this base has as well is no part: `args`, `message` and the methods.
            if hasattr(OutboardError, name) or not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no part {name!r}")
            setattr(self, name, value)

    @property
    def message(self) -> str:
        """The text for people."""
        return str(self.args[0])

    def to_record(self) -> dict[str, Any]:
        """Return the error as plain JSON values, so that another process can raise it again."""
        parts = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return {"error": type(self).__name__, "message": self.message, "parts": parts}

    @staticmethod
    def from_record(record: dict[str, Any]) -> "OutboardError":
        """Rebuild an error from `to_record`, as the same class.

        A class that this version does not know becomes a plain `OutboardError`.
        """
        error_class = globals().get(record["error"], OutboardError)
        error: OutboardError = error_class(record["message"])
        for name, value in record["parts"].items():
            # JSON knows no tuples.
            is_tuple = isinstance(getattr(error, name, None), tuple)
            vars(error)[name] = tuple(value) if is_tuple else value
        return error


class ConfigError(OutboardError):
    """A setting has an unknown name, a wrong type, or a value out of bounds."""

    #: Name of the offending setting, e.g. ``"temperature"``.
    field: str | None = None


class PromptTemplateError(OutboardError):
    """A template is malformed, or a row cannot fill it."""

    #: Which template: ``"prompt_template"`` or ``"system_prompt"``.
    field: str = "prompt_template"
    #: Names in question, e.g. those the template uses and the row lacks.
    names: tuple[str, ...] = ()
    #: Character offset of the fault, counted from 0.
    position: int | None = None


class DatasourceError(OutboardError):
    """A table cannot be registered, read or deleted."""

    #: The datasource, where it has a uid already.
    datasource_uid: int | None = None
    #: File or URI it came from.
    path: str | None = None
    #: Column at fault.
    column: str | None = None


class DatasourceChangedError(DatasourceError):
    """The file behind a datasource is gone or differs from the one registered."""


class NotFoundError(OutboardError):
    """Something was asked for by a name that does not exist here."""

    #: What kind of thing, e.g. ``"datasource"`` or ``"x_uid"``.
    kind: str | None = None
    #: The names that were not found.
    ids: tuple[str, ...] = ()


class WorkspaceError(OutboardError):
    """The workspace folder or the database in it cannot be used."""

    #: Folder of the workspace.
    path: str | None = None


class AssetError(OutboardError):
    """A pinned model or data file cannot be fetched, or is not what it should be."""

    #: File in question.
    path: str | None = None


class ExportError(OutboardError):
    """Responses cannot be written to a file."""

    #: File in question.
    path: str | None = None


class JobError(OutboardError):
    """Base of the errors about one job."""

    #: The job.
    job_id: str | None = None


class JobFailedError(JobError):
    """The job stopped on a fault that no row could survive. Finished rows are kept."""


class JobCancelledError(JobError):
    """The job was cancelled. Finished rows are kept."""


class JobInterruptedError(JobError):
    """The worker of the job is gone without a word. Finished rows are kept."""


class JobTimeoutError(JobError):
    """The job did not end in the time given. It is still running."""


class JobStateError(JobError):
    """The job's status does not allow what was asked, e.g. resuming a running job."""

    #: Status that the job has.
    status: str | None = None


class ProviderError(OutboardError):
    """The model cannot be reached or used: no row could succeed."""

    #: ``"sagemaker"``, ``"local"`` or ``"openai"``.
    provider: str | None = None


class CredentialsError(ProviderError):
    """The provider refuses our credentials, or there are none."""


class BudgetExceededError(OutboardError):
    """Going on would cost more than `max_cost_usd`."""

    #: The limit, in US dollars.
    max_cost_usd: float | None = None


class InvocationError(OutboardError):
    """One row's request failed. It becomes a failed response; the job goes on."""

    #: One of the codes in `outboard.retry.RULES`, e.g. ``"throttled"``.
    code: str = "server_error"
    #: What the server asked us to wait, in seconds.
    retry_after_s: float | None = None
