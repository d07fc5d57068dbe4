from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.recorded_jobs import echo, record_job

from outboard.datasource import create_datasource, delete_datasource, get_datasource
from outboard.errors import ConfigError, DatasourceError, ExportError, NotFoundError
from outboard.job import Job, JobStatus
from outboard.panel import messages, replies
from outboard.panel.exports import export
from outboard.workspace import Workspace


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def job(workspace: Workspace) -> Job:
    return record_job(create_datasource(pd.DataFrame({"instruction": ["a", "b"]})))


def keep(
    workspace: Workspace,
    job: Job,
    target: dict[str, Any],
    namespace: dict[str, object] | None = None,
    **parts: Any,
) -> replies.Exported:
    payload = {"job_id": job.id, "target": target, **parts}
    request = messages.parse_request("export", payload)
    assert isinstance(request, messages.Export)
    return export(workspace, request, {"In": []} if namespace is None else namespace)


def to_file(workspace: Workspace, job: Job, path: str, kind: str = "csv") -> replies.Exported:
    return keep(workspace, job, {"kind": "file", "format": kind, "path": path})


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "parquet": pd.read_parquet,
    "csv": pd.read_csv,
    "jsonl": lambda path: pd.read_json(path, lines=True),
}


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_file_is_written_in_the_format_asked_for(
    workspace: Workspace, job: Job, folder: Path, kind: str
) -> None:
    done = to_file(workspace, job, f"out.{kind}", kind)

    path = folder / f"out.{kind}"
    assert list(READERS[kind](path)["response"]) == ["a", "b"]
    assert done == {
        "message": f"Wrote 2 rows to {path}.",
        "path": str(path),
        "variable": None,
        "uid": None,
    }


def test_file_without_a_name_gets_one_that_is_free(
    workspace: Workspace, job: Job, folder: Path
) -> None:
    (folder / f"outboard-{job.id}.csv").write_text("mine")

    done = to_file(workspace, job, "")

    assert done["path"] == str(folder / f"outboard-{job.id}-2.csv")
    assert (folder / f"outboard-{job.id}.csv").read_text() == "mine"


def test_file_in_a_folder_that_is_named_gets_a_name(
    workspace: Workspace, job: Job, folder: Path
) -> None:
    (folder / "runs").mkdir()

    done = to_file(workspace, job, "runs")

    assert done["path"] == str(folder / "runs" / f"outboard-{job.id}.csv")


def test_named_file_is_replaced_and_that_is_told(
    workspace: Workspace, job: Job, folder: Path
) -> None:
    (folder / "out.csv").write_text("old")

    done = to_file(workspace, job, "out.csv")

    assert done["message"] == (
        f"Wrote 2 rows to {folder / 'out.csv'}, in place of the file that was there."
    )
    assert "response" in (folder / "out.csv").read_text()


@pytest.mark.parametrize(("path", "name"), [("out", "out.csv"), ("run.v2", "run.v2.csv")])
def test_missing_suffix_is_added(
    workspace: Workspace, job: Job, folder: Path, path: str, name: str
) -> None:
    assert to_file(workspace, job, path)["path"] == str(folder / name)


@pytest.mark.parametrize("path", ["out.parquet", "out.json", "OUT.JSONL", "s3://bucket/x.parquet"])
def test_suffix_of_another_format_is_refused(workspace: Workspace, job: Job, path: str) -> None:
    with pytest.raises(ConfigError, match=r"but is to be written as csv\. End it in \.csv"):
        to_file(workspace, job, path)


def test_home_folder_is_understood(
    workspace: Workspace, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert to_file(workspace, job, "~/out.csv")["path"] == str(tmp_path / "out.csv")


def test_file_of_a_datasource_is_not_overwritten(workspace: Workspace, folder: Path) -> None:
    path = folder / "rows.csv"
    path.write_text("instruction\na\n")
    uid = create_datasource(path)
    job = record_job(uid)
    (folder / "link.csv").symlink_to(path)

    for name in ("rows.csv", "link.csv"):
        with pytest.raises(ConfigError, match=f"is the file of datasource {uid}"):
            to_file(workspace, job, name)
    assert path.read_text() == "instruction\na\n"


def test_path_with_a_nul_is_refused(workspace: Workspace, job: Job) -> None:
    with pytest.raises(ConfigError, match="cannot hold a NUL"):
        to_file(workspace, job, "out\0.csv")


def test_file_that_cannot_be_written_says_so(workspace: Workspace, job: Job) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        to_file(workspace, job, "missing/out.csv")


def test_rows_without_an_answer_are_told(workspace: Workspace, folder: Path) -> None:
    job = record_job(
        create_datasource(pd.DataFrame({"instruction": ["a", "b"]})),
        answer=lambda row: echo(row) if row.row_uid else None,
        status=JobStatus.RUNNING,
    )

    done = to_file(workspace, job, "out.csv")

    assert done["message"].startswith("Wrote 2 rows (1 without an answer yet) to ")


def test_source_columns_are_appended_if_asked_for(
    workspace: Workspace, job: Job, folder: Path
) -> None:
    keep(workspace, job, {"kind": "file", "format": "csv", "path": "out.csv"}, with_source=True)

    assert list(pd.read_csv(folder / "out.csv")["instruction"]) == ["a", "b"]


def test_variable_holds_a_data_frame(workspace: Workspace, job: Job) -> None:
    variables: dict[str, object] = {"In": []}

    done = keep(
        workspace, job, {"kind": "variable", "name": " answers "}, variables, with_source=True
    )

    frame = variables["answers"]
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["instruction"]) == ["a", "b"]
    assert done == {
        "message": "The variable answers holds 2 rows.",
        "path": None,
        "variable": "answers",
        "uid": None,
    }


def test_variable_is_named_as_python_reads_its_name(workspace: Workspace, job: Job) -> None:
    variables: dict[str, object] = {"In": []}

    done = keep(workspace, job, {"kind": "variable", "name": "ﬁnal"}, variables)

    assert done["variable"] == "final"
    assert "final" in variables


def test_variable_that_is_replaced_is_told(workspace: Workspace, job: Job) -> None:
    done = keep(workspace, job, {"kind": "variable", "name": "df"}, {"df": pd.DataFrame()})

    assert done["message"] == "The variable df holds 2 rows, in place of what it held before."


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "no name that Python takes"),
        ("2nd", "no name that Python takes"),
        ("a b", "no name that Python takes"),
        ("a;import os", "no name that Python takes"),
        ("class", "no name that Python takes"),
        ("None", "no name that Python takes"),
        ("list", "Python uses itself"),
        ("_", "IPython uses itself"),
        ("__name__", "IPython uses itself"),
        ("In", "IPython uses itself"),
        ("pd", "in use for a module"),
        ("Path", "in use for a class"),
        ("keep", "in use for a function"),
    ],
)
def test_name_that_something_else_needs_is_refused(
    workspace: Workspace, job: Job, name: str, reason: str
) -> None:
    variables: dict[str, object] = {"In": [], "pd": pd, "Path": Path, "keep": keep}
    before = dict(variables)

    with pytest.raises(ConfigError, match=reason):
        keep(workspace, job, {"kind": "variable", "name": name}, variables)
    assert variables == before


def test_variable_is_refused_where_there_are_none(workspace: Workspace, job: Job) -> None:
    with pytest.raises(ConfigError, match="this host has no variables"):
        keep(workspace, job, {"kind": "variable", "name": "df"}, {})


def test_datasource_holds_the_answers_of_a_run(workspace: Workspace, job: Job) -> None:
    done = keep(workspace, job, {"kind": "datasource", "name": "round one"})

    assert done["uid"] is not None
    datasource = get_datasource(done["uid"])
    assert datasource.name == "round one"
    assert list(datasource.to_pandas()["response"]) == ["a", "b"]
    assert done["message"] == f"Registered 2 rows as datasource {done['uid']}, 'round one'."


def test_datasource_without_a_name_is_named_after_its_job(workspace: Workspace, job: Job) -> None:
    done = keep(workspace, job, {"kind": "datasource", "name": ""}, with_source=True)

    assert done["uid"] is not None
    datasource = get_datasource(done["uid"])
    assert datasource.name == f"answers of {job.id}"
    assert "instruction" in datasource.columns


def test_datasource_lands_in_the_workspace_of_the_job(
    workspace: Workspace, job: Job, tmp_path: Path
) -> None:
    with Workspace(tmp_path / "other") as other:
        done = keep(workspace, job, {"kind": "datasource", "name": ""})

    assert done["uid"] in [record.uid for record in workspace.store.datasources.all()]
    assert not other.store.datasources.all()


def test_datasource_of_no_rows_is_refused(workspace: Workspace) -> None:
    uid = create_datasource(pd.DataFrame({"instruction": ["a"]}))
    job = record_job(uid, answer=lambda row: None)
    delete_datasource(uid)

    with pytest.raises(DatasourceError, match="no rows"):
        keep(workspace, job, {"kind": "datasource", "name": ""})


def test_results_of_an_unknown_job_are_refused(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="no job 'gone'"):
        to_file(workspace, Job(workspace, "gone"), "")
