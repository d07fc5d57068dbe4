"""How time passes while AWS is at work."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Self

#: How many times faster than in the world time passes where AWS is. For a fake one in tests.
SPEED_VARIABLE = "OUTBOARD_AWS_SPEED"

# However fast AWS is, whoever waits for it leaves the processor to others.
_SHORTEST_SLEEP_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A clock for durations, and a way to let time pass."""

    #: Seconds that pass, from any moment on.
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    #: Spreads looks at AWS, so that many jobs do not look together.
    rng: Random = Random()  # noqa: RUF009, S311 - shared on purpose; guards nothing

    @classmethod
    def from_environment(cls) -> Self:
        """Return the pace of the real AWS, or of the one that `SPEED_VARIABLE` tells of."""
        speed = float(os.environ.get(SPEED_VARIABLE, "1"))
        if speed == 1:
            return cls()

        async def sleep(seconds: float) -> None:
            await asyncio.sleep(max(_SHORTEST_SLEEP_S, seconds / speed))

        return cls(now=lambda: time.monotonic() * speed, sleep=sleep)

    async def between_looks(self) -> None:
        """Wait as long as AWS should be left alone between two looks at one endpoint."""
        # Describe calls are throttled by account: 5 s is the fastest that AWS bears with.
        await self.sleep(self.rng.uniform(5.0, 10.0))
