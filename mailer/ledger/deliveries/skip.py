"""Decides which open deliveries are skipped, and skips them.

    skip(conn, which, reason)            those of `which` that may still be skipped
    skip_person(conn, identity, reason)  all of one subscriber
    skip_suppressed(conn, which)         those whose address is suppressed
    skip_unsubscribed(conn, which)       those whose subscriber has left or paused all lists of the send
    skip_ineligible(conn, which)         both of these

Creating a send reads the lists once. Later changes are applied here: at once when a subscriber makes them, when a resend is
created, and when a delivery that was under way, uncertain or refused is to be tried again. A delivery to an address that none of
the send's lists knows is left alone. All of these run within the caller's transaction.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, Update, and_, case, exists, or_, select, type_coerce

from mailer.csv.rows import Status
from mailer.delivery.states import OPEN_STATES, DeliveryState
from mailer.ledger.deliveries.transitions import transition
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.expressions import effective_status
from mailer.ledger.store.tables import delivery, list_, member, send_list, suppression

SKIPPABLE = OPEN_STATES - {DeliveryState.SENDING}
"""States that may still be skipped: in the state `sending` the message may have been sent."""


def skip(conn: Connection, which: ColumnElement[bool], reason: str | ColumnElement[str], *, at: float) -> int:
    """Skips those of the deliveries `which` that cannot have been sent; a claimed attempt is not counted. Returns how many."""
    return conn.execute(_skipping(which, reason, at)).rowcount


def skip_person(conn: Connection, identity: str, reason: str, *, at: float) -> int:
    """Skips the deliveries of one subscriber that cannot have been sent; returns how many."""
    return int(_SKIP_PERSON.run(conn, identity, reason, at).rowcount)


def skip_suppressed(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Skips those of the deliveries `which` whose address is suppressed; returns how many."""
    reason = select(suppression.c.reason).where(suppression.c.identity == delivery.c.identity).scalar_subquery()
    return skip(conn, and_(which, _is_suppressed()), reason, at=at)


def skip_unsubscribed(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Skips those of the deliveries `which` whose subscriber is on no list of the send any more; returns how many."""
    reason = _memberships(_status(at)).order_by(member.c.list_id).limit(1).scalar_subquery()
    return skip(conn, and_(which, _is_unsubscribed(at)), reason, at=at)


def skip_ineligible(conn: Connection, which: ColumnElement[bool], *, at: float) -> None:
    """Skips those of the deliveries `which` that are suppressed or unsubscribed by now."""
    skip_suppressed(conn, which, at=at)
    skip_unsubscribed(conn, which, at=at)


def is_ineligible(*, at: float) -> ColumnElement[bool]:
    """Whether a delivery, in any state, is to somebody who is suppressed or unsubscribed by now."""
    return or_(_is_suppressed(), _is_unsubscribed(at))


def _is_suppressed() -> ColumnElement[bool]:
    return delivery.c.identity.in_(select(suppression.c.identity))


def _is_unsubscribed(at: float) -> ColumnElement[bool]:
    on_lists = _memberships(_status(at))
    return and_(exists(on_lists), ~exists(on_lists.where(_status(at) == Status.SUBSCRIBED.value)))


def _status(at: float) -> ColumnElement[Any]:
    return type_coerce(effective_status(at), Text)


def _skipping(which: ColumnElement[bool], reason: str | ColumnElement[str], at: float | ColumnElement[float]) -> Update:
    attempts = case((delivery.c.state == DeliveryState.CLAIMED, delivery.c.attempts - 1), else_=delivery.c.attempts)
    return transition(SKIPPABLE, DeliveryState.SKIPPED, at=at).where(which).values(reason=reason, attempts=attempts)


def _memberships(status: ColumnElement[Any]) -> Select[Any]:
    """Returns the status on each of the lists of a delivery's send that have its subscriber."""
    named = select(list_.c.id).join(send_list, send_list.c.name == list_.c.name)
    return (
        select(status)
        .where(
            member.c.list_id.in_(named.where(send_list.c.send_id == delivery.c.send_id).correlate(delivery)),
            member.c.identity == delivery.c.identity,
            member.c.removed_at.is_(None),
        )
        .correlate(delivery)
    )


_SKIP_PERSON = CompiledStatement(
    _skipping(delivery.c.identity == param("identity", ""), param("reason", ""), param("at", 0.0)),
    "identity",
    "reason",
    "at",
)
