"""Server-sent events: a response that streams events to a page.

    return sse_response(request, events())      # an async generator of ServerSentEvent

A stream ends when the browser disconnects, when the application’s `state.ending` is set because the server stops, and after
LONGEST seconds. Browsers reconnect by themselves, and then their session is checked again. A comment every KEEPALIVE seconds
prevents proxies from closing the connection.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

KEEPALIVE = 15.0  # seconds
LONGEST = 600.0
RETRY = 1000  # milliseconds after which a browser reconnects
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """`data` may have several lines; `name` is the event type that the page listens to."""

    data: str
    name: str = "message"

    def encode(self) -> bytes:
        lines = [f"event: {self.name}", *(f"data: {line}" for line in self.data.splitlines() or [""])]
        return ("\n".join(lines) + "\n\n").encode()


def sse_response(request: Request, events: AsyncGenerator[ServerSentEvent, None], *, retry: int = RETRY) -> Response:
    """Returns a response that sends `events`, which are closed when it ends."""
    ending: asyncio.Event = request.app.state.ending
    return StreamingResponse(_stream(events, ending, retry), media_type="text/event-stream", headers=_HEADERS)


async def _stream(
    events: AsyncGenerator[ServerSentEvent, None], ending: asyncio.Event, retry: int
) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LONGEST
    stopping = asyncio.ensure_future(ending.wait())
    next_event: asyncio.Future[ServerSentEvent | None] | None = None
    try:
        yield f"retry: {retry}\n\n".encode()
        while loop.time() < deadline:
            next_event = next_event or asyncio.ensure_future(anext(events, None))
            waiting: set[asyncio.Future[Any]] = {next_event, stopping}
            await asyncio.wait(waiting, timeout=KEEPALIVE, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                return
            if not next_event.done():
                yield b": keep-alive\n\n"
                continue
            event, next_event = next_event.result(), None
            if event is None:
                return
            yield event.encode()
    finally:
        for each in (next_event, stopping):
            if each is not None:
                each.cancel()
                await asyncio.gather(each, return_exceptions=True)
        await events.aclose()
