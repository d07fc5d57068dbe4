"""How many tokens the rows of a job have, from those of some."""

from math import sqrt
from statistics import fmean, stdev

# Bytes of UTF-8 to a token, where nobody can count: code and numbers have few, prose has many.
_FEWEST_BYTES, _MOST_BYTES = 2.5, 5.0


class TokenEstimate:
    """Sizes of prompts, of some of which the tokens are known as well."""

    def __init__(self) -> None:
        self._n_rows = 0
        self._total = 0
        self._squares = 0
        #: Tokens to a byte.
        self._ratios: list[float] = []

    @property
    def n_counted(self) -> int:
        """Rows of which the tokens are known."""
        return len(self._ratios)

    def add(self, size_bytes: int, n_tokens: int | None = None) -> None:
        """Take in one row: the bytes of its prompt in UTF-8, its tokens if they were counted."""
        self._n_rows += 1
        self._total += size_bytes
        self._squares += size_bytes * size_bytes
        if n_tokens is not None and size_bytes:
            self._ratios.append(n_tokens / size_bytes)

    def total(self, n_rows: int) -> tuple[int, int] | None:
        """Return the range that probably holds the tokens of `n_rows` rows; None without any row.

        Two standard errors to either side, of the mean size as of the tokens to a byte. Chat
        templates come on top.
        """
        if not self._n_rows:
            return None
        mean = self._total / self._n_rows
        low, high = self._ratio()
        spread = 0.0
        if n_rows > self._n_rows > 1 and mean:
            variance = max(0.0, self._squares / self._n_rows - mean * mean)
            spread = 2 * sqrt(variance / self._n_rows) / mean
        return (
            round(n_rows * mean * low * max(0.0, 1 - spread)),
            round(n_rows * mean * high * (1 + spread)),
        )

    def _ratio(self) -> tuple[float, float]:
        if not self._ratios:
            return 1 / _MOST_BYTES, 1 / _FEWEST_BYTES
        mean = fmean(self._ratios)
        if len(self._ratios) < self._n_rows and len(self._ratios) > 1:
            error = 2 * stdev(self._ratios) / sqrt(len(self._ratios))
            return max(0.0, mean - error), mean + error
        return mean, mean
