"""What the kernel answers a panel in the browser, with what it tells unasked.

The requests stand in `messages`.
"""

from typing import Any, Literal, TypedDict

from outboard.errors import OutboardError


class ProviderItem(TypedDict):
    """A provider to choose."""

    name: str
    label: str
    #: Model to begin with; empty where there is none.
    default_model: str
    #: What `model_name` is here, in a few words.
    model_hint: str


class RoleItem(TypedDict):
    """A role that a column can have."""

    name: str
    help: str


class Description(TypedDict):
    """What does not change while the kernel lives."""

    version: str
    workspace: str
    providers: list[ProviderItem]
    roles: list[RoleItem]
    default_template: str
    #: JSON schemas, each property with title, description, unit, bounds, default, providers.
    generation_schema: dict[str, Any]
    deployment_schema: dict[str, Any]


class ColumnItem(TypedDict):
    """A column with its Arrow type."""

    name: str
    type: str


class DatasourceItem(TypedDict):
    """A registered table."""

    uid: int
    name: str
    n_rows: int
    #: The first 200.
    columns: list[ColumnItem]
    n_columns: int
    #: Seconds since the epoch.
    created_at: float


class DatasourcePage(TypedDict):
    """Some registered tables, of how many."""

    items: list[DatasourceItem]
    total: int


class VariableItem(TypedDict):
    """A variable of the kernel that holds a table."""

    name: str
    #: E.g. ``DataFrame``.
    kind: str
    n_rows: int | None
    n_columns: int | None


class VariablePage(TypedDict):
    """Tables among the kernel's variables; empty where the kernel shows none."""

    items: list[VariableItem]


class Guess(TypedDict):
    """Which columns probably have which role; None for the default mapping."""

    column_mappings: dict[str, str] | None


class ProblemItem(TypedDict):
    """One thing that is wrong, or may be."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    hint: str
    field: str | None
    x_uids: list[str]


class PreviewItem(TypedDict):
    """What would be sent for one row."""

    datasource_uid: int
    x_uid: str
    prompt: str | None
    system: str | None
    #: None where the provider has no tokenizer at hand.
    n_tokens: int | None
    problem: str | None
    #: True if prompt or system message were cut for display.
    cut: bool


class UnknownItem(TypedDict):
    """A name that a template uses and no column or role has."""

    #: ``prompt_template`` or ``system_prompt``.
    field: str
    name: str
    #: Where its brace stands, in UTF-16 units, as the browser counts.
    position: int
    nearest: str | None


class PreviewReply(TypedDict):
    """One rendered row, and what is wrong with the call as far as is known at once."""

    index: int
    #: Rows chosen; None if that cannot be told.
    n_rows: int | None
    row: PreviewItem | None
    unknown: list[UnknownItem]
    problems: list[ProblemItem]


class Escaped(TypedDict):
    """A template with its braces doubled."""

    text: str


class CostItem(TypedDict):
    """What a job will cost, as a range."""

    low_usd: float
    high_usd: float
    usd_per_hour: float
    usd_per_day: float
    measured: bool


class PreflightReply(TypedDict):
    """What was found before anything is paid for."""

    ok: bool
    problems: list[ProblemItem]
    n_rows: int | None
    n_rows_checked: int
    duplicate_share: float
    #: Tokens sent in all rows, estimated as a range; None if unknown.
    input_tokens: tuple[int, int] | None
    #: Seconds from launch to end as a range; None if unknown.
    duration_s: tuple[float, float] | None
    cost: CostItem | None
    #: One line about the cost for people, always there.
    cost_text: str


class Launched(TypedDict):
    """The job that a launch started."""

    job_id: str


class Done(TypedDict):
    """Nothing to tell but that it is done."""


class JobItem(TypedDict):
    """A job in the history."""

    id: str
    status: str
    trial: bool
    model_name: str
    provider: str
    datasource_uids: list[int]
    total: int
    succeeded: int
    failed: int
    truncated: int
    created_at: float
    elapsed_s: float
    cost_usd: float | None


class JobPage(TypedDict):
    """Some jobs, of how many."""

    items: list[JobItem]
    total: int


class RowsReply(TypedDict):
    """Where a window stands; its rows are in the buffer."""

    start: int
    #: Rows that match.
    total: int
    #: `JobSnapshot.results_version` that this was read at.
    version: int


#: Longest text of a cell in a window, in characters.
CELL_CHARS = 240

#: Columns of a window. Texts are cut to `CELL_CHARS`.
ROW_COLUMNS = (
    "ordinal",
    "datasource_uid",
    "x_uid",
    "status",
    "finish_reason",
    "response",
    "response_chars",
    "error_code",
    "error_message",
    "input_tokens",
    "output_tokens",
    "latency_s",
    "attempts",
)

#: Columns of prompts. Texts are cut to `CELL_CHARS`, null where the datasource is gone.
PROMPT_COLUMNS = ("ordinal", "prompt", "reference")


class PromptsReply(TypedDict):
    """Nothing beside the buffer."""


class RowDetail(TypedDict):
    """Everything about one row. Texts are cut to 1,000,000 characters."""

    ordinal: int
    datasource_uid: int
    x_uid: str
    status: str
    finish_reason: str | None
    prompt: str | None
    system: str | None
    response: str | None
    reference: str | None
    error_code: str | None
    error_message: str | None
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    attempts: int
    #: Names of the texts that were cut.
    cut: list[str]


class LogTail(TypedDict):
    """The end of a job's log."""

    path: str
    lines: list[str]


class EventItem(TypedDict):
    """One line of a job's history."""

    seq: int
    at: float
    kind: str
    message: str


class EventPage(TypedDict):
    """Some lines of a job's history, oldest first."""

    items: list[EventItem]


class Exported(TypedDict):
    """Where results were kept."""

    #: One line for people.
    message: str
    path: str | None
    variable: str | None
    uid: int | None


class PythonCode(TypedDict):
    """Python source that runs as it is."""

    code: str


class PresetItem(TypedDict):
    """Saved settings, by name."""

    name: str
    saved_at: float


class PresetPage(TypedDict):
    """All saved settings, by name."""

    items: list[PresetItem]


class PresetSettings(TypedDict):
    """The part of a draft that a preset keeps."""

    model_name: str
    provider: str
    generation: dict[str, Any]
    deployment: dict[str, Any]
    prompt_template: str


class Preset(TypedDict):
    """Saved settings."""

    name: str
    settings: PresetSettings


class ErrorItem(TypedDict):
    """Why a request failed."""

    #: `outboard.errors` class in words, e.g. ``not_found``; or ``aborted``, ``bad_request``,
    #: ``internal``.
    code: str
    message: str
    hint: str
    field: str | None


class Beat(TypedDict):
    """A sign of life, every two seconds, also while a cell runs."""

    type: Literal["beat"]
    seq: int


# Traits beside `call`, which is a `Draft`.


class PhaseItem(TypedDict):
    """What a job that is not sending rows yet is doing."""

    kind: str
    message: str
    done: float | None
    total: float | None


class PartialItem(TypedDict):
    """What a row of a trial has of its answer so far."""

    ordinal: int
    x_uid: str
    text: str


class JobSnapshot(TypedDict):
    """Trait `job`: the job that the panel shows, as of one moment; None for none."""

    id: str
    #: Grows with every snapshot.
    seq: int
    status: str
    live: bool
    resumable: bool
    trial: bool
    model_name: str
    provider: str
    model_source_uid: str
    n_datasources: int
    total: int
    succeeded: int
    failed: int
    truncated: int
    pending: int
    rows_per_s: float | None
    tokens_per_s: float | None
    eta_s: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    elapsed_s: float
    created_at: float
    phase: PhaseItem | None
    #: The last event that is a warning, e.g. of throttling, while the job is live.
    warning: str | None
    error: ErrorItem | None
    #: Grows when a row of the results was added or replaced.
    results_version: int
    partials: list[PartialItem]


class Versions(TypedDict):
    """Trait `versions`: each grows when its list may have changed; ask for it again then."""

    datasources: int
    jobs: int
    presets: int


class Session(TypedDict):
    """Trait `session`: whose panel this is."""

    #: Of this kernel process' panel; another one after a restart.
    id: str
    #: The notebook as the server names it; None if the host does not say.
    notebook: str | None


def error_item(fault: OutboardError, code: str) -> ErrorItem:
    """Return a fault as a reply carries it."""
    field = getattr(fault, "field", None)
    return {"code": code, "message": fault.message, "hint": "", "field": field}
