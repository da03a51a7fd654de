"""What a lane of a sender has in its hands.

    await carrier.make_ready()       a relay in view, if one is well
    await carrier.open()             a carriage to it
    await carrier.leave()            take leave of it

A claim that was announced on the carriage ahead of its turn waits here until then. It is what the carriage asks (Consent).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailer.delivery.carriage import Carriage
from mailer.delivery.pool import PooledRelay, RelayPool
from mailer.delivery.records import Claim, SendLedger


@dataclass(slots=True)
class Carrier:
    """A lane task's hands: the relay and the carriage it uses, and what it has announced there ahead of its turn.

    `take` gives the claim that may go next.
    """

    per_connection: int
    pool: RelayPool
    ledger: SendLedger
    take: Callable[[], Claim | None]
    relay: PooledRelay | None = None
    carriage: Carriage | None = None
    carried: int = 0
    announced: Claim | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its carriage takes another message."""
        return self.carriage is not None and self.carriage.is_open and not self.is_spent

    @property
    def is_spent(self) -> bool:
        """Whether the connection has carried what it may, or its relay bears fewer than there are."""
        return 0 < self.per_connection <= self.carried or (self.relay is not None and self.relay.window.is_overfull)

    @property
    def is_lost_at_once(self) -> bool:
        """Whether its connection ended with the first message that it was to carry."""
        return self.carried == 1 and self.carriage is not None and not self.carriage.is_open

    async def make_ready(self) -> None:
        """Leave the connection there was; have a relay in view, if there is one that is well."""
        await self.leave()
        self.relay = self.pool.pick()

    async def open(self) -> bool:
        """Have a carriage to the relay in view; False when it cannot be reached."""
        if self.carriage is None and self.relay:
            self.carriage, self.carried = await self.pool.open(self.relay), 0
        return self.carriage is not None

    async def leave(self) -> None:
        carriage, self.carriage = self.carriage, None
        if carriage and self.relay:
            await self.pool.leave(self.relay, carriage)

    def commit(self, claim: Claim) -> Awaitable[bool]:
        return self.ledger.commit(claim)

    def may_send(self, claim: Claim) -> bool:
        return self.ledger.may_send(claim)

    def following(self) -> Claim | None:
        self.announced = None if self.is_spent else self.take()
        return self.announced
