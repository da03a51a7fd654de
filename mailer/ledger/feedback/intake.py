"""Takes feedback in: finds the delivery that it is about, decides what follows, and records both in one transaction.

    record_feedback(conn, new, limits, at=...) -> RecordStatus     within a transaction

The same event counts once, by its source and id. Only what is about one of our deliveries, or at least about an address that
was ever mailed, is recorded. A proof that names another address than that of the delivery proves nothing about either, and one
that a message gives expires: a notification about a message of long ago waits for a person. So does a complaint about a message
from before a suppression was lifted, and an event that a reader unsubscribed then; a bounce of such a message is noted, because
the reader has confirmed the address since. What a test message brings back is noted. Strangers cannot fill the table: unproven
feedback is recorded only if a person should decide, and once for each reader. Of an erased subscriber nothing is kept that
names them. A bounce of a transactional mail proves nothing about a reader: it marks that mail as failed, and waits for a
person if its recipient is a reader.
"""

import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from mailer.addresses import AddressError, parse_address
from mailer.delivery.states import DeliveryState, SendKind
from mailer.feedback.model import FeedbackKind
from mailer.feedback.policy import DAY, BounceLimits, Effect, PastDelivery, effect_of, has_bounced_repeatedly
from mailer.ledger.feedback.mass_bounces import is_mass_bounce
from mailer.ledger.privacy.pseudonyms import aliases, is_pseudonym
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.tables import (
    HAS_PROVIDER_ID,
    attempt,
    delivery,
    feedback,
    feedback_decision,
    feedback_message,
    feedback_source,
    send,
    suppression_change,
)
from mailer.ledger.subscribers.suppressions import addresses_since, suppress
from mailer.ledger.subscribers.transactional_mail_queue import load_mail, mark_returned
from mailer.ledger.types.feedback import FeedbackMessage, FeedbackProof, NewFeedback, RecordStatus
from mailer.ledger.types.suppressions import SuppressionAction, SuppressionReason
from mailer.ledger.webhooks.outbox import enqueue_feedback

_COUNTING = frozenset({Effect.COUNTED.value, Effect.SUPPRESSED.value})
VALID_FOR = 30 * DAY  # seconds since a message was accepted; servers give up within a week
LONGEST_SERIES = 50  # pieces of feedback about one delivery
KEPT_OF_MESSAGE = 64 * 1024  # octets
_PAST = 200  # deliveries of a subscriber that are looked at
_REPORT_TYPE = 32  # characters
_COUNTS = ("recorded", "ignored", "unknown", "unreadable")  # of a source
_SUPPRESSION = {
    FeedbackKind.BOUNCE: SuppressionReason.BOUNCED,
    FeedbackKind.COMPLAINT: SuppressionReason.COMPLAINED,
    FeedbackKind.UNSUBSCRIBE: SuppressionReason.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Whom feedback is about. Without a delivery, `send_id` is None and `proof` none."""

    identity: str
    proof: FeedbackProof
    delivery_id: int | None = None
    send_id: int | None = None
    is_test: bool = False
    accepted_at: float = 0.0
    dated: float | None = None  # the date of the message

    def is_proven(self, at: float) -> bool:
        """Whether an address may be suppressed at `at`. Only providers prove by themselves that their event is no old one."""
        is_fresh = self.proof is FeedbackProof.PROVIDER or self.accepted_at > at - VALID_FOR
        return self.proof.is_proof and is_fresh


def record_feedback(
    conn: Connection, new: NewFeedback, limits: BounceLimits, message: FeedbackMessage | None = None, *, at: float
) -> RecordStatus:
    """Within a transaction: records `new` and what follows, and keeps the beginning of the `message` that it is from."""
    if _SEEN.run(conn, new.source, new.source_id).fetchone():
        return RecordStatus.DUPLICATE
    is_of_ours = new.transactional_id is not None and _mark_returned(conn, new, new.transactional_id)
    if is_of_ours:
        new = replace(new, provider_id="")  # which is that of no delivery
    subject = _find_subject(conn, new)
    if isinstance(subject, RecordStatus):
        return RecordStatus.RECORDED if is_of_ours else subject
    erased = is_pseudonym(subject.identity)
    effect = _decide(conn, new, subject, limits, at=at)
    if _is_superfluous(conn, new, subject, effect):
        return RecordStatus.IGNORED
    kept = None if erased else message
    if not _insert(conn, new, subject, effect, digest=kept.digest if kept else "", at=at):
        return RecordStatus.DUPLICATE  # another process was faster
    if kept:
        raw = zlib.compress(kept.raw[:KEPT_OF_MESSAGE], 6)
        _KEEP_MESSAGE[conn.dialect.name].run(conn, kept.digest, at, raw)
    if effect is Effect.SUPPRESSED:
        _suppress(conn, new, subject, at=at)
    if subject.proof.is_proof and not (new.recipient.delayed or subject.is_test or erased):
        enqueue_feedback(conn, new, subject.identity, subject.send_id, at=at)
    return RecordStatus.RECORDED


def _mark_returned(conn: Connection, new: NewFeedback, number: int) -> bool:
    """Marks a transactional mail that bounced as failed; whether it is about its recipient.

    Somebody may have typed the address of a stranger, or a wrong one. So it is nobody's bounce: no address is suppressed, and the
    words are kept only as long as the mail.
    """
    mail = load_mail(conn, number)
    address = identity_of(new.recipient.address) if new.recipient.address else ""
    if mail is None or (new.recipient.address and address != mail.identity):
        return False
    if new.kind is FeedbackKind.BOUNCE and not new.recipient.delayed:
        reply = f"came back: {new.recipient.words or new.recipient.reason}"
        mark_returned(conn, number, reply)
    return True


def _suppress(conn: Connection, new: NewFeedback, subject: _Subject, *, at: float) -> None:
    """Suppresses the address. What its reader asked for holds for the addresses that they have taken since, as with the link."""
    source = _source_of(new, subject)
    wanted = {subject.identity: _SUPPRESSION[new.kind]}
    if new.kind is not FeedbackKind.BOUNCE:
        for identity in addresses_since(conn, subject.identity, subject.dated):
            wanted.setdefault(identity, SuppressionReason.UNSUBSCRIBED)
    for identity, reason in sorted(wanted.items()):  # in one order: each is locked
        suppress(conn, identity, reason, source=source, send_id=subject.send_id, at=at)


def _is_superfluous(conn: Connection, new: NewFeedback, subject: _Subject, effect: Effect) -> bool:
    """Whether feedback adds nothing, so that strangers cannot fill the table.

    Unproven feedback is recorded only for a person, one piece of each kind and source about a subscriber at a time; proven
    feedback up to LONGEST_SERIES times for a delivery, unless it suppresses.
    """
    if subject.proof.is_proof:
        count = int(_COUNT_OF_DELIVERY.run(conn, subject.identity, subject.delivery_id).fetchone()[0])
        return effect is not Effect.SUPPRESSED and count >= LONGEST_SERIES
    if effect is not Effect.WAITING:
        return True
    return _WAITS_ALREADY.run(conn, subject.identity, new.kind.value, new.source).fetchone() is not None


def _decide(conn: Connection, new: NewFeedback, subject: _Subject, limits: BounceLimits, *, at: float) -> Effect:
    """Returns what follows from feedback, by the policy and by what is known of the subscriber."""
    effect = effect_of(new.kind, new.recipient, new.report_type, is_proven=subject.is_proven(at))
    if (subject.is_test or is_pseudonym(subject.identity)) and effect is not Effect.OURS:
        return Effect.NOTED
    if effect not in {Effect.COUNTED, Effect.SUPPRESSED}:
        return effect
    if effect is Effect.SUPPRESSED and new.kind is FeedbackKind.BOUNCE and not new.recipient.address:
        effect = Effect.COUNTED  # it names nobody: it may be about an address to which the reader forwards
    lifted_at = _LIFTED_AT.run(conn, subject.identity).fetchone()[0] or 0.0
    if subject.accepted_at <= lifted_at:
        return Effect.NOTED if new.kind is FeedbackKind.BOUNCE else Effect.WAITING
    if effect is Effect.SUPPRESSED and new.kind is FeedbackKind.BOUNCE and _is_mass_bounce(conn, subject, limits):
        return Effect.WAITING
    if effect is Effect.COUNTED and _is_repeated(conn, subject, limits, since=lifted_at, at=at):
        return Effect.SUPPRESSED
    return effect


def _is_mass_bounce(conn: Connection, subject: _Subject, limits: BounceLimits) -> bool:
    delivery_id, send_id = subject.delivery_id, subject.send_id
    if delivery_id is None or send_id is None:
        return False
    return is_mass_bounce(conn, delivery_id, send_id, subject.identity, limits.hold)


def count_source(
    conn: Connection,
    source: str,
    *,
    recorded: int = 0,
    ignored: int = 0,
    unknown: int = 0,
    unreadable: int = 0,
    at: float,
) -> None:
    """Within a transaction: counts what a source brought, and notes when it last spoke."""
    _COUNT_SOURCE[conn.dialect.name].run(conn, source, at, recorded, ignored, unknown, unreadable)


def is_about_us(new: NewFeedback) -> bool:
    """Whether feedback would be counted for the operator."""
    return effect_of(new.kind, new.recipient, new.report_type, is_proven=True) is Effect.OURS


def is_series_of_ours(conn: Connection, length: int, *, before: int = 0) -> bool:
    """Whether the last `length` final, proven bounces are all about us; `before`: those before the last so many."""
    effects = [row[0] for row in _LATEST.run(conn, length + before).fetchall()][before:]
    return len(effects) == length and all(effect == Effect.OURS.value for effect in effects)


def _source_of(new: NewFeedback, subject: _Subject) -> str:
    """Returns the source of a suppression, as a send names it."""
    what = new.recipient.reason.value if new.kind is FeedbackKind.BOUNCE else new.kind.value
    return f"send {subject.send_id}: {what} {new.recipient.status}".strip()


@lru_cache(maxsize=1024)
def identity_of(address: str) -> str:
    """Returns the identity of an address that a stranger wrote; "" if it is invalid."""
    try:
        return parse_address(address).identity
    except AddressError:
        return ""


def _find_subject(conn: Connection, new: NewFeedback) -> _Subject | RecordStatus:
    """Returns whom `new` is about; IGNORED if it is about nobody that was ever mailed."""
    named = identity_of(new.recipient.address) if new.recipient.address else ""
    names = aliases(conn, named) if named else ()
    number, proof = new.delivery_id, new.proof
    if number is None and new.provider_id:
        row = _OF_PROVIDER.run(conn, f"Ok {new.provider_id}").fetchone()
        if row is None and new.may_be_early:
            return RecordStatus.NOT_YET_KNOWN
        number, proof = (row[0], FeedbackProof.PROVIDER) if row else (None, proof)
    row = _DELIVERY.run(conn, number).fetchone() if number is not None else None
    if row is not None:
        identity, send_id, kind, accepted_at, dated = row
        if proof.is_proof and new.recipient.address and identity not in names:
            proof = FeedbackProof.MISMATCH
        return _Subject(
            identity=identity,
            proof=proof,
            delivery_id=number,
            send_id=send_id,
            is_test=kind == SendKind.TEST.value,
            accepted_at=accepted_at,
            dated=dated,
        )
    known = next((name for name in names if _MAILED.run(conn, name).fetchone()), None)
    if known is None or is_pseudonym(known):
        return RecordStatus.IGNORED
    return _Subject(identity=known, proof=FeedbackProof.NONE)


def _insert(conn: Connection, new: NewFeedback, subject: _Subject, effect: Effect, *, digest: str, at: float) -> bool:
    """Inserts the row, if its source and id are new."""
    recipient = new.recipient
    erased = is_pseudonym(subject.identity)
    inserted = _INSERT[conn.dialect.name].run(
        conn,
        new.source,
        new.source_id,
        at,
        new.kind.value,
        subject.identity,
        "" if erased else recipient.address,
        subject.delivery_id,
        subject.send_id,
        recipient.status[:16],
        recipient.reason.value,
        recipient.permanent,
        recipient.delayed,
        new.report_type[:_REPORT_TYPE],
        "" if erased else recipient.words,
        subject.proof.value,
        effect.value,
        digest,
    )
    return int(inserted.rowcount) == 1


def _is_repeated(conn: Connection, subject: _Subject, limits: BounceLimits, *, since: float, at: float) -> bool:
    """Whether this bounce, not recorded yet, makes a series that suppresses. `since`: earlier deliveries do not count."""
    past: dict[int, PastDelivery] = {}
    for number, accepted_at, effect in _PAST_DELIVERIES.run(
        conn, subject.identity, since, subject.delivery_id
    ).fetchall():
        mine = number == subject.delivery_id
        counts = mine or effect in _COUNTING
        each = PastDelivery(accepted_at=accepted_at, came_back=mine or effect is not None, counts=counts)
        known = past.get(number)
        past[number] = replace(known, counts=known.counts or each.counts) if known else each
    return has_bounced_repeatedly(past.values(), at, limits)


_VALUES = {
    "source": param("_source", ""),
    "source_id": param("_source_id", ""),
    "at": param("_at", 0.0),
    "kind": param("_kind", ""),
    "identity": param("_identity", ""),
    "address": param("_address", ""),
    "delivery_id": param("_delivery_id"),
    "send_id": param("_send_id"),
    "status": param("_status", ""),
    "reason": param("_reason", ""),
    "permanent": param("_permanent", False),
    "delayed": param("_delayed", False),
    "report_type": param("_report_type", ""),
    "words": param("_words", ""),
    "proof": param("_proof", ""),
    "effect": param("_effect", ""),
    "digest": param("_digest", ""),
}


def _insert_new(database: str) -> CompiledStatement:
    make: Any = postgresql.insert if database == "postgresql" else sqlite.insert
    statement = make(feedback).values(_VALUES).on_conflict_do_nothing()
    return CompiledStatement(statement, *(value.key for value in _VALUES.values()))


def _add_counts(database: str) -> CompiledStatement:
    make: Any = postgresql.insert if database == "postgresql" else sqlite.insert
    new = {"last_at": param("_at", 0.0)} | {name: param(f"_{name}") for name in _COUNTS}
    table = feedback_source.c
    statement = (
        make(feedback_source)
        .values(source=param("_source", ""), **new)
        .on_conflict_do_update(
            index_elements=[table.source],
            set_={
                "last_at": new["last_at"],
                **{name: table[name] + new[name] for name in _COUNTS},
            },
        )
    )
    return CompiledStatement(statement, "_source", "_at", *(f"_{name}" for name in _COUNTS))


def _keep_message(database: str) -> CompiledStatement:
    make: Any = postgresql.insert if database == "postgresql" else sqlite.insert
    values = {"digest": param("_digest", ""), "at": param("_at", 0.0), "raw": param("_raw", b"")}
    statement = make(feedback_message).values(values).on_conflict_do_nothing()
    return CompiledStatement(statement, "_digest", "_at", "_raw")


_KEEP_MESSAGE = {database: _keep_message(database) for database in ("sqlite", "postgresql")}
_INSERT = {database: _insert_new(database) for database in ("sqlite", "postgresql")}
_COUNT_SOURCE = {database: _add_counts(database) for database in ("sqlite", "postgresql")}
_SEEN = CompiledStatement(
    select(feedback.c.id).where(feedback.c.source == param("source", ""), feedback.c.source_id == param("id", "")),
    "source",
    "id",
)
_DELIVERY = CompiledStatement(
    select(delivery.c.identity, delivery.c.send_id, send.c.kind, delivery.c.updated_at, delivery.c.date)
    .join(send)
    .where(delivery.c.id == param("id")),
    "id",
)
_COUNT_OF_DELIVERY = CompiledStatement(
    select(func.count()).where(
        feedback.c.identity == param("identity", ""), feedback.c.delivery_id == param("delivery_id")
    ),
    "identity",
    "delivery_id",
)
_WAITS_ALREADY = CompiledStatement(
    select(feedback.c.id)
    .where(
        feedback.c.identity == param("identity", ""),
        feedback.c.kind == param("kind", ""),
        feedback.c.source == param("source", ""),
        feedback.c.effect == Effect.WAITING,
        ~exists().where(feedback_decision.c.feedback_id == feedback.c.id),
    )
    .limit(1),
    "identity",
    "kind",
    "source",
)
_LIFTED_AT = CompiledStatement(
    select(func.max(suppression_change.c.at)).where(
        suppression_change.c.identity == param("identity", ""),
        suppression_change.c.change == SuppressionAction.LIFTED,
    ),
    "identity",
)
_OF_PROVIDER = CompiledStatement(
    select(attempt.c.delivery_id).where(HAS_PROVIDER_ID, attempt.c.reply == param("reply", "")).limit(1), "reply"
)
_PROVEN_BOUNCE = (
    feedback.c.kind == FeedbackKind.BOUNCE,
    feedback.c.delayed.is_(False),
    feedback.c.proof.in_([proof for proof in FeedbackProof if proof.is_proof]),
)
_LATEST = CompiledStatement(
    select(feedback.c.effect).where(*_PROVEN_BOUNCE).order_by(feedback.c.id.desc()).limit(param("limit")), "limit"
)
_PAST_DELIVERIES = CompiledStatement(
    select(delivery.c.id, delivery.c.updated_at, feedback.c.effect)
    .select_from(delivery)
    .join(send, send.c.id == delivery.c.send_id)
    .outerjoin(
        feedback,
        and_(feedback.c.identity == delivery.c.identity, feedback.c.delivery_id == delivery.c.id, *_PROVEN_BOUNCE),
    )
    .where(
        delivery.c.identity == param("identity", ""),
        delivery.c.updated_at > param("since", 0.0),
        send.c.kind != SendKind.TEST,
        or_(delivery.c.state == DeliveryState.ACCEPTED, delivery.c.id == param("id")),
    )
    .order_by(delivery.c.updated_at.desc(), delivery.c.id.desc())
    .limit(_PAST),
    "identity",
    "since",
    "id",
)
_MAILED = CompiledStatement(
    select(delivery.c.id).where(delivery.c.identity == param("identity", "")).limit(1), "identity"
)
