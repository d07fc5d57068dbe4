"""A disk that is full, read-only or changed ends a job with one clear error, and whole data."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.job_runs import (
    assert_every_row_has_its_own_outcome,
    datasource_of,
    hanging_after,
    kill_workers,
    launch,
    log_of,
    questions,
    stored_rows,
)
from tests.openai_server import OpenAIServer
from tests.waiting import wait_until

import outboard
from outboard.disk_reserve import RESERVE_BYTES, DiskReserve
from outboard.errors import DatasourceChangedError, WorkspaceError
from outboard.job import JobStatus
from outboard.workspace import Workspace

needs_mount = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a file system takes root"
)


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take every byte that is left, and return the file that has them."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        for size in (65_536, 4_096, 1):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    return ballast


@needs_mount
def test_a_disk_that_fills_up_stops_the_job_which_goes_on_once_there_is_space(
    small_disk: Path, server: OpenAIServer
) -> None:
    prompts = hanging_after(101, 2_899)
    server.latency_s = 0.01
    with Workspace(small_disk) as workspace:
        job = launch(server, datasource_of(prompts), max_concurrency=16)
        wait_until(lambda: job.progress.done == 101)

        ballast = fill(small_disk)
        server.release()

        with pytest.raises(
            WorkspaceError, match=r"its disk is full\. Free some space, then resume"
        ):
            job.wait()
        assert job.status is JobStatus.FAILED
        assert "its disk is full" in log_of(job)
        assert job.progress.succeeded == len(stored_rows(workspace)) > 100
        assert workspace.store.health().faults == ()

        ballast.unlink()
        job.resume()
        job.wait()
        assert_every_row_has_its_own_outcome(job, prompts)
        # Not even those were lost that waited for their commit while there was no space.
        assert server.seen.requests <= 3_000 + 16
        kill_workers(workspace)


@needs_mount
def test_a_full_disk_refuses_a_job(small_disk: Path, server: OpenAIServer) -> None:
    with Workspace(small_disk):
        uid = datasource_of(questions(5))
        fill(small_disk)

        with pytest.raises(WorkspaceError, match="its disk is full"):
            launch(server, uid)

    assert server.seen.requests == 0


@needs_mount
def test_a_disk_without_room_for_a_reserve_goes_without(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(small_disk)

    DiskReserve(small_disk).release()

    assert "No space could be set aside" in caplog.text


@needs_mount
def test_a_reserve_takes_space_until_it_is_released(small_disk: Path) -> None:
    free = shutil.disk_usage(small_disk).free

    reserve = DiskReserve(small_disk)
    taken = free - shutil.disk_usage(small_disk).free
    reserve.release()

    assert taken >= RESERVE_BYTES
    assert shutil.disk_usage(small_disk).free == free


@needs_mount
def test_a_disk_that_is_full_for_a_moment_is_sat_out(
    small_disk: Path, server: OpenAIServer
) -> None:
    prompts = hanging_after(100, 2_900)
    server.latency_s = 0.01
    with Workspace(small_disk) as workspace:
        job = launch(server, datasource_of(prompts), max_concurrency=16)
        wait_until(lambda: job.progress.done == 100)

        ballast = fill(small_disk)
        server.release()
        # More than ever waits for its commit while that can be made.
        server.wait_until(lambda seen: seen.requests > job.progress.done + 400)
        ballast.unlink()

        job.wait()
        assert_every_row_has_its_own_outcome(job, prompts)
        assert server.seen.requests == 3_000
        kill_workers(workspace)


@needs_mount
def test_a_read_only_workspace_is_told_at_once(tmp_path: Path, server: OpenAIServer) -> None:
    with Workspace(tmp_path / "workspace") as workspace:
        uid = datasource_of(questions(5))
        folder = str(workspace.path)
        mount("--bind", folder, folder)
        try:
            mount("-o", "remount,bind,ro", folder)
            with (
                Workspace(folder),
                pytest.raises(WorkspaceError, match=r"OUTBOARD_HOME"),
            ):
                launch(server, uid)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)

    assert server.seen.requests == 0


def table_of(prompts: list[str]) -> pa.Table:
    return pa.table({"instruction": prompts})


@pytest.mark.parametrize("change", ["rewritten", "deleted"])
def test_a_table_changed_in_mid_run_stops_the_job_and_keeps_finished_rows(
    workspace: Workspace, server: OpenAIServer, tmp_path: Path, change: str
) -> None:
    file = tmp_path / "rows.parquet"
    prompts = hanging_after(100, 3_900)
    pq.write_table(table_of(prompts), file)
    as_registered = file.read_bytes()
    uid = outboard.create_datasource(file)
    job = launch(server, uid, max_concurrency=16)
    wait_until(lambda: job.progress.done == 100)

    if change == "rewritten":
        pq.write_table(table_of([f"Other {prompt}" for prompt in prompts]), file)
    else:
        file.unlink()
    server.release()

    with pytest.raises(DatasourceChangedError, match=r"rows\.parquet"):
        job.wait()
    assert job.status is JobStatus.FAILED
    assert job.progress.failed == 0
    assert 100 <= job.progress.succeeded == len(stored_rows(workspace)) < 4_000
    assert not any(prompt.startswith("Other") for prompt in server.seen.prompts)

    file.write_bytes(as_registered)
    job.resume()
    job.wait()
    assert_every_row_has_its_own_outcome(job, prompts)


def test_a_table_that_is_gone_before_the_worker_starts_costs_no_request(
    workspace: Workspace, server: OpenAIServer, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(table_of(questions(50)), file)
    uid = outboard.create_datasource(file)
    job = launch(server, uid)
    file.unlink()

    with pytest.raises(DatasourceChangedError, match="is gone"):
        job.wait()

    assert not server.seen.paths, "the model was asked for before the rows were looked at"
