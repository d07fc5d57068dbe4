"""Rows are read ahead in another thread, each handed out once."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from outboard.errors import DatasourceChangedError
from outboard.prompt import RenderedPrompt
from outboard.row_feed import RowFeed
from outboard.selection import Row


def rows(n_rows: int) -> Iterator[Row]:
    for n in range(n_rows):
        yield Row(n, 1, n, RenderedPrompt(prompt=f"Row {n}", system=None, reference=None))


@pytest.fixture
def reader() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def _take_all(feed: RowFeed) -> list[int]:
    taken = []
    while (row := await feed.next()) is not None:
        taken.append(row.ordinal)
    return taken


def test_rows_come_in_order(reader: Executor) -> None:
    async def scenario() -> list[int]:
        return await _take_all(RowFeed(rows(1_234), reader))

    assert asyncio.run(scenario()) == list(range(1_234))


def test_tasks_side_by_side_get_each_row_once(reader: Executor) -> None:
    async def scenario() -> list[list[int]]:
        feed = RowFeed(rows(2_000), reader)
        return await asyncio.gather(*(_take_all(feed) for _ in range(8)))

    taken = asyncio.run(scenario())

    assert sorted(n for some in taken for n in some) == list(range(2_000))


@pytest.mark.parametrize("n_rows", [0, 1])
def test_whether_there_is_a_row_is_known_without_taking_it(reader: Executor, n_rows: int) -> None:
    async def scenario() -> tuple[bool, list[int]]:
        feed = RowFeed(rows(n_rows), reader)
        return await feed.empty(), await _take_all(feed)

    assert asyncio.run(scenario()) == (n_rows == 0, list(range(n_rows)))


def test_who_is_cancelled_in_the_wait_takes_no_rows_along(reader: Executor) -> None:
    go_on = threading.Event()

    def held_back() -> Iterator[Row]:
        go_on.wait()
        yield from rows(10)

    async def scenario() -> list[int]:
        feed = RowFeed(held_back(), reader)
        first = asyncio.create_task(feed.next())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        go_on.set()
        return await _take_all(feed)

    assert asyncio.run(scenario()) == list(range(10))


def test_a_fault_in_reading_reaches_every_task(reader: Executor) -> None:
    def changed() -> Iterator[Row]:
        yield from rows(500)
        raise DatasourceChangedError("The file was changed.")

    async def scenario() -> list[object]:
        feed = RowFeed(changed(), reader)
        for _ in range(500):
            assert await feed.next() is not None
        return await asyncio.gather(*(feed.next() for _ in range(3)), return_exceptions=True)

    assert [type(fault) for fault in asyncio.run(scenario())] == [DatasourceChangedError] * 3


def test_closing_does_not_wait_for_a_slow_file(reader: Executor) -> None:
    go_on = threading.Event()

    def held_back() -> Iterator[Row]:
        go_on.wait()
        yield from rows(10)

    async def scenario() -> None:
        RowFeed(held_back(), reader).close()

    asyncio.run(scenario())
    go_on.set()
