"""A model server that is never the slowest part: ready-made answers, after a set latency.

Speaks as much of the OpenAI chat protocol as the benchmarks need, and of SageMaker's runtime
with a TGI container behind it (signatures are taken unread), straight on the socket: some 0.03 s
of CPU for 1,000 requests. As a process, it serves until its standard input ends,
and prints its base_url on one line. What it has seen since the last ``POST /reset`` is under
``/seen``. Clocks are `time.monotonic`, which is one clock for all processes of a machine.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

import orjson
import uvloop

MODEL = "bench"
#: Name of the endpoint whose invocations are answered; any other name is as good.
ENDPOINT = "bench"
_ANSWER_WORDS = 50


@dataclass
class Seen:
    """What arrived since the last reset."""

    #: Chat completions or invocations.
    requests: int = 0
    #: When the first and the last of them arrived; 0 before that.
    first_at: float = 0.0
    last_at: float = 0.0
    #: Connections made over the server's whole life.
    connections: int = 0
    #: CPU time of the server, in seconds.
    cpu_s: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """Requests a second between the first and the last."""
        return (self.requests - 1) / (self.last_at - self.first_at)


class RunningServer:
    """A handle on the server's process."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._root = base_url.removesuffix("/v1")

    def seen(self) -> Seen:
        """Return what it has seen since the last reset."""
        return self._ask("GET", "/seen")

    def reset(self) -> None:
        """Begin to count anew."""
        self._ask("POST", "/reset")

    def wait_for_request(self, *, timeout_s: float = 60.0) -> float:
        """Wait until a chat completion has arrived since the last reset; return when it did."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if first_at := self.seen().first_at:
                return first_at
            time.sleep(0.01)
        raise TimeoutError(f"no request within {timeout_s:g} s")

    def _ask(self, method: str, path: str) -> Seen:
        request = urllib.request.Request(self._root + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return Seen(**json.load(reply))


@contextmanager
def running(latency_s: float, *, stamped: bool = False) -> Iterator[RunningServer]:
    """Run the server in a process of its own.

    Parameters
    ----------
    latency_s : float
        Time until an answer.
    stamped : bool
        Answer with the time at which the answer leaves, instead of with words.
    """
    command = [sys.executable, "-m", "benchmarks._server", "--latency", str(latency_s)]
    with subprocess.Popen(
        command + ["--stamped"] * stamped,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield RunningServer(process.stdout.readline().strip())
        process.communicate()  # closes its standard input


def _reply(payload: object, status: str = "200 OK") -> bytes:
    body = orjson.dumps(payload)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    return _reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": _ANSWER_WORDS, "total_tokens": 70},
        }
    )


def _generation(text: str) -> bytes:
    tokens = [
        {"id": number, "text": f" {word}", "logprob": -0.5, "special": False}
        for number, word in enumerate(text.split())
    ]
    details = {
        "finish_reason": "eos_token",
        "generated_tokens": _ANSWER_WORDS,
        "seed": None,
        "prefill": [],
        "tokens": tokens,
    }
    return _reply([{"generated_text": text, "details": details}])


def _words(number: int) -> str:
    return " ".join(f"word{(number * 7 + i) % 97}" for i in range(_ANSWER_WORDS))


_COMPLETIONS = tuple(_completion(_words(number)) for number in range(64))
_GENERATIONS = tuple(_generation(_words(number)) for number in range(64))
_MODELS = _reply({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
_NOT_FOUND = _reply({"error": {"message": "There is nothing here."}}, "404 Not Found")


class _Connection(asyncio.Protocol):
    def __init__(self, seen: Seen, latency_s: float, *, stamped: bool) -> None:
        self._seen = seen
        self._latency_s = latency_s
        self._stamped = stamped
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._seen.connections += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head_end := self._received.find(b"\r\n\r\n")) >= 0:
            end = head_end + 4 + _content_length(self._received[:head_end])
            if len(self._received) < end:
                return
            request, self._received = self._received[:end], self._received[end:]
            self._serve(request[: request.find(b" HTTP/")])

    def _serve(self, line: bytes) -> None:
        match line:
            case b"POST /v1/chat/completions":
                self._serve_model(_COMPLETIONS)
            case _ if line.startswith(b"POST /endpoints/"):
                self._serve_model(_GENERATIONS)
            case b"GET /v1/models":
                self._transport.write(_MODELS)
            case b"POST /reset":
                self._seen.requests = 0
                self._seen.first_at = self._seen.last_at = 0.0
                self._transport.write(self._tell())
            case b"GET /seen":
                self._transport.write(self._tell())
            case _:
                self._transport.write(_NOT_FOUND)

    def _serve_model(self, answers: Sequence[bytes]) -> None:
        seen = self._seen
        seen.last_at = time.monotonic()
        seen.first_at = seen.first_at or seen.last_at
        seen.requests += 1
        if self._latency_s:
            self._loop.call_later(self._latency_s, self._answer, answers, seen.requests)
        else:
            self._answer(answers, seen.requests)

    def _answer(self, answers: Sequence[bytes], number: int) -> None:
        if self._transport.is_closing():
            return  # a cancelled job waits for no answer
        if self._stamped:
            self._transport.write(_completion(repr(time.monotonic())))
        else:
            self._transport.write(answers[number % len(answers)])

    def _tell(self) -> bytes:
        self._seen.cpu_s = time.process_time()
        told: dict[str, Any] = asdict(self._seen)
        return _reply(told)


def _content_length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return 0 if start < 0 else int(head[start + 15 :].split(b"\r\n", 1)[0])


async def _serve(latency_s: float, *, stamped: bool) -> None:
    loop = asyncio.get_running_loop()
    seen = Seen()
    server = await loop.create_server(
        lambda: _Connection(seen, latency_s, stamped=stamped), "127.0.0.1", 0, backlog=1_024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    ended = asyncio.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await ended.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.02, metavar="SECONDS")
    parser.add_argument("--stamped", action="store_true")
    given = parser.parse_args()
    uvloop.run(_serve(given.latency, stamped=given.stamped))
