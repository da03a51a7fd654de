"""The states of a send and of its deliveries, and the only ways between them: what a send promises rests on these."""

from collections.abc import Mapping
from enum import StrEnum


class DeliveryState(StrEnum):
    PENDING = "pending"  # not begun, or proven unsent
    CLAIMED = "claimed"  # in a lane's hands, provably unsent
    SENDING = "sending"  # durable before the end of DATA may leave
    ACCEPTED = "accepted"  # the relay answered 250 to the dot
    DEFERRED = "deferred"  # to be tried again
    FAILED = "failed"  # refused for good, or its lifetime is over
    UNCERTAIN = "uncertain"  # the dot left, the answer is unknown
    SKIPPED = "skipped"  # not mailed, with a reason


class SendState(StrEnum):
    SCHEDULED = "scheduled"
    OVERDUE = "overdue"
    RUNNING = "running"
    WAITING = "waiting"  # only deferred or held-back deliveries are left
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class SendKind(StrEnum):
    DISPATCH = "dispatch"
    RESEND = "resend"
    TEST = "test"
    WELCOME = "welcome"  # to one person who has just confirmed


_S = DeliveryState
TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _S.PENDING: frozenset({_S.CLAIMED, _S.SKIPPED, _S.FAILED}),
    _S.CLAIMED: frozenset({_S.PENDING, _S.SENDING, _S.DEFERRED, _S.FAILED, _S.SKIPPED}),
    _S.SENDING: frozenset({_S.ACCEPTED, _S.DEFERRED, _S.FAILED, _S.UNCERTAIN, _S.PENDING, _S.SKIPPED}),
    _S.DEFERRED: frozenset({_S.CLAIMED, _S.SKIPPED, _S.FAILED}),
    _S.UNCERTAIN: frozenset({_S.ACCEPTED, _S.FAILED, _S.DEFERRED, _S.PENDING}),
    _S.FAILED: frozenset({_S.PENDING}),  # only by the breaker: a refusal that was the send's fault, not the reader's
    _S.ACCEPTED: frozenset(),
    _S.SKIPPED: frozenset(),
}
OPEN_STATES = frozenset({_S.PENDING, _S.CLAIMED, _S.SENDING, _S.DEFERRED})
"""What is 0 at `finished` and `cancelled`."""

TERMINAL = frozenset({SendState.FINISHED, SendState.CANCELLED})


def is_allowed(before: DeliveryState, after: DeliveryState) -> bool:
    return after in TRANSITIONS[before]
