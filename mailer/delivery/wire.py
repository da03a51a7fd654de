"""One SMTP conversation after its session is set up: bytes out, replies in, matched exactly to what waits for them.

Always holds: a reply answers the oldest expectation and no other. A reply that nobody expects, or that is none, ends the
conversation, and everybody who still waits gets WireError with the words of it. What was written when the connection was
lost is the caller's to know: WireError only says why it ended.
"""

import asyncio
from collections import deque
from typing import Any, TypeVar

from mailer.delivery.records import Reply
from mailer.delivery.reply import MalformedError, Reader

T = TypeVar("T")


class WireError(Exception):
    """The conversation is over. `str(error)` says why in a few words; `parting` is a 421 that came unasked."""

    def __init__(self, reason: str, parting: Reply | None = None) -> None:
        super().__init__(reason)
        self.parting = parting


class Wire(asyncio.Protocol):
    """Takes over a transport whose greeting, TLS and AUTH are done."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = Reader()
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._ended: WireError | None = None
        self._held: asyncio.Future[None] | None = None  # while the transport still holds bytes of ours
        self._parting: Reply | None = None
        self._awaited: asyncio.Future[Any] | None = None
        self._deadline = 0.0  # of what is awaited
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=0)
        if transport.is_closing():
            self._end("connection lost")

    @property
    def is_open(self) -> bool:
        return self._ended is None and not self._transport.is_closing()

    def expect(self) -> asyncio.Future[Reply]:
        """The reply to what is about to be written, in the order of the calls."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._ended:
            future.set_exception(self._ended)
            future.exception()  # read, so that a future nobody awaits is not reported
        else:
            self._waiting.append(future)
        return future

    async def answer(self, future: asyncio.Future[T], patience: float) -> T:
        """What `future` waits for. Raises WireError, also when it has not come within `patience` seconds.

        Only for one at a time: a wire has one timer, which is moved when it goes off too early, not for every answer.
        """
        if not future.done():
            self._awaited, self._deadline = future, self._loop.time() + patience
            if self._timer is None or self._deadline < self._timer.when():
                self._set_timer()
        return await future

    def write(self, data: bytes) -> None:
        """Give `data` to the transport. Raises WireError when the conversation is over: then nothing was written."""
        if self._ended:
            raise self._ended
        if self._transport.is_closing():
            raise WireError("connection lost")
        self._transport.write(data)

    async def drain(self, patience: float) -> None:
        """Until the transport has handed what it holds to the system. Raises WireError."""
        if self._held:
            await self.answer(self._held, patience)
        if self._ended:
            raise self._ended

    def close(self, reason: str = "closed by us") -> None:
        self._end(reason)
        self._transport.abort()

    async def quit(self, patience: float = 2.0) -> None:
        """Take leave politely, but not for longer than `patience` seconds. Never raises."""
        try:
            farewell = self.expect()
            self.write(b"QUIT\r\n")
            await self.answer(farewell, patience)
        except WireError:
            pass
        finally:
            self.close()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._awaited is None or self._awaited.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._awaited.set_exception(WireError("no answer in time"))

    # what asyncio calls

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            for reply in self._reader.feed(data):
                self._deliver(reply)
        except MalformedError as error:
            self.close(str(error))

    def _deliver(self, reply: Reply) -> None:
        while self._waiting and self._waiting[0].done():  # given up by its caller
            self._waiting.popleft()
        if self._waiting:
            self._waiting.popleft().set_result(reply)
        elif reply.code == 421:
            self._parting = reply
            self.close("service closing")
        else:
            self.close(f"a reply that nobody asked for: “{reply}”")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"connection lost ({exc})" if exc else "connection lost")

    def pause_writing(self) -> None:
        self._held = self._loop.create_future()

    def resume_writing(self) -> None:
        held, self._held = self._held, None
        if held and not held.done():
            held.set_result(None)

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = WireError(reason, self._parting)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for future in self._waiting:
            if not future.done():
                future.set_exception(self._ended)
                future.exception()
        self._waiting.clear()
        self.resume_writing()
