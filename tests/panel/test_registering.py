import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.panel.shapes import differences

import outboard
from outboard.errors import DatasourceError, NotFoundError
from outboard.panel import messages, replies
from outboard.panel.registering import datasource_item, datasource_page, register
from outboard.panel.replies import DatasourceItem, DatasourcePage
from outboard.workspace import Workspace


def page(workspace: Workspace, **request: Any) -> DatasourcePage:
    found = datasource_page(workspace, messages.ListDatasources.model_validate(request))
    assert differences(replies.DatasourcePage, found) == []
    return found


def uids(found: DatasourcePage) -> list[int]:
    return [item["uid"] for item in found["items"]]


def registered(
    workspace: Workspace, variables: dict[str, object] | None = None, **request: Any
) -> DatasourceItem:
    item = register(workspace, messages.Register.model_validate(request), variables or {})
    assert differences(replies.DatasourceItem, item) == []
    return item


def table(name: str, *columns: str) -> int:
    return outboard.create_datasource(pa.table({c: ["x"] for c in columns or ("a",)}), name=name)


def test_newest_datasource_is_listed_first(workspace: Workspace) -> None:
    made = [table(name) for name in "abc"]

    found = page(workspace)

    assert (uids(found), found["total"]) == (made[::-1], 3)


def test_search_looks_at_names_and_columns_whatever_their_case(workspace: Workspace) -> None:
    tickets, other = table("Tickets", "question"), table("x", "Ticket_id", "question")
    table("notes")

    assert uids(page(workspace, search="ticket")) == [other, tickets]
    assert uids(page(workspace, search="TICKET x")) == [other]
    assert page(workspace, search="nothing") == {"items": [], "total": 0}


def test_page_is_limited_and_has_those_that_are_chosen(workspace: Workspace) -> None:
    made = [table(name) for name in "abcde"]

    found = page(workspace, limit=2, include_uids=[made[0], made[4], 99])

    assert (uids(found), found["total"]) == ([made[0], made[4], made[3]], 5)


def test_wide_table_names_its_first_columns(workspace: Workspace) -> None:
    uid = table("wide", *(f"c{n}" for n in range(300)))

    item = datasource_item(workspace, uid)

    assert (len(item["columns"]), item["n_columns"]) == (200, 300)


def test_file_is_registered_by_its_path(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": ["x"], "id": [7]}), path)
    source = {"kind": "path", "path": f"  {path}\n"}

    item = registered(workspace, source=source, name="mine", uid_col="id")

    assert (item["name"], item["n_rows"]) == ("mine", 1)
    assert outboard.get_datasource(item["uid"]).uid_col == "id"


@pytest.mark.parametrize("path", ["", "  "])
def test_path_has_to_be_typed(workspace: Workspace, path: str) -> None:
    with pytest.raises(DatasourceError, match="Type the path"):
        registered(workspace, source={"kind": "path", "path": path})


def test_file_that_is_not_there_is_named(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DatasourceError, match=r"gone\.csv"):
        registered(workspace, source={"kind": "path", "path": str(tmp_path / "gone.csv")})


def test_variable_is_registered_under_its_name(workspace: Workspace) -> None:
    variables: dict[str, object] = {"df": pa.table({"a": ["x", "y"]})}

    item = registered(workspace, variables, source={"kind": "variable", "name": "df"})

    assert (item["name"], item["n_rows"]) == ("df", 2)


def test_demo_questions_are_registered_once(workspace: Workspace, assets_dir: Path) -> None:
    shutil.copytree(assets_dir, workspace.assets_dir, dirs_exist_ok=True)

    items = [registered(workspace, source={"kind": "demo"}) for _ in range(2)]

    assert items[0] == items[1]
    assert (items[0]["name"], items[0]["n_rows"]) == ("truthfulqa", 817)


def test_datasource_that_is_gone_is_not_found(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError):
        datasource_item(workspace, 99)
