"""How rows are sent, tried again, given up."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from tests.job_runs import query

from outboard.breaker import Breaker
from outboard.call import InferenceCall
from outboard.concurrency import ConcurrencyLimit
from outboard.config import FinetuningProvider
from outboard.errors import CredentialsError, DatasourceChangedError, InvocationError, OutboardError
from outboard.journal import Journal
from outboard.lease import lease_for_this_process
from outboard.prompt import RenderedPrompt
from outboard.providers import Limits, OnText, Report, Request, Response
from outboard.row_feed import RowFeed
from outboard.runner import Runner
from outboard.selection import Row
from outboard.workspace import Workspace

CALL = InferenceCall(model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=(1,))


class ScriptedModel:
    """A provider whose outcomes are written down: per prompt the faults before the answer."""

    def __init__(self, faults: Mapping[str, Sequence[OutboardError]]) -> None:
        self._faults = {prompt: list(some) for prompt, some in faults.items()}
        self.sent: list[str] = []
        self.in_flight = 0
        self.max_in_flight = 0

    @property
    def hosting(self) -> None:
        return

    @property
    def limits(self) -> Limits:
        return Limits(max_concurrency=64)

    async def check(self) -> None: ...

    async def open(self, report: Report) -> None: ...

    async def close(self) -> None: ...

    async def count_tokens(self, text: str) -> int | None:
        return None

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        self.sent.append(request.prompt)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        if left := self._faults.get(request.prompt):
            raise left.pop(0)
        return Response(text=f"Answer to {request.prompt}", finish_reason="stop")


class NoDelay(Random):
    """Notes how long a wait may become, and makes it nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.windows_s: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        self.windows_s.append(b)
        return 0.0


def row(ordinal: int, prompt: str | InvocationError) -> Row:
    if isinstance(prompt, str):
        return Row(ordinal, 1, ordinal, RenderedPrompt(prompt=prompt, system=None, reference=None))
    return Row(ordinal, 1, ordinal, prompt)


class Run:
    """One run of the runner over some rows, with everything it leaves behind."""

    def __init__(
        self, workspace: Workspace, faults: Mapping[str, Sequence[OutboardError]], *, most: int = 1
    ) -> None:
        self._workspace = workspace
        self.model = ScriptedModel(faults)
        self.rng = NoDelay()
        self.warnings: list[str] = []
        self.ended = threading.Event()
        self._most = most

    def over(self, prompts: Sequence[str | InvocationError]) -> None:
        self.over_rows(row(n, prompt) for n, prompt in enumerate(prompts))

    def over_rows(self, rows: Iterator[Row]) -> None:
        jobs = self._workspace.store.jobs
        lease = lease_for_this_process(worker="w", now=time.time())
        jobs.add("j", CALL, launch_token="t", x_uids=None, total=9, lease=lease)
        record = jobs.claim("j", lease)
        assert record is not None
        with ThreadPoolExecutor(1) as database, ThreadPoolExecutor(1) as reader:
            journal = Journal(self._workspace.store.responses, record.seq, "w", executor=database)
            asyncio.run(self._run(journal, reader, rows))

    async def _run(self, journal: Journal, reader: ThreadPoolExecutor, rows: Iterator[Row]) -> None:
        runner = Runner(
            provider=self.model,
            journal=journal,
            limit=ConcurrencyLimit(self._most),
            breaker=Breaker("j"),
            round=0,
            warn=self.warnings.append,
            rng=self.rng,
        )
        feed = RowFeed(rows, reader)
        try:
            await runner.run(feed)
        finally:
            feed.close()
            self.ended.set()
            await journal.flush()

    def stored(self, column: str) -> dict[int, object]:
        """Return a column of the responses, by ordinal."""
        return dict(query(self._workspace, f"SELECT ordinal, {column} FROM responses"))


def faults(code: str, n: int = 1) -> list[InvocationError]:
    return [InvocationError(f"A {code}.", code=code) for _ in range(n)]


def test_each_row_gets_its_own_answer_with_no_more_in_flight_than_allowed(
    workspace: Workspace,
) -> None:
    prompts = [f"Row {n}" for n in range(700)]
    run = Run(workspace, {}, most=24)

    run.over(prompts)

    assert run.stored("response") == {n: f"Answer to {p}" for n, p in enumerate(prompts)}
    assert Counter(run.model.sent) == Counter(prompts)
    assert run.model.max_in_flight == 24


def test_a_row_without_a_prompt_fails_without_a_request(workspace: Workspace) -> None:
    run = Run(workspace, {})

    run.over(["Hi", InvocationError("The instruction is null.", code="missing_value")])

    assert run.model.sent == ["Hi"]
    assert run.stored("error_code") == {0: None, 1: "missing_value"}
    assert run.stored("attempts") == {0: 1, 1: 0}


def test_the_windows_of_a_throttled_row_double(workspace: Workspace) -> None:
    run = Run(workspace, {"Hi": faults("throttled", 7)})

    run.over(["Hi"])

    assert run.rng.windows_s == [0.5, 1, 2, 4, 8, 16, 30]
    assert run.stored("attempts") == {0: 8}


def test_a_row_throttled_while_others_are_answered_waits_for_a_short_time(
    workspace: Workspace,
) -> None:
    unlucky = faults("throttled", 7)

    class Lucky(ScriptedModel):
        async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
            if request.prompt == "Unlucky":
                while self.sent.count("Lucky") < 2 * self.sent.count("Unlucky"):
                    await asyncio.sleep(0)
            return await super().invoke(request, on_text)

    run = Run(workspace, {}, most=2)
    run.model = Lucky({"Unlucky": unlucky})

    run.over(["Unlucky", *["Lucky"] * 50])

    assert set(run.rng.windows_s) == {0.5}
    assert run.stored("attempts")[0] == 8


def test_a_row_is_given_up_by_the_number_of_faults_of_one_kind(workspace: Workspace) -> None:
    mixed = [*faults("throttled", 11), *faults("connection", 4), *faults("server_error", 3)]
    run = Run(workspace, {"Mixed": mixed, "Down": faults("server_error", 4)})

    run.over(["Mixed", "Down"])

    assert run.stored("succeeded") == {0: 1, 1: 0}
    assert run.stored("attempts") == {0: 19, 1: 4}
    assert run.stored("error_code") == {0: None, 1: "server_error"}


def test_a_refused_row_is_not_sent_again(workspace: Workspace) -> None:
    run = Run(workspace, {"Bad": faults("rejected")})

    run.over(["Bad", "Good"])

    assert run.model.sent == ["Bad", "Good"]
    assert run.stored("error_message") == {0: "A rejected.", 1: None}


def test_throttling_is_told_once_in_a_while(workspace: Workspace) -> None:
    run = Run(workspace, {f"Row {n}": faults("throttled") for n in range(50)}, most=8)

    run.over([f"Row {n}" for n in range(50)])

    assert run.warnings == [
        "The server asks for less (throttled): at most 4 requests in flight for now."
    ]


def test_text_that_utf8_cannot_hold_is_stored_with_question_marks(workspace: Workspace) -> None:
    run = Run(workspace, {"Half": [InvocationError("Half a \ud800", code="rejected")]})

    run.over(["Half", "Other half \udc00"])

    assert run.stored("error_message")[0] == "Half a ?"
    assert run.stored("response")[1] == "Answer to Other half ?"


def test_an_error_without_end_is_cut(workspace: Workspace) -> None:
    run = Run(workspace, {"Bad": [InvocationError("x" * 10_000, code="rejected")]})

    run.over(["Bad"])

    assert run.stored("length(error_message)") == {0: 2_000}


def test_a_fault_that_no_row_can_survive_stops_the_run_with_what_was_answered(
    workspace: Workspace,
) -> None:
    run = Run(workspace, {f"Row {n}": [CredentialsError("Wrong key.")] for n in range(10, 20)})

    with pytest.raises(CredentialsError, match="Wrong key"):
        run.over([f"Row {n}" for n in range(100)])

    assert sorted(run.stored("succeeded")) == list(range(10))
    assert len(run.model.sent) == 11


def test_a_slow_file_does_not_hide_why_a_run_stopped(workspace: Workspace) -> None:
    def slowly() -> Iterator[Row]:
        # As many as are read at a time, so that one slot waits for rows while the other works.
        yield from (row(n, f"Row {n}") for n in range(500))
        assert run.ended.wait(10)

    run = Run(workspace, {"Row 499": [CredentialsError("Wrong key.")]}, most=2)

    with pytest.raises(CredentialsError, match="Wrong key"):
        run.over_rows(slowly())


def test_a_file_changed_under_the_run_stops_it_with_what_was_answered(workspace: Workspace) -> None:
    def changing() -> Iterator[Row]:
        yield from (row(n, f"Row {n}") for n in range(500))
        raise DatasourceChangedError("The file was changed.")

    run = Run(workspace, {})

    with pytest.raises(DatasourceChangedError, match="was changed"):
        run.over_rows(changing())

    assert len(run.stored("succeeded")) == 500
