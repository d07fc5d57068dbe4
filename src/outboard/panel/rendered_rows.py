"""Prompts of some rows of a job, rendered anew from its datasources."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby

from outboard.datasource import get_datasource
from outboard.errors import DatasourceError, InvocationError, NotFoundError
from outboard.panel.waiting import GivenUpError, anybody_waits
from outboard.prompt import RenderedPrompt
from outboard.selection import Part, ordinals_of, plan_for
from outboard.store.jobs import JobRecord
from outboard.workspace import Workspace


def rendered_rows(
    workspace: Workspace, job: JobRecord, ordinals: Iterable[int]
) -> dict[int, RenderedPrompt]:
    """Return what was sent for each of these rows, as far as that can still be told.

    Rows are missing if they cannot be rendered, or if their datasource was deleted, was
    changed or cannot be read any more. Of a Parquet file, only the row groups are read that
    hold one of the rows; of other files, everything up to the last of them, once.

    Raises
    ------
    GivenUpError
        If nobody waits for them any more.
    """
    wanted = sorted(set(ordinals))
    found: dict[int, RenderedPrompt] = {}
    with workspace:
        for place, uid in enumerate(job.call.datasource_uids):
            own = ordinals_of(place)
            positions = [ordinal - own.start for ordinal in wanted if ordinal in own]
            # Rows that were read before a file turned out to be damaged stay.
            with suppress(DatasourceError, NotFoundError):
                found.update(_rendered(job, place, uid, positions))
    return found


def _rendered(
    job: JobRecord, place: int, uid: int, positions: list[int]
) -> Iterator[tuple[int, RenderedPrompt]]:
    if not positions:
        return
    datasource = get_datasource(uid)
    uids, starts = datasource.uids(), datasource.starts
    positions = [position for position in positions if position < len(uids)]
    row_uids = array("q", (uids[position] for position in positions))
    part = Part(place, datasource, plan_for(job.call, datasource), row_uids)
    for _, run in groupby(positions, key=lambda position: bisect_right(starts, position)):
        if not anybody_waits():
            raise GivenUpError
        within = list(run)
        for chunk in part.window(within[0], within[-1] + 1):
            for ordinal, prompt in zip(chunk.ordinals, chunk.prompts, strict=True):
                if not isinstance(prompt, InvocationError):
                    yield ordinal, prompt
