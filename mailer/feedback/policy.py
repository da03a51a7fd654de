"""Decides what follows from feedback: one table, pure.

    effect_of(kind, recipient, report_type, is_proven=…) -> Effect
    has_bounced_repeatedly(past, now, limits) -> bool

Without a proof that it is about this very delivery and its own recipient, nothing is ever suppressed: a person decides. A bounce
counts only if it is final: a notice of delay is noted. What servers say of us (reputation, content, authentication, quota) is
counted for the operator, and is never held against a reader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailer.feedback.model import NOT_SPAM, FeedbackKind, FeedbackRecipient
from mailer.feedback.status_code import find_reply_code
from mailer.smtp.refusal_reason import Reason

DAY = 86_400.0
_HOUR = 3_600.0


class Effect(StrEnum):
    """What follows from feedback."""

    SUPPRESSED = "suppressed"
    COUNTED = "counted"  # suppressed if it is repeated
    OURS = "ours"  # about the sender or the message: for the operator
    NOTED = "noted"
    WAITING = "waiting"  # for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceLimits:
    """When repeated bounces suppress: on `count` of the last `sends` days with a send, over at least `days` days.

    An accepted message that did not bounce within `reset_hours` ends the series. `warn`: how many bounces in a row that are about
    us warn the operator. `hold`: so many permanent bounces close together at one domain wait for a person; 0: none do.
    """

    count: int = 3
    sends: int = 5
    days: int = 14
    reset_hours: int = 72
    warn: int = 10
    hold: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDelivery:
    """An accepted message to a subscriber: whether it came back, and whether for a reason that counts."""

    accepted_at: float
    came_back: bool
    counts: bool


_R = Reason
_AT_ONCE = frozenset({_R.USER_UNKNOWN, _R.HOST_UNKNOWN, _R.HAS_MOVED, _R.NOT_ACCEPTING})
_IF_REPEATED = frozenset({
    _R.MAILBOX_FULL, _R.SUSPENDED, _R.EXPIRED, _R.FILTERED, _R.MAILER_ERROR, _R.SYSTEM_ERROR, _R.NETWORK_ERROR, _R.ON_HOLD,
})  # fmt: skip
_OURS = frozenset({
    _R.REJECTED, _R.AUTH_FAILURE, _R.POLICY_VIOLATION, _R.RATE_LIMITED, _R.TOO_MANY_CONNECTIONS, _R.BLOCKED, _R.BAD_REPUTATION,
    _R.REQUIRES_PTR, _R.EXCEEDS_LIMIT, _R.CONTENT_ERROR, _R.SPAM_DETECTED, _R.VIRUS_DETECTED, _R.NOT_COMPLIANT, _R.SYNTAX_ERROR,
    _R.NO_RELAYING,
})  # fmt: skip
BOUNCE_POLICY: Mapping[Reason, Effect] = {
    **dict.fromkeys(_AT_ONCE, Effect.SUPPRESSED),
    **dict.fromkeys(_IF_REPEATED, Effect.COUNTED),
    **dict.fromkeys(_OURS, Effect.OURS),
    **dict.fromkeys((_R.SPEEDING, _R.FEEDBACK, _R.VACATION), Effect.NOTED),
}
"""What follows from a final, proven bounce, by its reason. SUPPRESSED needs a permanent one, that is not about an
address to which the recipient forwards mail; else it is COUNTED.
"""

COMPLAINT_POLICY: Mapping[str, Effect] = {
    NOT_SPAM: Effect.NOTED,
    "": Effect.SUPPRESSED,
    "abuse": Effect.SUPPRESSED,
    "fraud": Effect.SUPPRESSED,
    "opt-out": Effect.SUPPRESSED,
    "opt-out-list": Effect.SUPPRESSED,
    "auth-failure": Effect.OURS,
    "dmarc": Effect.OURS,
    "virus": Effect.OURS,
}
"""What follows from a proven complaint, by its Feedback-Type (RFC 5965 7.3, RFC 6591); other types wait for a person."""


def effect_of(kind: FeedbackKind, recipient: FeedbackRecipient, report_type: str, *, is_proven: bool) -> Effect:
    """Returns what follows from feedback. `is_proven`: about one of our deliveries and its own recipient."""
    if kind is FeedbackKind.BOUNCE:
        return _of_bounce(recipient, is_proven=is_proven)
    if kind is FeedbackKind.COMPLAINT:
        effect = COMPLAINT_POLICY.get(report_type, Effect.WAITING)
    elif kind is FeedbackKind.UNSUBSCRIBE:
        effect = Effect.SUPPRESSED
    else:
        return Effect.NOTED
    return Effect.WAITING if effect is Effect.SUPPRESSED and not is_proven else effect


def _of_bounce(recipient: FeedbackRecipient, *, is_proven: bool) -> Effect:
    effect = BOUNCE_POLICY[recipient.reason]
    if recipient.delayed:
        return Effect.NOTED
    if effect is Effect.SUPPRESSED and (recipient.forwarded or not recipient.permanent):
        effect = Effect.COUNTED
    if recipient.reason is Reason.ON_HOLD and not _is_refused(recipient):
        effect = Effect.NOTED
    if is_proven:
        return effect
    return Effect.WAITING if effect is Effect.SUPPRESSED else Effect.NOTED


def _is_refused(recipient: FeedbackRecipient) -> bool:
    """Whether a server refused permanently, by its codes alone."""
    return recipient.status.startswith("5") or (not recipient.status and find_reply_code(recipient.words) >= 500)


def has_bounced_repeatedly(past: Iterable[PastDelivery], now: float, limits: BounceLimits) -> bool:
    """Whether bounces were repeated so often and so long that the address is suppressed. `past`: the latest delivery first."""
    days: dict[int, bool] = {}  # whether a message of that day bounced, the latest day first
    bounced_at: list[float] = []
    for each in past:
        if not each.came_back and each.accepted_at <= now - limits.reset_hours * _HOUR:
            break
        day = int(each.accepted_at // DAY)
        days[day] = days.get(day, False) or each.counts
        if each.counts:
            bounced_at.append(each.accepted_at)
    latest = list(days.values())[: limits.sends]
    return sum(latest) >= limits.count and bounced_at[0] - bounced_at[-1] >= limits.days * DAY
