"""Which rows a call chooses, in input order, each with its rendered prompt."""

import operator
import reprlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, cast

import pyarrow as pa

from outboard.call import InferenceCall
from outboard.datasource import Datasource, RowBatch, get_datasource
from outboard.errors import ConfigError, InvocationError
from outboard.prompt import PromptPlan, PromptTemplate, RenderedPrompt

# An ordinal is the place of a row among all rows of a job: the place of its datasource in
# the call, and below these bits the row's place in the datasource.
_ORDINAL_BITS = 40

_CHUNK_ROWS = 500
# Rows counted at once on the way to one in the middle.
_COUNTED_ROWS = 4_096
#: Most x_uids that a message names.
_SHOWN_X_UIDS = 10
#: Of 2**63, the first number that no x_uid has.
_MOST_DIGITS = 19


class Row(NamedTuple):
    """One chosen row, ready to be sent."""

    ordinal: int
    datasource_uid: int
    #: The n of ``doc::<n>``.
    row_uid: int
    #: What to send, or why there is nothing to send.
    prompt: RenderedPrompt | InvocationError


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some chosen rows of one datasource, side by side."""

    datasource_uid: int
    ordinals: Sequence[int]
    row_uids: Sequence[int]
    prompts: Sequence[RenderedPrompt | InvocationError]
    #: The columns that were read, one row for each of `ordinals`.
    table: pa.RecordBatch


class Part:
    """The rows that a call chooses in one of its datasources.

    Holds one byte for each row of the datasource, and no row.

    Parameters
    ----------
    place : int
        Place of the datasource in the call.
    datasource : Datasource
        The table.
    plan : PromptPlan
        How its columns fill the prompt.
    x_uids : sequence of int, optional
        The n of each chosen ``doc::<n>``; those that are not here are ignored. None for
        every row.
    """

    def __init__(
        self, place: int, datasource: Datasource, plan: PromptPlan, x_uids: Sequence[int] | None
    ) -> None:
        self.datasource = datasource
        self.plan = plan
        #: The ordinals of its rows, chosen or not.
        self.ordinals = ordinals_of(place)
        # One byte a row: 1 if it is chosen.
        self._chosen = _mark(datasource, x_uids)

    @property
    def total(self) -> int:
        """Number of chosen rows."""
        return self._chosen.count(1)

    def chunks(self, settled: Iterable[int] = (), *, every_column: bool = False) -> Iterator[Chunk]:
        """Read the chosen rows in order, some hundred at a time.

        Parameters
        ----------
        settled : iterable of int
            Ordinals to leave out; those of other parts are ignored.
        every_column : bool
            Read all columns instead of those that the prompts need.
        """
        left = bytearray(self._chosen)
        for ordinal in settled:
            if ordinal in self.ordinals:
                left[ordinal - self.ordinals.start] = 0
        first, last = left.find(1), left.rfind(1)
        if first < 0:
            return
        columns = None if every_column else self.plan.columns
        for batch in self.datasource.batches(columns, start=first, batch_rows=_CHUNK_ROWS):
            if batch.offset > last:
                return
            if chunk := self._chunk(batch, left):
                yield chunk

    def places(self, start: int) -> Iterator[tuple[list[int], list[int]]]:
        """Give ordinals and row uids of the chosen rows from ordinal `start` on, reading nothing.

        Some hundred at a time.
        """
        uids, first = self.datasource.uids(), self.ordinals.start
        chosen = (at for at in range(start - first, len(uids)) if self._chosen[at])
        while places := list(islice(chosen, _CHUNK_ROWS)):
            yield [first + at for at in places], [uids[at] for at in places]

    def window(self, start: int, stop: int, *, every_column: bool = False) -> Iterator[Chunk]:
        """Read the chosen rows in a range of the datasource's own rows, whatever is before it.

        Parameters
        ----------
        start, stop : int
            First row, and the one after the last, as positions in the datasource.
        every_column : bool
            Read all columns instead of those that the prompts need.
        """
        stop = min(stop, len(self._chosen))
        if start >= stop:
            return
        columns = None if every_column else self.plan.columns
        size, left = min(stop - start, _CHUNK_ROWS), self._chosen[:stop]
        for batch in self.datasource.batches(columns, start=start, batch_rows=size):
            if batch.offset >= stop:
                return
            if chunk := self._chunk(batch, left):
                yield chunk

    def position(self, index: int) -> int:
        """Return where in the datasource the chosen row stands that has `index` before it.

        Raises
        ------
        IndexError
            If so many are not chosen.
        """
        for start in range(0, len(self._chosen), _COUNTED_ROWS):
            inside = self._chosen.count(1, start, start + _COUNTED_ROWS)
            if index < inside:
                places = range(start, min(start + _COUNTED_ROWS, len(self._chosen)))
                return next(islice((at for at in places if self._chosen[at]), index, None))
            index -= inside
        raise IndexError(index)

    def _chunk(self, batch: RowBatch, left: bytearray) -> Chunk | None:
        table = batch.table
        wanted = left[batch.offset : batch.offset + table.num_rows]
        picked = [index for index, byte in enumerate(wanted) if byte]
        if not picked:
            return None
        if len(picked) < table.num_rows:
            table = table.take(_indices(picked))
        base = self.ordinals.start + batch.offset
        columns = {name: table.column(name).to_pylist() for name in self.plan.columns}
        return Chunk(
            datasource_uid=self.datasource.uid,
            ordinals=[base + index for index in picked],
            row_uids=[batch.uids[index] for index in picked],
            prompts=list(self.plan.render_batch(columns, len(picked))),
            table=table,
        )


class Selection:
    """The rows that a call chooses in all its datasources.

    Parameters
    ----------
    parts : sequence of Part
        One for each datasource, in the order of the call.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts

    @classmethod
    def of_call(cls, call: InferenceCall, x_uids: Sequence[int] | None) -> "Selection":
        """Return the selection of a call in the current workspace.

        Raises
        ------
        NotFoundError
            If a datasource does not exist.
        """
        parts = []
        for place, uid in enumerate(call.datasource_uids):
            datasource = get_datasource(uid)
            plan = plan_for(call, datasource)
            parts.append(Part(place, datasource, plan, x_uids))
        return cls(parts)

    @property
    def total(self) -> int:
        """Number of chosen rows."""
        return sum(part.total for part in self.parts)

    def position(self, index: int) -> tuple[Part, int]:
        """Return the part that holds the chosen row with `index` before it, and where there.

        Raises
        ------
        IndexError
            If so many rows are not chosen.
        """
        for part in self.parts:
            if index < part.total:
                return part, part.position(index)
            index -= part.total
        raise IndexError(index)

    def rows(self, settled: Iterable[int] = ()) -> Iterator[Row]:
        """Read the chosen rows in order, less those whose ordinal is in `settled`."""
        settled = array("q", settled)
        for part in self.parts:
            for chunk in part.chunks(settled):
                for ordinal, row_uid, prompt in zip(
                    chunk.ordinals, chunk.row_uids, chunk.prompts, strict=True
                ):
                    yield Row(ordinal, chunk.datasource_uid, row_uid, prompt)


def plan_for(call: InferenceCall, datasource: Datasource) -> PromptPlan:
    """Return how the columns of a datasource fill the templates of a call."""
    system = call.generation_config.system_prompt
    return PromptPlan.for_columns(
        datasource.columns,
        prompt=PromptTemplate(call.prompt_template),
        system=PromptTemplate(system) if system else None,
        mappings=call.column_mappings,
    )


def ordinals_of(place: int) -> range:
    """Return the ordinals that belong to the datasource at this place of a call."""
    return range(place << _ORDINAL_BITS, (place + 1) << _ORDINAL_BITS)


def _indices(numbers: Sequence[int]) -> pa.Int64Array:
    # pa.array() would import pandas, for two seconds of a worker's time.
    buffer = pa.py_buffer(array("q", numbers))
    return cast("pa.Int64Array", pa.Array.from_buffers(pa.int64(), len(numbers), [None, buffer]))


def _mark(datasource: Datasource, x_uids: Sequence[int] | None) -> bytearray:
    if x_uids is None:
        return bytearray(b"\1") * datasource.n_rows
    chosen = bytearray(datasource.n_rows)
    uids = datasource.uids()
    if isinstance(uids, range):
        for uid in x_uids:
            if uid in uids:
                chosen[uid] = 1
        return chosen
    wanted = set(x_uids)
    for place, uid in enumerate(uids):
        if uid in wanted:
            chosen[place] = 1
    return chosen


def parse_x_uids(x_uids: Iterable[object]) -> "array[int]":
    """Return the n of each ``doc::<n>``, ascending, each once.

    Parameters
    ----------
    x_uids : iterable
        Of ``"doc::7"``, ``"7"``, 7 or a NumPy int; a pandas Index will do.

    Raises
    ------
    ConfigError
        If some are something else, naming them, or it is no iterable.
    """
    # NumPy and pandas hand out Python's own values many at a time faster than one by one.
    given = list(_iterable(x_uids.tolist() if hasattr(x_uids, "tolist") else x_uids))
    numbers = set(map(_number_of, given))
    if None in numbers:
        malformed = [reprlib.repr(x_uid) for x_uid in given if _number_of(x_uid) is None]
        more = f" ... ({len(malformed):,} in all)" if len(malformed) > _SHOWN_X_UIDS else ""
        raise ConfigError(
            f"No x_uid looks like {', '.join(malformed[:_SHOWN_X_UIDS])}{more}. An x_uid is "
            "'doc::<n>' or the number alone, e.g. 'doc::7' or 7.",
            field="x_uids",
        )
    return array("q", sorted(cast("set[int]", numbers)))


def _iterable(x_uids: object) -> Iterable[object]:
    if hasattr(x_uids, "columns"):
        raise ConfigError(
            f"x_uids takes a list of x_uids, got a {type(x_uids).__name__}. Pass its index, or "
            "the column that holds them.",
            field="x_uids",
        )
    if isinstance(x_uids, (str, bytes)) or not isinstance(x_uids, Iterable):
        raise ConfigError(
            f"x_uids takes a list of x_uids, got {reprlib.repr(x_uids)} alone. "
            f"Write [{reprlib.repr(x_uids)}].",
            field="x_uids",
        )
    return x_uids


def _number_of(x_uid: object) -> int | None:
    """Return the n of ``doc::<n>``, or None if it has none."""
    if isinstance(x_uid, str):
        digits = x_uid.removeprefix("doc::")
        # int() takes more than these, and refuses thousands of digits.
        if not (digits.isdecimal() and digits.isascii() and len(digits) <= _MOST_DIGITS):
            return None
        number = int(digits)
    elif isinstance(x_uid, bool):
        return None
    else:
        try:
            number = operator.index(x_uid)  # type: ignore[arg-type]
        except TypeError:
            return None
    return number if 0 <= number < 2**63 else None
