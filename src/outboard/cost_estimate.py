"""What a job will cost, as a range, before it is launched."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from outboard.pricing import Hosting

#: Shortest and longest likely time, in seconds: a value that is not known yet.
Range = tuple[float, float]

#: An endpoint's way into service, most of it fetching image and weights. AWS measured 258 to
#: 525 s for an 8 B model; larger ones take longer.
START_S: Range = (300.0, 900.0)
#: From DeleteEndpoint until it is gone.
STOP_S: Range = (60.0, 180.0)

# Tokens a second that one of many requests in flight gets.
_SLOW, _FAST = 15.0, 60.0
# Some answers stop early: the shortest mean length, as a share of the longest allowed.
_LEAST_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """What a job will probably cost. Prints as one readable line."""

    hosting: Hosting
    n_rows: int
    #: Seconds between the create call and the end of the deletion.
    low_s: float
    high_s: float
    #: US dollars for that time.
    low_usd: float
    high_usd: float
    #: True if answers' times were measured, not assumed.
    measured: bool

    @property
    def usd_per_day(self) -> float:
        """What the endpoint costs in a day, should it be forgotten."""
        assert self.hosting.usd_per_hour is not None
        return 24 * self.hosting.usd_per_hour

    @property
    def summary(self) -> str:
        """What it costs in one short line, without the number of rows."""
        low, high = _dollars(self.low_usd), _dollars(self.high_usd)
        price = low if low == high else f"{low} to {high}"
        return f"About {price} on {self.hosting}; forgotten, {_dollars(self.usd_per_day)} a day."

    def __str__(self) -> str:
        basis = "measured" if self.measured else "not measured yet: try a few rows first"
        return (
            f"about {_dollars(self.low_usd)} to {_dollars(self.high_usd)} for {self.n_rows:,} "
            f"row{'' if self.n_rows == 1 else 's'} on {self.hosting}, {_minutes(self.low_s)} to "
            f"{_minutes(self.high_s)} min from its creation to its deletion (answer times are "
            f"{basis}). Forgotten, it would cost {_dollars(self.usd_per_day)} a day."
        )


def estimate(
    hosting: Hosting,
    *,
    n_rows: int,
    latency_s: Range,
    concurrency: int,
    measured: bool = False,
    start_s: Range = START_S,
    stop_s: Range = STOP_S,
) -> CostEstimate | None:
    """Return what a job will cost; None if the price is unknown.

    Parameters
    ----------
    hosting : Hosting
        What it runs on.
    n_rows : int
        Rows to answer.
    latency_s : (float, float)
        Seconds until an answer, in the mean, with `concurrency` requests in flight:
        `assumed_latency_s` or `measured_latency_s`.
    concurrency : int
        Requests in flight on all instances together.
    measured : bool
        Where `latency_s` is from.
    start_s, stop_s : (float, float)
        Seconds until the endpoint is in service, and until it is gone.
    """
    if hosting.usd_per_hour is None:
        return None
    rounds = n_rows / max(1, min(concurrency, n_rows))
    low_s, high_s = (
        start + rounds * latency + stop
        for start, latency, stop in zip(start_s, latency_s, stop_s, strict=True)
    )
    return CostEstimate(
        hosting=hosting,
        n_rows=n_rows,
        low_s=low_s,
        high_s=high_s,
        low_usd=hosting.usd_per_hour * low_s / 3_600,
        high_usd=hosting.usd_per_hour * high_s / 3_600,
        measured=measured,
    )


def assumed_latency_s(max_new_tokens: int) -> Range:
    """Return how long an answer may take in the mean, knowing only its longest length."""
    return _LEAST_SHARE * max_new_tokens / _FAST, max_new_tokens / _SLOW


def measured_latency_s(latencies_s: Sequence[float], *, concurrency: int) -> Range:
    """Return the range that holds the mean latency of all rows, going by those of a few.

    Two standard errors to either side; for a single row, half and double of its latency. Fewer
    rows than fit in flight have not shown the server busy: then it may take twice as long.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not latencies_s:
        raise ValueError("no latency was measured")
    mean = fmean(latencies_s)
    if len(latencies_s) == 1:
        return mean / 2, mean * 2
    error = stdev(latencies_s) / sqrt(len(latencies_s))
    slower = 2.0 if len(latencies_s) < concurrency else 1.0
    low, high = max(mean - 2 * error, min(latencies_s)), min(mean + 2 * error, max(latencies_s))
    return low, slower * high


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd < 100 else f"${usd:,.0f}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f}"
