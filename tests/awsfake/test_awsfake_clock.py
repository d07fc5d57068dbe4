"""Virtual time, and the bill that is counted in it."""

import asyncio

import pytest
from tests.awsfake.clock import Clock
from tests.awsfake.ledger import Ledger


class Wall:
    """A real clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_time_stands_still_at_speed_zero_and_passes_by_hand() -> None:
    wall = Wall()
    clock = Clock(speed=0, real=wall)

    wall.seconds += 50
    clock.advance(10)

    assert clock.now() == 1_010


def test_time_passes_faster_than_real() -> None:
    wall = Wall()
    clock = Clock(speed=60, real=wall)

    wall.seconds += 2

    assert clock.now() == 1_120


def test_what_falls_due_happens_in_order_each_at_its_own_time() -> None:
    clock = Clock(speed=0, real=Wall())
    happened: list[tuple[str, float]] = []
    clock.after(20, lambda: happened.append(("late", clock.now())))
    clock.after(10, lambda: happened.append(("early", clock.now())))
    clock.after(40, lambda: happened.append(("never", clock.now())))

    clock.advance(30)

    assert happened == [("early", 1_010), ("late", 1_020)]
    assert clock.now() == 1_030


def test_what_an_action_sets_off_happens_in_the_same_advance() -> None:
    clock = Clock(speed=0, real=Wall())
    happened: list[float] = []

    def set_off() -> None:
        clock.after(5, lambda: happened.append(clock.now()))

    clock.after(10, set_off)
    clock.advance(30)

    assert happened == [1_015]


def test_cancelled_timer_does_not_happen() -> None:
    clock = Clock(speed=0, real=Wall())
    happened: list[bool] = []
    timer = clock.after(10, lambda: happened.append(True))

    timer.cancel()
    clock.advance(30)

    assert not happened


def test_timers_ring_by_themselves_when_time_passes() -> None:
    async def wait() -> None:
        clock = Clock(speed=1_000)
        async with asyncio.timeout(10):
            await clock.sleep(5)

    asyncio.run(wait())


def test_sleeper_that_gave_up_is_not_woken() -> None:
    async def give_up() -> None:
        clock = Clock(speed=0)
        sleeper = asyncio.create_task(clock.sleep(5))
        await asyncio.sleep(0)
        sleeper.cancel()
        clock.advance(10)
        with pytest.raises(asyncio.CancelledError):
            await sleeper

    asyncio.run(give_up())


def test_moment_of_a_client_is_as_far_ahead_here_as_it_is_there() -> None:
    clock = Clock(speed=0, real=Wall())
    clock.advance(3_600)

    assert clock.from_client(1_900.0) - clock.now() == 900


def test_ledger_adds_up_instances_by_type() -> None:
    clock = Clock(speed=0, real=Wall())
    ledger = Ledger(clock)
    ledger.start("a", "ml.g5.12xlarge", 2)
    clock.advance(100)
    ledger.start("b", "ml.g5.12xlarge", 1)
    ledger.start("c", "ml.m5.xlarge", 1)

    ledger.stop("a")
    clock.advance(10)

    assert ledger.instance_seconds() == {"ml.g5.12xlarge": 210, "ml.m5.xlarge": 10}
    assert [line.endpoint_name for line in ledger.open()] == ["b", "c"]


def test_ledger_does_not_bill_what_was_there_before() -> None:
    ledger = Ledger(Clock(speed=0, real=Wall()))

    ledger.start("theirs", "ml.g5.12xlarge", 1, preexisting=True)

    assert ledger.open() == []
    assert ledger.instance_seconds() == {}
    assert ledger.instances_in_use("ml.g5.12xlarge") == 1
