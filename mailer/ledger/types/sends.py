"""Records of sends and their recipients. Times are seconds since the epoch, UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.delivery.states import OPEN_STATES, TERMINAL, DeliveryState, SendKind, SendState
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.editions_and_archive import NewEdition


class Repeat(StrEnum):
    """How a new send treats a dispatch that was already sent to one of its lists."""

    REFUSE = "refuse"
    AGAIN = "again"  # to everybody again
    NEW_READERS = "new-readers"  # only those without an accepted or uncertain delivery of this slug


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSend:
    """A send to be created. `key_name` is the secret key of its tokens; `scheduled_at`: its audience is frozen then.

    `undo_for`: its audience is frozen at once, and it starts so many seconds later; until then it can be undone. `confirmed`:
    how many recipients a person confirmed; more are refused. `created_by`: the user of the desk who makes it. `token` of the
    form: a second one makes no second send. `run_by_server`: `serve` runs it. `sender_profile`: the sender's settings, as JSON.
    `queue`: which workers may send it.
    """

    kind: SendKind = SendKind.DISPATCH
    edition: NewEdition
    lists: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    where: str = ""
    key_name: str
    scheduled_at: float | None = None
    repeat: Repeat = Repeat.REFUSE
    created_by: str = ""
    token: str | None = None
    run_by_server: bool = False
    undo_for: float = 0
    confirmed: int | None = None
    sender_profile: str | None = None
    queue: str = ""

    def __post_init__(self) -> None:
        if self.kind is SendKind.RESEND:
            raise ValueError("a resend is made from its parent")
        if self.kind is SendKind.DISPATCH and not self.lists:
            raise ValueError("a send needs a list")
        if self.undo_for and self.scheduled_at is not None:
            raise ValueError("a scheduled send can be undone until its time")
        if len(set(self.lists)) != len(self.lists):
            raise ValueError("a list is named twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One edition to one audience. `cancel_requested`: paused until the results of messages after end of DATA are recorded.

    `created_by`: the user of the desk who made it, "" elsewhere. `run_by_server`: `serve` runs it. `undoable`: it is scheduled
    only so that it can be undone until `scheduled_at`. `is_frozen`: it has its recipients.
    `sender_profile`: the sender's settings when it was made, as JSON; None for a send of an old version. `queue`: as for
    NewSend. `requirements`: the settings that its workers must have, as JSON; "" while it is not handed over.
    """

    id: int
    kind: SendKind
    slug: str
    title: str
    digest: str
    state: SendState
    reason: str
    cancel_requested: bool
    lists: tuple[str, ...]
    exclude: tuple[str, ...]
    where: str
    key_name: str
    parent_id: int | None
    repeat: Repeat
    created_at: float
    scheduled_at: float | None
    begun_at: float | None
    settled_at: float | None
    ended_at: float | None
    created_by: str
    run_by_server: bool
    undoable: bool
    is_frozen: bool
    sender_profile: str | None
    queue: str
    requirements: str

    @property
    def is_ended(self) -> bool:
        return self.state in TERMINAL

    @property
    def seconds(self) -> float:
        """From the first claim to the last result."""
        if self.begun_at is None or self.settled_at is None:
            return 0.0
        return max(0.0, self.settled_at - self.begun_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendPlan:
    """How many of the recipients whom a send failed to reach a resend would mail, and how many it would leave out."""

    to_mail: int
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A send and how many of its deliveries are in each state; `next_at`, `last_at`: when the deferred ones are due.

    `held_until`: the warm-up plan holds the rest back until then; None: it does not hold anything back.
    """

    send: Send
    counts: Mapping[DeliveryState, int]
    next_at: float | None = None
    last_at: float | None = None
    held_until: float | None = None

    def count(self, *states: DeliveryState) -> int:
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight, and all open deliveries are deferred or held back."""
        in_flight = self.count(DeliveryState.CLAIMED, DeliveryState.SENDING)
        return not in_flight and (self.held_until is not None or not self.count(DeliveryState.PENDING))

    @property
    def resumes_at(self) -> float | None:
        """When an idle send continues; None: it is not idle, or nothing is open."""
        if not self.is_idle or not self.open_count:
            return None
        if self.held_until is None:
            return self.next_at
        pending = self.count(DeliveryState.PENDING)
        return self.held_until if pending else max(self.held_until, self.next_at or 0.0)

    @property
    def frozen(self) -> int:
        return sum(self.counts.values())

    @property
    def open_count(self) -> int:
        return self.count(*OPEN_STATES)


class AlreadySentError(NeedsConfirmationError):
    """The dispatch is being sent, or was sent, to one of these lists, by `send`."""

    def __init__(self, send: Send) -> None:
        self.send = send
        if self.unfinished:
            message = f"“{send.slug}” is already being sent to {', '.join(send.lists)}: send {send.id}, {send.state}."
            next_step = f"Go on with: mailer resume {send.id}"
        else:
            message = f"“{send.slug}” was already sent to {', '.join(send.lists)}: send {send.id}, {send.state}."
            next_step = "To mail only those who did not get it: --new-readers; to mail everybody once more: --again"
        super().__init__(message, next_step)

    @property
    def unfinished(self) -> bool:
        return not self.send.is_ended


class AudienceGrewError(NeedsConfirmationError):
    """More recipients were found when the audience was frozen than a person had confirmed."""

    def __init__(self, found: int, confirmed: int) -> None:
        super().__init__(
            f"{found:,} readers would get it now, not {confirmed:,}; no send was made.",
            "Look at the plan again, and confirm the new number.",
        )


class TooManyTestsError(UsageError):
    """The tests of a person or a token reached the hourly limit of recipients."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Tests can go to at most {most} recipients an hour. Nothing was sent.", "Try again in an hour."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The outcome of `resolve`: how many changed, and which of the named identities had no uncertain delivery."""

    send: Send
    resolved: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient to be frozen into a send. `skip`: why it is not mailed, or "" to mail. Empty fields are omitted."""

    identity: str
    address: str
    fields: Mapping[str, str] = field(default_factory=dict)
    skip: str = ""
