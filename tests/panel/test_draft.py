import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from tests.recorded_jobs import record_job

import outboard
from outboard.errors import OutboardError, PromptTemplateError
from outboard.panel.draft import draft_as_python, draft_of_job, narrowed, prepare_draft
from outboard.panel.messages import Draft
from outboard.workspace import Workspace

pytestmark = pytest.mark.usefixtures("workspace")


def table(n_rows: int) -> int:
    return outboard.create_datasource(pa.table({"instruction": [str(n) for n in range(n_rows)]}))


def draft(*uids: int, **parts: Any) -> Draft:
    values = {"model_name": "m", "provider": "openai", "prompt_template": "{instruction}"}
    deployment = {"base_url": "http://localhost:1/v1"}
    return Draft.model_validate(
        {**values, "datasource_uids": list(uids), "deployment": deployment} | parts
    )


def test_sound_draft_becomes_a_call_over_its_rows() -> None:
    preparation = prepare_draft(draft(table(9), rows={"kind": "first", "n": 4}))

    assert preparation.faults == []
    assert preparation.selection is not None
    assert preparation.selection.total == 4


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"model_name": " "}, "external_model_name"),
        ({"rows": {"kind": "x_uids", "x_uids": "a"}}, "x_uids"),
        ({"generation": {"temperature": 9}}, "temperature"),
        ({"deployment": {"environment": {"API_KEY": "k"}}}, "environment"),
        ({"column_mappings": {"instruction": "question"}}, "column_mappings"),
        ({"prompt_template": "{instuction}"}, "prompt_template"),
        ({"datasource_uids": []}, "datasource_uids"),
    ],
)
def test_fault_of_a_draft_is_collected(parts: dict[str, Any], field: str) -> None:
    preparation = prepare_draft(draft(table(9), **parts))

    assert [getattr(fault, "field", None) for fault in preparation.faults] == [field]


def test_rows_that_cannot_be_read_choose_none() -> None:
    unreadable = {"kind": "x_uids", "x_uids": "seven"}

    assert prepare_draft(draft(table(9), rows=unreadable)).selection is None


def test_datasource_that_is_gone_is_told_once() -> None:
    preparation = prepare_draft(draft(99, rows={"kind": "random", "n": 3, "seed": 0}))

    assert len(preparation.faults) == 1
    assert "datasource" in preparation.faults[0].message


def test_rows_that_choose_others_in_another_datasource_are_told() -> None:
    rows: dict[str, Any] = {"instruction": ["a", "b"], "id": [7, 8]}
    own = outboard.create_datasource(pa.table(rows), uid_col="id")

    preparation = prepare_draft(draft(table(9), own, rows={"kind": "first", "n": 2}))

    (warning,) = preparation.warnings
    assert "6 rows are chosen instead of 4" in warning.message


# As Python


def run(code: str, workspace: Workspace) -> subprocess.CompletedProcess[str]:
    """Run a draft's Python as it is, with a model that says what it is asked to do."""
    shim = (
        "import outboard\n"
        "def say(self, datasource_uids, **rest):\n"
        "    print(datasource_uids, sorted(rest.pop('x_uids')), rest)\n"
        "outboard.ExternalModel.inference = say\n"
    )
    return subprocess.run(
        [sys.executable, "-c", shim + code],
        env={"OUTBOARD_HOME": str(workspace.path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "rows",
    [
        {"kind": "first", "n": 3},
        {"kind": "random", "n": 3, "seed": 5},
        {"kind": "x_uids", "x_uids": "1, 3-8"},
    ],
)
def test_python_of_a_draft_runs_as_it_is(workspace: Workspace, rows: dict[str, Any]) -> None:
    made = draft(table(9), rows=rows, generation={"max_new_tokens": 5})
    x_uids = prepare_draft(made).x_uids
    assert x_uids is not None

    ran = run(draft_as_python(made), workspace)

    assert ran.returncode == 0, ran.stderr
    assert str(x_uids.tolist()) in ran.stdout
    assert "'max_new_tokens': 5" in ran.stdout


def test_python_of_all_rows_names_none() -> None:
    assert "x_uids" not in draft_as_python(draft(table(9)))


def test_python_of_a_broken_draft_is_its_fault() -> None:
    with pytest.raises(PromptTemplateError):
        draft_as_python(draft(table(9), prompt_template="{"))


# Trials


def trial_of(made: Draft, n: int) -> list[tuple[int, int]]:
    preparation = prepare_draft(made)
    preparation.raise_faults()
    selection = narrowed(preparation, n).selection
    assert selection is not None
    return [(row.datasource_uid, row.row_uid) for row in selection.rows()]


def test_trial_takes_the_first_of_the_chosen_rows() -> None:
    uid = table(9)

    rows = trial_of(draft(uid, rows={"kind": "x_uids", "x_uids": "4-8"}), 3)

    assert rows == [(uid, 4), (uid, 5), (uid, 6)]


def test_trial_larger_than_what_is_chosen_takes_all() -> None:
    assert len(trial_of(draft(table(2)), 3)) == 2


def test_trial_goes_on_in_the_next_datasource_where_it_can() -> None:
    small = table(1)
    rows: dict[str, Any] = {"instruction": ["a", "b"], "id": [7, 8]}
    own = outboard.create_datasource(pa.table(rows), uid_col="id")

    assert trial_of(draft(small, own), 2) == [(small, 0), (own, 7)]


def test_trial_never_takes_more_than_asked_for() -> None:
    small, large = table(2), table(9)

    # doc::0 of the larger one would be sent, too.
    assert trial_of(draft(small, large), 3) == [(small, 0), (small, 1)]


# From a job


def test_draft_of_a_job_is_what_it_was_launched_with() -> None:
    uid = table(9)
    job = record_job(uid, x_uids=[1, 2], prompt_template="Say {instruction}")

    made = draft_of_job(job)

    assert made.datasource_uids == [uid]
    assert made.prompt_template == "Say {instruction}"
    assert made.rows.model_dump() == {"kind": "given", "n": 2, "job_id": job.id}


def test_draft_of_a_job_over_every_row_has_no_x_uids() -> None:
    assert draft_of_job(record_job(table(3))).rows.kind == "all"


def test_draft_of_a_job_that_is_gone_is_not_found() -> None:
    with pytest.raises(OutboardError):
        prepare_draft(
            draft(table(3), rows={"kind": "given", "n": 2, "job_id": "job-0"})
        ).raise_faults()
