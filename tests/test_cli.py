import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from tests.job_runs import datasource_of
from tests.openai_server import OpenAIServer, answer_to
from tests.recorded_jobs import record_job

import outboard
from outboard.cli import Outboard, main
from outboard.cli.infer import parse_mappings, parse_settings
from outboard.cli.output import one_line, safe
from outboard.workspace import Workspace

QUESTIONS = ["What is rain?", "What is snow?", "What is hail?"]


@pytest.fixture
def home(workspace: Workspace) -> Path:
    return workspace.path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "questions.csv", QUESTIONS)


def write_csv(path: Path, questions: list[str]) -> Path:
    table = pyarrow.table({"instruction": questions})
    pyarrow.csv.write_csv(table, path)
    return path


def run(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *map(str, arguments)])


def run_ok(home: Path, *arguments: object) -> str:
    """Run a command that must succeed, and return what it printed on stdout."""
    result = run(home, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def infer(home: Path, server: OpenAIServer, uid: str, *arguments: object) -> Result:
    base_url = f"deployment.base_url={server.base_url}"
    return run(
        home,
        *("infer", server.model, "--provider", "openai", "--datasource", uid),
        *("--set", base_url, *arguments),
    )


# The command itself


def test_version_is_printed(home: Path) -> None:
    assert run_ok(home, "--version") == f"outboard, version {outboard.__version__}\n"


def test_help_lists_every_command(home: Path) -> None:
    listed = re.findall(r"^  ([a-z]+) ", run_ok(home, "--help"), re.MULTILINE)

    assert {"demo", "datasource", "infer", "job", "export", "reap", "doctor"} <= set(listed)


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["infer", "tiny-chat"],
        ["infer", "tiny-chat", "--datasource", "1", "--set", "temperature=0"],
        ["infer", "tiny-chat", "--datasource", "1", "--map", "question"],
        ["export", "1", "--to", "answers.xlsx"],
        ["demo", "--rows", "0"],
    ],
)
def test_wrong_usage_has_exit_status_2(home: Path, arguments: list[str]) -> None:
    assert run(home, *arguments).exit_code == 2


def test_our_errors_are_one_line_with_exit_status_1(home: Path) -> None:
    result = run(home, "job", "show", "no-such-job")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: There is no job 'no-such-job'")
    assert result.stderr.count("\n") == 1


def test_fault_of_our_own_keeps_its_traceback_with_a_pointer_to_the_logs(home: Path) -> None:
    @click.command()
    def broken() -> None:
        raise LookupError("oops")

    class Broken(Outboard):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return broken

    with outboard.Workspace(home), pytest.raises(LookupError, match="oops") as caught:
        Broken()(["broken"], standalone_mode=False)

    assert str(home / "logs") in "".join(caught.value.__notes__)


def test_environment_names_the_workspace(home: Path, questions: Path) -> None:
    environment = {"OUTBOARD_HOME": str(home)}

    added = CliRunner().invoke(main, ["datasource", "add", str(questions)], env=environment)

    assert added.stdout == "1\n"
    assert (home / "outboard.db").exists()


def test_nothing_but_text_reaches_a_pipe(home: Path, questions: Path) -> None:
    run_ok(home, "datasource", "add", questions)

    assert "\x1b" not in run(home, "datasource", "list").output


# Text of others


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 漢字 🙂", "plain, ünïcode 漢字 🙂"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;Y2xpcA==\x1b\\b", "ab"),
        ("a\x9b2Jb", "ab"),
        ("over\rwritten\b\b", "overwritten"),
        ("a\u202egnp.exe\u2066", "agnp.exe"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("[bold]markup[/bold] :smile:", "[bold]markup[/bold] :smile:"),
        ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
        ("unfinished \x1b]0;title", "unfinished "),
    ],
)
def test_text_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_one_line_is_one_line_of_bounded_length() -> None:
    assert one_line("a\nb\t c") == "a b c"
    assert one_line("x" * 300, limit=10) == "x" * 9 + "…"


def test_rows_are_shown_as_text(home: Path, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "bad.csv", ["\x1b[2J[red]wiped[/red]"])
    run_ok(home, "datasource", "add", data)

    shown = run_ok(home, "datasource", "show", "1")

    assert "[red]wiped[/red]" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("width", [40, 80, 160])
def test_narrow_terminal_cuts_the_model_before_the_job_id(home: Path, width: int) -> None:
    job = record_job(datasource_of(QUESTIONS), model_name="a-model-with-a-name-of-some-length")

    terminal = {"FORCE_COLOR": "1", "COLUMNS": str(width)}
    shown = CliRunner().invoke(main, ["--home", str(home), "job", "list"], env=terminal)

    [line] = [line for line in safe(shown.stdout).splitlines() if job.id in line]
    assert line.split()[1:5] == ["succeeded", "3", "3", "0"]
    assert ("a-model-with-a-name-of-some-length" in line) == (width == 160)
    assert len(line) <= max(width, len(job.id) + 54)


def test_trial_is_marked_in_the_list_of_jobs(home: Path) -> None:
    uid = datasource_of(QUESTIONS)
    run, trial = record_job(uid), record_job(uid, trial=True)

    shown = run_ok(home, "job", "list")

    lines = {line.split()[0]: line for line in shown.splitlines() if line.startswith("job-")}
    assert "succeeded, trial" in lines[trial.id]
    assert "trial" not in lines[run.id]


# datasource


def test_datasource_is_added_listed_shown_removed(home: Path, questions: Path) -> None:
    added = run(home, "datasource", "add", questions, "--name", "weather")
    listed = json.loads(run_ok(home, "datasource", "list", "--json"))
    shown = json.loads(run_ok(home, "datasource", "show", "1", "--rows", "2", "--json"))
    removed = run(home, "datasource", "rm", "1")

    assert added.stdout == "1\n"
    assert "3 rows" in added.stderr
    assert [row["name"] for row in listed] == ["weather"]
    assert shown["rows"] == [
        {"x_uid": f"doc::{n}", "values": {"instruction": QUESTIONS[n]}} for n in range(2)
    ]
    assert removed.exit_code == 0
    assert json.loads(run_ok(home, "datasource", "list", "--json")) == []
    assert questions.exists()


def test_values_are_shown_as_they_are_beside_their_x_uids(home: Path, tmp_path: Path) -> None:
    table = pyarrow.table({"id": [7, 40], "n": [1, None], "score": [0.123, float("nan")]})
    pyarrow.parquet.write_table(table, tmp_path / "scores.parquet")
    added = run(home, "datasource", "add", tmp_path / "scores.parquet", "--uid-col", "id")

    shown = run_ok(home, "datasource", "show", "1")
    no_rows = run_ok(home, "datasource", "show", "1", "--rows", "0")

    assert added.exit_code == 0
    rows = [line.split() for line in shown.splitlines()[-2:]]
    assert rows == [["doc::7", "7", "1", "0.123"], ["doc::40", "40", "-", "nan"]]
    assert "doc::7" not in no_rows


def test_one_row_is_not_told_as_several(home: Path, tmp_path: Path) -> None:
    one = run(home, "datasource", "add", write_csv(tmp_path / "one.csv", QUESTIONS[:1]))

    assert "has 1 row of instruction" in one.stderr


def test_table_of_datasources_has_a_line_for_each(home: Path, questions: Path) -> None:
    run_ok(home, "datasource", "add", questions)

    header, *lines = run_ok(home, "datasource", "list").splitlines()

    assert header.split() == ["uid", "name", "n_rows", "columns", "created_at"]
    assert len([line for line in lines if "questions" in line]) == 1


def test_empty_lists_say_what_to_do(home: Path) -> None:
    assert "outboard datasource add" in run(home, "datasource", "list").stderr
    assert "outboard demo" in run(home, "job", "list").stderr


# infer, job, export


def test_infer_prints_the_uid_of_the_answers(
    home: Path, questions: Path, server: OpenAIServer, tmp_path: Path
) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()

    result = infer(home, server, uid, "--template", "Answer: {instruction}")
    run_ok(home, "export", result.stdout.strip(), "--to", tmp_path / "answers.parquet")

    assert result.exit_code == 0
    assert result.stdout == "1\n"
    assert "3 of 3 rows succeeded" in result.stderr
    answers = pyarrow.parquet.read_table(tmp_path / "answers.parquet")["response"].to_pylist()
    assert answers == [answer_to(f"Answer: {question}") for question in QUESTIONS]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_export_writes_the_format_that_the_name_ends_in(
    home: Path, questions: Path, server: OpenAIServer, tmp_path: Path, suffix: str
) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()
    job_id = infer(home, server, uid, "--detach").stdout.strip()
    run_ok(home, "job", "watch", job_id)
    target = tmp_path / f"answers{suffix}"

    run_ok(home, "export", job_id, "--to", target)

    start = {".csv": b'"datasource_uid"', ".jsonl": b'{"datasource_uid"', ".parquet": b"PAR1"}
    assert target.read_bytes().startswith(start[suffix])


def test_export_to_a_folder_that_is_missing_is_one_clear_line(
    home: Path, questions: Path, server: OpenAIServer, tmp_path: Path
) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()
    infer(home, server, uid)

    result = run(home, "export", "1", "--to", tmp_path / "nowhere" / "answers.csv")

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert result.stderr.count("\n") == 1


def test_only_the_chosen_rows_are_run(home: Path, questions: Path, server: OpenAIServer) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()

    infer(home, server, uid, "--x-uid", "doc::0", "--x-uid", "2")

    assert set(server.seen.prompts) == {QUESTIONS[0], QUESTIONS[2]}


def test_settings_reach_the_model(home: Path, questions: Path, server: OpenAIServer) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()

    infer(
        *(home, server, uid, "--set", "generation.temperature=0.5"),
        *("--set", "generation.system_prompt=Be brief."),
    )

    body = server.seen.bodies[0]
    assert body["temperature"] == 0.5
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_columns_get_their_roles(home: Path, tmp_path: Path, server: OpenAIServer) -> None:
    data = tmp_path / "faq.csv"
    data.write_text("question=\nWhat is fog?\n")
    uid = run_ok(home, "datasource", "add", data).strip()

    infer(home, server, uid, "--map", "question==instruction")

    assert set(server.seen.prompts) == {"What is fog?"}


def test_wrong_setting_is_refused_before_anything_is_sent(
    home: Path, questions: Path, server: OpenAIServer
) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()

    result = infer(home, server, uid, "--set", "generation.temprature=0")

    assert result.exit_code == 1
    assert "temperature" in result.stderr
    assert server.seen.requests == 0


def test_detached_job_is_found_again(home: Path, questions: Path, server: OpenAIServer) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()

    started = infer(home, server, uid, "--detach")
    job_id = started.stdout.strip()
    watched = run(home, "job", "watch", job_id)
    listed = json.loads(run_ok(home, "job", "list", "--json"))
    shown = json.loads(run_ok(home, "job", "show", job_id, "--json"))

    assert f"outboard job watch {job_id}" in started.stderr
    assert watched.exit_code == 0
    assert [job["job_id"] for job in listed] == [job_id]
    assert shown["status"] == "succeeded"
    assert shown["progress"]["succeeded"] == 3
    assert job_id in run_ok(home, "job", "show", job_id)
    assert job_id in run_ok(home, "job", "list")


def test_shown_python_runs_the_job_again(home: Path, questions: Path, server: OpenAIServer) -> None:
    uid = run_ok(home, "datasource", "add", questions).strip()
    job_id = infer(home, server, uid, "--detach").stdout.strip()
    run_ok(home, "job", "watch", job_id)
    source = run_ok(home, "job", "show", job_id, "--python")

    with outboard.Workspace(home):
        exec(source, {})

    assert set(server.seen.prompts.values()) == {2}


def test_failed_job_has_exit_status_1_with_its_error_on_one_line(
    home: Path, tmp_path: Path, server: OpenAIServer
) -> None:
    data = write_csv(tmp_path / "bad.csv", ["<fault:400> a"])
    uid = run_ok(home, "datasource", "add", data).strip()

    result = infer(home, server, uid)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("Error: Not one row of job")


def test_failed_rows_are_retried(home: Path, tmp_path: Path, server: OpenAIServer) -> None:
    data = write_csv(tmp_path / "bad.csv", ["<fault:400*1> a", "b", "c"])
    uid = run_ok(home, "datasource", "add", data).strip()
    first = infer(home, server, uid)
    job_id = json.loads(run_ok(home, "job", "list", "--json"))[0]["job_id"]

    second = run(home, "job", "retry", job_id)

    assert "1 failed; " in first.stderr
    assert f"outboard job retry {job_id}" in first.stderr
    assert second.exit_code == 0
    assert "3 of 3 rows succeeded" in second.stderr


def test_cancelled_job_is_resumed(home: Path, tmp_path: Path, server: OpenAIServer) -> None:
    data = write_csv(tmp_path / "slow.csv", ["<fault:hang*1> a", "b"])
    uid = run_ok(home, "datasource", "add", data).strip()
    job_id = infer(home, server, uid, "--detach").stdout.strip()
    server.wait_until(lambda seen: seen.requests == 2)

    cancelled = run(home, "job", "cancel", job_id)
    watched = run(home, "job", "watch", job_id)
    resumed = run(home, "job", "resume", job_id)
    again = run(home, "job", "cancel", job_id)

    assert f"outboard job resume {job_id}" in cancelled.stderr
    assert watched.exit_code == 1
    assert "was cancelled" in watched.stderr
    assert resumed.exit_code == 0
    assert "has ended already" in again.stderr


@contextmanager
def started(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the installed command as a shell would."""
    with subprocess.Popen(
        [Path(sys.executable).with_name("outboard"), "--home", home, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_ctrl_c_cancels_the_job_and_says_how_to_resume(
    home: Path, tmp_path: Path, server: OpenAIServer
) -> None:
    data = write_csv(tmp_path / "slow.csv", ["<fault:hang> a", "b"])
    uid = run_ok(home, "datasource", "add", data).strip()
    arguments = ["--set", f"deployment.base_url={server.base_url}", "--provider", "openai"]

    with started(home, "infer", server.model, "--datasource", uid, *arguments) as process:
        server.wait_until(lambda seen: seen.requests == 2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()

    [job] = json.loads(run_ok(home, "job", "list", "--json"))
    assert process.returncode == 130
    assert output == ""
    assert f"outboard job resume {job['job_id']}" in errors
    assert "Traceback" not in errors
    assert job["status"] == "cancelled"


def test_ctrl_c_leaves_a_watched_job_running(
    home: Path, tmp_path: Path, server: OpenAIServer
) -> None:
    data = write_csv(tmp_path / "slow.csv", ["<fault:hang> a"])
    uid = run_ok(home, "datasource", "add", data).strip()
    job_id = infer(home, server, uid, "--detach").stdout.strip()

    with started(home, "job", "watch", job_id) as process:
        assert process.stderr is not None
        process.stderr.readline()  # from now on it is watching
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode == 130
    assert f"outboard job watch {job_id}" in errors
    server.release()
    assert run(home, "job", "watch", job_id).exit_code == 0


# Arguments of infer


def test_settings_are_json_or_else_text() -> None:
    settings = [
        "generation.temperature=0.5",
        "generation.do_sample=true",
        'generation.stop=["\\n", "="]',
        "generation.system_prompt=x = y",
        "generation.extra.min_p=0.1",
        "generation.extra.n=1",
        "deployment.base_url=http://localhost:8000/v1",
        "deployment.instance_count=2",
    ]

    assert parse_settings(settings) == {
        "generation": {
            "temperature": 0.5,
            "do_sample": True,
            "stop": ["\n", "="],
            "system_prompt": "x = y",
            "extra": {"min_p": 0.1, "n": 1},
        },
        "deployment": {"base_url": "http://localhost:8000/v1", "instance_count": 2},
    }


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["generation.temperature"], "not of the form"),
        (["temperature=0"], "not of the form"),
        (["generation=0"], "not of the form"),
        (["generation..x=0"], "not of the form"),
        (["generation.seed=1", "generation.seed=2"], "given twice"),
        (["generation.seed=1", "generation.seed.x=2"], "plain value already"),
    ],
)
def test_malformed_settings_are_refused(settings: list[str], reason: str) -> None:
    with pytest.raises(click.BadParameter, match=reason):
        parse_settings(settings)


@pytest.mark.parametrize("mapping", ["question", "=instruction", "question="])
def test_malformed_mappings_are_refused(mapping: str) -> None:
    with pytest.raises(click.BadParameter, match="COLUMN=ROLE"):
        parse_mappings([mapping])


def test_column_is_mapped_once() -> None:
    with pytest.raises(click.BadParameter, match="given twice"):
        parse_mappings(["a=context", "a=instruction"])
