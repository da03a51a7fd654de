"""What a server's reply means.

The whole failure policy of the sender: a reply and the stage it came at go in, a Verdict comes out. Nobody else reads a
reply code. Scopes follow the blame: a recipient, this connection, the relay, or the send itself; what is not a
recipient's fault is never charged to one.

| stage | reply | scope | the delivery |
|---|---|---|---|
| any | 421 before the dot · malformed, or of a kind that cannot be there | lane | released, unsent |
| connect, EHLO, STARTTLS, AUTH | 4xx | relay, tried again | released |
| connect, EHLO, STARTTLS, AUTH | 5xx | relay, halts the send | released |
| any | 530, 538 (authentication wanted) | relay, halts the send | released |
| any | 552 5.3.4 (message too big) | send, halts it | released; after the dot it goes back to `pending` |
| MAIL | 4xx · 5xx | recipient · send, halts it | deferred · released |
| RCPT, DATA | 4xx · 5xx | recipient | deferred · failed |
| dot | 2xx · 4xx · 5xx | recipient | accepted · deferred · failed |

5.7.x anywhere, and an unexplained refusal of DATA or the dot, also count towards the breaker (`policy`); an unexplained one
of RCPT does while nothing was accepted yet, for a relay that takes nothing from us may say so in any words.
An address is suppressed only on 5.1.1, 5.1.2, 5.1.3, 5.1.10; a bare 550 counts when its last send ended so too.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailer.delivery.states import DeliveryState
from mailer.delivery.types import Reply, Stage

_SESSION = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
_DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.10"})
_WANTS_AUTH = frozenset({530, 538})
_THROTTLES = frozenset({421, 450, 451, 452, 454})


class FailureScope(StrEnum):
    RECIPIENT = "recipient"
    CONNECTION = "connection"
    RELAY = "relay"
    SEND = "send"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What becomes of the delivery, and of whom else.

    `state` is where the delivery goes: ACCEPTED, DEFERRED, FAILED, UNCERTAIN, or PENDING (released: nothing was sent, or
    the refusal proves that nothing arrived). `halt`: the send pauses. `close`: this connection is of no more use.
    `policy`: counts towards the breaker. `unexplained`: nobody said that it is the recipient's fault; it counts, too, as long
    as the relay has taken nothing yet. `throttled`: the relay asks for a slower pace.
    """

    state: DeliveryState
    scope: FailureScope
    reason: str
    halt: bool = False
    close: bool = False
    policy: bool = False
    unexplained: bool = False
    is_throttling: bool = False
    suppress: bool = False
    is_plain_550: bool = False


ACCEPTED = Classification(state=DeliveryState.ACCEPTED, scope=FailureScope.RECIPIENT, reason="accepted")


def classify(reply: Reply, stage: Stage) -> Classification:
    """Judge `reply`, received at `stage`. Total: every reply has a verdict, nonsensical ones too."""
    kind = reply.code // 100
    if stage is Stage.END_OF_DATA and kind == 2:
        return ACCEPTED
    if kind not in {4, 5}:
        return _unexpected(stage)
    if reply.code in _WANTS_AUTH and stage is not Stage.END_OF_DATA:
        return _retry(FailureScope.RELAY, "wants authentication", halt=True)
    if stage in _SESSION:
        return _retry(FailureScope.RELAY, f"refused at {stage}", halt=kind == 5, throttled=kind == 4)
    if kind == 4:
        return _temporary(reply, stage)
    if reply.enhanced == "5.3.4" or (reply.code == 552 and stage is Stage.MAIL):
        return _retry(FailureScope.SEND, "message too big", halt=True)
    if stage is Stage.MAIL:
        return _retry(FailureScope.SEND, "sender refused", halt=True)
    return _refused(reply, stage)


def connection_lost(stage: Stage, reason: str) -> Classification:
    """The connection ended, or fell silent beyond its limit, while `stage` was under way."""
    if stage is Stage.END_OF_DATA:
        return Classification(
            state=DeliveryState.UNCERTAIN, scope=FailureScope.CONNECTION, reason=f"{reason} after the dot", close=True
        )
    if stage in _SESSION:
        return _retry(FailureScope.RELAY, reason)
    return _retry(FailureScope.CONNECTION, reason)


def not_offered(extension: str) -> Classification:
    """The address needs an extension that the relay lacks: failed, not suppressed (contract 5)."""
    return Classification(state=DeliveryState.FAILED, scope=FailureScope.RECIPIENT, reason=f"relay lacks {extension}")


def _temporary(reply: Reply, stage: Stage) -> Classification:
    throttled = reply.code in _THROTTLES
    if reply.code == 421 and stage is not Stage.END_OF_DATA:
        return _retry(FailureScope.CONNECTION, "service closing", throttled=True)
    return Classification(
        state=DeliveryState.DEFERRED,
        scope=FailureScope.RECIPIENT,
        reason=f"deferred at {stage}",
        is_throttling=throttled,
        close=reply.code == 421,
    )


def _refused(reply: Reply, stage: Stage) -> Classification:
    late = stage in {Stage.DATA, Stage.END_OF_DATA}
    about_recipient = reply.enhanced.startswith(("5.1.", "5.2."))
    policy = reply.enhanced.startswith("5.7.") or (late and not about_recipient)
    return Classification(
        state=DeliveryState.FAILED,
        scope=FailureScope.RECIPIENT,
        reason="refused",
        policy=policy,
        unexplained=not about_recipient,
        suppress=reply.enhanced in _DEAD,
        is_plain_550=reply.code == 550 and not reply.enhanced and not policy,
    )


def _unexpected(stage: Stage) -> Classification:
    if stage is Stage.END_OF_DATA:
        return Classification(
            state=DeliveryState.UNCERTAIN, scope=FailureScope.CONNECTION, reason="answered with nonsense", close=True
        )
    return _retry(FailureScope.CONNECTION, "answered with nonsense")


def _retry(scope: FailureScope, reason: str, *, halt: bool = False, throttled: bool = False) -> Classification:
    return Classification(
        state=DeliveryState.PENDING, scope=scope, reason=reason, halt=halt, close=True, is_throttling=throttled
    )
