"""Joins the rows of a job with their responses, batch by batch."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from outboard.datasource import Datasource, get_datasource
from outboard.errors import DatasourceError, InvocationError, NotFoundError
from outboard.selection import Chunk, Part, ordinals_of, plan_for
from outboard.store.jobs import JobRecord
from outboard.store.responses import ResponseRecord
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

#: One row for each chosen row, in input order.
SCHEMA = pa.schema(
    [
        pa.field("datasource_uid", pa.int64()),
        pa.field("x_uid", pa.string()),
        pa.field("prompt", pa.string()),
        pa.field("response", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("status", pa.string()),
        pa.field("finish_reason", pa.string()),
        pa.field("error_code", pa.string()),
        pa.field("error_message", pa.string()),
        pa.field("input_tokens", pa.int64()),
        pa.field("output_tokens", pa.int64()),
        pa.field("latency_s", pa.float64()),
        pa.field("attempts", pa.int64()),
    ]
)

_PAGE_ROWS = 1_000

Columns = dict[str, Sequence[object]]


class JoinedRows:
    """The rows of a job as Arrow batches, with what came back for each.

    Parameters
    ----------
    workspace : Workspace
        Where the job lives.
    job : JobRecord
        The job.
    with_source : bool
        Append the datasources' own columns.
    """

    def __init__(self, workspace: Workspace, job: JobRecord, *, with_source: bool) -> None:
        self._responses = workspace.store.responses
        self._job = job
        self._x_uids = workspace.store.jobs.x_uids(job.seq)
        self._with_source = with_source
        with workspace:
            self._datasources = [_find(uid) for uid in job.call.datasource_uids]
        #: Of every batch.
        self.schema = SCHEMA
        if with_source:
            for field in _source_fields(self._datasources):
                self.schema = self.schema.append(field)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read rows and responses together, in input order."""
        for place, datasource in enumerate(self._datasources):
            ordinals = ordinals_of(place)
            written = ordinals.start
            if datasource is not None:
                plan = plan_for(self._job.call, datasource)
                part = Part(place, datasource, plan, self._x_uids)
                try:
                    for chunk in part.chunks(every_column=self._with_source):
                        yield self._joined(chunk)
                        written = chunk.ordinals[-1] + 1
                    continue
                except DatasourceError as fault:
                    logger.warning("%s Its prompts and references are left empty.", fault)
            yield from self._without_source(range(written, ordinals.stop))

    def _joined(self, chunk: Chunk) -> pa.RecordBatch:
        first, last = chunk.ordinals[0], chunk.ordinals[-1]
        found = {
            record.ordinal: record
            for record in self._responses.between(self._job.seq, first, last + 1)
        }
        columns = _outcomes([found.get(ordinal) for ordinal in chunk.ordinals])
        columns["datasource_uid"] = [chunk.datasource_uid] * len(chunk.ordinals)
        columns["x_uid"] = [f"doc::{uid}" for uid in chunk.row_uids]
        rendered = [None if isinstance(p, InvocationError) else p for p in chunk.prompts]
        columns["prompt"] = [prompt and prompt.prompt for prompt in rendered]
        columns["reference"] = [prompt and prompt.reference for prompt in rendered]
        return self._batch(columns, chunk.table)

    def _without_source(self, ordinals: range) -> Iterator[pa.RecordBatch]:
        """Give the responses of a datasource that cannot be read any more."""
        start = ordinals.start
        while records := list(
            self._responses.between(self._job.seq, start, ordinals.stop, limit=_PAGE_ROWS)
        ):
            columns = _outcomes(records)
            columns["datasource_uid"] = [record.datasource_uid for record in records]
            columns["x_uid"] = [f"doc::{record.row_uid}" for record in records]
            columns["prompt"] = columns["reference"] = [None] * len(records)
            yield self._batch(columns, None)
            start = records[-1].ordinal + 1

    def _batch(self, columns: Columns, source: pa.RecordBatch | None) -> pa.RecordBatch:
        arrays: list[pa.Array[Any]] = [
            pa.array(columns[field.name], field.type) for field in SCHEMA
        ]
        n_rows = len(arrays[0])
        for field in list(self.schema)[len(SCHEMA) :]:
            assert field.metadata is not None
            name = field.metadata[b"source"].decode()
            if source is not None and name in source.schema.names:
                arrays.append(source.column(name).cast(field.type))
            else:
                arrays.append(pa.nulls(n_rows, field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _outcomes(records: Sequence[ResponseRecord | None]) -> Columns:
    """Return the columns that tell what became of each row."""
    columns: Columns = {
        name: [record and getattr(record, name) for record in records]
        for name in (
            "response",
            "finish_reason",
            "error_code",
            "error_message",
            "input_tokens",
            "output_tokens",
            "latency_s",
        )
    }
    columns["attempts"] = [record.attempts if record else 0 for record in records]
    columns["status"] = [
        "pending" if record is None else "succeeded" if record.succeeded else "failed"
        for record in records
    ]
    return columns


def _find(uid: int) -> Datasource | None:
    try:
        return get_datasource(uid)
    except NotFoundError:
        logger.warning(
            "Datasource %d was deleted: prompts and references of its rows are left empty, and "
            "rows without a response are left out.",
            uid,
        )
        return None


def _source_fields(datasources: Sequence[Datasource | None]) -> Iterator["pa.Field[Any]"]:
    """Return the union of the datasources' columns, each with its own name as metadata."""
    schemas = [datasource.schema for datasource in datasources if datasource is not None]
    for name in dict.fromkeys(name for schema in schemas for name in schema.names):
        types: Mapping[pa.DataType, None] = dict.fromkeys(
            schema.field(name).type for schema in schemas if name in schema.names
        )
        kind = next(iter(types)) if len(types) == 1 else pa.string()
        shown = f"source_{name}" if name in SCHEMA.names else name
        yield pa.field(shown, kind, metadata={"source": name})
