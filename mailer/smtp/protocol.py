"""One SMTP conversation after its session is set up: bytes out, replies in, matched exactly to what waits for them.

    wire.expect(3); wire.write(...); wire.take() or await wire.answer(patience)

Always holds: replies are handed out in the order in which they came, no more than are expected. One that nobody expects, or
that is none, ends the conversation, and so does who gives up waiting for one, so that it cannot be taken for another's. Who asks
for more than had come by then gets ConnectionClosedError with the words of it. What was written when the connection was lost is the
caller's to know: ConnectionClosedError only says why it ended.
"""

import asyncio
from collections import deque

from mailer.delivery.types import Reply
from mailer.smtp.reply import MalformedReplyError, ReplyParser


class ConnectionClosedError(Exception):
    """The conversation is over. `str(error)` says why in a few words; `reply` is what ended it, as a 421 that came unasked."""

    def __init__(self, reason: str, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.reply = reply


class SmtpProtocol(asyncio.Protocol):
    """Takes over a transport whose greeting, TLS and AUTH are done."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = ReplyParser()
        self._due = 0  # replies that are expected and have not come
        self._replies: deque[Reply] = deque()  # that have come and were not taken
        self._ended: ConnectionClosedError | None = None
        self._is_full = False  # the transport still holds bytes of ours
        self._parting: Reply | None = None
        self._waiter: asyncio.Future[None] | None = None  # woken by a reply, an empty transport, the end
        self._deadline = 0.0  # of the waiter
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=0)
        if transport.is_closing():
            self._end("connection lost")

    @property
    def is_open(self) -> bool:
        return self._ended is None and not self._transport.is_closing()

    def expect_replies(self, count: int = 1) -> None:
        """So many replies to what is about to be written."""
        self._due += count

    def pop_reply(self) -> Reply | None:
        """The oldest reply that was not taken yet, if it has come."""
        return self._replies.popleft() if self._replies else None

    async def read_reply(self, patience: float) -> Reply:
        """The same, waited for. Raises ConnectionClosedError, also when it has not come within `patience` seconds."""
        if not self._replies:
            deadline = self._loop.time() + patience
            while not self._replies:  # a transport that became empty wakes us, too
                await self._wait(deadline)
        return self._replies.popleft()

    def write(self, data: bytes) -> None:
        """Give `data` to the transport. Raises ConnectionClosedError when the conversation is over: then nothing was written."""
        if self._ended:
            raise self._ended
        if self._transport.is_closing():
            raise ConnectionClosedError("connection lost")
        self._transport.write(data)

    async def drain(self, patience: float) -> None:
        """Until the transport has handed what it holds to the system, or a reply comes before. Raises ConnectionClosedError."""
        deadline = self._loop.time() + patience
        while self._is_full and not self._replies:
            await self._wait(deadline)
        if self._ended and not self._replies:
            raise self._ended

    def close(self, reason: str = "closed by us") -> None:
        self._end(reason)
        self._transport.abort()

    async def quit(self, patience: float = 2.0) -> None:
        """Take leave politely, but not for longer than `patience` seconds. Never raises."""
        try:
            self.expect_replies()
            self.write(b"QUIT\r\n")
            await self.read_reply(patience)
        except ConnectionClosedError:
            pass
        finally:
            self.close()

    async def _wait(self, deadline: float) -> None:
        """Until something happens. One at a time: a wire has one timer, which is moved when it goes off too early."""
        if self._ended:
            raise self._ended
        self._waiter = self._loop.create_future()
        self._deadline = deadline
        if self._timer is None or self._deadline < self._timer.when():
            self._set_timer()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close("given up")
            raise

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self.close("no answer in time")

    # what asyncio calls

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            for reply in self._reader.feed(data):
                if self._due:
                    self._due -= 1
                    self._replies.append(reply)
                else:
                    self._unsolicited(reply)
                    return
        except MalformedReplyError as error:
            self.close(str(error))
        if self._replies:
            self._wake()

    def _unsolicited(self, reply: Reply) -> None:
        if reply.code == 421:
            self._parting = reply
            self.close("service closing")
        else:
            self.close(f"a reply that nobody asked for: “{reply}”")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"connection lost ({exc})" if exc else "connection lost")

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = ConnectionClosedError(reason, self._parting)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._replies:
            self._waiter.set_result(None)  # it came before the end
        else:
            self._waiter.set_exception(self._ended)
