"""Answers of a trial are written while they grow, and only as often as one can look."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider
from outboard.growing_answers import INTERVAL_S, GrowingAnswers
from outboard.lease import lease_for_this_process
from outboard.prompt import RenderedPrompt
from outboard.selection import Row
from outboard.store import Store
from outboard.store.jobs import JobRecord

CALL = InferenceCall(model_name="m", provider=FinetuningProvider.OPENAI, datasource_uids=(1,))


class Trial:
    """A trial that runs in this process."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path / "outboard.db")
        lease = lease_for_this_process(worker="w", now=time.time())
        jobs = self.store.jobs
        jobs.add("j", CALL, launch_token="t", x_uids=None, total=9, lease=lease, trial=True)
        record = jobs.claim("j", lease)
        assert record is not None
        assert jobs.begin_running(record.seq, "w")
        self.record: JobRecord = record
        self.database = ThreadPoolExecutor(1)

    def during(self, action: Callable[[GrowingAnswers], Awaitable[None]]) -> None:
        """Run `action` while what it gathers is written."""

        async def session() -> None:
            growing = GrowingAnswers(self.store.partials, self.record.seq, executor=self.database)
            writing = asyncio.create_task(growing.run())
            try:
                await action(growing)
            finally:
                writing.cancel()
                with suppress(asyncio.CancelledError):
                    await writing

        asyncio.run(session())

    def texts(self) -> dict[int, str]:
        """Return what is written, by ordinal."""
        return {n: text for n, _, text in self.store.partials.of_job(self.record.seq)}

    async def until(self, texts: dict[int, str]) -> None:
        """Wait until that is what is written."""
        async with asyncio.timeout(30.0):
            while self.texts() != texts:
                await asyncio.sleep(0.005)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(tmp_path)
    yield trial
    trial.database.shutdown()


def row(ordinal: int) -> Row:
    return Row(ordinal, 1, ordinal, RenderedPrompt(prompt="?", system=None, reference=None))


def test_answers_of_several_rows_grow_side_by_side(trial: Trial) -> None:
    async def grow(growing: GrowingAnswers) -> None:
        first, second = growing.begin(row(0)), growing.begin(row(1))
        first("The")
        second("A")
        await trial.until({0: "The", 1: "A"})
        first(" sea")
        await trial.until({0: "The sea", 1: "A"})

    trial.during(grow)


def test_another_attempt_starts_over(trial: Trial) -> None:
    async def fail_once(growing: GrowingAnswers) -> None:
        growing.begin(row(0))("Half an ans")
        await trial.until({0: "Half an ans"})

        again = growing.begin(row(0))

        await trial.until({0: ""})
        again("The")
        await trial.until({0: "The"})

    trial.during(fail_once)


def test_nothing_is_written_of_a_row_that_has_ended(trial: Trial) -> None:
    async def end_at_once(growing: GrowingAnswers) -> None:
        growing.begin(row(0))("Whole")
        growing.end(row(0))
        growing.begin(row(1))("The")
        await trial.until({1: "The"})

    trial.during(end_at_once)


def test_many_pieces_make_few_writes(trial: Trial) -> None:
    async def many(growing: GrowingAnswers) -> None:
        on_text = growing.begin(row(0))
        for _ in range(50):
            on_text("x")
            await asyncio.sleep(0.002)
        await trial.until({0: "x" * 50})

    def changes() -> int:
        return trial.store.jobs._database._connection().total_changes

    before, started = trial.database.submit(changes).result(), time.monotonic()
    trial.during(many)
    n_writes = trial.database.submit(changes).result() - before

    assert 1 <= n_writes <= (time.monotonic() - started) / INTERVAL_S + 1


def test_half_a_character_is_shown_as_one_that_is_missing(trial: Trial) -> None:
    async def half(growing: GrowingAnswers) -> None:
        growing.begin(row(0))("a\ud83d")
        await trial.until({0: "a?"})

    trial.during(half)


def test_what_cannot_be_written_is_told_and_stops_nothing(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    database = trial.store.jobs._database

    def limit(pages: int) -> None:
        database._connection().execute(f"PRAGMA max_page_count = {pages}")

    trial.database.submit(limit, 1).result()

    async def fill(growing: GrowingAnswers) -> None:
        for n in range(40):
            growing.begin(row(n))("x" * 4_000)
        async with asyncio.timeout(30.0):
            while "not shown" not in caplog.text:
                await asyncio.sleep(0.005)
        trial.database.submit(limit, 1_000_000).result()
        growing.begin(row(99))("Well again")
        await trial.until({99: "Well again"})

    with caplog.at_level(logging.WARNING):
        trial.during(fill)
