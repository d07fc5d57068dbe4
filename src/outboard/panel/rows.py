"""Windows of a job's result rows, as the panel's table asks for them."""

from array import array
from collections.abc import Callable, Sequence

import pyarrow as pa

from outboard.errors import ConfigError, NotFoundError
from outboard.job import job_record
from outboard.panel.arrow_stream import Values, arrow_stream, printable
from outboard.panel.messages import MOST_WINDOW_ROWS, OneRow, Prompts, Rows, Sort
from outboard.panel.rendered_rows import rendered_rows
from outboard.panel.replies import CELL_CHARS, PROMPT_COLUMNS, ROW_COLUMNS, RowDetail, RowsReply
from outboard.panel.row_order import RowOrders
from outboard.panel.waiting import GivenUpError, anybody_waits
from outboard.store.jobs import JobRecord
from outboard.store.outcomes import OutcomeCells, OutcomeQuery
from outboard.workspace import Workspace

#: Most bytes of a window. Cells are cut shorter until they fit.
_MOST_BYTES = 100_000

#: Of more rows, the first ones of an order are looked up before all are sorted.
_SORTED_AT_ONCE = 50_000

#: Longest text of a row in detail, in characters.
_DETAIL_CHARS = 1_000_000

_FLOATS = {"latency_s"}
_INTEGERS = (
    {"ordinal", "datasource_uid", "response_chars", "input_tokens", "output_tokens", "attempts"}
)  # fmt: skip


def _schema(names: Sequence[str]) -> pa.Schema:
    fields = [
        (
            name,
            pa.float64() if name in _FLOATS else pa.int64() if name in _INTEGERS else pa.string(),
        )
        for name in names
    ]
    return pa.schema(fields)


_ROWS = _schema(ROW_COLUMNS)
_PROMPTS = _schema(PROMPT_COLUMNS)

# Of all panels of the process: a job that two of them show is sorted once.
_orders = RowOrders()


class ResultRows:
    """The rows of jobs that have an outcome, a window at a time.

    Parameters
    ----------
    workspace : Workspace
        Where the jobs live.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def window(self, request: Rows) -> tuple[RowsReply, bytes]:
        """Return some rows with their columns as Arrow, in the order asked for.

        While the job runs, an order other than that of the input may be a second old.

        Raises
        ------
        NotFoundError
            If there is no such job.
        ConfigError
            If more rows are asked for than a window may have.
        GivenUpError
            If nobody waits for them any more.
        """
        if request.stop - request.start > MOST_WINDOW_ROWS:
            raise ConfigError(
                f"A window has at most {MOST_WINDOW_ROWS} rows, got {request.start} to "
                f"{request.stop}. Ask for them in parts.",
                field="stop",
            )
        job = job_record(self._workspace, request.job_id)
        total, version, ordinals = self._places(job, request)
        cells = self._workspace.store.outcomes.cells(job.seq, ordinals, chars=CELL_CHARS)
        data = _within_budget(lambda chars: arrow_stream(_ROWS, _columns(cells, chars)))
        return {"start": request.start, "total": total, "version": version}, data

    def prompts(self, request: Prompts) -> bytes:
        """Return prompts and references of some rows as Arrow, in the order asked for.

        They are null where they cannot be told any more.

        Raises
        ------
        NotFoundError
            If there is no such job.
        GivenUpError
            If nobody waits for them any more.
        """
        job = job_record(self._workspace, request.job_id)
        found = rendered_rows(self._workspace, job, request.ordinals)
        rows = [found.get(ordinal) for ordinal in request.ordinals]
        prompts = [row.prompt if row else None for row in rows]
        references = [row.reference if row else None for row in rows]
        return _within_budget(
            lambda chars: arrow_stream(
                _PROMPTS,
                {
                    "ordinal": request.ordinals,
                    "prompt": [_cut(prompt, chars) for prompt in prompts],
                    "reference": [_cut(reference, chars) for reference in references],
                },
            )
        )

    def detail(self, request: OneRow) -> RowDetail:
        """Return everything about one row.

        Raises
        ------
        NotFoundError
            If there is no such job, or the row has no outcome.
        """
        job = job_record(self._workspace, request.job_id)
        responses = self._workspace.store.responses
        record = next(responses.between(job.seq, request.ordinal, request.ordinal + 1), None)
        if record is None:
            raise NotFoundError(
                f"Row {request.ordinal} of job {job.id} has no outcome. It is pending, or the "
                "job has no such row; look again once the job has gone on.",
                kind="row",
                ids=(str(request.ordinal),),
            )
        sent = rendered_rows(self._workspace, job, [record.ordinal]).get(record.ordinal)
        texts = {
            "prompt": sent.prompt if sent else None,
            "system": sent.system if sent else None,
            "response": record.response,
            "reference": sent.reference if sent else None,
            "error_message": record.error_message,
        }
        shown = {name: text and printable(text[:_DETAIL_CHARS]) for name, text in texts.items()}
        return {
            "ordinal": record.ordinal,
            "datasource_uid": record.datasource_uid,
            "x_uid": f"doc::{record.row_uid}",
            "status": "succeeded" if record.succeeded else "failed",
            "finish_reason": record.finish_reason,
            "prompt": shown["prompt"],
            "system": shown["system"],
            "response": shown["response"],
            "reference": shown["reference"],
            "error_code": record.error_code,
            "error_message": shown["error_message"],
            "input_tokens": record.input_tokens,
            "output_tokens": record.output_tokens,
            "latency_s": record.latency_s,
            "attempts": record.attempts,
            "cut": [name for name, text in texts.items() if len(text or "") > _DETAIL_CHARS],
        }

    def _places(self, job: JobRecord, request: Rows) -> tuple[int, int, list[int]]:
        """Return how many rows match, as of which version, and the ordinals of the window."""
        query, live = _query(request), job.status().live
        start, stop = request.start, request.stop
        total, table = job.succeeded + job.failed, self._workspace.store.outcomes
        if query == OutcomeQuery():
            found = table.window(job.seq, start, min(stop, total), total=None if live else total)
            return total, job.commits, found
        key = (self._workspace.path, job.seq, query)
        if total > _SORTED_AT_ONCE and not (start or query.filters or _orders.has(key)):
            first = _wanted(table.order(job.seq, query, limit=stop, wanted=anybody_waits))
            return total, job.commits, list(first)
        order = _orders.get(
            key,
            lambda: _wanted(table.order(job.seq, query, wanted=anybody_waits)),
            version=job.commits,
            live=live,
        )
        return len(order.ordinals), order.version, list(order.ordinals[start:stop])


def _query(request: Rows) -> OutcomeQuery:
    sort = request.sort or Sort(column="ordinal")
    return OutcomeQuery(
        outcomes=frozenset(request.filter.statuses),
        text=printable(request.filter.text),
        column=sort.column,
        descending=sort.descending,
    )


def _wanted(order: "array[int] | None") -> "array[int]":
    if order is None:
        raise GivenUpError
    return order


def _columns(cells: Sequence[OutcomeCells], chars: int) -> dict[str, Values]:
    columns: dict[str, Values] = {
        name: [_cut(getattr(row, name), chars) for row in cells]
        for name in ROW_COLUMNS
        if name not in {"x_uid", "status"}
    }
    columns["x_uid"] = [f"doc::{row.row_uid}" for row in cells]
    columns["status"] = ["succeeded" if row.succeeded else "failed" for row in cells]
    return columns


def _cut(value: str | float | None, chars: int) -> str | float | None:
    return value[:chars] if isinstance(value, str) else value


def _within_budget(encode: Callable[[int], bytes]) -> bytes:
    """Encode with texts as long as they can be; given the most characters of a text."""
    chars = CELL_CHARS
    while len(data := encode(chars)) >= _MOST_BYTES and chars > 1:
        chars = min(chars - 1, chars * _MOST_BYTES // len(data))
    return data
