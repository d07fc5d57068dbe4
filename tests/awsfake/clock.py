"""The virtual time that the fake AWS lives in."""

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

#: Breaks ties between timers that are due together: first set, first fired.
_order = count()


@dataclass(order=True)
class Timer:
    """Something that happens at a moment of virtual time."""

    due: float
    order: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Keep it from happening."""
        self.action = None


class Clock:
    """Seconds since the epoch that pass `speed` times as fast as real ones, or by hand.

    Use it on one event loop.

    Parameters
    ----------
    speed : float
        Virtual seconds for each real one; 0 stands still between calls of `advance`.
    real : callable
        Real time in seconds since the epoch.
    """

    def __init__(self, *, speed: float = 1.0, real: Callable[[], float] = time.time) -> None:
        self._speed = speed
        self._real = real
        self._anchor = self._anchor_real = real()
        self._firing_at: float | None = None
        self._timers: list[Timer] = []
        self._wake: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Return the virtual time. Inside a timer's action it is the moment it was due."""
        if self._firing_at is not None:
            return self._firing_at
        return self._anchor + (self._real() - self._anchor_real) * self._speed

    def client_now(self) -> float:
        """Return the time that clients know. Dates in answers are of it: it never jumps."""
        return self._real()

    def from_client(self, moment: float) -> float:
        """Return the virtual moment that is as far ahead as a client's moment is for it."""
        return self.now() + (moment - self._real())

    def after(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Let something happen after a delay, at the earliest when this call is over."""
        timer = Timer(self.now() + max(0.0, delay_s), next(_order), action)
        heapq.heappush(self._timers, timer)
        self._set_alarm()
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass at once; what falls due happens in its order, each at its time."""
        goal = self.now() + seconds
        self._fire(until=goal)
        if self._firing_at is None:
            self._anchor, self._anchor_real = goal, self._real()
        self._set_alarm()

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual seconds."""
        passed = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not passed.done():
                passed.set_result(None)

        timer = self.after(seconds, wake)
        try:
            await passed
        finally:
            timer.cancel()

    def stop(self) -> None:
        """Let nothing happen any more."""
        self._timers.clear()
        self._set_alarm()

    def _fire(self, *, until: float) -> None:
        while self._timers and self._timers[0].due <= until:
            timer = heapq.heappop(self._timers)
            if timer.action is None:
                continue
            self._firing_at = timer.due
            try:
                timer.action()
            finally:
                self._firing_at = None

    def _set_alarm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._timers and self._speed and self._firing_at is None:
            wait_s = max(0.0, (self._timers[0].due - self.now()) / self._speed)
            self._wake = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        self._fire(until=self.now())
        self._set_alarm()
