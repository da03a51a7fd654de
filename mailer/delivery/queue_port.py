"""The records between a running send and its ledger, and the port through which a sender uses it.

The ledger hands out Claims, allows each message to be sent, and takes DeliveryResults. `DeliveryQueue` is that port: one
send for which this process holds the lease. Times are seconds since the epoch, UTC.

Records that are made for every message are NamedTuples: immutable like the others, and made in a third of the time.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mailer.delivery.limit_share import Share
from mailer.delivery.states import DeliveryState, SendState
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage


class Claim(NamedTuple):
    """A delivery that is claimed for an attempt. `attempt` counts from 1; `date` is the message's Date, set at the first claim.

    `opened_at`: when this attempt began; 0 where it does not matter.
    """

    delivery_id: int
    identity: str
    address: str
    fields: Mapping[str, str]
    attempt: int
    date: float
    opened_at: float = 0


class DeliveryResult(NamedTuple):
    """How an attempt ended that began at `opened_at` (0: unknown).

    `next_at` is for DEFERRED only; `reason` is a word or two (`expired`, `refused`).
    """

    delivery_id: int
    attempt: int
    state: DeliveryState
    at: float
    opened_at: float = 0
    stage: Stage | None = None
    reply: Reply | None = None
    reason: str = ""
    relay: str = ""
    next_at: float | None = None
    suppress: bool = False  # mail to it is impossible (mailer.smtp.classify): suppress the address as bounced


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStatus:
    """The state of a send, how many deliveries are in each state, and when it goes on (None: it is not waiting).

    `last_at`: when the last deferred delivery is due; `held_until`: until when the warm-up plan holds the rest back.
    """

    state: SendState
    counts: Mapping[DeliveryState, int]
    next_at: float | None = None
    last_at: float | None = None
    held_until: float | None = None
    reason: str = ""

    def count(self, *states: DeliveryState) -> int:
        """Returns how many deliveries are in one of `states`."""
        return sum(self.counts.get(state, 0) for state in states)


class DeliveryQueue(Protocol):
    """The deliveries of one send, whose lease this process holds.

    Every method may raise LedgerError; after it nothing more may be sent.
    The lease holder closes it after the run: that writes the recorded results, and releases claims that were never sent.
    """

    def claim(self, limit: int, now: float) -> Awaitable[Sequence[Claim]]:
        """Claims up to `limit` due deliveries; none if none is due or the send is not running."""

    def begin_sending(self, claim: Claim) -> Awaitable[bool]:
        """Makes the state `sending` durable. False: the message may not be sent (unsubscribed, paused, lease lost)."""

    def may_send(self, claim: Claim) -> bool:
        """Whether a message in state `sending` may still be sent: the lease holds. Called immediately before end of DATA."""

    def record_nowait(self, result: DeliveryResult) -> None:
        """Records how an attempt ended, before any later `begin_sending`. An error is raised by the next request."""

    def record(self, result: DeliveryResult) -> Awaitable[None]:
        """Records how an attempt ended; returns when that is durable."""

    def release(self, claims: Sequence[Claim], at: float) -> Awaitable[None]:
        """Returns claims that were provably not sent to `pending`, from `claimed` or `sending`; the attempt is not counted."""

    def fair_share(self) -> Awaitable[Share]:
        """Returns the part of the limits of the settings to which this holder is entitled now, with all that send."""

    def take_share(self, held: Share) -> Awaitable[Share]:
        """Takes this part, as far as it is free, for the part that is `held`; returns what it has from now on."""

    def status(self) -> Awaitable[SendStatus]:
        """Returns the status of the send, after its state was set by its counts: `waiting`, `finished`."""

    def trip_breaker(self, reason: str, refused: Sequence[int] = ()) -> Awaitable[None]:
        """Pauses the send for `reason`; the deliveries `refused`, which just failed, become pending again."""

    def take_back(self, reason: str, refused: Sequence[int]) -> Awaitable[None]:
        """Makes the deliveries `refused`, which just failed, pending again: the relay was the reason, and another goes on."""
