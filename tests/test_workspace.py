import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from outboard import Workspace, create_datasource, get_datasource, list_datasources
from outboard.errors import NotFoundError, WorkspaceError


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def register() -> int:
    return create_datasource(pa.table({"a": [1]}))


def test_environment_names_the_default_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOARD_HOME", str(tmp_path / "home"))

    assert Workspace().path == Workspace.current().path == tmp_path / "home"


def test_platform_names_the_folder_where_the_environment_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OUTBOARD_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    path = Workspace.current().path

    assert path.is_relative_to(tmp_path)
    assert path.name == "outboard"


def test_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Workspace("~/rows").path == tmp_path / "rows"


def test_relative_path_stays_where_it_was_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace("rows")

    monkeypatch.chdir("/")
    with workspace:
        register()

    assert (tmp_path / "rows" / "outboard.db").is_file()


def test_naming_a_workspace_creates_nothing(tmp_path: Path) -> None:
    with Workspace(tmp_path / "a"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_folders_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with Workspace(tmp_path / "deep" / "down") as workspace:
        register()

    folders = [workspace.path, workspace.datasources_dir, workspace.assets_dir, workspace.logs_dir]
    assert [mode(folder) for folder in folders] == ["0o700"] * 4


def test_inner_workspace_is_current_until_its_end(tmp_path: Path) -> None:
    outer, inner = Workspace(tmp_path / "outer"), Workspace(tmp_path / "inner")

    with outer:
        with inner, inner:
            assert Workspace.current() is inner
        assert Workspace.current() is outer


def test_outer_workspace_is_current_again_after_an_error(tmp_path: Path) -> None:
    with Workspace(tmp_path / "outer") as outer:
        with pytest.raises(ZeroDivisionError), Workspace(tmp_path / "inner"):
            _ = 1 / 0

        assert Workspace.current() is outer


def test_workspaces_are_apart(tmp_path: Path) -> None:
    with Workspace(tmp_path / "a"):
        uid = register()

    with Workspace(tmp_path / "b"), pytest.raises(NotFoundError):
        get_datasource(uid)


def test_two_objects_for_one_folder_are_one_workspace(tmp_path: Path) -> None:
    with Workspace(tmp_path):
        uid = register()

    with Workspace(tmp_path):
        assert get_datasource(uid).n_rows == 1


def test_threads_have_one_workspace_open_at_the_same_time(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    all_inside, all_done = threading.Barrier(4), threading.Barrier(4)

    def work(_: int) -> bool:
        with workspace:
            all_inside.wait()
            register()
            inside = Workspace.current() is workspace
            all_done.wait()
        return inside and Workspace.current() is not workspace

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [True] * 4
    with workspace:
        assert len(list_datasources()) == 4


def test_other_threads_keep_their_own_workspace(tmp_path: Path) -> None:
    with Workspace(tmp_path / "mine") as mine, ThreadPoolExecutor(1) as thread:
        theirs = thread.submit(Workspace.current).result()

    assert theirs.path != mine.path


def test_datasource_works_outside_of_its_workspace(tmp_path: Path) -> None:
    with Workspace(tmp_path):
        datasource = get_datasource(register())

    assert datasource.to_pandas()["a"].tolist() == [1]


def test_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    with (
        pytest.raises(
            WorkspaceError, match=r"/file' cannot be created: File exists.*OUTBOARD_HOME"
        ) as caught,
        Workspace(path),
    ):
        register()

    assert caught.value.path == str(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(WorkspaceError, match="Permission denied"), Workspace(tmp_path / "a"):
        register()


@pytest.mark.parametrize("parent", ["/proc", "/dev/null"])
def test_folder_that_cannot_exist_is_named(parent: str) -> None:
    with pytest.raises(WorkspaceError, match=parent), Workspace(f"{parent}/outboard"):
        register()


def test_repr_is_the_call_that_makes_it(tmp_path: Path) -> None:
    assert repr(Workspace(tmp_path)) == f"Workspace({str(tmp_path)!r})"
