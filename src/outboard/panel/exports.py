"""Keeps the results of a job: in a file, a variable or a datasource."""

import builtins
import keyword
import types
import unicodedata
from collections.abc import Callable, Iterator, MutableMapping
from itertools import count
from pathlib import Path, PurePath
from typing import assert_never

import pyarrow as pa

from outboard.datasource import create_datasource, get_datasource
from outboard.errors import ConfigError
from outboard.export import URI, without_secrets, write_csv, write_jsonl, write_parquet
from outboard.job import job_record
from outboard.model_source import ModelSource
from outboard.panel.messages import DatasourceTarget, Export, FileTarget, VariableTarget
from outboard.panel.replies import Exported
from outboard.registered_file import owned_path
from outboard.workspace import Workspace

_WRITERS: dict[str, Callable[[pa.RecordBatchReader, str], str]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
}

#: Suffixes that say what a file holds.
_SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_OTHER_SUFFIXES = {".json", ".tsv", ".xlsx", ".txt", ".gz", ".zip"}

#: Names that IPython keeps for itself.
_TAKEN = frozenset({"In", "Out", "get_ipython", "exit", "quit", "display"})


def export(
    workspace: Workspace, request: Export, namespace: MutableMapping[str, object]
) -> Exported:
    """Keep the results of a job where the request says, finished or not.

    A file that is named is written even if there is one already; a name that is made up is
    one that is free.

    Parameters
    ----------
    workspace : Workspace
        Where the job lives.
    request : Export
        What to keep, and where.
    namespace : mutable mapping
        The variables of the kernel.

    Raises
    ------
    NotFoundError
        If there is no such job.
    ConfigError
        If the target has a name that cannot be used, or that something else needs.
    ExportError, DatasourceError, WorkspaceError
        If it cannot be written.
    """
    job = job_record(workspace, request.job_id)
    rows = _CountedRows(ModelSource(workspace, job.seq), with_source=request.with_source)
    match request.target:
        case FileTarget() as target:
            return _to_file(workspace, rows, target, job.id)
        case VariableTarget() as target:
            return _to_variable(rows, target.name, namespace)
        case DatasourceTarget() as target:
            return _to_datasource(workspace, rows, target.name.strip() or f"answers of {job.id}")
        case _ as unknown:
            assert_never(unknown)


class _CountedRows:
    """The rows of a model source, read once and counted on their way."""

    def __init__(self, source: ModelSource, *, with_source: bool) -> None:
        self.source = source
        self.with_source = with_source
        self.n_rows = 0
        self.n_pending = 0

    def reader(self) -> pa.RecordBatchReader:
        batches = self.source.to_batches(with_source=self.with_source)
        return pa.RecordBatchReader.from_batches(batches.schema, self._counted(batches))

    def told(self) -> str:
        """Return in words how many rows there were."""
        rows = "1 row" if self.n_rows == 1 else f"{self.n_rows:,} rows"
        if not self.n_pending:
            return rows
        return f"{rows} ({self.n_pending:,} without an answer yet)"

    def _counted(self, batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.n_rows += batch.num_rows
            self.n_pending += batch.column("status").to_pylist().count("pending")
            yield batch


def _to_file(workspace: Workspace, rows: _CountedRows, target: FileTarget, job_id: str) -> Exported:
    path = _path(target, job_id)
    replaced = False
    if isinstance(path, Path):
        _check_no_datasource(workspace, path)
        replaced = path.exists()
    shown = without_secrets(str(path))
    _WRITERS[target.format](rows.reader(), str(path))
    message = f"Wrote {rows.told()} to {shown}"
    message += ", in place of the file that was there." if replaced else "."
    return {"message": message, "path": shown, "variable": None, "uid": None}


def _path(target: FileTarget, job_id: str) -> Path | str:
    """Return the file to write, or its URI."""
    given, stem, suffix = target.path.strip(), f"outboard-{job_id}", f".{target.format}"
    if "\0" in given:
        raise ConfigError("A path cannot hold a NUL character. Type it anew.", field="path")
    if not given:
        return _free(Path.cwd(), stem, suffix)
    _check_suffix(given, target.format)
    known = PurePath(given).suffix.lower() in _SUFFIXES
    if URI.match(given):
        return given if known else f"{given.rstrip('/')}{suffix}"
    path = Path(given).expanduser().absolute()
    if given.endswith(("/", "\\")) or path.is_dir():
        return _free(path, stem, suffix)
    return path if known else path.with_name(path.name + suffix)


def _check_suffix(path: str, kind: str) -> None:
    suffix = PurePath(path).suffix.lower()
    if suffix in _OTHER_SUFFIXES or _SUFFIXES.get(suffix, kind) != kind:
        raise ConfigError(
            f"{without_secrets(path)!r} ends in {suffix}, but is to be written as {kind}. "
            f"End it in .{kind}, or choose another format.",
            field="path",
        )


def _free(folder: Path, stem: str, suffix: str) -> Path:
    names = (f"{stem}{suffix}" if n == 1 else f"{stem}-{n}{suffix}" for n in count(1))
    return next(path for name in names if not (path := folder / name).exists())


def _check_no_datasource(workspace: Workspace, path: Path) -> None:
    if not path.exists():
        return
    found = path.resolve()
    for record in workspace.store.datasources.all():
        location = owned_path(workspace, record) if record.owned else Path(record.location)
        if location.resolve() == found:
            raise ConfigError(
                f"{str(path)!r} is the file of datasource {record.uid}, which would be lost. "
                "Write to another file.",
                field="path",
            )


def _to_variable(
    rows: _CountedRows, given: str, namespace: MutableMapping[str, object]
) -> Exported:
    name = _variable_name(given, namespace)
    frame = rows.source.to_pandas(with_source=rows.with_source)
    replaced = name in namespace
    namespace[name] = frame
    n_rows = "1 row" if len(frame) == 1 else f"{len(frame):,} rows"
    message = f"The variable {name} holds {n_rows}"
    message += ", in place of what it held before." if replaced else "."
    return {"message": message, "path": None, "variable": name, "uid": None}


def _variable_name(given: str, namespace: MutableMapping[str, object]) -> str:
    """Return the name of a variable as Python reads it, if it may be used."""
    name = unicodedata.normalize("NFKC", given.strip())
    if not namespace:
        what = "cannot be set: this host has no variables that cells see. Write a file instead"
    elif not name.isidentifier() or keyword.iskeyword(name):
        what = "is no name that Python takes for a variable. Use letters, digits and _"
    elif name.startswith("_") or name in _TAKEN:
        what = "is a name that IPython uses itself. Choose another name"
    elif hasattr(builtins, name):
        what = "is a name that Python uses itself. Choose another name"
    elif isinstance(namespace.get(name), types.ModuleType | types.FunctionType | type):
        what = f"is in use for {_kind(namespace[name])}. Choose another name"
    else:
        return name
    raise ConfigError(f"{given!r} {what}.", field="name")


def _kind(value: object) -> str:
    if isinstance(value, types.ModuleType):
        return "a module"
    return "a class" if isinstance(value, type) else "a function"


def _to_datasource(workspace: Workspace, rows: _CountedRows, name: str) -> Exported:
    with workspace:
        uid = create_datasource(rows.reader(), name=name)
        registered = get_datasource(uid)
    message = f"Registered {rows.told()} as datasource {uid}, {registered.name!r}."
    return {"message": message, "path": None, "variable": None, "uid": uid}
