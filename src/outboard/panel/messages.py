"""What a panel in the browser asks of its kernel.

A request is ``{"id", "type", "payload"}`` and gets exactly one reply, ``{"id", "ok": True,
"payload"}`` with at most one binary buffer, or ``{"id", "ok": False, "error"}``. ``abort``
is answered by the reply of the request that it names. Beside replies the kernel sends only
`replies.Beat`. The same shapes stand in ``js/src/messages.ts``; ``tests/panel/messages`` holds an
example of each, which both sides read in their tests.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from outboard.errors import ConfigError
from outboard.store.outcomes import Outcome, SortColumn

#: Most rows of one window, most prompts of one request.
MOST_WINDOW_ROWS = 200

#: Place of a row among all rows of a job's datasources; exact as a number of JavaScript, too.
Ordinal = Annotated[int, Field(ge=0, lt=2**53)]


class _Payload(BaseModel):
    """Base of what a browser sends: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


# What a panel is about: always one call, made or not.


class AllRows(_Payload):
    """Every row of the datasources."""

    kind: Literal["all"]


class FirstRows(_Payload):
    """The first `n` rows of each datasource."""

    kind: Literal["first"]
    n: Annotated[int, Field(ge=1)]


class RandomRows(_Payload):
    """`n` rows of each datasource, drawn with `seed`."""

    kind: Literal["random"]
    n: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]


class NamedRows(_Payload):
    """The rows whose x_uids were typed, e.g. ``"doc::3, 7, 10-12"``."""

    kind: Literal["x_uids"]
    x_uids: str


class GivenRows(_Payload):
    """The `n` x_uids that came from code or from a job; the kernel holds them."""

    kind: Literal["given"]
    n: Annotated[int, Field(ge=0)]
    #: The job they are from; None if they were passed in code.
    job_id: str | None = None


RowChoice = Annotated[
    AllRows | FirstRows | RandomRows | NamedRows | GivenRows, Field(discriminator="kind")
]


class Draft(_Payload):
    """One `ExternalModel(...).inference(...)` call as the panel edits it, valid or not."""

    model_name: str
    provider: Literal["sagemaker", "local", "openai"]
    #: Column -> role; None for the default.
    column_mappings: dict[str, str] | None = None
    datasource_uids: list[int] = []
    rows: RowChoice = AllRows(kind="all")
    #: Only what differs from the defaults, unchecked.
    generation: dict[str, Any] = {}
    deployment: dict[str, Any] = {}
    prompt_template: str


# Requests, by their type.


class Describe(_Payload):
    """Everything that does not change while the kernel lives -> `Description`."""


class ListDatasources(_Payload):
    """Registered tables, newest first -> `DatasourcePage`."""

    search: str = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    #: These are part of the answer, whatever is searched for.
    include_uids: list[int] = []


class ListVariables(_Payload):
    """Tables among the variables of the kernel -> `VariablePage`."""


class FileSource(_Payload):
    """A file, or a URI that pyarrow can read."""

    kind: Literal["path"]
    path: str


class VariableSource(_Payload):
    """A variable of the kernel that holds a table."""

    kind: Literal["variable"]
    name: str


class DemoSource(_Payload):
    """The demo questions, fetched at the first use."""

    kind: Literal["demo"]


class Register(_Payload):
    """Register a table -> `DatasourceItem`."""

    source: Annotated[FileSource | VariableSource | DemoSource, Field(discriminator="kind")]
    name: str | None = None
    uid_col: str | None = None


class GuessMappings(_Payload):
    """Which columns probably have which role -> `Guess`."""

    datasource_uids: list[int]


class Preview(_Payload):
    """Render one of the chosen rows, and say what is wrong with the call -> `PreviewReply`.

    Calls no model.
    """

    draft: Draft
    #: Place of the row among the chosen ones, counted from 0.
    index: Annotated[int, Field(ge=0)] = 0


class EscapeBraces(_Payload):
    """Double the braces of a template that are not around one of its names -> `Escaped`."""

    text: str
    names: list[str]


class Preflight(_Payload):
    """Everything that is known to be wrong with a call, its size, its cost -> `PreflightReply`."""

    draft: Draft


class Launch(_Payload):
    """Start a job, and watch it -> `Launched`. A token starts one job, however often it comes."""

    draft: Draft
    token: Annotated[str, Field(min_length=8, max_length=64)]
    #: Number of rows of a trial, whose answers stream in; None for a run over all chosen rows.
    trial: Annotated[int, Field(ge=1, le=100)] | None = None


class Cancel(_Payload):
    """Ask a job to stop -> `Done`."""

    job_id: str


class Resume(_Payload):
    """Go on with the rows of a job that are left -> `Done`."""

    job_id: str
    max_cost_usd: float | None = None


class RetryFailed(_Payload):
    """Send the failed rows of a job again -> `Done`."""

    job_id: str


class Watch(_Payload):
    """Show a job, or none -> `Done`."""

    job_id: str | None
    #: Take over the settings it was launched with, too.
    restore: bool = False


class ListJobs(_Payload):
    """Jobs, newest first -> `JobPage`."""

    search: str = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class Sort(_Payload):
    """Order of the result rows."""

    column: SortColumn
    descending: bool = False


class RowFilter(_Payload):
    """Which result rows to show."""

    #: Empty for every status. A truncated row has succeeded, too.
    statuses: list[Outcome] = []
    #: In response, error or x_uid, whatever its case; empty for any.
    text: str = ""


class Rows(_Payload):
    """A window of the rows that have an outcome -> `RowsReply` with `ROW_COLUMNS` as Arrow."""

    job_id: str
    start: Annotated[int, Field(ge=0, lt=2**53)]
    stop: Annotated[int, Field(ge=0, lt=2**53)]
    #: None for input order.
    sort: Sort | None = None
    filter: RowFilter = RowFilter()


class Prompts(_Payload):
    """Prompts and references of some rows -> `PromptsReply` with `PROMPT_COLUMNS` as Arrow."""

    job_id: str
    ordinals: Annotated[list[Ordinal], Field(max_length=MOST_WINDOW_ROWS)]


class OneRow(_Payload):
    """Everything about one row -> `RowDetail`."""

    job_id: str
    ordinal: Ordinal


class Log(_Payload):
    """The end of a job's log -> `LogTail`."""

    job_id: str
    lines: Annotated[int, Field(ge=1, le=1_000)] = 100


class Events(_Payload):
    """What happened to a job -> `EventPage`."""

    job_id: str
    after: Annotated[int, Field(ge=0, lt=2**53)] = 0


class FileTarget(_Payload):
    """A file on the kernel's side."""

    kind: Literal["file"]
    format: Literal["parquet", "csv", "jsonl"]
    #: Relative to the kernel's working directory; empty for a name made from the job's id.
    path: str = ""


class VariableTarget(_Payload):
    """A DataFrame among the kernel's variables."""

    kind: Literal["variable"]
    name: str


class DatasourceTarget(_Payload):
    """A new datasource, for the next run."""

    kind: Literal["datasource"]
    name: str = ""


class Export(_Payload):
    """Keep the results of a job -> `Exported`."""

    job_id: str
    target: Annotated[FileTarget | VariableTarget | DatasourceTarget, Field(discriminator="kind")]
    with_source: bool = False


class AsPython(_Payload):
    """The call as Python source, by draft or by job -> `PythonCode`."""

    draft: Draft | None = None
    job_id: str | None = None


class ListPresets(_Payload):
    """Saved settings -> `PresetPage`."""


class SavePreset(_Payload):
    """Save the settings of a draft under a name, in place of those it had -> `Done`."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    draft: Draft


class LoadPreset(_Payload):
    """Settings saved under a name -> `Preset`."""

    name: str


class DeletePreset(_Payload):
    """Forget saved settings -> `Done`."""

    name: str


class Abort(_Payload):
    """Give up a request, which is then answered with the error code ``aborted``."""

    request: str


REQUESTS: dict[str, type[_Payload]] = {
    "describe": Describe,
    "datasources": ListDatasources,
    "variables": ListVariables,
    "register": Register,
    "guess_mappings": GuessMappings,
    "preview": Preview,
    "escape_braces": EscapeBraces,
    "preflight": Preflight,
    "launch": Launch,
    "cancel": Cancel,
    "resume": Resume,
    "retry_failed": RetryFailed,
    "watch": Watch,
    "jobs": ListJobs,
    "rows": Rows,
    "prompts": Prompts,
    "row": OneRow,
    "log": Log,
    "events": Events,
    "export": Export,
    "as_python": AsPython,
    "presets": ListPresets,
    "save_preset": SavePreset,
    "load_preset": LoadPreset,
    "delete_preset": DeletePreset,
    "abort": Abort,
}


_ADAPTERS = {name: TypeAdapter(payload) for name, payload in REQUESTS.items()}


def parse_request(kind: object, payload: object) -> _Payload:
    """Return the payload of a request with its parts checked.

    Raises
    ------
    ConfigError
        If there is no such request, or its payload is not of its shape.
    """
    adapter = _ADAPTERS.get(kind) if isinstance(kind, str) else None
    if adapter is None:
        raise ConfigError(
            f"The panel knows no request {kind!r}. Reload the page: its front end may be of "
            "another version than the kernel's outboard."
        )
    try:
        return adapter.validate_python(payload)
    except ValidationError as failure:
        first = failure.errors()[0]
        where = ".".join(map(str, first["loc"])) or "payload"
        raise ConfigError(f"Request {kind!r}: {where}: {first['msg']}.", field=where) from None
