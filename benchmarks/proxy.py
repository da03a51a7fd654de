"""A program: a TCP proxy on loopback that adds a delay each way, and prints when the first message was complete.

    python -m benchmarks.proxy PORT DELAY      PORT to forward to, DELAY in seconds for each direction

On standard output: `port N` when it listens, `message T` at the first end of DATA (T as by
time.monotonic, which all processes of a Linux machine share). It ends when its standard input does, so it never outlives the
process that started it.
"""

import asyncio
import contextlib
import selectors
import sys
import time
from collections import deque

END_OF_DATA = b"\r\n.\r\n"


class _Side(asyncio.Protocol):
    """One end of a connection: what arrives here leaves at the `other` end, `delay` seconds later, in order."""

    def __init__(self, delay: float) -> None:
        self.other: _Side | None = None
        self.transport: asyncio.Transport | None = None
        self._delay = delay
        self._waiting: deque[bytes | None] = deque()  # None: the end
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._later(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is asyncio's
        self._later(None)

    def _later(self, what: bytes | None) -> None:
        self._waiting.append(what)
        if self._delay:
            self._loop.call_later(self._delay, self._forward)
        else:
            self._forward()

    def _forward(self) -> None:
        """One call for each that waits: in order, whichever timer fires first."""
        data = self._waiting.popleft()
        if self.other is None or self.other.transport is None:
            return
        if data is None:
            self.other.transport.close()
        else:
            self.other.transport.write(data)


class _Client(_Side):
    """The sender's end. `printed`: whether the first message was printed, shared by all connections."""

    def __init__(self, port: int, delay: float, printed: asyncio.Event) -> None:
        super().__init__(delay)
        self._port, self._printed, self._tail = port, printed, b""
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport
        self.transport.pause_reading()
        self._connecting = self._loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if not self._printed.is_set():
            if END_OF_DATA in self._tail + data:
                self._printed.set()
                print(f"message {time.monotonic()}", flush=True)
            self._tail = (self._tail + data)[-len(END_OF_DATA) + 1 :]
        super().data_received(data)

    async def _connect(self) -> None:
        assert self.transport
        try:
            _, server = await self._loop.create_connection(lambda: _Side(self._delay), "127.0.0.1", self._port)
        except OSError:
            self.transport.abort()
            return
        self.other, server.other = server, self
        self.transport.resume_reading()


async def _serve(port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    printed = asyncio.Event()
    server = await loop.create_server(lambda: _Client(port, delay, printed), "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


def _exact_loop() -> asyncio.AbstractEventLoop:
    """select(2) waits for microseconds, where epoll(7) takes up to one millisecond more, each way."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=_exact_loop) as runner:
        runner.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
