"""The rules by which failed invocations are tried again."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one kind of failure is handled."""

    #: Times that a request may fail in this way before it is given up.
    max_attempts: int = 1
    #: First backoff window, in seconds.
    base_s: float = 0.5
    #: Longest backoff window, in seconds.
    cap_s: float = 20.0
    #: True if the failure says that the server is overloaded: concurrency is reduced.
    slows_down: bool = False
    #: True if the fault lies with the server or the way to it, not with this row.
    server_side: bool = False


#: What to do for each `InvocationError.code`. A code that is missing here is not retried.
RULES: dict[str, Rule] = {
    # The server lives and asks for patience: stay with it for minutes.
    "throttled": Rule(max_attempts=12, base_s=0.5, cap_s=30.0, slows_down=True, server_side=True),
    "unavailable": Rule(max_attempts=8, base_s=0.5, cap_s=30.0, slows_down=True, server_side=True),
    # A model that is being loaded takes minutes; sending less does not make it faster.
    "not_ready": Rule(max_attempts=24, base_s=1.0, cap_s=30.0, server_side=True),
    "server_error": Rule(max_attempts=4, server_side=True),
    # The model itself failed: out of memory for one, which the same row mostly meets again.
    "model_error": Rule(max_attempts=3, base_s=1.0, server_side=True),
    "connection": Rule(max_attempts=5, server_side=True),
    "incomplete_response": Rule(max_attempts=4, server_side=True),
    # The answer may be on its way and paid for: one more try, no storm.
    "timeout": Rule(max_attempts=2, slows_down=True, server_side=True),
    "invalid_response": Rule(max_attempts=2, server_side=True),
    "empty_response": Rule(max_attempts=2, server_side=True),
    # The row's own fault: sending it again would buy the same refusal.
    "rejected": Rule(),
    "prompt_too_long": Rule(),
    "request_too_large": Rule(),
    "missing_value": Rule(),
    "invalid_value": Rule(),
}

#: Longest wait that a server is granted, in seconds: no row sits for hours on its word.
LONGEST_RETRY_AFTER_S = 600.0

_ONCE = Rule()


def rule_for(code: str) -> Rule:
    """Return the rule for an `InvocationError.code`."""
    return RULES.get(code, _ONCE)


def retry_delay(
    code: str, attempts: int, *, retry_after_s: float | None, rng: Random
) -> float | None:
    """Return how long to wait before the next attempt, or None to give up.

    Draws uniformly from [0, min(cap_s, base_s * 2**(attempts - 1))] ("full jitter"), so
    that rows throttled together do not come back together. A wait that the server asked
    for is kept as a lower bound, with the same jitter on top.

    Parameters
    ----------
    code : str
        `InvocationError.code` of the failure.
    attempts : int
        Times the request has failed in this way so far, at least 1.
    retry_after_s : float or None
        What the server asked for, in seconds. Bounded to `LONGEST_RETRY_AFTER_S`.
    rng : random.Random
        Source of randomness. Pass a seeded one in tests.

    Returns
    -------
    float or None
        Delay in seconds, or None if the rule allows no further attempt.

    Raises
    ------
    ValueError
        If `attempts` is less than 1.

    References
    ----------
    Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if attempts < 1:
        raise ValueError(f"attempts counts from 1, got {attempts}")
    rule = rule_for(code)
    if attempts >= rule.max_attempts:
        return None
    jitter = rng.uniform(0.0, min(rule.cap_s, rule.base_s * 2 ** (attempts - 1)))
    return min(max(0.0, retry_after_s or 0.0), LONGEST_RETRY_AFTER_S) + jitter
