"""What generates the text: a predictable oracle, or a real model."""

from typing import Protocol

import aiohttp
from tests.awsfake.containers import Ask, Completion, ContainerError
from tests.openai_dialects import tokens_in
from tests.openai_server import answer_to


class Generator(Protocol):
    """Makes a completion."""

    async def complete(self, ask: Ask) -> Completion:
        """Return what the model says."""
        ...


class Oracle:
    """Says eight words that follow from the prompt alone, different for every prompt."""

    async def complete(self, ask: Ask) -> Completion:
        """Return the words, within the token limit and up to the first stop string."""
        words = answer_to(ask.prompt, system=ask.system).split()
        text = " ".join(words[: ask.max_new_tokens])
        reason = "length" if ask.max_new_tokens < len(words) else "stop"
        for stop in ask.stop:
            if stop in text:
                text, reason = text[: text.index(stop)], "stop_sequence"
        return Completion(
            text=text,
            reason=reason,
            input_tokens=tokens_in(ask.prompt) + tokens_in(ask.system or ""),
            output_tokens=tokens_in(text),
        )


class Engine:
    """A real model behind an OpenAI-compatible server, e.g. the embedded engine's own.

    Parameters
    ----------
    base_url : str
        Where its API begins, e.g. ``http://127.0.0.1:8080/v1``.
    """

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/chat/completions"

    async def complete(self, ask: Ask) -> Completion:
        """Return what the model says."""
        messages = [{"role": "system", "content": ask.system}] if ask.system else []
        body = {
            "messages": [*messages, {"role": "user", "content": ask.prompt}],
            "max_tokens": ask.max_new_tokens,
            "stop": list(ask.stop),
            "temperature": ask.temperature,
            "seed": ask.seed,
        }
        sent = {name: value for name, value in body.items() if value not in (None, [])}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._url, json=sent) as response,
        ):
            if response.status != 200:
                raise ContainerError(response.status, await response.text())
            answer = await response.json()
        choice, usage = answer["choices"][0], answer["usage"]
        return Completion(
            text=choice["message"]["content"],
            reason=choice["finish_reason"],
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
        )
