"""What the fake AWS has seen."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any


class Seen:
    """Counts of everything, and a way to wait for them."""

    def __init__(self) -> None:
        #: Operations by name, ``fault:NAME``, ``NAME:InService`` of endpoints, and so on.
        self.events: Counter[str] = Counter()
        #: Requests to models by prompt.
        self.prompts: Counter[str] = Counter()
        #: Requests to models that were refused before a model saw them, by error code.
        self.refused: Counter[str] = Counter()
        #: Headers of the last requests to models, without the signature.
        self.headers: deque[dict[str, str]] = deque(maxlen=100)
        #: Bodies of the last requests to models, parsed.
        self.bodies: deque[dict[str, Any]] = deque(maxlen=100)
        #: Client ports of requests to models: one for each connection.
        self.client_ports: set[int] = set()
        self.in_flight = 0
        self.max_in_flight = 0
        #: Requests to models whose client went away before the answer.
        self.abandoned = 0
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def note(self, event: str) -> None:
        """Count something that happened."""
        self.events[event] += 1
        self.changed()

    def enter(self) -> None:
        """Count a request to a model that is being worked on."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self.changed()

    def leave(self) -> None:
        """Count a request to a model that is over."""
        self.in_flight -= 1
        self.changed()

    def count(self, what: str) -> int:
        """Return a count by name: an event, or ``in_flight``, ``max_in_flight``, ``abandoned``."""
        if what in {"in_flight", "max_in_flight", "abandoned"}:
            return int(getattr(self, what))
        return self.events[what]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to hold, looked at whenever a count changes."""
        if not holds():
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((holds, future))
            await future

    def changed(self) -> None:
        """Let those who wait have a look."""
        for waiting in [w for w in self._waiting if w[1].done() or w[0]()]:
            self._waiting.remove(waiting)
            if not waiting[1].done():
                waiting[1].set_result(None)

    def to_record(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "events": self.events,
            "prompts": self.prompts,
            "refused": self.refused,
            "headers": list(self.headers),
            "bodies": list(self.bodies),
            "connections": len(self.client_ports),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "abandoned": self.abandoned,
        }
