from array import array
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from outboard.panel.row_order import RowOrders


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Sorting:
    """Counts how often it is asked to sort, which takes a while."""

    def __init__(self, clock: Clock, *, takes_s: float = 0.0) -> None:
        self.times = 0
        self._clock, self._takes_s = clock, takes_s

    def __call__(self) -> "array[int]":
        self.times += 1
        self._clock.now += self._takes_s
        return array("q", [self.times])


def test_order_of_an_ended_job_is_worked_out_once() -> None:
    clock = Clock()
    orders, sort = RowOrders(clock), Sorting(clock)

    for _ in range(3):
        clock.now += 3_600
        assert list(orders.get("a", sort, version=7, live=False).ordinals) == [1]


def test_order_of_an_ended_job_is_never_old() -> None:
    clock = Clock()
    orders, sort = RowOrders(clock), Sorting(clock)
    orders.get("a", sort, version=7, live=True)

    found = orders.get("a", sort, version=8, live=False)

    assert (list(found.ordinals), found.version) == ([2], 8)


def test_order_of_a_live_job_may_be_a_second_old() -> None:
    clock = Clock()
    orders, sort = RowOrders(clock), Sorting(clock)
    orders.get("a", sort, version=7, live=True)

    clock.now += 0.9
    assert orders.get("a", sort, version=8, live=True).version == 7
    clock.now += 0.2
    assert orders.get("a", sort, version=9, live=True).version == 9


def test_order_that_takes_long_is_kept_for_longer() -> None:
    clock = Clock()
    orders, sort = RowOrders(clock), Sorting(clock, takes_s=2.0)
    orders.get("a", sort, version=7, live=True)

    clock.now += 5.9
    assert orders.get("a", sort, version=8, live=True).version == 7
    clock.now += 0.2
    assert orders.get("a", sort, version=9, live=True).version == 9


def test_order_is_there_once_it_was_worked_out() -> None:
    clock = Clock()
    orders = RowOrders(clock)
    assert not orders.has("a")

    orders.get("a", Sorting(clock), version=7, live=False)

    assert orders.has("a")
    assert not orders.has("b")


def test_four_orders_are_kept() -> None:
    clock = Clock()
    orders, sort = RowOrders(clock), Sorting(clock)
    for key in "abcd":
        orders.get(key, sort, version=7, live=False)

    orders.get("a", sort, version=7, live=False)
    orders.get("e", sort, version=7, live=False)  # instead of b, which nobody looked at since
    assert sort.times == 5
    orders.get("a", sort, version=7, live=False)
    assert sort.times == 5
    orders.get("b", sort, version=7, live=False)
    assert sort.times == 6


def test_two_who_want_the_same_order_wait_for_one() -> None:
    clock = Clock()
    orders, sort, both = RowOrders(clock), Sorting(clock), Barrier(2)

    def look(_: int) -> list[int]:
        both.wait()
        return list(orders.get("a", sort, version=7, live=False).ordinals)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(look, range(2))) == [[1], [1]]


def test_sorting_that_fails_leaves_nothing_behind() -> None:
    orders = RowOrders()

    def fail() -> "array[int]":
        raise OSError("gone")

    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            orders.get("a", fail, version=7, live=False)
