"""Counts tokens by a model's own tokenizer, which is kept from one preview to the next."""

import asyncio
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from outboard.errors import OutboardError
from outboard.preparation import Preparation
from outboard.preview import PreviewRow, preview_row
from outboard.providers import Provider
from outboard.selection import Row

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

#: Seconds that a count may take; a prompt is then shown without one.
_WAIT_S = 2.0
# The embedded model's takes 140 MB.
_KEPT = 2


@dataclass
class _Kept:
    provider: Provider | None
    #: Settings of which it was made, with the faults that were found then.
    settings: str
    faults: list[OutboardError] = field(default_factory=list)


class TokenCounter:
    """The tokenizers that were used last, on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None

    def rendered(self, preparation: Preparation, row: Row) -> PreviewRow:
        """Return a row as it would be sent, with its tokens where they can be counted in time.

        What is wrong with the provider is added to the faults of the preparation.
        """
        provider = self._provider(preparation)
        try:
            return self._run(preview_row(row, provider), _WAIT_S)
        except (OutboardError, TimeoutError):
            return self._run(preview_row(row, None), None)

    async def count(self, preparation: Preparation, text: str) -> int | None:
        """Return the number of tokens in a text, from any event loop; None if it is not known."""
        provider = self._provider(preparation)
        if provider is None:
            return None
        loop = self._running_loop()
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(provider.count_tokens(text), loop)
        )

    def close(self) -> None:
        """Free the tokenizers. The next count makes them again."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), OrderedDict()
        for each in kept:
            self._close(each.provider)

    def _provider(self, preparation: Preparation) -> Provider | None:
        if not preparation.has_configs:
            return None
        call = preparation.call
        model = json.dumps([call.served_by, call.model_name, dict(call.deployment)], default=str)
        settings = json.dumps(dict(call.generation), default=str)
        with self._lock:
            kept = self._kept.get(model)
            if kept is not None:
                self._kept.move_to_end(model)
        if kept is not None and kept.settings == settings:
            preparation.faults += kept.faults
            return kept.provider
        n_faults = len(preparation.faults)
        provider = preparation.create_provider()
        faults = preparation.faults[n_faults:]
        if kept is not None and kept.provider is not None:
            # Other generation settings: the tokenizer that is loaded already will do.
            self._close(provider)
            provider = kept.provider if provider is not None else None
            self._keep(model, _Kept(kept.provider, settings, faults))
        else:
            self._keep(model, _Kept(provider, settings, faults))
        return provider

    def _keep(self, model: str, kept: _Kept) -> None:
        dropped: list[_Kept] = []
        with self._lock:
            before = self._kept.get(model)
            if before is not None and before.provider is not kept.provider:
                dropped.append(before)
            self._kept[model] = kept
            self._kept.move_to_end(model)
            while len(self._kept) > _KEPT:
                dropped.append(self._kept.popitem(last=False)[1])
        for each in dropped:
            self._close(each.provider)

    def _close(self, provider: Provider | None) -> None:
        if provider is None:
            return

        async def close() -> None:
            with suppress(OutboardError):
                await provider.close()

        asyncio.run_coroutine_threadsafe(close(), self._running_loop())

    def _run(self, work: Coroutine[Any, Any, _Result], timeout_s: float | None) -> _Result:
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="outboard-panel-tokens", daemon=True
                ).start()
            return self._loop


#: Of this process, for all its panels.
TOKENS = TokenCounter()
