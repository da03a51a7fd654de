"""Decides which open deliveries are skipped, and skips them.

    skip(conn, which, reason)      those of `which` that may still be skipped
    skip_person(conn, identity)    all of one person
    skip_suppressed(conn, which)   those whose address is suppressed
    skip_left(conn, which)         those whose person gets nothing from the send's lists any more: left them all, or paused
    skip_unwanted(conn, which)     both of these

Making a send looks at the lists once. What people say afterwards is applied here: at once when they say it, when a resend is
made, and when a delivery that was under way, uncertain or refused is to be tried again. A delivery to somebody of whom the send's
lists know nothing is left alone. All of these run within the caller's transaction.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, Update, and_, case, exists, select, type_coerce

from mailer.csv.rows import Status
from mailer.delivery.states import OPEN_STATES, DeliveryState
from mailer.ledger.deliveries.transitions import transition
from mailer.ledger.store.expressions import effective_status
from mailer.ledger.store.fastsql import CompiledStatement, param
from mailer.ledger.store.tables import delivery, list_, member, send_list, suppression

SKIPPABLE = OPEN_STATES - {DeliveryState.SENDING}
"""What may still be skipped: the message of a committing one may have been sent."""


def skip(conn: Connection, which: ColumnElement[bool], reason: str | ColumnElement[str], *, at: float) -> int:
    """Skip those of the deliveries `which` that cannot have been sent; of one that was claimed, the attempt does not count."""
    return conn.execute(_skipping(which, reason, at)).rowcount


def skip_person(conn: Connection, identity: str, reason: str, *, at: float) -> int:
    """Skip those deliveries of one person that cannot have been sent."""
    return int(_SKIP_PERSON.run(conn, identity, reason, at).rowcount)


def skip_suppressed(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Skip those of the deliveries `which` whose address is suppressed."""
    reason = select(suppression.c.reason).where(suppression.c.identity == delivery.c.identity).scalar_subquery()
    return skip(conn, and_(which, delivery.c.identity.in_(select(suppression.c.identity))), reason, at=at)


def skip_unsubscribed(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Skip those of the deliveries `which` whose person gets nothing from the send's lists. How many."""
    status = type_coerce(effective_status(at), Text)
    on_lists = _memberships(status)
    subscribed = on_lists.where(status == Status.SUBSCRIBED.value)
    why = on_lists.order_by(member.c.list_id).limit(1).scalar_subquery()
    return skip(conn, and_(which, exists(on_lists), ~exists(subscribed)), why, at=at)


def skip_ineligible(conn: Connection, which: ColumnElement[bool], *, at: float) -> None:
    """Skip those of the deliveries `which` that their person does not want, or must not get, any more."""
    skip_suppressed(conn, which, at=at)
    skip_unsubscribed(conn, which, at=at)


def _skipping(which: ColumnElement[bool], reason: str | ColumnElement[str], at: float | ColumnElement[float]) -> Update:
    attempts = case((delivery.c.state == DeliveryState.CLAIMED, delivery.c.attempts - 1), else_=delivery.c.attempts)
    return transition(SKIPPABLE, DeliveryState.SKIPPED, at=at).where(which).values(reason=reason, attempts=attempts)


def _memberships(status: ColumnElement[Any]) -> Select[Any]:
    """The status on each of the lists of a delivery's send that have its person."""
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
    _skipping(delivery.c.identity == param("whose", ""), param("why", ""), param("at", 0.0)), "whose", "why", "at"
)
