"""Server-sent events: how they are written, and when a stream ends."""

import asyncio
import contextlib

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from mailer.web import sse
from mailer.web.sse import ServerSentEvent, sse_response
from tests.support.streams import chunks_of


class Streaming:
    """An application that sends `events`, and then nothing more, at /."""

    def __init__(self, *events):
        self._events = events
        self.closed = False
        self.app = Starlette(routes=[Route("/", self._answer)])
        self.app.state.ending = asyncio.Event()

    async def _answer(self, request):
        return sse_response(request, self._generate(), retry=7)

    async def _generate(self):
        try:
            for event in self._events:
                yield event
            await asyncio.Event().wait()
        finally:
            self.closed = True

    def end(self):
        self.app.state.ending.set()


async def read(streaming, on_chunk):
    chunks = []
    async with asyncio.timeout(60), contextlib.aclosing(chunks_of(streaming.app, "/")) as stream:
        async for chunk in stream:
            chunks.append(chunk)
            if on_chunk(chunks):
                break
    return chunks


def test_an_event_is_written_line_by_line():
    assert ServerSentEvent(name="x", data="a\nb").encode() == b"event: x\ndata: a\ndata: b\n\n"
    assert ServerSentEvent(data="").encode() == b"event: message\ndata: \n\n"


def test_a_stream_ends_when_the_server_stops():
    streaming = Streaming(ServerSentEvent(data="1"))
    chunks = asyncio.run(read(streaming, lambda chunks: streaming.end() if "data: 1" in chunks[-1] else None))
    assert chunks == ["retry: 7\n\n", "event: message\ndata: 1\n\n"]
    assert streaming.closed


def test_a_stream_ends_when_the_browser_leaves():
    streaming = Streaming(ServerSentEvent(data="1"))
    asyncio.run(read(streaming, lambda chunks: "data: 1" in chunks[-1]))
    assert streaming.closed


def test_comments_keep_a_silent_stream_open(monkeypatch):
    monkeypatch.setattr(sse, "KEEPALIVE", 0.001)
    streaming = Streaming(ServerSentEvent(data="1"))
    chunks = asyncio.run(read(streaming, lambda chunks: chunks.count(": keep-alive\n\n") == 3))
    assert chunks.count("event: message\ndata: 1\n\n") == 1


@pytest.mark.parametrize("longest", [0.0, 0.01])
def test_a_stream_ends_after_a_while_so_that_the_session_is_checked_again(monkeypatch, longest):
    monkeypatch.setattr(sse, "KEEPALIVE", 0.001)
    monkeypatch.setattr(sse, "LONGEST", longest)
    streaming = Streaming()
    chunks = asyncio.run(read(streaming, lambda _: False))
    assert chunks[0] == "retry: 7\n\n" and set(chunks[1:]) <= {": keep-alive\n\n"}
    assert streaming.closed == (longest > 0.0)
