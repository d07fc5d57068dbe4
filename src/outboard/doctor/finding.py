"""One thing that a look at this machine has found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a finding is to be taken."""

    #: Works.
    OK = "ok"
    #: Something is missing that not everybody needs.
    WARN = "warn"
    #: Something that is needed does not work.
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found about one thing."""

    #: The thing, in a word or two.
    subject: str
    verdict: Verdict
    #: What was found.
    message: str
    #: What to do about it; None where nothing has to be done.
    fix: str | None = None


def explained(subject: str, error: str) -> Finding:
    """Return a failure in the words of one of our errors: what is wrong comes first in them."""
    what, _, fix = error.partition(". ")
    return fail(subject, what, fix=fix)


def ok(subject: str, message: str) -> Finding:
    """Return that something works."""
    return Finding(subject=subject, verdict=Verdict.OK, message=message)


def warn(subject: str, message: str, *, fix: str) -> Finding:
    """Return that something is missing that not everybody needs."""
    return Finding(subject=subject, verdict=Verdict.WARN, message=message, fix=fix)


def fail(subject: str, message: str, *, fix: str) -> Finding:
    """Return that something does not work that is needed."""
    return Finding(subject=subject, verdict=Verdict.FAIL, message=message, fix=fix)
