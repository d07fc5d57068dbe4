"""The responses of a job, as a table."""

import os
from typing import TYPE_CHECKING

import pyarrow as pa

from outboard.errors import NotFoundError
from outboard.export import write_csv, write_jsonl, write_parquet
from outboard.joined_rows import JoinedRows
from outboard.store.jobs import JobRecord
from outboard.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


class ModelSource:
    """The responses of one job, finished or not: one row for each chosen row, in input order.

    Columns are ``datasource_uid, x_uid, prompt, response, reference, status, finish_reason,
    error_code, error_message, input_tokens, output_tokens, latency_s, attempts``. ``status``
    is ``succeeded``, ``failed`` or ``pending``; ``finish_reason`` is ``length`` where the
    token limit cut the answer. Tokens are null where the server does not report them,
    ``latency_s`` is that of the last attempt in seconds.

    Prompts and references are rendered anew from the datasource. Where its file is gone or was
    changed they are null, and the responses are still here. Of a datasource that was deleted,
    only the rows that have a response are known.

    It speaks Arrow's C stream protocol, so `create_datasource` takes it as it is.
    """

    def __init__(self, workspace: Workspace, seq: int) -> None:
        self._workspace = workspace
        self._seq = seq

    @property
    def uid(self) -> str:
        """Its uid, for `get_model_source`."""
        return str(self._seq)

    @property
    def job_id(self) -> str:
        """The job that filled it."""
        return self._record().id

    def to_pandas(self, with_source: bool = False) -> "pd.DataFrame":
        """Return everything as a DataFrame. Tokens are `Int64`, which has nulls.

        Parameters
        ----------
        with_source : bool
            Append the datasource's own columns; one whose name is taken here already
            becomes ``source_<name>``.
        """
        frame = self.to_arrow(with_source=with_source).to_pandas()
        # As they are they would turn from int into float with the first null.
        return frame.astype({"input_tokens": "Int64", "output_tokens": "Int64"})

    def to_arrow(self, with_source: bool = False) -> pa.Table:
        """Return everything as an Arrow table; `with_source` as in `to_pandas`."""
        return self.to_batches(with_source=with_source).read_all()

    def to_batches(self, with_source: bool = False) -> pa.RecordBatchReader:
        """Return a reader that renders some hundred rows at a time."""
        rows = JoinedRows(self._workspace, self._record(), with_source=with_source)
        return pa.RecordBatchReader.from_batches(rows.schema, rows.batches())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        stream: object = self.to_batches().__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]
        return stream

    def to_parquet(self, path: str | os.PathLike[str], *, with_source: bool = False) -> str:
        """Write everything to a Parquet file, some thousand rows at a time.

        The file appears under its name once it is complete.

        Parameters
        ----------
        path : str or PathLike
            The file, or a URI that pyarrow can write to, such as ``s3://bucket/answers.parquet``.
            A file that is there already is replaced.
        with_source : bool
            As in `to_pandas`.

        Returns
        -------
        str
            The path.

        Raises
        ------
        ExportError
            If it cannot be written.
        """
        return write_parquet(self.to_batches(with_source=with_source), path)

    def to_csv(self, path: str | os.PathLike[str], *, with_source: bool = False) -> str:
        """Write everything to a CSV file (UTF-8, nested values as JSON), as `to_parquet` does."""
        return write_csv(self.to_batches(with_source=with_source), path)

    def to_jsonl(self, path: str | os.PathLike[str], *, with_source: bool = False) -> str:
        """Write everything as JSON lines (UTF-8), as `to_parquet` does."""
        return write_jsonl(self.to_batches(with_source=with_source), path)

    def __repr__(self) -> str:
        return f"<ModelSource {self.uid} of job {self.job_id}>"

    def _record(self) -> JobRecord:
        record = self._workspace.store.jobs.get_by_seq(self._seq)
        if record is None:
            raise NotFoundError(
                f"There is no model source {self._seq} in workspace "
                f"{str(self._workspace.path)!r}. list_model_sources() shows those there are.",
                kind="model source",
                ids=(str(self._seq),),
            )
        return record


def get_model_source(uid: str | int) -> ModelSource:
    """Return the responses with this uid, as `ExternalModel.inference` returned it.

    Raises
    ------
    NotFoundError
        If the current workspace has no such model source.
    """
    if not str(uid).isdecimal():
        raise NotFoundError(
            f"{uid!r} is not the uid of a model source, which is a number. A job's id is taken by "
            "get_job(), whose .model_source_uid names its responses.",
            kind="model source",
            ids=(str(uid),),
        )
    source = ModelSource(Workspace.current(), int(uid))
    source._record()
    return source


def list_model_sources() -> "pd.DataFrame":
    """Return every model source of the current workspace, newest first.

    Returns
    -------
    pandas.DataFrame
        Columns ``uid, job_id, model, status, succeeded, failed, total, created_at, trial``;
        `status` is that of the job, and `trial` tells whether it was tried on a few rows only.
    """
    import pandas as pd

    records = Workspace.current().store.jobs.all()
    frame = pd.DataFrame(
        {
            "uid": [str(record.seq) for record in records],
            "job_id": [record.id for record in records],
            "model": [record.call.model_name for record in records],
            "status": [str(record.status()) for record in records],
            "succeeded": [record.succeeded for record in records],
            "failed": [record.failed for record in records],
            "total": [record.total for record in records],
            "created_at": pd.to_datetime([r.created_at for r in records], unit="s", utc=True),
            "trial": [record.trial for record in records],
        }
    )
    # What pandas makes of a column depends on its values, and there may be none.
    texts, counts = ("uid", "job_id", "model", "status"), ("succeeded", "failed", "total")
    return frame.astype(
        dict.fromkeys(texts, "str")
        | dict.fromkeys(counts, "int64")
        | {"created_at": "datetime64[ns, UTC]", "trial": "bool"}
    )
