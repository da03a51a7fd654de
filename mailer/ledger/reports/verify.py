"""Proves a send from the ledger alone: the invariants of its rows.

Each check queries the whole send at once, so that a million deliveries take seconds, and names the first few recipients that
violate it. Transitions come from the table of mailer.delivery.states: the classification of an attempt must allow the present
state of the delivery, or another attempt.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from mailer.delivery.states import DECIDED_LATE, OPEN_STATES, TERMINAL, TRANSITIONS, DeliveryState, SendState
from mailer.ledger.sends.sends import load_send, summarise
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import attempt, delivery, send, send_shard, suppression, suppression_change
from mailer.ledger.types.sends import Send
from mailer.ledger.types.suppressions import SuppressionAction

EXAMPLES = 5
S = DeliveryState
_UNDER_WAY = (S.CLAIMED, S.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An invariant; `wrong` are sentences about the first violations."""

    name: str
    wrong: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.wrong


class Verifier:
    """Checks sends. Raises UnknownSendError, LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def checks(self, send_id: int) -> tuple[Check, ...]:
        """Runs all checks of a send, in one snapshot."""
        with self._context.database.reading() as conn:
            found = load_send(conn, send_id)
            return tuple(Check(name=name, wrong=tuple(check(conn, found))) for name, check in CHECKS.items())


def reachable(classification: DeliveryState) -> frozenset[DeliveryState]:
    """Returns the states that a delivery can reach after this classification, without another attempt."""
    seen, todo = {classification}, [classification]
    while todo:
        before = todo.pop()
        decided_late = {S.ACCEPTED} if before in DECIDED_LATE else set()  # by a reply to an attempt before
        for state in TRANSITIONS[before] - seen - set(_UNDER_WAY) - decided_late:
            seen.add(state)
            todo.append(state)
    return frozenset(seen)


def _sum(conn: Connection, found: Send) -> Iterator[str]:
    summary = summarise(conn, found)
    bounds = select(send.c.first_id, send.c.last_id).where(send.c.id == found.id)
    first, last = conn.execute(bounds).one()
    of_send = delivery.c.send_id == found.id
    total, outside = conn.execute(
        select(func.count(), func.count(case((~delivery.c.id.between(first, last), 1)))).where(of_send)
    ).one()
    in_shards = (
        select(func.count())
        .select_from(delivery)
        .join(
            send_shard,
            and_(
                send_shard.c.send_id == delivery.c.send_id,
                delivery.c.id.between(send_shard.c.first_id, send_shard.c.last_id),
            ),
        )
    )
    if (covered := conn.execute(in_shards.where(of_send)).scalar_one()) != total:
        yield f"{total} are frozen, but the shards have {covered}"
    if summary.frozen != total:
        yield f"the states add up to {summary.frozen}, but {total} are frozen"
    if outside:
        yield f"{outside} recipients were added after the freeze"
    if found.state in TERMINAL and (undone := summary.count(*OPEN_STATES)):
        yield f"the send is {found.state}, but {undone} deliveries are still open"


def _identities(conn: Connection, found: Send) -> Iterator[str]:
    twice = (
        select(delivery.c.identity, func.count())
        .where(delivery.c.send_id == found.id)
        .group_by(delivery.c.identity)
        .having(func.count() > 1)
        .limit(EXAMPLES)
    )
    for identity, count in conn.execute(twice):
        yield f"{identity} is frozen {count} times"


def _attempts(conn: Connection, found: Send) -> Iterator[str]:
    """Attempts are numbered without gaps, as many as the delivery counts, and closed except the one under way."""
    counted = (
        select(
            attempt.c.delivery_id,
            func.count().label("count"),
            func.max(attempt.c.number).label("last"),
            func.count(case((or_(attempt.c.closed_at.is_(None), attempt.c.classification.is_(None)), 1))).label("open"),
        )
        .join(delivery)
        .where(delivery.c.send_id == found.id)
        .group_by(attempt.c.delivery_id)
        .subquery()
    )
    closed = func.coalesce(counted.c["count"], 0)
    expected = delivery.c.attempts - case((delivery.c.state.in_(_UNDER_WAY), 1), else_=0)
    wrong = or_(closed != expected, func.coalesce(counted.c.last, 0) != closed, func.coalesce(counted.c.open, 0) > 0)
    query = (
        select(delivery.c.id, delivery.c.address, delivery.c.state, expected, closed)
        .outerjoin(counted, counted.c.delivery_id == delivery.c.id)
        .where(delivery.c.send_id == found.id, wrong)
    )
    for row in _first(conn, query):
        yield f"{row[1]} is {row[2]} with {row[3]} closed attempts counted, but {row[4]} are recorded"


def _history(conn: Connection, found: Send) -> Iterator[str]:
    """Every delivery reached its state by legal transitions, attempt by attempt."""
    last = and_(attempt.c.delivery_id == delivery.c.id, attempt.c.number == _last_closed())
    histories = (
        select(attempt.c.classification, delivery.c.state, delivery.c.resolved_manually)
        .select_from(delivery)
        .outerjoin(attempt, last)
        .where(delivery.c.send_id == found.id)
        .distinct()
    )
    for classification, state, assumed in conn.execute(histories).all():
        if _is_allowed(classification, state, assumed=assumed):
            continue
        same = attempt.c.classification == classification if classification else attempt.c.classification.is_(None)
        query = (
            select(delivery.c.id, delivery.c.address)
            .outerjoin(attempt, last)
            .where(
                delivery.c.send_id == found.id,
                delivery.c.state == state,
                delivery.c.resolved_manually == assumed,
                same,
                ~_was_decided_late(),
            )
        )
        for row in _first(conn, query):
            yield f"{row.address} is {state}, but its last attempt ended {classification or 'never'}"
    retried = (
        select(delivery.c.id, delivery.c.address, attempt.c.number, attempt.c.classification)
        .join(delivery)
        .where(
            delivery.c.send_id == found.id,
            attempt.c.number < delivery.c.attempts,
            attempt.c.lost.is_(False),  # it may have been decided after the next one
            attempt.c.classification.in_(
                [classification for classification in S if not reachable(classification) & {S.PENDING, S.DEFERRED}]
            ),
        )
    )
    for row in _first(conn, retried):
        yield f"{row.address} was tried again after attempt {row.number} had ended {row.classification}"


def _accepted(conn: Connection, found: Send) -> Iterator[str]:
    """Each accepted delivery has one attempt with a reply of 2xx, unless it was resolved manually."""
    positive = and_(
        attempt.c.delivery_id == delivery.c.id,
        attempt.c.classification == S.ACCEPTED,
        attempt.c.code.between(200, 299),
    )
    count = select(func.count()).select_from(attempt).where(positive).correlate(delivery).scalar_subquery()
    expected = case((and_(delivery.c.state == S.ACCEPTED, delivery.c.resolved_manually.is_(False)), 1), else_=0)
    query = select(delivery.c.id, delivery.c.address, delivery.c.state, count.label("count")).where(
        delivery.c.send_id == found.id, or_(delivery.c.state == S.ACCEPTED, delivery.c.attempts > 0), count != expected
    )
    for row in _first(conn, query):
        yield f"{row.address} is {row.state}, with {row.count} recorded 2xx replies"


def _in_flight(conn: Connection, found: Send) -> Iterator[str]:
    """Only a running or paused send has deliveries under way."""
    if found.state in {SendState.RUNNING, SendState.PAUSED}:
        return
    query = select(delivery.c.id, delivery.c.address, delivery.c.state).where(
        delivery.c.send_id == found.id, delivery.c.state.in_(_UNDER_WAY)
    )
    for row in _first(conn, query):
        yield f"{row.address} is {row.state}, though the send is {found.state}"


def _suppressed(conn: Connection, found: Send) -> Iterator[str]:
    """No attempt began after its recipient was suppressed here; the opt-out itself may have an earlier date."""
    recorded = (
        select(func.max(suppression_change.c.at))
        .where(
            suppression_change.c.identity == suppression.c.identity,
            suppression_change.c.change == SuppressionAction.SUPPRESSED,
        )
        .scalar_subquery()
    )
    query = (
        select(delivery.c.id, delivery.c.address, suppression.c.reason)
        .select_from(attempt)
        .join(delivery)
        .join(suppression, suppression.c.identity == delivery.c.identity)
        .where(
            delivery.c.send_id == found.id,
            attempt.c.opened_at > func.coalesce(recorded, suppression.c.at),
            attempt.c.classification.in_([S.ACCEPTED, S.UNCERTAIN]),
        )
    )
    for row in _first(conn, query):
        yield f"{row.address} was mailed after it was {row.reason.value}"


CHECKS: dict[str, Callable[[Connection, Send], Iterable[str]]] = {
    "every frozen recipient is in one state, and the states add up": _sum,
    "nobody is frozen twice": _identities,
    "every attempt is recorded and closed": _attempts,
    "every history has only allowed transitions": _history,
    "every accepted delivery has exactly one 2xx reply, or was assumed": _accepted,
    "deliveries are claimed or being sent only in a running send": _in_flight,
    "nobody was mailed after being suppressed": _suppressed,
}


def _is_allowed(classification: DeliveryState | None, state: DeliveryState, *, assumed: bool) -> bool:
    if state in _UNDER_WAY:
        return classification is None or bool(reachable(classification) & {S.PENDING, S.DEFERRED})
    if classification is None:
        return state in {S.PENDING, S.SKIPPED}
    if classification is not S.ACCEPTED and state is S.ACCEPTED:
        return assumed
    return state in reachable(classification)


def _was_decided_late() -> ColumnElement[bool]:
    """Whether a delivery was accepted by the reply to an attempt whose process was cut off, after a later attempt had ended."""
    former = attempt.alias()
    lost = (former.c.delivery_id == delivery.c.id, former.c.number < delivery.c.attempts, former.c.lost.is_(True))
    accepted = select(former.c.number).where(*lost, former.c.classification == S.ACCEPTED).correlate(delivery).exists()
    return and_(delivery.c.state == S.ACCEPTED, accepted)


def _last_closed() -> ColumnElement[int]:
    return delivery.c.attempts - case((delivery.c.state.in_(_UNDER_WAY), 1), else_=0)


def _first(conn: Connection, query: Select[Any]) -> list[Any]:
    """Returns the first few rows."""
    return list(conn.execute(query.order_by(delivery.c.id).limit(EXAMPLES)))
