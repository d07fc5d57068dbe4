"""Drives the rows of a job through a provider."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from outboard.breaker import Breaker
from outboard.concurrency import ConcurrencyLimit
from outboard.errors import InvocationError
from outboard.growing_answers import GrowingAnswers
from outboard.journal import Journal
from outboard.providers import Provider, Request, Response
from outboard.retry import retry_delay, rule_for
from outboard.row_feed import RowFeed
from outboard.selection import Row
from outboard.store.responses import ResponseRecord

#: Seconds between two lines about throttling.
_QUIET_S = 10.0
#: Longest error text that is stored, in characters.
_MESSAGE_CHARS = 2_000


class Runner:
    """One run over the rows that are left of a job.

    Parameters
    ----------
    provider : Provider
        Open.
    journal : Journal
        Takes the responses; its `run` goes on beside this.
    limit : ConcurrencyLimit
        Bounds the requests in flight.
    breaker : Breaker
        Stops the run when too many rows fail.
    round : int
        The job's round, written beside each response.
    warn : callable
        Told in one line when the server throttles.
    rng : random.Random
        Source of the retry delays.
    growing : GrowingAnswers, optional
        Takes the answers piece by piece, for a trial.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        journal: Journal,
        limit: ConcurrencyLimit,
        breaker: Breaker,
        round: int,  # noqa: A002 - the field's name
        warn: Callable[[str], None],
        rng: Random,
        growing: GrowingAnswers | None = None,
    ) -> None:
        self._provider = provider
        self._journal = journal
        self._limit = limit
        self._breaker = breaker
        self._round = round
        self._warn = warn
        self._rng = rng
        self._growing = growing
        self._places = itertools.count()  # of the rows, in the order they are taken up
        self._quiet_until = 0.0

    async def run(self, rows: RowFeed) -> None:
        """Send every row once, and again where `retry` says so, until each has an outcome.

        Raises
        ------
        OutboardError
            On a fault that no row can survive. Whatever finished before is in the journal.
        """
        try:
            async with asyncio.TaskGroup() as slots:
                for _ in range(self._limit.maximum):
                    slots.create_task(self._work(rows))
        except ExceptionGroup as faults:
            # Several slots may meet one fault at once; one tells it all.
            raise faults.exceptions[0] from None

    async def _work(self, rows: RowFeed) -> None:
        while (row := await rows.next()) is not None:
            place = next(self._places)
            record, fault = await self._settle(row)
            if self._growing is not None:
                self._growing.end(row)
            await self._journal.append(record)
            if fault is None:
                self._breaker.succeeded()
            else:
                self._breaker.failed(fault, place=place, attempts=record.attempts)

    async def _settle(self, row: Row) -> tuple[ResponseRecord, InvocationError | None]:
        if isinstance(row.prompt, InvocationError):
            return self._failed(row, row.prompt, attempts=0, latency_s=None), row.prompt
        request = Request(prompt=row.prompt.prompt, system=row.prompt.system)
        # By kind of fault: who was throttled ten times is not given up on its first reset.
        faults: Counter[str] = Counter()
        while True:
            epoch = await self._limit.acquire()
            on_text = None if self._growing is None else self._growing.begin(row)
            started = time.perf_counter()
            try:
                response = await self._provider.invoke(request, on_text)
            except InvocationError as fault:
                faults[fault.code] += 1
                delay_s = self._after_fault(fault, faults[fault.code], epoch)
                if delay_s is None:
                    latency_s = time.perf_counter() - started
                    attempts = faults.total()
                    return self._failed(row, fault, attempts=attempts, latency_s=latency_s), fault
            else:
                self._limit.succeeded()
                latency_s = time.perf_counter() - started
                return self._succeeded(row, response, faults.total() + 1, latency_s), None
            finally:
                self._limit.release()
            await asyncio.sleep(delay_s)

    def _after_fault(self, fault: InvocationError, times: int, epoch: int) -> float | None:
        rule = rule_for(fault.code)
        if rule.slows_down:
            if self._limit.throttled(epoch, fault.retry_after_s):
                self._tell_throttled(fault)
            if times < rule.max_attempts:
                # While other rows are answered the server is not down: this one was unlucky,
                # and must not sit out a long wait at the end of the job.
                times = min(times, self._limit.refusals)
        return retry_delay(fault.code, times, retry_after_s=fault.retry_after_s, rng=self._rng)

    def _tell_throttled(self, fault: InvocationError) -> None:
        now = time.monotonic()
        if now < self._quiet_until:
            return
        self._quiet_until = now + _QUIET_S
        self._warn(
            f"The server asks for less ({fault.code}): at most {int(self._limit.limit)} "
            "requests in flight for now."
        )

    def _succeeded(
        self, row: Row, response: Response, attempts: int, latency_s: float
    ) -> ResponseRecord:
        return ResponseRecord(
            row.ordinal,
            row.datasource_uid,
            row.row_uid,
            self._round,
            True,
            _storable(response.text),
            response.finish_reason,
            None,
            None,
            response.input_tokens,
            response.output_tokens,
            latency_s,
            attempts,
        )

    def _failed(
        self, row: Row, fault: InvocationError, *, attempts: int, latency_s: float | None
    ) -> ResponseRecord:
        return ResponseRecord(
            row.ordinal,
            row.datasource_uid,
            row.row_uid,
            self._round,
            False,
            None,
            "error",
            fault.code,
            _storable(fault.message)[:_MESSAGE_CHARS],
            None,
            None,
            latency_s,
            attempts,
        )


def _storable(text: str) -> str:
    """Return text that UTF-8 can hold: a server may send lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
