"""Server-sent events: a page that is told what is new.

    return event_stream(request, changes())      # an async generator of Event

A stream ends when the browser leaves, when the server is about to end, and after LONGEST seconds; browsers come back by
themselves, and are asked for their session anew. A comment every few seconds keeps proxies from closing it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mailer.web.desk.page import HEADERS

QUIET = 15.0  # seconds
LONGEST = 600.0
RETRY = 1000  # milliseconds after which a browser comes back


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`data` may have several lines; `name` is what the page listens to."""

    data: str
    name: str = "message"
    id: str = ""

    def encode(self) -> bytes:
        lines = [f"event: {self.name}", *([f"id: {self.id}"] if self.id else [])]
        lines += [f"data: {line}" for line in self.data.splitlines() or [""]]
        return ("\n".join(lines) + "\n\n").encode()


def event_stream(request: Request, events: AsyncIterator[Event]) -> Response:
    """An answer that goes on as long as `events` do; they are closed with it."""
    ending: asyncio.Event = request.app.state.ending
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(events, ending), media_type="text/event-stream", headers=headers)


async def _told(events: AsyncIterator[Event], ending: asyncio.Event) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    last = loop.time() + LONGEST
    end = asyncio.ensure_future(ending.wait())
    coming: asyncio.Future[Event | None] | None = None
    try:
        yield f"retry: {RETRY}\n\n".encode()
        while loop.time() < last:
            coming = coming or asyncio.ensure_future(anext(events, None))
            waiting: set[asyncio.Future[Any]] = {coming, end}
            await asyncio.wait(waiting, timeout=QUIET, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return
            if not coming.done():
                yield b": still here\n\n"
                continue
            event, coming = coming.result(), None
            if event is None:
                return
            yield event.encode()
    finally:
        for each in (coming, end):
            if each is not None:
                each.cancel()
                await asyncio.gather(each, return_exceptions=True)
        if isinstance(events, AsyncGenerator):
            await events.aclose()
