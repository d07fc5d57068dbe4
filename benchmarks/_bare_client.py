"""The same requests in a bare aiohttp loop, as one would write it: nothing is kept."""

import asyncio
import sys

import aiohttp
import orjson
import uvloop
from benchmarks._rows import questions
from benchmarks._server import MODEL


async def _run(base_url: str, n_rows: int, in_flight: int) -> None:
    left = questions(n_rows)
    n_answers = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal n_answers
        for question in left:
            message = {"role": "user", "content": question}
            body = orjson.dumps({"model": MODEL, "max_tokens": 256, "messages": [message]})
            async with session.post(f"{base_url}/chat/completions", data=body) as response:
                answer = orjson.loads(await response.read())
                n_answers += len(answer["choices"])

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=in_flight),
        headers={"Content-Type": "application/json"},
    ) as session:
        await asyncio.gather(*(work(session) for _ in range(in_flight)))
    assert n_answers == n_rows


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
