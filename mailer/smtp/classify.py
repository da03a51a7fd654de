"""Classifies SMTP replies: what a reply means, and what it is about.

The failure policy for a transaction is in this module. `classify` takes a reply and the stage at which it was received, and
returns a Classification. What a reply means while a connection is set up is in `connect`. A delivery fails only for a reason
that is about its recipient.

| stage | reply | about | outcome |
|---|---|---|---|
| any | 421 before end of DATA · malformed, or of a class that is not expected there | connection | unsent |
| any | 530, 538 (authentication required) | relay, halts the send | unsent |
| any | 552 5.3.4 (message too big) | send, halts it | unsent, also after end of DATA |
| MAIL | 4xx · 5xx | recipient · send, halts it | deferred · unsent |
| RCPT, DATA | 4xx · 5xx | recipient | deferred · failed |
| end of DATA | 2xx · 4xx · 5xx | recipient | accepted · deferred · failed |

5.7.x at any stage, and an unexplained refusal of DATA or of end of DATA, also count towards the breaker (`policy`). An
unexplained refusal of RCPT counts while nothing has been accepted yet: a relay that refuses all our mail may word that in
any way. An address is suppressed only on 5.1.1, 5.1.2, 5.1.3 and 5.1.10; a plain 550 counts if the address' last send ended
with one too.
Sources: RFC 5321 4.2, RFC 3463, RFC 5248.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage

_DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.10"})
_AUTH_REQUIRED = frozenset({530, 538})
_THROTTLING = frozenset({421, 450, 451, 452, 454})


class Outcome(StrEnum):
    """How an attempt to deliver a message went, as far as the relay's reply tells."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # refused for now
    FAILED = "failed"  # refused permanently
    UNCERTAIN = "uncertain"  # end of DATA was sent, and no usable reply came
    UNSENT = "unsent"  # nothing was sent, or the refusal proves that nothing was delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The meaning of a reply, or of a connection that was lost.

    `halt`: the send pauses. `close`: the connection cannot be used any more. `policy`: the breaker counts it. `unexplained`:
    the reply does not say that the recipient is the reason; the breaker counts it while the relay has accepted nothing yet.
    `is_throttling`: the relay asks for a slower pace. `suppress`: the address is dead. `is_plain_550`: a 550 without an
    enhanced code.
    """

    outcome: Outcome
    reason: str
    halt: bool = False
    close: bool = False
    policy: bool = False
    unexplained: bool = False
    is_throttling: bool = False
    suppress: bool = False
    is_plain_550: bool = False


ACCEPTED = Classification(outcome=Outcome.ACCEPTED, reason="accepted")


def classify(reply: Reply, stage: Stage) -> Classification:
    """Returns the classification of `reply`, received at `stage`. Total: malformed replies have one too."""
    kind = reply.code // 100
    if stage is Stage.END_OF_DATA and kind == 2:
        return ACCEPTED
    if kind not in {4, 5}:
        return _unexpected(stage)
    if reply.code in _AUTH_REQUIRED and stage is not Stage.END_OF_DATA:
        return _unsent("relay requires authentication", halt=True)
    if kind == 4:
        return _temporary(reply, stage)
    if reply.enhanced == "5.3.4" or (reply.code == 552 and stage is Stage.MAIL):
        return _unsent("message too big", halt=True)
    if stage is Stage.MAIL:
        return _unsent("sender refused", halt=True)
    return _refused(reply, stage)


def connection_lost(stage: Stage, reason: str) -> Classification:
    """Returns the classification of a connection that ended, or timed out, at `stage`."""
    if stage is Stage.END_OF_DATA:
        return Classification(
            outcome=Outcome.UNCERTAIN,
            reason=f"{reason} after the message was handed over and before the server confirmed it",
            close=True,
        )
    return _unsent(reason)


def not_offered(extension: str) -> Classification:
    """Returns the classification for an address that needs an extension the relay does not support: failed, not suppressed."""
    return Classification(outcome=Outcome.FAILED, reason=f"relay does not support {extension}")


def _temporary(reply: Reply, stage: Stage) -> Classification:
    is_throttling = reply.code in _THROTTLING
    if reply.code == 421 and stage is not Stage.END_OF_DATA:
        return _unsent("relay is closing the connection", is_throttling=True)
    return Classification(
        outcome=Outcome.DEFERRED,
        reason=f"deferred at {stage.label}",
        is_throttling=is_throttling,
        close=reply.code == 421,
    )


def _refused(reply: Reply, stage: Stage) -> Classification:
    late = stage in {Stage.DATA, Stage.END_OF_DATA}
    about_recipient = reply.enhanced.startswith(("5.1.", "5.2."))
    policy = reply.enhanced.startswith("5.7.") or (late and not about_recipient)
    return Classification(
        outcome=Outcome.FAILED,
        reason="refused",
        policy=policy,
        unexplained=not about_recipient,
        suppress=reply.enhanced in _DEAD,
        is_plain_550=reply.code == 550 and not reply.enhanced and not policy,
    )


def _unexpected(stage: Stage) -> Classification:
    if stage is Stage.END_OF_DATA:
        return Classification(outcome=Outcome.UNCERTAIN, reason="malformed reply", close=True)
    return _unsent("malformed reply")


def _unsent(reason: str, *, halt: bool = False, is_throttling: bool = False) -> Classification:
    return Classification(outcome=Outcome.UNSENT, reason=reason, halt=halt, close=True, is_throttling=is_throttling)
