"""What an OpenAI-compatible server tells about the models it serves."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_SHOWN = 10


@dataclass(frozen=True)
class ModelList:
    """The models that a server lists under ``/models``."""

    #: Each model's entry, by its name.
    entries: Mapping[str, Mapping[str, Any]]

    @classmethod
    def parse(cls, body: bytes) -> "ModelList | None":
        """Return the list in a reply, or None if the reply holds none."""
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        listed = payload.get("data") if isinstance(payload, dict) else payload
        if not isinstance(listed, list):
            return None
        return cls({str(e["id"]): e for e in listed if isinstance(e, dict) and "id" in e})

    def find(self, name: str) -> Mapping[str, Any] | None:
        """Return the entry that serves `name`, by its id or another name for it.

        Ollama lists ``name:latest`` for ``name``, Gemini ``models/name``; llama.cpp has aliases.
        """
        for known in (name, f"{name}:latest", f"models/{name}"):
            if known in self.entries:
                return self.entries[known]
        return next((e for e in self.entries.values() if name in (e.get("aliases") or ())), None)

    def context_length(self, entry: Mapping[str, Any]) -> int | None:
        """Return how many tokens, prompt and answer together, vLLM takes for this model."""
        # A LoRA adapter states no length; the model beneath it does.
        beneath = self.entries.get(str(entry.get("parent")), {})
        length = entry.get("max_model_len") or beneath.get("max_model_len")
        return length if isinstance(length, int) else None

    def describe(self, *, nearest_to: str) -> str:
        """Return the names on offer in words, those like `nearest_to` first."""
        names = list(self.entries)
        near = difflib.get_close_matches(nearest_to, names, n=5, cutoff=0.5)
        shown = (near + [name for name in names if name not in near])[:_SHOWN]
        more = len(names) - len(shown)
        return ", ".join(repr(name[:100]) for name in shown) + (f" and {more} more" if more else "")


@dataclass(frozen=True, kw_only=True)
class LlamaCppProps:
    """What llama.cpp tells under ``/props``."""

    #: Requests it works on at a time; None if it does not say.
    slots: int | None
    #: Tokens of prompt and answer that each slot holds; None if it does not say.
    context_length: int | None

    @classmethod
    def parse(cls, body: bytes) -> "LlamaCppProps":
        """Read a reply; what is missing or odd in it becomes None."""
        try:
            props = orjson.loads(body)
            slots, context = props.get("total_slots"), props["default_generation_settings"]["n_ctx"]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return cls(slots=None, context_length=None)
        return cls(
            slots=slots if isinstance(slots, int) and slots > 0 else None,
            context_length=context if isinstance(context, int) and context > 1 else None,
        )
