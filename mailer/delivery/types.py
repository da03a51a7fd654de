"""What passes between a running send and its ledger.

The ledger hands out Claims, is asked before each dot, and takes Settlements; `DeliveryQueue` is the port through which a
sender sees it, bound to one send that this process owns. Times are seconds since the epoch, UTC.

What is made for every message is a NamedTuple: as unchangeable as the other records, and made in a third of the time.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from mailer.delivery.states import DeliveryState, SendState


class Stage(StrEnum):
    """Where in the conversation something happened; the order is that of a session."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    TEXT = "text"  # the message text, before its dot was given to the transport
    END_OF_DATA = "end_of_data"  # from the moment the end of DATA was given to the transport


class Reply(NamedTuple):
    """An SMTP reply: RFC 5321 4.2. `enhanced` is RFC 2034's code or ""; `text` is one line, printable."""

    code: int
    enhanced: str = ""
    text: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class Claim(NamedTuple):
    """One delivery in a lane's hands. `attempt` counts from 1; `date` is the message's Date, set at the first claim.

    `opened_at`: when this attempt began; 0 with who has no need to know.
    """

    delivery_id: int
    identity: str
    address: str
    fields: Mapping[str, str]
    attempt: int
    date: float
    opened_at: float = 0


class DeliveryResult(NamedTuple):
    """How an attempt ended, that began at `opened_at` (0: not known).

    `next_at` goes with DEFERRED alone; `reason` says in a word or two why (`expired`, `refused`).
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
    suppress: bool = False  # the address is dead (mailer.smtp.classify names the codes): suppress it as bounced
    is_plain_550: bool = False  # suppress it if the address' previous send ended so too


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStatus:
    """Where a send stands: its state, how many deliveries are in each state, when it goes on (None: it does not wait).

    `last_at`: when the last deferred one is due; `held_until`: until when the warm-up plan holds the rest back.
    """

    state: SendState
    counts: Mapping[DeliveryState, int]
    next_at: float | None = None
    last_at: float | None = None
    held_until: float | None = None
    reason: str = ""

    def count(self, *states: DeliveryState) -> int:
        return sum(self.counts.get(state, 0) for state in states)


class DeliveryQueue(Protocol):
    """One send, owned by this process. Every method may raise LedgerError; after it nothing more may be sent.

    Whoever owns it closes it after the run: then what was noted is written, and what was claimed and never committed given back.
    """

    def claim(self, limit: int, now: float) -> Awaitable[Sequence[Claim]]:
        """Take up to `limit` due deliveries; empty when none is due or the send is not running."""

    def begin_sending(self, claim: Claim) -> Awaitable[bool]:
        """Make `committing` durable. False: this message may not be sent (unsubscribed, paused, fenced)."""

    def may_send(self, claim: Claim) -> bool:
        """Whether the dot of a committed message may still leave: to be asked a moment before it does. Nothing is awaited."""

    def record_nowait(self, result: DeliveryResult) -> None:
        """Record how an attempt ended, before any later commit; what goes wrong with it is raised by the next request."""

    def record(self, result: DeliveryResult) -> Awaitable[None]:
        """The same; done when durable."""

    def release(self, claims: Sequence[Claim], at: float) -> Awaitable[None]:
        """Give back claims that provably left nothing on the wire: claimed or committing -> pending, attempt uncounted."""

    def status(self) -> Awaitable[SendStatus]:
        """Where the send stands, after it was moved to where its counts say: `waiting`, `finished`."""

    def trip_breaker(self, reason: str, refused: Sequence[int] = ()) -> Awaitable[None]:
        """Pause the send, saying why; the deliveries `refused`, just failed, go back to pending: it was not their fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A recipient to be frozen into a send; only the fields that the edition asks for travel along."""

    identity: str
    address: str
    fields: Mapping[str, str] = field(default_factory=dict)
    skip: str = ""
    """Why this recipient is frozen but not mailed: a status word of the list's own row; "" to mail."""
