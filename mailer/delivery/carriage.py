"""What takes claims to a relay: a connection, and the messages made for it, in this process or in another.

    OpenCarriage(relay) -> Carriage               raises ConnectionFailure, UnmannedError
    Carriage.deliver(claim, consent) -> Outcome   raises UnmadeError, what the ledger raises, and cancellation

The sender knows only this: who goes next, how fast, and what became of it. `Local` is the carriage of this process: a lane, and
a composer. `mailer.delivery.remote` has the one whose lane is in a worker.
"""

import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

from mailer.delivery.connection import Limits, open_connection
from mailer.delivery.lane import Lane, Outcome
from mailer.delivery.message import Message
from mailer.delivery.records import Claim
from mailer.relay import Relay

Compose = Callable[[Claim], Message]


class UnmadeError(Exception):
    """Something is wrong with us, mostly in making the message of a claim: `fault` says what.

    `outcome`: how the message stands if it may have left; None: nothing of it has.
    """

    def __init__(self, fault: Exception, outcome: Outcome | None = None) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.outcome = outcome


class UnmannedError(Exception):
    """Nobody is left to open a carriage: not the relay's fault."""


class Consent(Protocol):
    """What a carriage asks of the sender about the claim that it carries: each once, in this order. As in Lane.deliver."""

    def commit(self, claim: Claim) -> Awaitable[bool]: ...

    def may_send(self, claim: Claim) -> bool: ...

    def following(self) -> Claim | None: ...


class Carriage(Protocol):
    """One open connection that takes claims. After `is_open` has become false it is of no more use."""

    @property
    def is_open(self) -> bool: ...

    async def deliver(self, claim: Claim, consent: Consent) -> Outcome:
        """Make the message of `claim` and offer it."""

    async def abandon(self) -> Outcome:
        """Close at once, after `deliver` was cancelled: how its message stands."""

    async def quit(self) -> None: ...


OpenCarriage = Callable[[Relay], Awaitable[Carriage]]


class Local:
    """A lane of this process."""

    _claim: Claim  # under way
    _consent: Consent

    def __init__(self, lane: Lane, compose: Compose) -> None:
        self._lane = lane
        self._compose = compose
        self._announced: tuple[Claim, Message] | None = None

    @property
    def is_open(self) -> bool:
        return self._lane.is_open

    @property
    def pipelining(self) -> bool:
        return self._lane.features.pipelining

    async def deliver(self, claim: Claim, consent: Consent) -> Outcome:
        self._claim, self._consent = claim, consent
        announced, self._announced = self._announced, None
        if announced and announced[0] is claim:
            message = announced[1]
        else:
            try:
                message = self._compose(claim)
            except Exception as error:
                raise UnmadeError(error) from error
        return await self._lane.deliver(message, self._commit, self._following, self._may_send)

    def close(self) -> None:
        self._lane.close()

    async def abandon(self) -> Outcome:
        return self._lane.abandon()

    async def quit(self) -> None:
        await self._lane.quit()

    def _commit(self) -> Awaitable[bool]:
        return self._consent.commit(self._claim)

    def _may_send(self) -> bool:
        return self._consent.may_send(self._claim)

    def _following(self) -> Message | None:
        """The message of the next claim; one that cannot be made is not announced, and says so when its turn comes."""
        claim = self._consent.following()
        if claim is None:
            return None
        try:
            message = self._compose(claim)
        except Exception:  # noqa: BLE001 - raised when it is made again
            return None
        self._announced = claim, message
        return message


def local_carriages(
    compose: Compose, *, limits: Limits, local_hostname: str, tls: ssl.SSLContext | None = None
) -> Callable[[Relay], Awaitable[Local]]:
    """How carriages are opened in this process."""

    async def open_one(relay: Relay) -> Local:
        connection = await open_connection(relay, limits=limits, local_hostname=local_hostname, tls=tls)
        return Local(Lane(connection, limits), compose)

    return open_one
