"""The same requests straight on sockets: the least that a Python client can cost.

No product: no retries, no chunked replies, no TLS, nothing is kept.
"""

import asyncio
import sys
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

import orjson
import uvloop
from benchmarks._rows import questions
from benchmarks._server import MODEL


class _Slot(asyncio.Protocol):
    """One connection, which sends its next request as soon as it has its answer."""

    def __init__(self, left: Iterator[str], head: bytes) -> None:
        self._left = left
        self._head = head
        self._received = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) == int(head.rsplit(b"Content-Length: ", 1)[1]):
            assert orjson.loads(body)["choices"]
            self._received = b""
            self._send()

    def _send(self) -> None:
        question = next(self._left, None)
        if question is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        message = {"role": "user", "content": question}
        body = orjson.dumps({"model": MODEL, "max_tokens": 256, "messages": [message]})
        self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body))


async def _run(base_url: str, n_rows: int, in_flight: int) -> None:
    loop = asyncio.get_running_loop()
    address = urlsplit(base_url)
    head = f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n".encode()
    host, port = address.hostname or "", address.port or 80
    left = questions(n_rows)
    slots = [
        await loop.create_connection(lambda: _Slot(left, head), host, port)
        for _ in range(in_flight)
    ]
    await asyncio.gather(*(slot.ended for _, slot in slots))


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
