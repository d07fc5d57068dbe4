"""Datasources in a bucket, served by moto over real HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem

from outboard import Workspace, create_datasource, get_datasource, list_datasources
from outboard.errors import DatasourceChangedError, DatasourceError


class Bucket:
    """An S3 bucket that we may write to."""

    def __init__(self, endpoint: str) -> None:
        self._filesystem = S3FileSystem(
            access_key="KEYID",
            secret_key="TOPSECRET",
            region="us-east-1",
            endpoint_override=endpoint,
            allow_bucket_creation=True,
        )
        self._filesystem.create_dir("bucket")

    def put(self, key: str, content: bytes) -> str:
        with self._filesystem.open_output_stream(f"bucket/{key}") as stream:
            stream.write(content)
        return f"s3://bucket/{quote(key)}"

    def delete(self, key: str) -> None:
        self._filesystem.delete_file(f"bucket/{key}")


class Refusal(BaseHTTPRequestHandler):
    """Answers every request with 403."""

    def do_HEAD(self) -> None:
        self.send_error(403)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def refusing_endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEYID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "TOPSECRET")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return Bucket(endpoint)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "workspace") as workspace:
        yield workspace


def parquet(values: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": values}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("a.csv", b"a\nx\ny\n"),
        ("folder/a b.jsonl", b'{"a":"x"}\n{"a":"y"}\n'),
        ("a.json", b'[{"a":"x"},{"a":"y"}]'),
        ("a.parquet", parquet(["x", "y"])),
    ],
)
def test_object_in_a_bucket_is_read_where_it_is(
    bucket: Bucket, workspace: Workspace, key: str, content: bytes
) -> None:
    datasource = get_datasource(create_datasource(bucket.put(key, content)))

    [batch] = datasource.batches(start=1)

    assert batch.table.to_pylist() == [{"a": "y"}]
    assert list(workspace.datasources_dir.iterdir()) == []


def test_object_is_named_and_fingerprinted_without_a_download(bucket: Bucket) -> None:
    datasource = get_datasource(create_datasource(bucket.put("words.csv", b"a\nx\n")))

    assert datasource.name == "words"
    assert datasource.fingerprint.startswith("metadata-sha256:")


def test_changed_object_is_refused(bucket: Bucket) -> None:
    uid = create_datasource(bucket.put("a.csv", b"a\nx\n"))
    bucket.put("a.csv", b"a\nlonger\n")

    with pytest.raises(DatasourceChangedError, match="was changed"):
        list(get_datasource(uid).batches())


def test_lost_object_is_refused(bucket: Bucket) -> None:
    uid = create_datasource(bucket.put("a.csv", b"a\nx\n"))
    bucket.delete("a.csv")

    with pytest.raises(DatasourceChangedError, match="is gone"):
        list(get_datasource(uid).batches())


@pytest.mark.parametrize("uri", ["s3://bucket/no.csv", "s3://no-such-bucket/a.csv"])
def test_missing_object_is_refused(bucket: Bucket, uri: str) -> None:
    with pytest.raises(DatasourceError, match=r"no file .* Check the bucket and the key") as caught:
        create_datasource(uri)

    assert caught.value.path == uri


def test_parameters_of_a_uri_are_kept_but_not_shown(
    bucket: Bucket, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = bucket.put("a.csv", b"a\nx,y\n")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    address = endpoint.removeprefix("http://")

    with pytest.raises(DatasourceError, match="is malformed") as caught:
        create_datasource(f"{uri}?scheme=http&endpoint_override={address}")

    assert caught.value.path == uri
    assert address not in caught.value.message


def test_refusal_by_the_server_is_told_without_credentials(
    bucket: Bucket, refusing_endpoint: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = create_datasource(bucket.put("a.csv", b"a\nx\n"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing_endpoint)

    with pytest.raises(DatasourceError, match=r"cannot be reached: .* the credentials") as caught:
        list(get_datasource(uid).batches())

    kept = b"".join(path.read_bytes() for path in workspace.path.iterdir() if path.is_file())
    shown = f"{caught.value.message} {caught.value.to_record()} {list_datasources().to_dict()}"
    for secret in ("KEYID", "TOPSECRET"):
        assert secret not in shown
        assert secret.encode() not in kept


def test_file_system_that_cannot_be_opened_is_told() -> None:
    # It needs a Java library that nobody has without Hadoop.
    with pytest.raises(DatasourceError, match=r"'hdfs://nowhere.invalid/a.csv' cannot be reached"):
        create_datasource("hdfs://nowhere.invalid/a.csv")
