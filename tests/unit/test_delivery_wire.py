"""Replies on the wire answer what waited for them, and nothing else."""

import asyncio

import pytest

from mailer.delivery.wire import Wire, WireError


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
def test_a_reply_whose_caller_has_given_up_is_nobody_else_s(gives_up: str) -> None:
    async def converse() -> None:
        wire = Wire(Still())
        first, second = wire.expect(), wire.expect()
        if gives_up == "cancelled":
            first.cancel()
        else:
            with pytest.raises(WireError, match="no answer in time"):
                await wire.answer(first, 0.001)
        wire.data_received(b"250 to the first\r\n")
        assert not second.done()
        wire.data_received(b"550 to the second\r\n")
        assert (await second).code == 550
        assert wire.is_open

    asyncio.run(converse())
