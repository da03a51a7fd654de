"""Classifies SMTP replies: what a reply means, and what it is about.

The failure policy for a transaction is in this module. `classify` takes a reply and the stage at which it was received, and
returns a Classification. What a reply means while a connection is set up is in `connect`; what its words say is in
`refusal_reason`. A delivery that fails for a reason about us is counted (`about_us`): once the breaker trips, such deliveries
are pending again (mailer.delivery.result_policy).

| stage | reply | about | outcome |
|---|---|---|---|
| before end of DATA | malformed, or of a class not expected there | connection | unsent |
| before end of DATA | 421 | relay, which waits | unsent |
| before end of DATA | 530, 538 (authentication required) | relay, excluded | unsent |
| any | 4xx about our quota, as “too many messages in this session” | relay, which waits | unsent, also after end of DATA |
| any | 4xx about our sender address, our reputation or relaying, of the relay itself | relay, which waits | the same |
| any | 5xx about our quota | relay, counted | unsent, also after end of DATA |
| any | 552 5.3.4 (message too big) | message: another relay may take it | unsent, also after end of DATA |
| MAIL, RCPT | 501, 555, 5.5.4, 5.6.7 where a parameter was given | the parameter: `refused_parameter` | unsent |
| MAIL | 4xx · other 5xx | relay, which waits · excluded | unsent |
| RCPT, DATA, text | 4xx · 5xx | recipient | deferred · failed |
| end of DATA | 2xx · 4xx · 5xx | recipient | accepted · deferred · failed |
| end of DATA | malformed, of another class, or none | connection | uncertain: never sent again without a decision |

A 5xx whose reason is about our message, sender address, quota, reputation or relay counts towards the breaker (`about_us`),
and so does an unexplained one after RCPT. An unexplained refusal of RCPT counts while the relay has accepted nothing yet: a
relay that refuses all our mail may word that in any way. An address is suppressed only if the reply says that mail to it is
impossible: by 5.1.1, 5.1.2, 5.1.3, 5.1.6 or 5.1.10, or, in reply to RCPT, in words that say that the mailbox does not exist.
Words that say something else overrule the code. A plain 550 proves nothing, and after RCPT such words do not: some servers say
them to spam. Words that hedge prove nothing, and words such as “try again later” overrule the code, as in `mailer.feedback`. A
5xx that names our sender address and not the recipient is about the sender.
Sources: RFC 5321 4.2, RFC 3463, RFC 5248.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from mailer.smtp.refusal_reason import Reason, Subject, is_hedged, is_temporary, refusal_reason
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage

_AUTH_REQUIRED = frozenset({530, 538})
_THROTTLING = frozenset({421, 450, 451, 452, 454})
_NO_DOMAIN = frozenset({"5.1.2", "5.1.10"})  # the domain does not exist, or has a null MX
_ABOUT_DOMAIN = frozenset({Reason.HOST_UNKNOWN, Reason.NOT_ACCEPTING})
_BAD_PARAMETER = frozenset({501, 504, 555})
_OURS = frozenset({Subject.QUOTA, Subject.SENDER, Subject.REPUTATION})
_MOVED = 551  # RFC 5321 3.4: the server names the new address
_QUOTED = " said: "  # a relay that quotes the recipient's server


class Outcome(StrEnum):
    """How an attempt to deliver a message went, as far as the relay's reply tells."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # refused for now
    FAILED = "failed"  # refused permanently
    UNCERTAIN = "uncertain"  # end of DATA was sent, and no usable reply came
    UNSENT = "unsent"  # nothing was sent, or the refusal proves that nothing was delivered


class Parameter(StrEnum):
    """A parameter of MAIL or RCPT that a relay has to offer; in the order in which one is blamed for a refusal."""

    SMTPUTF8 = "SMTPUTF8"
    DSN = "DSN"
    EIGHT_BIT = "8BITMIME"
    SIZE = "SIZE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The meaning of a reply, or of a lost connection. `refusal`: why the server refused, if it did.

    `excludes_relay`: no message of this send can leave through this relay. `lacks`: the relay does not support what this message
    needs. `close`: the connection cannot be used any more. `about_us`: the breaker counts it. `unexplained`: the reply does not
    say that the recipient is the reason. `is_throttling`: the relay asks for a slower pace. `relay_waits`: it is tried again on a
    new connection, and after a while if that does not help. `suppress`: mail to this address is impossible.
    """

    outcome: Outcome
    reason: str
    refusal: Reason | None = None
    excludes_relay: bool = False
    lacks: Parameter | None = None
    close: bool = False
    about_us: bool = False
    unexplained: bool = False
    is_throttling: bool = False
    relay_waits: bool = False
    suppress: bool = False

    @property
    def is_about_recipient(self) -> bool:
        """Whether the reply says that the recipient is the reason."""
        return self.refusal is not None and self.refusal.subject is Subject.RECIPIENT


ACCEPTED = Classification(outcome=Outcome.ACCEPTED, reason="accepted")


def classify(reply: Reply, stage: Stage, *, sender: str = "", recipient: str = "") -> Classification:
    """Returns the classification of `reply`, received at `stage`. Total: malformed replies have one too.

    `sender`, `recipient`: the addresses in the envelope, which the reply may name.
    """
    kind = reply.code // 100
    if stage is Stage.END_OF_DATA and kind == 2:
        return ACCEPTED
    if kind not in {4, 5}:
        return _unexpected(stage)
    if reply.code in _AUTH_REQUIRED and stage is not Stage.END_OF_DATA:
        return _unsent("relay requires authentication", excludes_relay=True)
    refusal = refusal_reason(*reply)
    if kind == 4:
        return _temporary(reply, stage, refusal)
    if refusal.subject in {None, Subject.RECIPIENT} and _names_only(sender, reply.text, recipient):
        refusal = Reason.REJECTED
    if refusal.subject is Subject.QUOTA:
        reason = "too much mail for the relay"
        return Classification(outcome=Outcome.UNSENT, reason=reason, refusal=refusal, about_us=True)
    if reply.enhanced == "5.3.4" or (reply.code == 552 and stage is Stage.MAIL):
        return not_offered(Parameter.SIZE)
    if stage is Stage.MAIL:
        return _unsent("sender refused", excludes_relay=True)
    return _refused(reply, stage, refusal)


def refused_parameter(reply: Reply, stage: Stage, given: Collection[Parameter]) -> Parameter | None:
    """Returns which of the parameters `given` at `stage` the relay refused by `reply`; None: it is about something else."""
    if stage not in {Stage.MAIL, Stage.RCPT} or reply.code // 100 != 5:
        return None
    if reply.enhanced == "5.6.7" and stage is Stage.MAIL and Parameter.SMTPUTF8 in given:
        return Parameter.SMTPUTF8
    is_about_address = reply.enhanced.startswith("5.1.") or (
        reply.code == 501 and stage is Stage.RCPT and not reply.enhanced
    )
    if is_about_address or not (reply.code in _BAD_PARAMETER or reply.enhanced == "5.5.4"):
        return None
    possible = [each for each in Parameter if each in given and (stage is Stage.MAIL or each is Parameter.DSN)]
    named = [each for each in possible if each.value in reply.text.upper()]
    return next(iter(named or possible), None)


def connection_lost(stage: Stage, reason: str) -> Classification:
    """Returns the classification of a connection that ended, or timed out, at `stage`."""
    if stage is Stage.END_OF_DATA:
        return Classification(
            outcome=Outcome.UNCERTAIN,
            reason=f"{reason} after the message was handed over and before the server confirmed it",
            close=True,
        )
    return _unsent(reason)


def not_offered(parameter: Parameter) -> Classification:
    """Returns the classification of a message that needs what the relay does not support: one address, or the whole edition.

    An address that needs SMTPUTF8 fails, and is not suppressed. Size and encoding are those of all messages: nothing was sent.
    """
    if parameter is Parameter.SMTPUTF8:
        return Classification(outcome=Outcome.FAILED, reason="relay does not support SMTPUTF8", lacks=parameter)
    reason = "message too big" if parameter is Parameter.SIZE else f"relay does not support {parameter}"
    return Classification(outcome=Outcome.UNSENT, reason=reason, lacks=parameter)


def _temporary(reply: Reply, stage: Stage, refusal: Reason) -> Classification:
    if reply.code == 421 and stage is not Stage.END_OF_DATA:
        return _unsent("relay is closing the connection", is_throttling=True, relay_waits=True, refusal=refusal)
    is_ours = refusal.subject in _OURS or refusal is Reason.NO_RELAYING
    if stage is Stage.MAIL or refusal.subject is Subject.QUOTA or (is_ours and _QUOTED not in reply.text):
        return _unsent(f"deferred at {stage.label}", is_throttling=True, relay_waits=True, refusal=refusal)
    return Classification(
        outcome=Outcome.DEFERRED,
        reason=f"deferred at {stage.label}",
        refusal=refusal,
        is_throttling=reply.code in _THROTTLING,
        close=reply.code == 421,
    )


def _refused(reply: Reply, stage: Stage, refusal: Reason) -> Classification:
    unexplained = refusal.subject is None
    is_late = stage is not Stage.RCPT  # the recipient was accepted already
    by_code = reply.enhanced.startswith("5.1.")
    unknown = refusal is Reason.USER_UNKNOWN and (by_code or not (is_late or is_hedged(reply.text)))
    moved = refusal is Reason.HAS_MOVED and (by_code or reply.code == _MOVED)
    no_domain = reply.enhanced in _NO_DOMAIN and refusal in _ABOUT_DOMAIN
    return Classification(
        outcome=Outcome.FAILED,
        reason="refused",
        refusal=refusal,
        about_us=is_late if unexplained else refusal.subject is not Subject.RECIPIENT,
        unexplained=unexplained,
        suppress=(unknown or moved or no_domain) and not is_temporary(reply.text),
    )


def _names_only(sender: str, text: str, recipient: str) -> bool:
    """Whether `text` names the address `sender`, and not `recipient`."""
    lowered = text.lower()
    return bool(sender) and sender.lower() in lowered and recipient.lower() not in lowered


def _unexpected(stage: Stage) -> Classification:
    if stage is Stage.END_OF_DATA:
        return Classification(outcome=Outcome.UNCERTAIN, reason="malformed reply", close=True)
    return _unsent("malformed reply")


def _unsent(
    reason: str,
    *,
    refusal: Reason | None = None,
    excludes_relay: bool = False,
    is_throttling: bool = False,
    relay_waits: bool = False,
) -> Classification:
    return Classification(
        outcome=Outcome.UNSENT,
        reason=reason,
        refusal=refusal,
        excludes_relay=excludes_relay,
        close=True,
        is_throttling=is_throttling,
        relay_waits=relay_waits,
    )
