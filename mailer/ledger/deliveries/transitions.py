"""The transitions of deliveries: the one place where a delivery's state changes.

Every statement that changes `delivery.state` is built here, or by `transition`. Each transition is checked against
mailer.delivery.states.TRANSITIONS when its statement is built. The row's state is part of the WHERE, so that of two writers the
second changes nothing.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Update, func, update

from mailer.delivery.states import DeliveryState, is_allowed
from mailer.ledger.store.compiled_statements import CompiledStatement, id_list, param
from mailer.ledger.store.expressions import is_suppressed
from mailer.ledger.store.tables import delivery

RECEIVED = frozenset({DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN})
"""States of a delivery that was received, or may have been."""


class IllegalTransitionError(RuntimeError):
    """An illegal transition between two states: a defect of the caller."""


def check(before: DeliveryState, after: DeliveryState) -> None:
    """Raises IllegalTransitionError if a delivery cannot go from `before` to `after`."""
    if not is_allowed(before, after):
        raise IllegalTransitionError(f"a delivery cannot go from {before} to {after}")


def transition(before: Iterable[DeliveryState], after: DeliveryState, *, at: float | ColumnElement[float]) -> Update:
    """Returns an UPDATE of deliveries that are in one of the states `before`; narrow it with where()."""
    states = sorted(before)
    for state in states:
        check(state, after)
    return update(delivery).where(delivery.c.state.in_(states)).values(state=after, updated_at=at, next_at=0.0)


ACCEPT = CompiledStatement(
    update(delivery)
    .where(
        delivery.c.id.op("IN")(id_list("ids")),
        delivery.c.state == DeliveryState.SENDING,
        delivery.c.attempts == param("number"),
        delivery.c.identity.like("%@%"),
    )
    .values(state=DeliveryState.ACCEPTED, reason="", next_at=0.0, updated_at=param("at", 0.0)),
    "ids",
    "number",
    "at",
)
"""Makes deliveries accepted; those of erased subscribers are left to CHANGE_STATE."""

CHANGE_STATE = CompiledStatement(
    update(delivery)
    .where(delivery.c.id == param("id"), delivery.c.state == param("before", ""))
    .values(
        state=param("after", ""), reason=param("reason", ""), next_at=param("next", 0.0), updated_at=param("at", 0.0)
    ),
    "id",
    "before",
    "after",
    "reason",
    "next",
    "at",
)
"""Changes the state of one delivery; its caller has checked the transition with `check`."""

MARK_SENDING = CompiledStatement(
    update(delivery)
    .where(
        delivery.c.id.op("IN")(id_list("ids")),
        delivery.c.state == DeliveryState.CLAIMED,
        delivery.c.attempts == param("number"),
        ~is_suppressed(delivery.c.identity),
    )
    .values(state=DeliveryState.SENDING),
    "ids",
    "number",
)
"""Marks deliveries as sending. `updated_at` stays: it is when the attempt was opened."""

CLAIM = CompiledStatement(
    update(delivery)
    .where(
        delivery.c.id.op("IN")(id_list("ids")),
        delivery.c.state.in_([DeliveryState.DEFERRED, DeliveryState.PENDING]),
    )
    .values(
        state=DeliveryState.CLAIMED,
        attempts=delivery.c.attempts + 1,
        date=func.coalesce(delivery.c.date, param("now", 0.0)),
        next_at=0.0,
        updated_at=param("now", 0.0),
    ),
    "ids",
    "now",
)
"""Claims deliveries and opens their attempts."""

for _before, _after in (
    (DeliveryState.SENDING, DeliveryState.ACCEPTED),
    (DeliveryState.CLAIMED, DeliveryState.SENDING),
    (DeliveryState.DEFERRED, DeliveryState.CLAIMED),
    (DeliveryState.PENDING, DeliveryState.CLAIMED),
):
    check(_before, _after)
