import _thread
import io
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import replace

import psutil
import pytest
from tests.job_runs import datasource_of, launch, questions
from tests.openai_server import OpenAIServer
from tests.recorded_jobs import record_job

from outboard import JobStatus, Workspace, get_job
from outboard.errors import JobFailedError
from outboard.job import Job
from outboard.job_progress import JobProgress
from outboard.progress_bar import summary, wait_with_progress

pytestmark = pytest.mark.usefixtures("workspace")

NOTHING = JobProgress(
    total=10,
    succeeded=0,
    failed=0,
    truncated=0,
    pending=10,
    rows_per_s=None,
    eta_s=None,
    input_tokens=0,
    output_tokens=0,
    cost_usd=None,
    elapsed_s=0.0,
)


def watched(job: Job) -> "Screen":
    """Wait for a job in front of a terminal, and return that."""
    with redirect_stderr(Screen()) as screen:
        wait_with_progress(job)
    return screen


class Screen(io.StringIO):
    """A terminal that keeps what was written to it."""

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        """Everything that was ever shown."""
        return self.getvalue()

    @property
    def lines(self) -> list[str]:
        """What is left on the screen at the end."""
        lines = self.text.removesuffix("\n").split("\n")
        return [line.rpartition("\r")[2].rstrip() for line in lines]


@pytest.fixture
def busy_server() -> Iterator[OpenAIServer]:
    """A server that is still loading when it is first asked."""
    with OpenAIServer(loading_replies=2) as server:
        yield server


def noted(job: Job, *events: tuple[str, str]) -> Job:
    """Add events to a job."""
    store = Workspace.current().store
    for kind, message in events:
        store.events.add(int(job.model_source_uid), kind, message)
    return job


def test_bar_ends_with_how_the_job_ended() -> None:
    job = record_job(datasource_of(["a", None, "c"]))

    with redirect_stderr(Screen()) as screen:
        assert wait_with_progress(job) == job.model_source_uid

    (line,) = screen.lines
    assert re.fullmatch(
        r"succeeded: 100%\|[█#]+\| 3/3 \[\d\d:\d\d, 1 failed, 6 tokens in, 10 out\]", line
    )


def test_bar_shows_what_the_provider_is_doing(busy_server: OpenAIServer) -> None:
    screen = watched(launch(busy_server, datasource_of(questions(3))))

    shown = re.findall(r"\r([^|\r]+): +\d+%", screen.text)
    phases = list(dict.fromkeys(shown))
    assert phases[-1] == "succeeded"
    assert any(phase.startswith("Waiting for http://127.0.0.1") for phase in phases)


def test_bar_says_so_when_the_job_fails() -> None:
    job = record_job(
        datasource_of(["a"]),
        answer=lambda _: None,
        status=JobStatus.FAILED,
        error=JobFailedError("It broke."),
    )

    with redirect_stderr(Screen()) as screen, pytest.raises(JobFailedError, match="It broke"):
        wait_with_progress(job)

    assert screen.lines[-1].startswith("failed:   0%")


def test_warnings_stay_above_the_bar_each_once() -> None:
    job = noted(
        record_job(datasource_of(["a"])),
        ("warning", "The key goes out unencrypted."),
        ("throttled", "The server asks for less."),
        ("ready", "m is ready."),
    )

    *above, bar = watched(job).lines
    assert above == ["The key goes out unencrypted.", "The server asks for less."]
    assert bar.startswith("succeeded")


def test_text_of_a_server_cannot_steer_the_terminal() -> None:
    job = noted(record_job(datasource_of(["a"])), ("warning", "bad\x1b[2J\r\nnews"))

    screen = watched(job)

    assert "bad [2J  news" in screen.lines
    assert "\x1b[2J" not in screen.text


def test_pipe_gets_the_warnings_and_no_bar() -> None:
    job = noted(record_job(datasource_of(["a"])), ("warning", "Mind this."))

    with redirect_stderr(io.StringIO()) as pipe:
        wait_with_progress(job)

    assert pipe.getvalue() == "Mind this.\n"


def test_stream_of_a_notebook_gets_the_bar() -> None:
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()

    with redirect_stderr(stream):
        wait_with_progress(record_job(datasource_of(["a"])))

    assert "succeeded: 100%" in stream.getvalue()


def test_no_thread_or_process_is_left_behind() -> None:
    job = record_job(datasource_of(["a"]))
    threads, processes = set(threading.enumerate()), psutil.Process().children()

    watched(job)

    assert set(threading.enumerate()) == threads
    assert psutil.Process().children() == processes


def test_interrupt_cancels_keeps_what_is_done_and_says_how_to_go_on(
    server: OpenAIServer,
) -> None:
    prompts = [*questions(3), "<fault:hang> for ever"]
    job = launch(server, datasource_of(prompts))

    def interrupt() -> None:
        server.wait_until(lambda seen: seen.requests == 4 and seen.in_flight == 1)
        _thread.interrupt_main()

    presses = threading.Thread(target=interrupt)
    presses.start()
    with redirect_stderr(Screen()) as screen, pytest.raises(KeyboardInterrupt):
        wait_with_progress(job)
    presses.join()

    assert job.status is JobStatus.CANCELLED
    assert job.progress.succeeded == 3
    assert screen.lines[-1] == (
        f"Job {job.id} is cancelled after 3 of 4 rows, which are kept. "
        f"Go on with outboard.get_job('{job.id}').resume()"
    )
    assert get_job(job.id).results()["status"].tolist()[-1] == "pending"


def test_bar_is_drawn_on_a_real_terminal_and_not_into_a_real_pipe(workspace: Workspace) -> None:
    job = record_job(datasource_of(["a"]))
    program = (
        "import os, pty, sys\n"
        "from outboard.job import get_job\n"
        "from outboard.progress_bar import wait_with_progress\n"
        f"wait_with_progress(get_job({job.id!r}))\n"
        "sys.stderr = open(pty.openpty()[1], 'w')\n"
        "assert sys.stderr.isatty()\n"
        f"print(wait_with_progress(get_job({job.id!r})))\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"OUTBOARD_HOME": str(workspace.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (run.stdout, run.stderr) == (f"{job.model_source_uid}\n", "")


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (NOTHING, ""),
        (replace(NOTHING, rows_per_s=1_234.56, eta_s=75.0), "1,234.6 rows/s, 01:15 left"),
        (replace(NOTHING, failed=1_000, truncated=2), "1,000 failed, 2 truncated"),
        (replace(NOTHING, input_tokens=9_999), "9,999 tokens in, 0 out"),
        (replace(NOTHING, cost_usd=12.345), "$12.35"),
        (replace(NOTHING, cost_usd=0.0), ""),
    ],
)
def test_summary_says_what_is_known(progress: JobProgress, text: str) -> None:
    assert summary(progress) == text
