"""Replies on the wire are matched to the commands that wait for them, and to nothing else."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from mailer.smtp.transport import ConnectionClosedError, SmtpProtocol


class IdleTransport(asyncio.Transport):
    """A transport that sends nothing."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Does nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Does nothing: there is no buffer."""

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """Does nothing."""


@pytest.mark.parametrize("how", ["in time", "cancelled"])
def test_the_connection_closes_when_its_caller_stops_waiting_so_no_late_reply_is_mismatched(
    how: str,
) -> None:
    async def scenario() -> None:
        protocol = SmtpProtocol(IdleTransport())
        protocol.expect_replies(2)
        if how == "cancelled":
            waiting = asyncio.create_task(protocol.read_reply(60))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        else:
            with pytest.raises(ConnectionClosedError, match="no answer in time"):
                await protocol.read_reply(0.001)
        protocol.data_received(b"250 to the first\r\n")
        assert protocol.pop_reply() is None
        assert not protocol.is_open
        with pytest.raises(ConnectionClosedError):
            await protocol.read_reply(60)

    asyncio.run(scenario())


def test_replies_that_came_before_the_end_are_returned_first() -> None:
    async def scenario() -> None:
        protocol = SmtpProtocol(IdleTransport())
        protocol.expect_replies(2)
        waiting = asyncio.create_task(protocol.read_reply(60))
        await asyncio.sleep(0)
        protocol.data_received(b"250 to the first\r\nnonsense\r\n")
        assert (await waiting).code == 250
        with pytest.raises(ConnectionClosedError, match="not a reply: “nonsense”"):
            await protocol.read_reply(60)

    asyncio.run(scenario())


def test_a_drained_transport_is_not_a_reply() -> None:
    async def scenario() -> None:
        protocol = SmtpProtocol(IdleTransport())
        protocol.expect_replies()
        protocol.pause_writing()
        waiting = asyncio.create_task(protocol.read_reply(60))
        await asyncio.sleep(0)
        protocol.resume_writing()
        await asyncio.sleep(0)
        assert not waiting.done()
        protocol.data_received(b"250 taken\r\n")
        assert (await waiting).code == 250

    asyncio.run(scenario())


def test_a_reply_that_comes_while_the_transport_is_full_ends_the_wait_for_it() -> None:
    async def scenario() -> None:
        protocol = SmtpProtocol(IdleTransport())
        protocol.expect_replies()
        protocol.pause_writing()
        draining = asyncio.create_task(protocol.drain(60))
        await asyncio.sleep(0)
        protocol.data_received(b"552 enough\r\n")
        await draining
        early = protocol.pop_reply()
        assert early is not None
        assert early.code == 552

    asyncio.run(scenario())


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_closed_connection_accepts_no_data(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.transport.abort(), "127.0.0.1", 0)
        async with server:
            loop, port = asyncio.get_running_loop(), server.sockets[0].getsockname()[1]
            transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
            protocol = SmtpProtocol(transport)
            protocol.expect_replies()
            with pytest.raises(ConnectionClosedError):
                await protocol.read_reply(60)
            await asyncio.sleep(0)
            with pytest.raises(ConnectionClosedError):
                protocol.write(b"text")

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(scenario())
