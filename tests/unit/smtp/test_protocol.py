"""Replies on the wire answer what waited for them, and nothing else."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from mailer.smtp.protocol import ConnectionClosedError, SmtpProtocol


class Still(asyncio.Transport):
    """A transport that carries nothing anywhere."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """It tells nobody anything."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It has no buffer."""

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """There is nothing to abort."""


@pytest.mark.parametrize("gives_up", ["in time", "cancelled"])
def test_a_conversation_ends_when_its_caller_has_given_up_so_that_no_late_reply_is_taken_for_another_s(
    gives_up: str,
) -> None:
    async def converse() -> None:
        wire = SmtpProtocol(Still())
        wire.expect_replies(2)
        if gives_up == "cancelled":
            waiting = asyncio.create_task(wire.read_reply(60))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        else:
            with pytest.raises(ConnectionClosedError, match="no answer in time"):
                await wire.read_reply(0.001)
        wire.data_received(b"250 to the first\r\n")
        assert wire.pop_reply() is None
        assert not wire.is_open
        with pytest.raises(ConnectionClosedError):
            await wire.read_reply(60)

    asyncio.run(converse())


def test_replies_that_came_before_the_end_are_handed_out_first() -> None:
    async def converse() -> None:
        wire = SmtpProtocol(Still())
        wire.expect_replies(2)
        waiting = asyncio.create_task(wire.read_reply(60))
        await asyncio.sleep(0)
        wire.data_received(b"250 to the first\r\nnonsense\r\n")
        assert (await waiting).code == 250
        with pytest.raises(ConnectionClosedError, match="not a reply: “nonsense”"):
            await wire.read_reply(60)

    asyncio.run(converse())


def test_a_transport_that_becomes_empty_is_no_reply() -> None:
    async def converse() -> None:
        wire = SmtpProtocol(Still())
        wire.expect_replies()
        wire.pause_writing()
        waiting = asyncio.create_task(wire.read_reply(60))
        await asyncio.sleep(0)
        wire.resume_writing()
        await asyncio.sleep(0)
        assert not waiting.done()
        wire.data_received(b"250 taken\r\n")
        assert (await waiting).code == 250

    asyncio.run(converse())


def test_a_reply_that_comes_while_the_transport_is_full_ends_the_wait_for_it() -> None:
    async def converse() -> None:
        wire = SmtpProtocol(Still())
        wire.expect_replies()
        wire.pause_writing()
        draining = asyncio.create_task(wire.drain(60))
        await asyncio.sleep(0)
        wire.data_received(b"552 enough\r\n")
        await draining
        early = wire.pop_reply()
        assert early is not None
        assert early.code == 552

    asyncio.run(converse())


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_has_ended_takes_nothing(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def converse() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.transport.abort(), "127.0.0.1", 0)
        async with server:
            loop, port = asyncio.get_running_loop(), server.sockets[0].getsockname()[1]
            transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
            wire = SmtpProtocol(transport)
            wire.expect_replies()
            with pytest.raises(ConnectionClosedError):
                await wire.read_reply(60)
            await asyncio.sleep(0)
            with pytest.raises(ConnectionClosedError):
                wire.write(b"text")

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(converse())
