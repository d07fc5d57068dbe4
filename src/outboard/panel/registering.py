"""Lists registered tables for a panel, to which it may add others."""

from collections.abc import Iterable
from typing import assert_never

from outboard import assets
from outboard.datasource import create_datasource, get_datasource
from outboard.errors import DatasourceError
from outboard.panel.messages import (
    DemoSource,
    FileSource,
    ListDatasources,
    Register,
    VariableSource,
)
from outboard.panel.replies import DatasourceItem, DatasourcePage
from outboard.panel.variables import Namespace, table_of
from outboard.store.datasources import DatasourceRecord
from outboard.workspace import Workspace

#: Most columns of a table that are named.
MOST_COLUMNS = 200

_DEMO_NAME = "truthfulqa"


def datasource_page(workspace: Workspace, request: ListDatasources) -> DatasourcePage:
    """Return registered tables, newest first, with those asked for by uid before them."""
    records = workspace.store.datasources.all()[::-1]
    words = request.search.casefold().split()
    found = [record for record in records if _matches(record, words)]
    shown = found[: request.limit]
    wanted, there = set(request.include_uids), {record.uid for record in shown}
    asked_for = [r for r in records if r.uid in wanted and r.uid not in there]
    return {"items": [_item(record) for record in asked_for + shown], "total": len(found)}


def register(workspace: Workspace, request: Register, variables: Namespace) -> DatasourceItem:
    """Register a table.

    Raises
    ------
    DatasourceError
        If it cannot be read, or has a fault.
    AssetError
        If the demo questions cannot be fetched.
    """
    name, uid_col = (request.name or "").strip() or None, request.uid_col or None
    match request.source:
        case FileSource(path=path):
            if not path.strip():
                raise DatasourceError(
                    "Type the path of a .parquet, .csv, .jsonl or .json file, as the kernel sees "
                    "it, or an s3:// URI."
                )
            uid = create_datasource(path.strip(), name=name, uid_col=uid_col)
        case VariableSource(name=variable):
            table = table_of(variables, variable)
            uid = create_datasource(table, name=name or variable, uid_col=uid_col)
        case DemoSource():
            uid = _demo(workspace, name)
        case _:
            assert_never(request.source)
    return datasource_item(workspace, uid)


def datasource_item(workspace: Workspace, uid: int) -> DatasourceItem:
    """Return one registered table as the panel lists it.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    get_datasource(uid)  # raises if it is not there
    record = workspace.store.datasources.get(uid)
    assert record is not None
    return _item(record)


def _demo(workspace: Workspace, name: str | None) -> int:
    """Register the demo questions, unless that was done before."""
    path = assets.fetch_demo_rows(workspace.assets_dir)
    known = workspace.store.datasources.all()
    uid = next((record.uid for record in known if record.location == str(path)), None)
    return create_datasource(path, name=name or _DEMO_NAME) if uid is None else uid


def _matches(record: DatasourceRecord, words: Iterable[str]) -> bool:
    # Not its path: that of a table in the workspace has the workspace's own words in it.
    text = "\n".join((record.name, str(record.uid), *record.columns)).casefold()
    return all(word in text for word in words)


def _item(record: DatasourceRecord) -> DatasourceItem:
    columns = list(record.columns.items())
    return {
        "uid": record.uid,
        "name": record.name or f"datasource-{record.uid}",
        "n_rows": record.n_rows,
        "columns": [{"name": name, "type": kind} for name, kind in columns[:MOST_COLUMNS]],
        "n_columns": len(columns),
        "created_at": record.created_at,
    }
