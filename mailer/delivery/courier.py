"""Delivers single messages, one after another, over one connection that is opened when it is needed.

    courier = Courier(relays, options, now=..., chance=...)
    outcome = await courier.deliver(message, commit)     None: no relay is to be had at the moment
    await courier.close()

What a Sender does for a send, without its pace: for the few letters that go to one person each. A relay that cannot be
reached rests, and so does one that refuses us; `trouble` says what was wrong. `commit` is awaited when the relay waits for
the text; False withholds it. Raises what `commit` raises.
"""

from collections.abc import Awaitable, Callable, Sequence

from mailer.delivery.lane import Lane, Outcome
from mailer.delivery.message import Message
from mailer.delivery.pool import PoolOptions, RelayPool
from mailer.relay import Relay


class Courier:
    """`now` is seconds on any clock, `chance` a number in [0, 1)."""

    def __init__(
        self, relays: Sequence[Relay], options: PoolOptions, *, now: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self._pool = RelayPool(relays, lanes=1, options=options, now=now, chance=chance)
        self._lane: Lane | None = None
        self._relay: Relay | None = None

    @property
    def trouble(self) -> str:
        return self._pool.trouble

    @property
    def dot_given(self) -> bool:
        """Whether the last message may have left."""
        return self._lane is not None and self._lane.dot_given

    async def deliver(self, message: Message, commit: Callable[[], Awaitable[bool]]) -> Outcome | None:
        """Offer `message` to a relay. None when none could be reached: nothing was sent."""
        lane = await self._open_lane()
        return None if lane is None else await lane.deliver(message, commit)

    async def close(self) -> None:
        """Take leave of the relay."""
        lane, relay, self._lane = self._lane, self._relay, None
        if lane is not None and relay is not None:
            await self._pool.leave(relay, lane)

    async def _open_lane(self) -> Lane | None:
        if self._lane is not None and self._lane.is_open:
            return self._lane
        await self.close()
        while (relay := self._pool.pick()) is not None:
            self._relay, self._lane = relay, await self._pool.open(relay)
            if self._lane is not None:
                return self._lane
        return None
