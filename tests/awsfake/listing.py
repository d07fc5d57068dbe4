"""The filters, the order and the pages that SageMaker's List operations share."""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.awsfake.wire import AwsError, Json

DEFAULT_PAGE = 10


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One thing that may be listed, with what the filters ask for."""

    name: str
    #: Seconds since the epoch, by the client's clock.
    created_at: float
    modified_at: float
    status: str | None = None
    #: What the answer says about it.
    summary: Json


def page(given: Json, everything: Iterable[Listed]) -> tuple[list[Json], Json]:
    """Return the summaries of one page, with the NextToken to add to the answer."""
    chosen = [thing for thing in everything if _matches(thing, given)]
    chosen.sort(key=_order(given), reverse=given.get("SortOrder", "Descending") == "Descending")
    return cut(given, [thing.summary for thing in chosen], default=DEFAULT_PAGE)


def cut(given: Json, summaries: list[Any], *, default: int) -> tuple[list[Any], Json]:
    """Return one page of a list, with the NextToken to add to the answer."""
    start = _start(given.get("NextToken"))
    stop = start + int(given.get("MaxResults", default))
    token = base64.urlsafe_b64encode(json.dumps({"start": stop}).encode()).decode()
    return summaries[start:stop], {"NextToken": token} if stop < len(summaries) else {}


def _matches(thing: Listed, given: Json) -> bool:
    after, before = _bounds(given, "CreationTime")
    modified_after, modified_before = _bounds(given, "LastModifiedTime")
    return (
        given.get("NameContains", "").lower() in thing.name.lower()
        and given.get("StatusEquals", thing.status) == thing.status
        and after <= thing.created_at <= before
        and modified_after <= thing.modified_at <= modified_before
    )


def _bounds(given: Json, member: str) -> tuple[float, float]:
    after, before = given.get(f"{member}After"), given.get(f"{member}Before")
    return (
        float("-inf") if after is None else after,
        float("inf") if before is None else before,
    )


def _order(given: Json) -> Callable[[Listed], Any]:
    match given.get("SortBy", "CreationTime"):
        case "Name":
            return lambda thing: thing.name
        case "Status":
            return lambda thing: thing.status
        case _:
            return lambda thing: thing.created_at


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["start"])
    except (ValueError, KeyError) as cause:
        raise AwsError("ValidationException", "Invalid NextToken.") from cause
