"""Records of what came back. Times are seconds since the epoch, UTC."""

from dataclasses import dataclass, field
from enum import StrEnum

from mailer.feedback.model import FeedbackKind, FeedbackRecipient
from mailer.feedback.policy import Effect
from mailer.smtp.refusal_reason import Reason

LONGEST_SOURCE = 16  # characters
LONGEST_ID = 200


class FeedbackProof(StrEnum):
    """Why feedback is believed to be about one of our deliveries."""

    TOKEN = "token"  # the bounce token, which only servers see  # noqa: S105 - no secret
    MESSAGE = "message"  # Message-ID and unsubscribe link agree: the link alone would unsubscribe
    PROVIDER = "provider"  # a verified event of the provider that took the message
    MISMATCH = "mismatch"  # one of these, but it is about another address
    UNPROVEN = "unproven"  # it names a delivery, as anybody could who has seen a reply to it
    NONE = "none"

    @property
    def is_proof(self) -> bool:
        """Whether an address may be suppressed by it."""
        return self in {FeedbackProof.TOKEN, FeedbackProof.MESSAGE, FeedbackProof.PROVIDER}


class RecordStatus(StrEnum):
    """What became of feedback that was handed over. All but NOT_YET_KNOWN are final: it need not come again."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"  # the same event of the same source was recorded before
    NOT_YET_KNOWN = "not yet known"  # the provider's id is in no reply yet: it should come again
    IGNORED = "ignored"  # about nobody that was ever mailed, or of a kind that needs nothing


class DecisionAction(StrEnum):
    """What a person decided about feedback that waited."""

    SUPPRESS = "suppress"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """One event that a provider reports about one recipient, its signature or secret verified.

    `source_id` is unique among the events of `source` (at most LONGEST_ID characters); of an event about several recipients, with
    a number for each. `report_type`: of a complaint, "" for abuse, or `not-spam`, `auth-failure`, `fraud`, `virus`, `other`.
    What finds our delivery: `message_id`, our Message-ID as the provider returns it; `bounce_token`, our return path or the token
    in it; `provider_id`, the provider's own id of the message, as in its 250 reply. `at`: when it happened; None: now.
    """

    source: str
    source_id: str
    kind: FeedbackKind
    recipient: FeedbackRecipient
    report_type: str = ""
    message_id: str = ""
    bounce_token: str = ""
    provider_id: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackMessage:
    """A received message, and the digest that identifies it."""

    digest: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeedback:
    """Feedback about one recipient, as the ledger takes it. `delivery_id` is from a valid token; `proof` says from which.

    `transactional_id`: from a valid token, too, of a transactional mail.
    """

    source: str
    source_id: str
    kind: FeedbackKind
    recipient: FeedbackRecipient
    report_type: str = ""
    delivery_id: int | None = None
    transactional_id: int | None = None
    proof: FeedbackProof = FeedbackProof.NONE
    provider_id: str = ""
    may_be_early: bool = False  # so young that our own reply with its id may not be recorded yet


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEntry:
    """One recorded piece of feedback. `address` is as the message named it; `identity` is whom it is about, "" if nobody knows.

    `decision`: what a person decided, if it waited for one. `has_message`: the message itself is still kept.
    """

    id: int
    source: str
    kind: FeedbackKind
    at: float
    identity: str
    address: str
    delivery_id: int | None
    send_id: int | None
    slug: str | None
    status: str
    reason: Reason
    permanent: bool
    delayed: bool
    report_type: str
    words: str = field(repr=False)
    proof: FeedbackProof
    effect: Effect
    decision: DecisionAction | None = None
    decided_by: str = ""
    decided_at: float | None = None
    has_message: bool = False

    @property
    def is_held(self) -> bool:
        """Whether it waited although it is proven: one bounce of many at its domain, or about a message of long ago."""
        return self.effect is Effect.WAITING and self.kind is FeedbackKind.BOUNCE and self.proof.is_proof

    @property
    def is_waiting(self) -> bool:
        """Whether a person has to decide."""
        return self.effect is Effect.WAITING and self.decision is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedGroup:
    """How many messages of a send came back from `domain` for one reason, with the words of one of them; "": erased readers."""

    domain: str
    reason: Reason
    count: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSource:
    """A source, when it last spoke, how many events were recorded, ignored and of an unknown kind, and how many of its requests
    could not be read.
    """

    source: str
    last_at: float
    recorded: int
    ignored: int
    unknown: int
    unreadable: int
