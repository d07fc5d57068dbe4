"""Short ways to use the OpenAI provider in tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tests.openai_server import OpenAIServer

from outboard.config import DeploymentConfig, GenerationConfig
from outboard.providers import Request, Response
from outboard.providers.openai import OpenAIProvider

T = TypeVar("T")


def make(
    server: OpenAIServer | str, *, model: str = "tiny-chat", **settings: Any
) -> OpenAIProvider:
    """Return a provider for `server`, which must be closed.

    `settings` of the deployment and of the generation go side by side.
    """
    url = server if isinstance(server, str) else server.base_url
    deployment = {k: v for k, v in settings.items() if k in DeploymentConfig.model_fields}
    generation = {k: v for k, v in settings.items() if k not in deployment}
    return OpenAIProvider(
        model,
        generation=GenerationConfig(**generation),
        deployment=DeploymentConfig(**({"base_url": url} | deployment)),
    )


@asynccontextmanager
async def closing(provider: OpenAIProvider) -> AsyncIterator[OpenAIProvider]:
    """Close the provider at the end of the block."""
    try:
        yield provider
    finally:
        await provider.close()


def use(provider: OpenAIProvider, action: Callable[[OpenAIProvider], Awaitable[T]]) -> T:
    """Run `action` on the provider in an event loop, and close it."""

    async def session() -> T:
        async with closing(provider):
            return await action(provider)

    return asyncio.run(session())


def ask(server: OpenAIServer | str, prompt: str, **settings: Any) -> Response:
    """Return the response to one prompt."""
    return use(make(server, **settings), lambda p: p.invoke(Request(prompt=prompt)))


def check(server: OpenAIServer | str, **settings: Any) -> None:
    """Check a server."""
    use(make(server, **settings), lambda p: p.check())
