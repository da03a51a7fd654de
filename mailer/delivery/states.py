"""The states of a send and of its deliveries, and the transitions between delivery states that are allowed."""

from collections.abc import Mapping
from enum import StrEnum


class DeliveryState(StrEnum):
    """The states of a delivery; the values are stored in the ledger."""

    PENDING = "pending"  # not begun, or provably unsent
    CLAIMED = "claimed"  # handed to a sender, provably unsent
    SENDING = "sending"  # durable before end of DATA is sent
    ACCEPTED = "accepted"  # the relay answered 250 to end of DATA
    DEFERRED = "deferred"  # to be tried again
    FAILED = "failed"  # refused permanently, or its lifetime is over
    UNCERTAIN = "uncertain"  # end of DATA was sent, the answer is unknown
    SKIPPED = "skipped"  # not mailed, with a reason


class SendState(StrEnum):
    """The states of a send."""

    SCHEDULED = "scheduled"
    OVERDUE = "overdue"
    RUNNING = "running"
    WAITING = "waiting"  # only deferred or held-back deliveries are left
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class SendKind(StrEnum):
    """What a send is for."""

    DISPATCH = "dispatch"
    RESEND = "resend"
    TEST = "test"
    WELCOME = "welcome"  # to one subscriber who has just confirmed


_S = DeliveryState
TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _S.PENDING: frozenset(
        {_S.CLAIMED, _S.SKIPPED, _S.FAILED, _S.ACCEPTED}
    ),  # accepted: a late reply to the attempt before
    _S.CLAIMED: frozenset({_S.PENDING, _S.SENDING, _S.DEFERRED, _S.FAILED, _S.SKIPPED}),
    _S.SENDING: frozenset({_S.ACCEPTED, _S.DEFERRED, _S.FAILED, _S.UNCERTAIN, _S.PENDING, _S.SKIPPED}),
    _S.DEFERRED: frozenset({_S.CLAIMED, _S.SKIPPED, _S.FAILED, _S.ACCEPTED}),
    _S.UNCERTAIN: frozenset({_S.ACCEPTED, _S.FAILED, _S.DEFERRED, _S.PENDING}),
    _S.FAILED: frozenset(
        {_S.PENDING, _S.ACCEPTED}
    ),  # pending only by the breaker: the send was refused, not the recipient
    _S.ACCEPTED: frozenset(),
    _S.SKIPPED: frozenset(),
}
DECIDED_LATE = frozenset({_S.PENDING, _S.DEFERRED, _S.FAILED})
"""From these to accepted only by a late reply to an attempt before, whose process was cut off."""

OPEN_STATES = frozenset({_S.PENDING, _S.CLAIMED, _S.SENDING, _S.DEFERRED})
"""No delivery is in one of these when its send is `finished` or `cancelled`."""

TERMINAL = frozenset({SendState.FINISHED, SendState.CANCELLED})


def is_allowed(before: DeliveryState, after: DeliveryState) -> bool:
    """Whether a delivery may go from `before` to `after`."""
    return after in TRANSITIONS[before]
