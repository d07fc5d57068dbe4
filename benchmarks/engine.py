"""The embedded model: tokens per second through the provider, beside llama.cpp alone.

Both run in this process, with the same file, slots, threads and questions, and take turns;
llama.cpp alone is `xllamacpp` called from a thread pool, without streaming. Every answer has
the same length, so that both generate the same tokens. Tokens per CPU second is the sturdier
figure: other work on the machine moves it less. `--sweep` measures what the defaults in
`outboard.providers.local_engine` are chosen by.
"""

import argparse
import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psutil
from benchmarks import _machine
from benchmarks._report import say, show, spread, verdict

from outboard.assets import fetch_demo_rows, fetch_model
from outboard.config import DeploymentConfig, GenerationConfig
from outboard.providers import Request
from outboard.providers.local import DEFAULT_CONTEXT_LENGTH, LocalProvider
from outboard.providers.local_engine import DEFAULT_SLOTS, MAX_THREADS, Engine
from outboard.providers.local_import import import_engine, usable_cores

ASSETS_DIR = Path(__file__).parents[1] / ".cache" / "assets"
TARGET = 0.9

_SWEPT_SLOTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Generated tokens per second of wall and of CPU time."""

    per_s: float
    per_cpu_s: float


def questions(assets_dir: Path, count: int) -> Iterator[list[str]]:
    """Yield new questions each time: none is in an engine's cache."""
    lines = fetch_demo_rows(assets_dir).read_bytes().splitlines()
    every = itertools.cycle(orjson.loads(line)["question"] for line in lines)
    while True:
        yield list(itertools.islice(every, count))


def measured(ask: Callable[[list[str]], int], prompts: list[str]) -> Speed:
    """Time `ask`, which returns how many tokens it generated."""
    wall, cpu = time.perf_counter(), time.process_time()
    n_tokens = ask(prompts)
    return Speed(
        per_s=n_tokens / (time.perf_counter() - wall),
        per_cpu_s=n_tokens / (time.process_time() - cpu),
    )


def chat_body(prompt: str, max_new_tokens: int) -> dict[str, Any]:
    """Return a greedy request that always generates `max_new_tokens`."""
    return {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_new_tokens,
        "temperature": 0,
        "ignore_eos": True,
    }


class Alone:
    """llama.cpp as its package offers it, with our slots and threads."""

    def __init__(self, model_file: Path, max_new_tokens: int) -> None:
        xllamacpp = import_engine()
        params = xllamacpp.CommonParams()
        params.model.path = str(model_file)
        params.n_parallel = DEFAULT_SLOTS
        params.n_ctx = DEFAULT_SLOTS * DEFAULT_CONTEXT_LENGTH
        threads = min(usable_cores(), MAX_THREADS)
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.verbosity = -1
        self._server = xllamacpp.Server(params)
        self._max_new_tokens = max_new_tokens

    def ask(self, prompts: list[str]) -> int:
        """Answer all prompts. Return how many tokens were generated."""
        with ThreadPoolExecutor(DEFAULT_SLOTS) as pool:
            return sum(pool.map(self._ask_one, prompts))

    def _ask_one(self, prompt: str) -> int:
        answer = self._server.handle_chat_completions(chat_body(prompt, self._max_new_tokens))
        return int(answer["usage"]["completion_tokens"])


class Ours:
    """The provider, as a job drives it."""

    def __init__(self, model_file: Path, max_new_tokens: int) -> None:
        self._runner = asyncio.Runner()
        self._provider = LocalProvider(
            str(model_file),
            generation=GenerationConfig(
                max_new_tokens=max_new_tokens, do_sample=False, extra={"ignore_eos": True}
            ),
            deployment=DeploymentConfig(),
            assets_dir=model_file.parent,
        )
        self._runner.run(self._provider.open(lambda _event: None))

    def ask(self, prompts: list[str]) -> int:
        """Answer all prompts. Return how many tokens were generated."""
        return self._runner.run(self._ask_all(prompts))

    async def _ask_all(self, prompts: list[str]) -> int:
        requests = [Request(prompt=prompt) for prompt in prompts]
        responses = await asyncio.gather(*map(self._provider.invoke, requests))
        return sum(response.output_tokens or 0 for response in responses)

    def close(self) -> None:
        """Free the model."""
        self._runner.run(self._provider.close())
        self._runner.close()


def compare(model_file: Path, *, n_rounds: int, n_rows: int, max_new_tokens: int) -> None:
    """Let both answer the same questions, in turn, and print a table."""
    alone, ours = Alone(model_file, max_new_tokens), Ours(model_file, max_new_tokens)
    rounds = questions(model_file.parent, n_rows)
    for engine in (alone, ours):  # not measured: the weights are read here
        engine.ask(next(rounds))
    speeds: dict[str, list[Speed]] = {"llama.cpp alone": [], "our provider": []}
    for number, prompts in zip(range(n_rounds), rounds, strict=False):
        turns = [("llama.cpp alone", alone.ask), ("our provider", ours.ask)]
        for name, ask in turns if number % 2 else reversed(turns):
            speeds[name].append(measured(ask, prompts))
    ours.close()
    rows = [
        (name, spread([s.per_s for s in each], 1), spread([s.per_cpu_s for s in each], 1), "")
        for name, each in speeds.items()
    ]
    pairs = list(zip(*speeds.values(), strict=True))
    by_wall = [mine.per_s / theirs.per_s for theirs, mine in pairs]
    by_cpu = [mine.per_cpu_s / theirs.per_cpu_s for theirs, mine in pairs]
    met = verdict(median(by_cpu), at_least=TARGET)
    rows.append(("ratio in each round", spread(by_wall), spread(by_cpu), f">= {TARGET} {met}"))
    say(
        f"{n_rounds} rounds of {n_rows} rows, {max_new_tokens} new tokens each, {DEFAULT_SLOTS} "
        f"slots, {min(usable_cores(), MAX_THREADS)} threads."
    )
    show(
        "Median (lowest-highest)",
        ("what", "tokens/s", "tokens/CPU s", "target"),
        rows,
    )


def sweep(model_file: Path, *, n_rounds: int, n_rows: int, max_new_tokens: int) -> None:
    """Measure each number of slots with each number of threads, and print a table."""
    choices = list(itertools.product(_SWEPT_SLOTS, range(1, usable_cores() + 1)))
    speeds: dict[tuple[int, int], list[Speed]] = {choice: [] for choice in choices}
    memory_mb: dict[tuple[int, int], float] = {}
    rounds = questions(model_file.parent, n_rows)
    for prompts in itertools.islice(rounds, n_rounds):
        for slots, threads in choices:
            before = psutil.Process().memory_info().rss
            engine = Engine(
                model_file,
                n_slots=slots,
                n_threads=threads,
                context_length=DEFAULT_CONTEXT_LENGTH,
            )
            ask = asker(engine, slots, max_new_tokens)
            speeds[slots, threads].append(measured(ask, prompts))
            memory_mb[slots, threads] = (psutil.Process().memory_info().rss - before) / 1e6
            engine.close()
    say(
        f"{n_rounds} rounds of {n_rows} rows, {max_new_tokens} new tokens each, "
        f"{DEFAULT_CONTEXT_LENGTH} tokens of context."
    )
    show(
        "Median (lowest-highest)",
        ("slots x threads", "tokens/s", "tokens/CPU s", "memory, MB"),
        [sweep_row(choice, speeds[choice], memory_mb[choice]) for choice in choices],
    )


def asker(engine: Engine, slots: int, max_new_tokens: int) -> Callable[[list[str]], int]:
    """Return a function that has `engine` answer all prompts, and counts the tokens."""

    def ask_one(prompt: str) -> int:
        response = engine.chat(chat_body(prompt, max_new_tokens), stopped=lambda: False)
        return response.output_tokens or 0

    def ask(prompts: list[str]) -> int:
        with ThreadPoolExecutor(slots) as pool:
            return sum(pool.map(ask_one, prompts))

    return ask


def sweep_row(
    choice: tuple[int, int], speeds: Sequence[Speed], memory_mb: float
) -> tuple[str, ...]:
    """Return one line of the table."""
    slots, threads = choice
    chosen = (DEFAULT_SLOTS, min(usable_cores(), MAX_THREADS)) == choice
    return (
        f"{slots} x {threads}{' (default)' if chosen else ''}",
        spread([speed.per_s for speed in speeds], 1),
        spread([speed.per_cpu_s for speed in speeds], 1),
        f"{memory_mb:,.0f}",
    )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sweep", action="store_true", help="measure slots x threads instead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=32, help="rows in each round")
    parser.add_argument("--tokens", type=int, default=48, help="new tokens for each row")
    given = parser.parse_args()
    say(_machine.describe(ASSETS_DIR.parent))
    measure = sweep if given.sweep else compare
    measure(
        fetch_model(ASSETS_DIR),
        n_rounds=given.rounds,
        n_rows=given.rows,
        max_new_tokens=given.tokens,
    )


if __name__ == "__main__":
    main()
