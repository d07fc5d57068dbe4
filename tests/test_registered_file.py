import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outboard import Workspace, create_datasource, get_datasource
from outboard.errors import DatasourceChangedError, DatasourceError

CONTENT = "a\n" + "".join(f"{n:06d}\n" for n in range(10))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "workspace") as workspace:
        yield workspace


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(CONTENT)
    return path


def read(uid: int) -> list[str | None]:
    return [row for batch in get_datasource(uid).batches() for row in batch.table["a"].to_pylist()]


def refusal(uid: int) -> DatasourceChangedError:
    with pytest.raises(DatasourceChangedError) as caught:
        read(uid)
    assert caught.value.datasource_uid == uid
    assert "register the rows anew with create_datasource()" in caught.value.message
    return caught.value


def test_changed_file_is_refused(file: Path) -> None:
    uid = create_datasource(file)
    # As long as before: size alone would not tell.
    file.write_text(CONTENT.replace("000003", "999999"))

    error = refusal(uid)

    assert "was changed after it was registered" in error.message
    assert error.path == str(file)


def test_lost_file_is_refused(file: Path) -> None:
    uid = create_datasource(file)
    file.unlink()

    assert "is gone" in refusal(uid).message


def test_file_that_became_unreadable_is_refused(file: Path) -> None:
    uid = create_datasource(file)
    file.unlink()
    file.mkdir()

    assert "cannot be read: Is a directory" in refusal(uid).message


def test_file_that_was_only_touched_is_read_on(file: Path, workspace: Workspace) -> None:
    uid = create_datasource(file)
    before = workspace.store.datasources.get(uid)
    os.utime(file, (1, 1))

    assert len(read(uid)) == 10

    after = workspace.store.datasources.get(uid)
    assert before is not None
    assert after is not None
    assert after.stamp != before.stamp  # noted, so that nobody hashes the file again
    assert after.fingerprint == before.fingerprint


def test_file_that_was_put_back_is_read_again(file: Path, tmp_path: Path) -> None:
    uid = create_datasource(file)
    shutil.move(file, tmp_path / "elsewhere")
    refusal(uid)
    shutil.copy(tmp_path / "elsewhere", file)

    assert len(read(uid)) == 10


def test_change_while_reading_is_noticed_before_the_next_batch(file: Path) -> None:
    uid = create_datasource(file)
    batches = get_datasource(uid).batches(batch_rows=2)
    first = next(batches)
    file.write_text(CONTENT.replace("000003", "999999"))

    with pytest.raises(DatasourceChangedError):
        next(batches)

    assert first.table["a"].to_pylist() == ["000000", "000001"]


def test_change_that_breaks_reading_is_told_as_the_change(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n' * 200_000)
    batches = get_datasource(create_datasource(path)).batches()
    next(batches)
    path.write_text("no JSON at all\n" * 200_000)

    with pytest.raises(DatasourceChangedError):
        list(batches)


@pytest.mark.parametrize("columns", [["a"], []])
def test_change_is_noticed_whatever_columns_are_read(file: Path, columns: list[str]) -> None:
    datasource = get_datasource(create_datasource(file))
    file.write_text("a\nother\n")

    with pytest.raises(DatasourceChangedError):
        list(datasource.batches(columns))


def test_schema_of_a_changed_file_is_refused(file: Path) -> None:
    datasource = get_datasource(create_datasource(file))
    file.write_text("b\n1\n")

    with pytest.raises(DatasourceChangedError):
        _ = datasource.schema


def test_damage_that_was_there_all_along_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [str(n) * 20 for n in range(10_000)]}), path, compression="zstd")
    damaged = bytearray(path.read_bytes())
    # Behind the header of the first page; the footer, which registering reads, stays whole.
    damaged[60:5_000] = os.urandom(4_940)
    path.write_bytes(damaged)
    uid = create_datasource(path)

    with pytest.raises(DatasourceError, match=r"cannot be read .* Check that the file is whole"):
        read(uid)


def test_workspace_may_be_moved_with_its_tables(tmp_path: Path) -> None:
    with Workspace(tmp_path / "old"):
        uid = create_datasource(pa.table({"a": ["x"]}))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    shutil.rmtree(tmp_path / "old")

    with Workspace(tmp_path / "new"):
        assert read(uid) == ["x"]


def test_fingerprint_is_that_of_the_content(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    shutil.copy(file, copy)

    first, second = (get_datasource(create_datasource(path)) for path in (file, copy))

    assert first.fingerprint == second.fingerprint
    assert first.fingerprint.startswith("sha256:")
