"""Joins the rows of a job with their responses, batch by batch."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from outboard.datasource import Datasource, get_datasource
from outboard.errors import DatasourceError, InvocationError, NotFoundError
from outboard.export import texts
from outboard.selection import Part, ordinals_of, plan_for
from outboard.store.jobs import JobRecord
from outboard.store.responses import ResponseRecord
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("datasource_uid", pa.int64()),
    ("x_uid", pa.string()),
    ("prompt", pa.string()),
    ("response", pa.string()),
    ("reference", pa.string()),
    ("status", pa.string()),
    ("finish_reason", pa.string()),
    ("error_code", pa.string()),
    ("error_message", pa.string()),
    ("input_tokens", pa.int64()),
    ("output_tokens", pa.int64()),
    ("latency_s", pa.float64()),
    ("attempts", pa.int64()),
]

#: One row for each chosen row, in input order.
SCHEMA = pa.schema(_COLUMNS)

_PAGE_ROWS = 500

_Columns = dict[str, Sequence[object]]
#: Of what became of each row, by the names that its record has them under as well.
_RECORDED = (
    ("response", "finish_reason", "error_code", "error_message")
    + ("input_tokens", "output_tokens", "latency_s")
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """Where some rows of a job come from."""

    uid: int
    #: None if it was deleted.
    datasource: Datasource | None
    #: Its columns; None if its file cannot be read any more.
    schema: pa.Schema | None


#: Batches of rows, each with the ordinal of its last row.
_Batches = Iterator[tuple[int, pa.RecordBatch]]
#: Given place, origin and first ordinal.
_Read = Callable[[int, _Origin, int], _Batches]


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
            self._origins = [_origin(uid) for uid in job.call.datasource_uids]
        #: Of every batch.
        self.schema = SCHEMA
        # The columns that follow SCHEMA, with their names in the datasources.
        self._source_columns: list[tuple[str, pa.DataType]] = []
        if with_source:
            schemas = [origin.schema for origin in self._origins if origin.schema is not None]
            self._source_columns = list(_union(schemas))
            for name, kind in self._source_columns:
                self.schema = self.schema.append(pa.field(_free_name(name, self.schema), kind))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read rows and responses together, in input order."""
        for place, origin in enumerate(self._origins):
            left = ordinals_of(place)
            warned = origin.schema is None
            for read in self._ways_to_read(origin):
                try:
                    for last, batch in read(place, origin, left.start):
                        yield batch
                        left = range(last + 1, left.stop)
                    break
                except DatasourceError as fault:
                    if not warned:
                        _warn(fault)
                    warned = True
            else:
                yield from self._answered(left)

    def _ways_to_read(self, origin: _Origin) -> list[_Read]:
        """Return the ways to read a datasource's rows; the next one takes over from the last."""
        if origin.schema is not None:
            return [self._with_prompts, self._without_prompts]
        return [] if origin.datasource is None else [self._without_prompts]

    def _with_prompts(self, place: int, origin: _Origin, start: int) -> _Batches:
        assert start == ordinals_of(place).start
        for chunk in self._part(place, origin).chunks(every_column=self._with_source):
            rendered = [None if isinstance(p, InvocationError) else p for p in chunk.prompts]
            prompts: _Columns = {
                "prompt": [prompt and prompt.prompt for prompt in rendered],
                "reference": [prompt and prompt.reference for prompt in rendered],
            }
            columns = self._outcomes(chunk.ordinals) | prompts
            batch = self._batch(chunk.datasource_uid, chunk.row_uids, columns, chunk.table)
            yield chunk.ordinals[-1], batch

    def _without_prompts(self, place: int, origin: _Origin, start: int) -> _Batches:
        for ordinals, row_uids in self._part(place, origin).places(start):
            yield ordinals[-1], self._batch(origin.uid, row_uids, self._outcomes(ordinals))

    def _part(self, place: int, origin: _Origin) -> Part:
        assert origin.datasource is not None
        plan = plan_for(self._job.call, origin.datasource)
        return Part(place, origin.datasource, plan, self._x_uids)

    def _outcomes(self, ordinals: Sequence[int]) -> _Columns:
        found = self._responses.between(self._job.seq, ordinals[0], ordinals[-1] + 1)
        records = {record.ordinal: record for record in found}
        return _outcomes([records.get(ordinal) for ordinal in ordinals])

    def _answered(self, ordinals: range) -> Iterator[pa.RecordBatch]:
        """Give the responses to rows of which nothing else is known any more."""
        start = ordinals.start
        while records := list(
            self._responses.between(self._job.seq, start, ordinals.stop, limit=_PAGE_ROWS)
        ):
            row_uids = [record.row_uid for record in records]
            yield self._batch(records[0].datasource_uid, row_uids, _outcomes(records))
            start = records[-1].ordinal + 1

    def _batch(
        self,
        datasource_uid: int,
        row_uids: Sequence[int],
        columns: _Columns,
        source: pa.RecordBatch | None = None,
    ) -> pa.RecordBatch:
        n_rows = len(row_uids)
        columns["datasource_uid"] = [datasource_uid] * n_rows
        columns["x_uid"] = [f"doc::{uid}" for uid in row_uids]
        arrays: list[pa.Array[Any]] = [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(n_rows, field.type)
            for field in SCHEMA
        ]
        for name, kind in self._source_columns:
            if source is None or name not in source.schema.names:
                arrays.append(pa.nulls(n_rows, kind))  # type: ignore[call-overload]
            else:
                column = source.column(name)
                arrays.append(column if column.type == kind else texts(column))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _outcomes(records: Sequence[ResponseRecord | None]) -> _Columns:
    """Return the columns that tell what became of each row."""
    columns: _Columns = {
        name: [record and getattr(record, name) for record in records] for name in _RECORDED
    }
    columns["attempts"] = [record.attempts if record else 0 for record in records]
    columns["status"] = [
        "pending" if record is None else "succeeded" if record.succeeded else "failed"
        for record in records
    ]
    return columns


def _origin(uid: int) -> _Origin:
    try:
        datasource = get_datasource(uid)
    except NotFoundError:
        logger.warning(
            "Datasource %d was deleted: prompts and references of its rows are left empty, and "
            "rows without a response are left out.",
            uid,
        )
        return _Origin(uid=uid, datasource=None, schema=None)
    try:
        return _Origin(uid=uid, datasource=datasource, schema=datasource.schema)
    except DatasourceError as fault:
        _warn(fault)
        return _Origin(uid=uid, datasource=datasource, schema=None)


def _warn(fault: DatasourceError) -> None:
    logger.warning("%s Prompts and references of its rows are left empty.", fault)


def _union(schemas: Sequence[pa.Schema]) -> Iterator[tuple[str, pa.DataType]]:
    """Give the columns of all tables, each once; as text where their types differ."""
    for name in dict.fromkeys(name for schema in schemas for name in schema.names):
        kinds = {schema.field(name).type for schema in schemas if name in schema.names}
        yield name, kinds.pop() if len(kinds) == 1 else pa.string()


def _free_name(name: str, schema: pa.Schema) -> str:
    while name in schema.names:
        name = f"source_{name}"
    return name
