"""The fake AWS as one HTTP server on loopback.

In a test, in a thread of its own::

    with AwsFake() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        fake.training_job("my-job")
        ...  # boto3 and signed HTTP talk to it
        fake.assert_nothing_billed()

As a process, for tests that kill things; it prints its address on one line and serves until
its standard input ends. ``Driver(address)`` scripts it from any process::

    python -m tests.awsfake --speed 60
"""

import asyncio
import threading
from typing import Self

import uvloop
from aiohttp import web
from tests.awsfake.commands import PREFIX, Commands
from tests.awsfake.driver import Driver
from tests.awsfake.front import Front
from tests.awsfake.services import Services


class AwsFake(Driver):
    """The server, in a thread from `__enter__` to `__exit__`; its `Driver` at the same time.

    Parameters
    ----------
    speed : float
        Virtual seconds for each real one. 0 stands still between calls of `advance`.
    region : str
        The only region there is.
    port : int
        Port to listen on; 0 takes a free one.
    """

    def __init__(self, *, speed: float = 1.0, region: str = "us-east-1", port: int = 0) -> None:
        super().__init__("")
        self._speed = speed
        self._region = region
        self._port = port
        self._ready = threading.Event()
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="aws-fake", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        services = Services(region=self._region, speed=self._speed)
        commands = Commands(services)
        app = web.Application(client_max_size=2**27)
        app.add_routes(
            [
                web.post(PREFIX + "{command}", commands.handle),
                web.get(PREFIX + "credentials/{lifetime_s}", commands.credentials),
                web.route("*", "/{tail:.*}", Front(services).handle),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, backlog=1_024)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        services.clock.stop()
        await runner.cleanup()
