"""One GGUF model, loaded into this process by llama.cpp (through xllamacpp)."""

import http
import http.client
import json
import logging
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outboard.errors import InvocationError, ProviderError
from outboard.providers import OnText, Response
from outboard.providers.local_import import import_engine, usable_cores

logger = logging.getLogger(__name__)

#: Requests decoded together. By `benchmarks/engine.py --sweep`, on 2 cores: 8 slots gave 1.4 to
#: 1.9 times the tokens per CPU second of 1 slot, and up to 1.15 times those of 4; 16 gave no
#: more, and took twice the memory.
DEFAULT_SLOTS = 8

#: Most threads to compute with. They wait for each other after every operation, and those of a
#: small model are over in microseconds.
MAX_THREADS = 8

#: Prompt tokens computed at a time. A request can be cancelled, and others in flight get their
#: next token, only between two such batches; larger ones were no faster.
PREFILL_BATCH = 256

# Paths of Unix sockets are limited to 104 bytes on macOS, 108 on Linux.
_LONGEST_SOCKET_PATH = 100


class Engine:
    """A loaded model. Its methods block, and may be called from several threads at once.

    llama.cpp's server always listens for HTTP as well. Other users of the host must not reach
    the model that way, so it listens on a Unix socket in a private folder (on loopback where
    that is impossible) and demands a random key.

    Parameters
    ----------
    path : Path
        The GGUF file.
    n_slots : int
        Requests decoded together; more callers wait for a slot.
    context_length : int
        Tokens of prompt and answer together, for each request. llama.cpp rounds it up to a
        multiple of 256.
    n_threads : int, optional
        Threads to compute with. Default: the usable cores, `MAX_THREADS` at most.
    warm_up : bool
        Compute one token while loading, so that the first request is as fast as the others.

    Raises
    ------
    ProviderError
        If the engine cannot be imported, or the file cannot be loaded.
    """

    #: Tokens that each request really has for prompt and answer together.
    context_length: int
    #: Where the server inside listens: ``unix://...`` or ``http://127.0.0.1:...``.
    address: str

    def __init__(
        self,
        path: Path,
        *,
        n_slots: int,
        context_length: int,
        n_threads: int | None = None,
        warm_up: bool = True,
    ) -> None:
        xllamacpp = import_engine()
        self._closing = threading.Event()
        self._key = secrets.token_urlsafe(32)
        self._folder = tempfile.TemporaryDirectory(prefix="outboard-engine-")
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_parallel = n_slots
        params.n_ctx = context_length * n_slots
        params.n_batch = params.n_ubatch = PREFILL_BATCH
        threads = n_threads or min(usable_cores(), MAX_THREADS)
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.warmup = warm_up
        params.fit_params = False  # we say what we want; the search would load the model twice
        params.cache_ram_mib = 0  # or up to 8 GiB of past prompts are kept
        params.force_pure_content_parser = True  # the text is what the model wrote, all of it
        params.verbosity = 1  # errors only, on stderr: why a file cannot be loaded
        params.api_keys = [self._key]
        params.n_threads_http = 1
        params.ui = False
        socket_path = Path(self._folder.name, "engine.sock")
        if hasattr(socket, "AF_UNIX") and len(os.fsencode(socket_path)) <= _LONGEST_SOCKET_PATH:
            params.hostnames = [str(socket_path)]
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            self._folder.cleanup()
            raise ProviderError(
                f"The embedded engine cannot load {path}. The file may be damaged or incomplete, "
                "of an architecture that this llama.cpp does not know, or too large for the "
                f"memory with {n_slots} requests of {context_length} tokens in flight (lower "
                "max_concurrency or context_length). llama.cpp's own reason is on stderr: in a "
                "job, in the worker's log.",
                provider="local",
            ) from error
        self.address = self._server.listening_address
        # Asking the server's main loop something also makes sure that it runs: a server that is
        # freed between loading and its first loop never stops.
        self.context_length = json.loads(self._ask("GET", "/slots"))[0]["n_ctx"]
        logger.debug("loaded %s: %d slots, %d threads", path, n_slots, threads)

    def chat(
        self,
        body: dict[str, Any],
        *,
        stopped: Callable[[], bool],
        on_text: OnText | None = None,
    ) -> Response:
        """Answer one chat request.

        Parameters
        ----------
        body : dict
            The request as `/v1/chat/completions` takes it, without the streaming settings.
        stopped : callable
            Asked after every token and every `PREFILL_BATCH` prompt tokens; True ends the request.
        on_text : callable, optional
            Called with each piece of the answer, in this thread.

        Raises
        ------
        InvocationError
            If the engine refuses the request, fails, or was stopped.
        """
        server = self._server
        if server is None:
            raise InvocationError("The embedded engine is closed.", code="unavailable")
        answer = Answer(on_text=on_text)

        def on_chunk(chunk: dict[str, Any]) -> bool:
            return answer.take(chunk) or stopped() or self._closing.is_set()

        # Streaming is the only way to cancel; progress reports make it work in the prompt, too.
        streaming = {
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
        }
        try:
            server.handle_chat_completions(body | streaming, on_chunk)
        except (RuntimeError, TypeError, ValueError) as error:
            # Raised before anything is computed: by the chat template, or over a bad parameter.
            raise InvocationError(
                f"The embedded engine refuses the request: {error}", code="rejected"
            ) from error
        return answer.response()

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, without the chat template."""
        reply = self._ask(
            "POST", "/tokenize", {"content": text, "add_special": False, "parse_special": True}
        )
        return len(json.loads(reply)["tokens"])

    def close(self) -> None:
        """Free the model. Requests in flight end at their next token; none may follow."""
        self._closing.set()
        self._server = None  # freed here, or by the last call in flight
        self._folder.cleanup()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        connection = _connection(self.address)
        try:
            connection.request(
                method,
                path,
                # Half a character (a lone surrogate) counts as one that is whole.
                body=json.dumps(body, ensure_ascii=False).encode(errors="replace"),
                headers={"Authorization": f"Bearer {self._key}"},
            )
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f"status {response.status}")
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ProviderError(
                f"The embedded engine does not answer {method} {path} ({error}). "
                "It may have been closed; open it again.",
                provider="local",
            ) from error
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _connection(address: str) -> http.client.HTTPConnection:
    scheme, _, place = address.partition("://")
    return _UnixConnection(place) if scheme == "unix" else http.client.HTTPConnection(place)


@dataclass
class Answer:
    """What the engine has said to one request so far.

    The engine reports failures as chunks, swallows what a callback raises, and returns nothing
    for a request that was stopped. So the state is kept here, and only an answer that says how
    it finished becomes a `Response`.
    """

    on_text: OnText | None = None
    texts: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    fault: Exception | None = None

    def take(self, chunk: dict[str, Any]) -> bool:
        """Note one streamed chunk. Return True if no more are wanted."""
        n_before = len(self.texts)
        try:
            self.error = chunk.get("error")
            for choice in chunk.get("choices", ()):
                self.texts.append(choice["delta"].get("content") or "")
                self.finish_reason = choice["finish_reason"] or self.finish_reason
            self.usage = chunk.get("usage") or self.usage
        except (AttributeError, KeyError, TypeError) as fault:
            self.fault = fault
        if self.on_text is not None and (piece := "".join(self.texts[n_before:])):
            self.on_text(piece)
        return self.error is not None or self.fault is not None

    def response(self) -> Response:
        """Return the finished answer.

        Raises
        ------
        InvocationError
            If the engine reported an error, or the answer is not complete.
        """
        if self.error is not None:
            raise _refusal(self.error)
        if self.fault is not None:
            raise InvocationError(
                f"The embedded engine sent a chunk that cannot be read ({self.fault!r}).",
                code="invalid_response",
            ) from self.fault
        if self.finish_reason is None:
            n_tokens = sum(bool(text) for text in self.texts)
            raise InvocationError(
                f"The embedded engine stopped before the answer was complete, after {n_tokens} "
                "tokens.",
                code="incomplete_response",
            )
        return Response(
            text="".join(self.texts),
            finish_reason=self.finish_reason,
            input_tokens=self.usage.get("prompt_tokens"),
            output_tokens=self.usage.get("completion_tokens"),
        )


def _refusal(error: dict[str, Any]) -> InvocationError:
    if error.get("type") == "exceed_context_size_error":
        return InvocationError(
            f"The prompt has {error.get('n_prompt_tokens')} tokens, chat template included; with "
            f"the answer it must fit into {error.get('n_ctx')}. Shorten it, or raise "
            'deployment_config={"context_length": ...} if the model allows.',
            code="prompt_too_long",
        )
    code = "rejected" if 400 <= int(error.get("code", 500)) < 500 else "server_error"
    return InvocationError(f"The embedded engine: {error.get('message', error)}", code=code)
