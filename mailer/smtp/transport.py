"""The wire of an SMTP session after its set-up: writes bytes, and matches replies to the commands that wait for them.

    protocol.expect_replies(3); protocol.write(...); protocol.pop_reply() or await protocol.read_reply(limit)

Always holds: replies are handed out in the order in which they came, no more than are expected. An unexpected or malformed
reply closes the connection, and so does a caller that stops waiting for a reply, so that it cannot be taken for the reply to
another command. After that, reading more than had arrived raises ConnectionClosedError with the reason. How much had been
written when the connection was lost is for the caller to know.
"""

import asyncio
from collections import deque

from mailer.smtp.reply_parser import MalformedReplyError, Reply, ReplyParser


class ConnectionClosedError(Exception):
    """The connection is closed. `str(error)` is the reason; `reply` is the reply that ended it, such as an unsolicited 421."""

    def __init__(self, reason: str, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.reply = reply


class SmtpProtocol(asyncio.Protocol):
    """Takes over a transport on which greeting, TLS and AUTH are done."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._parser = ReplyParser()
        self._expected = 0  # replies that have not come yet
        self._replies: deque[Reply] = deque()  # that have come and were not popped
        self._closed: ConnectionClosedError | None = None
        self._is_full = False  # the transport still holds written bytes
        self._unsolicited_421: Reply | None = None
        self._waiter: asyncio.Future[None] | None = None  # done on a reply, a drained transport, or the end
        self._deadline = 0.0  # of the waiter
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        # `_is_full` means that the system lacks something. asyncio's TLS pauses at `high`, also when it holds nothing back: so 1.
        is_encrypted = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=1 if is_encrypted else 0, low=0)
        if transport.is_closing():
            self._end("connection lost")

    @property
    def is_open(self) -> bool:
        return self._closed is None and not self._transport.is_closing()

    def expect_replies(self, count: int = 1) -> None:
        """Expects `count` replies to what is about to be written."""
        self._expected += count

    def pop_reply(self) -> Reply | None:
        """Returns the oldest reply that was not popped yet; None if it has not come."""
        return self._replies.popleft() if self._replies else None

    async def read_reply(self, limit: float) -> Reply:
        """Waits for the oldest reply and returns it. Raises ConnectionClosedError, also after `limit` seconds."""
        if not self._replies:
            deadline = self._loop.time() + limit
            while not self._replies:  # a drained transport ends the wait, too
                await self._wait(deadline)
        return self._replies.popleft()

    def raise_if_closed(self) -> None:
        """Raises ConnectionClosedError with the reason if the connection has ended."""
        if self._closed:
            raise self._closed

    def write(self, data: bytes) -> None:
        """Gives `data` to the transport. Raises ConnectionClosedError if the connection is closed: then nothing was written."""
        self.raise_if_closed()
        if self._transport.is_closing():
            raise ConnectionClosedError("connection lost")
        self._transport.write(data)

    async def drain(self, limit: float) -> None:
        """Waits until the system has all that was written, or a reply comes before. Raises ConnectionClosedError."""
        deadline = self._loop.time() + limit
        while self._is_full and not self._replies:
            await self._wait(deadline)
        if self._closed and not self._replies:
            raise self._closed

    def close(self, reason: str = "closed by us") -> None:
        self._end(reason)
        self._transport.abort()

    async def quit(self, limit: float = 2.0) -> None:
        """Sends QUIT, waits for the reply for at most `limit` seconds, and closes. Never raises."""
        try:
            self.expect_replies()
            self.write(b"QUIT\r\n")
            await self.read_reply(limit)
        except ConnectionClosedError:
            pass
        finally:
            self.close()

    async def _wait(self, deadline: float) -> None:
        """Waits for a reply, a drained transport or the end. There is one timer, which is moved when it fires too early."""
        if self._closed:
            raise self._closed
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

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        try:
            for reply in self._parser.feed(data):
                if self._expected:
                    self._expected -= 1
                    self._replies.append(reply)
                else:
                    self._on_unsolicited(reply)
                    return
        except MalformedReplyError as error:
            self.close(str(error))
        if self._replies:
            self._wake()

    def _on_unsolicited(self, reply: Reply) -> None:
        if reply.code == 421:
            self._unsolicited_421 = reply
            self.close("relay is closing the connection")
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
        if self._closed:
            return
        self._closed = ConnectionClosedError(reason, self._unsolicited_421)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._replies:
            self._waiter.set_result(None)  # they came before the end
        else:
            self._waiter.set_exception(self._closed)
