"""A line to a server that a test can cut: a proxy on TCP, in a thread.

with CutLine(host, port) as line:
    connect to 127.0.0.1:line.port
    line.cut()       every connection hangs from now on, and new ones too, as when a cable is pulled
    line.mend()      the hanging ones are closed, new ones work
"""

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

from tests.support.patience import PATIENCE


class CutLine:
    """The line to the server at `host` and `port`, or at the socket `host` if that is a path."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: asyncio.Event
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._open.clear)

    def mend(self) -> None:
        asyncio.run_coroutine_threadsafe(self._drop_all(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._open.set)

    async def _serve(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _drop_all(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self) -> None:
        self._server.close()
        await self._drop_all()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        host, port = self._to
        try:
            await self._open.wait()
            there = await (
                asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
                if host.startswith("/")
                else asyncio.open_connection(host, port)
            )
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, there[1]))
                    both.create_task(self._pump(there[0], writer))
            finally:
                there[1].close()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
