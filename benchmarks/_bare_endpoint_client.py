"""The same rows in a bare aiohttp loop, unsigned, as one would write it: nothing is kept."""

import asyncio
import sys

import aiohttp
import orjson
import uvloop
from benchmarks._rows import questions
from benchmarks._server import ENDPOINT

_PARAMETERS = {"max_new_tokens": 256, "details": True, "return_full_text": False}


async def _run(root_url: str, n_rows: int, in_flight: int) -> None:
    left = questions(n_rows)
    n_answers = 0
    url = f"{root_url}/endpoints/{ENDPOINT}/invocations"

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal n_answers
        for question in left:
            body = orjson.dumps({"inputs": question, "parameters": _PARAMETERS})
            async with session.post(url, data=body) as response:
                answer = orjson.loads(await response.read())
                n_answers += len(answer)

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=in_flight),
        headers={"Content-Type": "application/json"},
    ) as session:
        await asyncio.gather(*(work(session) for _ in range(in_flight)))
    assert n_answers == n_rows


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
