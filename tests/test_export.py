import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from outboard.errors import ExportError
from outboard.export import write_csv, write_jsonl, write_parquet

Writer = Callable[[pa.RecordBatchReader, str | os.PathLike[str]], str]

every_writer = pytest.mark.parametrize("write", [write_parquet, write_csv, write_jsonl])


def rows(*, broken_by: BaseException | None = None) -> pa.RecordBatchReader:
    """Return two batches; the second may be the end of it."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": ["x"]})
        if broken_by is not None:
            raise broken_by
        yield pa.record_batch({"a": ["y"]})

    return pa.RecordBatchReader.from_batches(pa.schema([("a", pa.string())]), batches())


@every_writer
def test_existing_file_is_replaced(write: Writer, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("old")

    assert write(rows(), target) == str(target)

    assert target.read_bytes() != b"old"
    assert list(tmp_path.iterdir()) == [target]


@every_writer
@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_export_broken_off_leaves_the_old_file_and_nothing_else(
    write: Writer, fault: BaseException, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    target.write_text("old")

    with pytest.raises((ExportError, KeyboardInterrupt)):
        write(rows(broken_by=fault), target)

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@every_writer
def test_missing_folder_is_named(write: Writer, tmp_path: Path) -> None:
    target = tmp_path / "no" / "out"

    with pytest.raises(ExportError, match=r"/no/out' cannot be written: .*No such") as caught:
        write(rows(), target)

    assert caught.value.path == str(target)


@every_writer
@pytest.mark.parametrize("target", ["/", "", "/tmp"])
def test_folder_is_refused_before_anything_is_written(write: Writer, target: str) -> None:
    with pytest.raises(ExportError, match="it is a folder; name a file in it"):
        write(rows(broken_by=AssertionError("read")), target)


def test_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    write_jsonl(rows(), "~/out.jsonl")

    assert (tmp_path / "out.jsonl").read_text() == '{"a":"x"}\n{"a":"y"}\n'


def test_no_rows_make_a_file_with_columns(tmp_path: Path) -> None:
    nothing = pa.table({"a": pa.array([], pa.string())})

    path = write_parquet(nothing.to_reader(), tmp_path / "out.parquet")

    assert pq.read_table(path).schema.names == ["a"]


@every_writer
def test_file_uri_is_written_to(write: Writer, tmp_path: Path) -> None:
    write(rows(), (tmp_path / "plain").as_uri())
    write(rows(), tmp_path / "path")

    assert (tmp_path / "plain").read_bytes() == (tmp_path / "path").read_bytes()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("gopher://host/out", "Unrecognized filesystem type"),
        ("s3://bucket/out?frobnicate=s3cret", "Unexpected query parameter"),
    ],
)
def test_uri_that_cannot_be_written_is_named_without_its_parameters(uri: str, message: str) -> None:
    with pytest.raises(ExportError, match=message) as caught:
        write_csv(rows(), uri)

    assert caught.value.path == uri.partition("?")[0]
    assert "s3cret" not in caught.value.message


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[Any, str]]:
    """A client of S3, with the parameters of a URI that leads there."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client, f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    server.stop()


@every_writer
def test_object_in_a_bucket_is_written(write: Writer, s3: tuple[Any, str], tmp_path: Path) -> None:
    client, parameters = s3
    write(rows(), tmp_path / "out")

    uri = write(rows(), f"s3://bucket/deep/out{parameters}")

    assert uri == f"s3://bucket/deep/out{parameters}"
    written = client.get_object(Bucket="bucket", Key="deep/out")["Body"].read()
    assert written == (tmp_path / "out").read_bytes()


def test_object_appears_whole_or_not_at_all(s3: tuple[Any, str]) -> None:
    client, parameters = s3

    with pytest.raises(ExportError, match="No space left"):
        write_csv(
            rows(broken_by=OSError(errno.ENOSPC, "No space left")), f"s3://bucket/half{parameters}"
        )

    assert client.list_objects_v2(Bucket="bucket", Prefix="half")["KeyCount"] == 0


@pytest.mark.parametrize("user", ["", "KEYID:s3cret@"])
def test_missing_bucket_is_named_without_the_key(s3: tuple[Any, str], user: str) -> None:
    with pytest.raises(ExportError, match=r"^'s3://nowhere/out' cannot be written: ") as caught:
        write_csv(rows(), f"s3://{user}nowhere/out{s3[1]}")

    assert "s3cret" not in caught.value.message
