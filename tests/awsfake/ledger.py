"""The bill: which instances ran for how long."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from tests.awsfake.clock import Clock


@dataclass
class Line:
    """The instances of one variant of one endpoint, from its creation on."""

    endpoint_name: str
    instance_type: str
    instance_count: int
    #: Virtual times, in seconds since the epoch; None while it is still billed.
    opened_at: float
    closed_at: float | None = None
    #: True for an endpoint that was there before the test, somebody else's to pay.
    preexisting: bool = False


class Ledger:
    """Billed from CreateEndpoint until DeleteEndpoint is accepted, or the endpoint failed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lines: list[Line] = []

    def start(
        self,
        endpoint_name: str,
        instance_type: str,
        instance_count: int,
        *,
        preexisting: bool = False,
    ) -> None:
        """Bill instances from now on."""
        now = self._clock.now()
        self.lines.append(
            Line(endpoint_name, instance_type, instance_count, now, preexisting=preexisting)
        )

    def stop(self, endpoint_name: str) -> None:
        """End what is billed for an endpoint."""
        for line in self.lines:
            if line.endpoint_name == endpoint_name and line.closed_at is None:
                line.closed_at = self._clock.now()

    def open(self) -> list[Line]:
        """Return what is still billed, without what was there before the test."""
        return [line for line in self.lines if line.closed_at is None and not line.preexisting]

    def instances_in_use(self, instance_type: str) -> int:
        """Return how many instances of a type run now, whoever pays."""
        return sum(
            line.instance_count
            for line in self.lines
            if line.closed_at is None and line.instance_type == instance_type
        )

    def instance_seconds(self) -> dict[str, float]:
        """Return the seconds billed so far, by instance type, without preexisting endpoints."""
        total: defaultdict[str, float] = defaultdict(float)
        for line in self.lines:
            if not line.preexisting:
                end = self._clock.now() if line.closed_at is None else line.closed_at
                total[line.instance_type] += (end - line.opened_at) * line.instance_count
        return dict(total)

    def to_record(self) -> dict[str, Any]:
        """Return the ledger as plain JSON values."""
        return {
            "lines": [asdict(line) for line in self.lines],
            "open": [asdict(line) for line in self.open()],
            "instance_seconds": self.instance_seconds(),
        }
