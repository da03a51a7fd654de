"""The one place where a delivery's state changes.

Every statement that changes `delivery.state` is made here, and each way that it can take is checked against
mailer.delivery.state.TRANSITIONS when it is made; the row's state is part of its WHERE, so that who comes second
changes nothing.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Update, and_, case, exists, func, select, update

from mailer.delivery.state import UNDONE, DeliveryState, is_legal
from mailer.ledger.statement import Statement, given, listed
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


def skip(conn: Connection, which: ColumnElement[bool], reason: str | ColumnElement[str], *, at: float) -> int:
    """Skip those of the deliveries `which` whose dot cannot have left; of one that was claimed, the attempt was none."""
    return conn.execute(_skipping(which, reason, at)).rowcount


def _skipping(which: ColumnElement[bool], reason: str | ColumnElement[str], at: float | ColumnElement[float]) -> Update:
    attempts = case((delivery.c.state == DeliveryState.CLAIMED, delivery.c.attempts - 1), else_=delivery.c.attempts)
    return move(SKIPPABLE, DeliveryState.SKIPPED, at=at).where(which).values(reason=reason, attempts=attempts)


def skip_person(conn: Connection, identity: str, reason: str, *, at: float) -> int:
    """Skip those deliveries of one person whose dot cannot have left."""
    return int(_SKIP_PERSON.run(conn, identity, reason, at).rowcount)


def skip_suppressed(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Skip those of the deliveries `which` whose address is suppressed."""
    reason = select(suppression.c.reason).where(suppression.c.identity == delivery.c.identity).scalar_subquery()
    return skip(conn, and_(which, delivery.c.identity.in_(select(suppression.c.identity))), reason, at=at)


ACCEPT = Statement(
    update(delivery)
    .where(
        delivery.c.id.op("IN")(listed("ids")),
        delivery.c.state == DeliveryState.COMMITTING,
        delivery.c.attempts == given("number"),
        delivery.c.identity.like("%@%"),
    )
    .values(state=DeliveryState.ACCEPTED, reason="", next_at=0.0, updated_at=given("at", 0.0)),
    "ids",
    "number",
    "at",
)
"""Settles deliveries as accepted; who was erased is left to the careful way."""

SETTLE = Statement(
    update(delivery)
    .where(delivery.c.id == given("id"), delivery.c.state == given("before", ""))
    .values(state=given("after", ""), reason=given("why", ""), next_at=given("next", 0.0), updated_at=given("at", 0.0)),
    "id",
    "before",
    "after",
    "why",
    "next",
    "at",
)
"""Settles one delivery; its caller has checked the way with `check`, row by row."""

COMMIT = Statement(
    update(delivery)
    .where(
        delivery.c.id.op("IN")(listed("ids")),
        delivery.c.state == DeliveryState.CLAIMED,
        delivery.c.attempts == given("number"),
        ~exists().where(suppression.c.identity == delivery.c.identity),
    )
    .values(state=DeliveryState.COMMITTING),
    "ids",
    "number",
)
"""Lets dots leave. `updated_at` stays: it says when the attempt was opened."""

CLAIM = Statement(
    update(delivery)
    .where(
        delivery.c.id.op("IN")(listed("ids")),
        delivery.c.state.in_([DeliveryState.DEFERRED, DeliveryState.PENDING]),
    )
    .values(
        state=DeliveryState.CLAIMED,
        attempts=delivery.c.attempts + 1,
        date=func.coalesce(delivery.c.date, given("now", 0.0)),
        next_at=0.0,
        updated_at=given("now", 0.0),
    ),
    "ids",
    "now",
)
"""Takes deliveries and opens their attempts."""

_SKIP_PERSON = Statement(
    _skipping(delivery.c.identity == given("whose", ""), given("why", ""), given("at", 0.0)), "whose", "why", "at"
)

for _before, _after in (
    (DeliveryState.COMMITTING, DeliveryState.ACCEPTED),
    (DeliveryState.CLAIMED, DeliveryState.COMMITTING),
    (DeliveryState.DEFERRED, DeliveryState.CLAIMED),
    (DeliveryState.PENDING, DeliveryState.CLAIMED),
):
    check(_before, _after)
