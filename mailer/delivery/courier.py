"""Delivers transactional mail: single messages, one after another, over one connection that is opened when it is needed.

    courier = Courier(relays, limits=..., local_hostname=..., chance=...)
    outcome = await courier.deliver(message, commit)     None: no relay is to be had
    await courier.close()

Relays are chosen by weight; a relay that could not be reached is not tried again by this courier, and `trouble` says what was
wrong. `commit` is awaited when the relay waits for the text; False withholds it. Raises what `commit` raises.
"""

from collections.abc import Awaitable, Callable, Sequence

from mailer.delivery.connection import ConnectionFailure, Limits, open_connection
from mailer.delivery.lane import Lane, Outcome
from mailer.delivery.message import Message
from mailer.relay import Relay, choose_by_weight


class Courier:
    """`chance` gives a number in [0, 1)."""

    def __init__(
        self, relays: Sequence[Relay], *, limits: Limits, local_hostname: str, chance: Callable[[], float]
    ) -> None:
        self._left = list(relays)
        self._limits = limits
        self._local_hostname = local_hostname
        self._chance = chance
        self._lane: Lane | None = None
        self.trouble = ""

    @property
    def dot_given(self) -> bool:
        """Whether the last message may have left."""
        return self._lane is not None and self._lane.dot_given

    async def deliver(self, message: Message, commit: Callable[[], Awaitable[bool]]) -> Outcome | None:
        """Offer `message` to a relay. None when none could be reached: nothing was sent."""
        if self._lane is None or not self._lane.is_open:
            self._lane = await self._open()
        return None if self._lane is None else await self._lane.deliver(message, commit)

    async def close(self) -> None:
        """Take leave of the relay."""
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.quit()

    async def _open(self) -> Lane | None:
        while self._left:
            relay = self._left[choose_by_weight(self._left, self._chance())]
            try:
                connection = await open_connection(relay, limits=self._limits, local_hostname=self._local_hostname)
            except ConnectionFailure as failure:
                self._left.remove(relay)
                self.trouble = f"{relay}: {failure}"
            else:
                return Lane(connection, self._limits)
        return None
