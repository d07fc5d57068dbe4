"""The order that results are looked at in, kept for a while once it is worked out."""

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

#: Orders kept at once: eight bytes for each row.
_KEPT = 4

#: While a job runs its order is this old at most, in seconds, or in times that sorting took.
_STALE_S = 1.0
_STALE_TIMES = 3.0


@dataclass(frozen=True)
class RowOrder:
    """The ordinals of the rows that match, sorted."""

    ordinals: "array[int]"
    #: `JobRecord.commits` when the sorting began.
    version: int


@dataclass(frozen=True)
class _Kept:
    order: RowOrder
    sorted_at: float
    took_s: float


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: _Kept | None = None


class RowOrders:
    """A few orders, the ones looked at last; used by any number of threads.

    Two windows that want the same order wait for one sorting.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()

    def get(
        self, key: Hashable, sort: Callable[[], "array[int]"], *, version: int, live: bool
    ) -> RowOrder:
        """Return an order as of `version`; of a live job, perhaps one of a moment before.

        Parameters
        ----------
        key : hashable
            Job, sort, filter: all that the order depends on beside the version.
        sort : callable
            Works the order out.
        version : int
            `JobRecord.commits`, read before.
        live : bool
            Whether the job goes on, so that there will be a newer order in any case.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > _KEPT:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.kept is None or not self._usable(slot.kept, version, live=live):
                began = self._clock()
                order = RowOrder(sort(), version)
                ended = self._clock()
                slot.kept = _Kept(order, sorted_at=ended, took_s=ended - began)
            return slot.kept.order

    def has(self, key: Hashable) -> bool:
        """Return whether an order was worked out, if perhaps for an earlier version."""
        with self._lock:
            slot = self._slots.get(key)
        return slot is not None and slot.kept is not None

    def _usable(self, kept: _Kept, version: int, *, live: bool) -> bool:
        # Whoever read the version before another thread sorted anew gets the newer order.
        if kept.order.version >= version:
            return True
        age = self._clock() - kept.sorted_at
        return live and age < max(_STALE_S, _STALE_TIMES * kept.took_s)
