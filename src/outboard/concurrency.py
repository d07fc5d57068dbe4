"""How many requests may be in flight, adapted to what the server bears."""

import asyncio
from collections import deque

#: Requests in flight to begin with; each success adds one until the first throttling.
_START = 16
_BACKOFF = 0.5
#: Longest time that nothing at all is sent because one reply asked for it, in seconds.
_LONGEST_PAUSE_S = 60.0


class ConcurrencyLimit:
    """Additive increase, multiplicative decrease, shared by all rows of a job.

    Used from one event loop.

    Parameters
    ----------
    maximum : int
        Never more than this in flight.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.limit = float(min(maximum, _START))
        self.in_flight = 0
        #: Refusals since the last success.
        self.refusals = 0
        self._growing_fast = True
        # Requests of one epoch were sent under one limit: many of them throttled at once
        # are one piece of news, and cut the limit once.
        self._epoch = 0
        self._pause: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> int:
        """Wait for a place, and return the epoch to hand to `throttled`."""
        while self._pause or self.in_flight >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._wake()  # the place was ours: pass it on
                raise
        self.in_flight += 1
        return self._epoch

    def release(self) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self) -> None:
        """Take a success as leave to send a little more."""
        self.refusals = 0
        step = 1.0 if self._growing_fast else 1.0 / self.limit
        self.limit = min(self.limit + step, float(self.maximum))
        self._wake()

    def throttled(self, epoch: int, retry_after_s: float | None) -> bool:
        """Take a refusal as an order to send less; True if the limit was cut.

        Parameters
        ----------
        epoch : int
            What `acquire` returned for the refused request.
        retry_after_s : float or None
            What the server asked for: nothing at all is sent for so long (a minute at most).
        """
        self.refusals += 1
        if retry_after_s:
            self._pause_for(min(retry_after_s, _LONGEST_PAUSE_S))
        if epoch != self._epoch:
            return False
        self._epoch += 1
        self._growing_fast = False
        before, self.limit = self.limit, max(1.0, self.limit * _BACKOFF)
        return self.limit < before

    def _pause_for(self, seconds: float) -> None:
        # The timer itself is the state: one that compared clocks could fire a rounding error
        # too early, find the pause not over, and wake nobody ever.
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if self._pause:
            if self._pause.when() >= until:
                return
            self._pause.cancel()
        self._pause = loop.call_at(until, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        self._wake()

    def _wake(self) -> None:
        free = 0 if self._pause else int(self.limit) - self.in_flight
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
