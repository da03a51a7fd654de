"""The one place where a delivery's state changes.

Every statement that changes `delivery.state` is made here, and each way that it can take is checked against
mailer.delivery.state.TRANSITIONS when it is made; the row's state is part of its WHERE, so that who comes second
changes nothing.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Update, bindparam, select, update

from mailer.delivery.state import UNDONE, DeliveryState, is_legal
from mailer.ledger.tables import delivery, suppression

SKIPPABLE = UNDONE - {DeliveryState.COMMITTING}
"""What may still be skipped: the dot of a committing one may have left."""

GOT_IT = frozenset({DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN})
"""Who has a dispatch, or may have it."""


class IllegalMoveError(RuntimeError):
    """A way between two states that design.md does not know: a defect of the caller."""


def check(before: DeliveryState, after: DeliveryState) -> None:
    if not is_legal(before, after):
        raise IllegalMoveError(f"a delivery cannot go from {before} to {after}")


def move(before: Iterable[DeliveryState], after: DeliveryState, *, at: float | ColumnElement[float]) -> Update:
    """UPDATE of deliveries that are in one of the states `before`; narrow it with where()."""
    states = sorted(before)
    for state in states:
        check(state, after)
    return update(delivery).where(delivery.c.state.in_(states)).values(state=after, updated_at=at, next_at=0.0)


def skip_suppressed(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Skip those of the deliveries `which` whose address is suppressed and whose dot cannot have left."""
    reason = select(suppression.c.reason).where(suppression.c.identity == delivery.c.identity).scalar_subquery()
    return conn.execute(
        move(SKIPPABLE, DeliveryState.SKIPPED, at=at)
        .where(which, delivery.c.identity.in_(select(suppression.c.identity)))
        .values(reason=reason)
    ).rowcount


SETTLE = (
    update(delivery)
    .where(delivery.c.id == bindparam("b_id"), delivery.c.state == bindparam("b_before"))
    .values(
        state=bindparam("b_state"),
        reason=bindparam("b_reason"),
        code=bindparam("b_code"),
        enhanced=bindparam("b_enhanced"),
        reply=bindparam("b_reply"),
        stage=bindparam("b_stage"),
        next_at=bindparam("b_next_at"),
        updated_at=bindparam("b_at"),
    )
)
"""Settles one delivery; its caller has checked the way with `check`, row by row."""
