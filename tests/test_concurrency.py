"""How the number of requests in flight follows what the server bears."""

import asyncio

import uvloop

from outboard.concurrency import ConcurrencyLimit


async def _take(limit: ConcurrencyLimit, n_places: int) -> list[int]:
    return [await limit.acquire() for _ in range(n_places)]


def test_the_limit_never_exceeds_the_maximum() -> None:
    limit = ConcurrencyLimit(20)

    for _ in range(1_000):
        limit.succeeded()

    assert limit.limit == 20


def test_successes_open_the_way_to_the_maximum_quickly() -> None:
    limit = ConcurrencyLimit(64)

    for _ in range(48):
        limit.succeeded()

    assert limit.limit == 64


def test_throttling_halves_the_limit_once_for_requests_sent_under_it() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(16)
        epochs = await _take(limit, 16)

        cuts = [limit.throttled(epoch, None) for epoch in epochs]

        assert cuts == [True] + [False] * 15
        assert limit.limit == 8

    asyncio.run(scenario())


def test_throttling_under_the_reduced_limit_halves_it_again() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(16)
        limit.throttled(await limit.acquire(), None)
        limit.throttled(await limit.acquire(), None)

        assert limit.limit == 4

    asyncio.run(scenario())


def test_the_limit_stays_at_one_request_at_least() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(2)

        for _ in range(10):
            limit.throttled(await limit.acquire(), None)
            limit.release()

        assert limit.limit == 1
        await asyncio.wait_for(limit.acquire(), 1)

    asyncio.run(scenario())


def test_after_throttling_the_limit_grows_by_one_for_a_round_of_successes() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(64)
        limit.throttled(await limit.acquire(), None)
        assert limit.limit == 8

        for _ in range(8):
            limit.succeeded()

        assert 8.9 < limit.limit < 9.01

    asyncio.run(scenario())


def test_who_waits_gets_the_place_that_is_given_back() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(1)
        await limit.acquire()
        waiting = asyncio.create_task(limit.acquire())
        await asyncio.sleep(0)
        assert not waiting.done()

        limit.release()

        await asyncio.wait_for(waiting, 1)
        assert limit.in_flight == 1

    asyncio.run(scenario())


def test_a_cancelled_waiter_passes_its_place_on() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(1)
        await limit.acquire()
        first = asyncio.create_task(limit.acquire())
        second = asyncio.create_task(limit.acquire())
        await asyncio.sleep(0)

        limit.release()  # the place is promised to the first, which is cancelled before it runs
        first.cancel()

        await asyncio.wait_for(second, 1)

    asyncio.run(scenario())


def test_a_wait_that_the_server_asked_for_holds_everybody_back() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(16)
        loop = asyncio.get_running_loop()
        epoch = await limit.acquire()
        began = loop.time()

        limit.throttled(epoch, 0.05)
        await limit.acquire()

        assert loop.time() - began >= 0.05

    asyncio.run(scenario())


def test_after_a_wait_that_the_server_asked_for_requests_go_on() -> None:
    # The worker's loop keeps whole milliseconds: its timers fire up to half of one early.
    async def refused_once(wait_s: float) -> None:
        limit = ConcurrencyLimit(16)
        limit.throttled(await limit.acquire(), wait_s)
        limit.release()
        await limit.acquire()

    async def scenario() -> None:
        waits_s = [0.01 + 0.00003 * i for i in range(200)]
        await asyncio.wait_for(asyncio.gather(*map(refused_once, waits_s)), 10)

    uvloop.run(scenario())


def test_of_two_waits_the_longer_one_counts() -> None:
    async def scenario() -> None:
        limit = ConcurrencyLimit(16)
        loop = asyncio.get_running_loop()
        epoch = await limit.acquire()
        began = loop.time()

        for wait_s in (0.02, 0.08, 0.05):
            limit.throttled(epoch, wait_s)
        await limit.acquire()

        assert loop.time() - began >= 0.08

    asyncio.run(scenario())
