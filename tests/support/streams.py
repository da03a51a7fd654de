"""Responses that go on, read chunk by chunk over ASGI: httpx would wait for their end."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.applications import Starlette


async def chunks_of(app: Starlette, path: str, host: str = "127.0.0.1:8123") -> AsyncGenerator[str, None]:
    """Yields the chunks of the body that `app` answers at `path`; closing it is the browser that leaves."""
    chunks: asyncio.Queue[str | None] = asyncio.Queue()
    name, _, port = host.partition(":")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "server": (name, int(port)),
    }

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            chunks.put_nowait(message["body"].decode())

    async def receive() -> dict[str, object]:
        return await asyncio.get_running_loop().create_future()

    async def answer() -> None:
        try:
            await app(scope, receive, send)
        finally:
            chunks.put_nowait(None)

    task = asyncio.create_task(answer())
    try:
        while (chunk := await chunks.get()) is not None:
            yield chunk
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
