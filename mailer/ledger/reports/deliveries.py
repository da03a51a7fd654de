"""Reports on deliveries and attempts.

Rows come in the order of the deliveries and stream: one snapshot of the database, a few thousand rows in memory.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from mailer.delivery.states import DeliveryState
from mailer.delivery.throttle import provider_of
from mailer.ledger.sends.sends import load_send
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import attempt, delivery, send, suppression
from mailer.ledger.types.deliveries import Attempt, Delivery, ReportRow, SendOptOut
from mailer.ledger.types.delivery_counts import ReasonCount
from mailer.ledger.types.errors import UnknownSendError
from mailer.ledger.types.suppressions import SuppressionReason

_PAGE = 2_000
_RATE_WINDOW = 60.0  # seconds: older results do not count for the rate
LAST_ATTEMPT = and_(attempt.c.delivery_id == delivery.c.id, attempt.c.number == delivery.c.attempts)
_REPLY = (
    attempt.c.code,
    func.coalesce(attempt.c.enhanced, "").label("enhanced"),
    func.coalesce(attempt.c.reply, "").label("reply"),
)
REPORT_COLUMNS = (
    delivery.c.id,
    delivery.c.address,
    delivery.c.state,
    delivery.c.reason,
    *_REPLY,
    delivery.c.attempts,
    delivery.c.updated_at,
    delivery.c.resolved_manually,
)
UNDER_WAY = (DeliveryState.CLAIMED, DeliveryState.SENDING)


class DeliveryReport:
    """Reads deliveries. Raises UnknownSendError, LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def opt_outs(self, send_id: int, *, limit: int) -> tuple[int, tuple[SendOptOut, ...]]:
        """Returns how many unsubscribed by a message of the send, and still are, and the last `limit` of them."""
        which = suppression.c.send_id == send_id, suppression.c.reason == SuppressionReason.UNSUBSCRIBED
        with self._context.database.reading() as conn:
            count = conn.execute(select(func.count()).select_from(suppression).where(*which)).scalar_one()
            found = select(suppression.c.identity, suppression.c.at).where(*which)
            rows = conn.execute(found.order_by(suppression.c.at.desc(), suppression.c.identity).limit(limit)).all()
        return int(count), tuple(SendOptOut(identity=row.identity, at=row.at) for row in rows)

    def rows(self, send_id: int, *states: DeliveryState) -> Iterator[ReportRow]:
        """Yields one row for each delivery, or for those in `states`."""
        with self._context.database.reading() as conn:
            first, last = bounds_of(conn, send_id)
            query = (
                select(*REPORT_COLUMNS)
                .outerjoin(attempt, LAST_ATTEMPT)
                .where(delivery.c.send_id == send_id)
                .order_by(delivery.c.id)
            )
            bounded = delivery.c.state.in_(states) if states else delivery.c.id.between(first, last)
            query = query.where(bounded)
            with conn.execute(query.execution_options(yield_per=_PAGE)) as found:
                yield from map(report_row, found)

    def reasons(self, send_id: int, *states: DeliveryState) -> tuple[ReasonCount, ...]:
        """Counts the deliveries in `states` (by default failed and skipped) by reason, the most frequent first."""
        columns = (delivery.c.state, delivery.c.reason, *_REPLY[:2])
        wanted = states or (DeliveryState.FAILED, DeliveryState.SKIPPED)
        query = (
            select(*columns, func.count().label("count"))
            .select_from(delivery)
            .outerjoin(attempt, LAST_ATTEMPT)
            .where(delivery.c.send_id == send_id, delivery.c.state.in_(wanted))
            .group_by(*columns)
            .order_by(func.count().desc(), *columns)
        )
        with self._context.database.reading() as conn:
            load_send(conn, send_id)
            return tuple(ReasonCount(**row) for row in conn.execute(query).mappings())

    def count_resolved_manually(self, send_id: int) -> int:
        """Counts the accepted deliveries that were resolved manually."""
        query = select(func.count()).where(
            delivery.c.send_id == send_id,
            delivery.c.state == DeliveryState.ACCEPTED,
            delivery.c.resolved_manually.is_(True),
        )
        with self._context.database.reading() as conn:
            return conn.execute(query).scalar_one()

    def rate(self, send_id: int, now: float) -> float | None:
        """Returns the current rate in messages a second, by the latest attempts; None if there are none."""
        with self._context.database.reading() as conn:
            load_send(conn, send_id)
            end = last_started_id(conn, send_id)
            times = select(func.count(), func.min(attempt.c.closed_at), func.max(attempt.c.closed_at)).where(
                attempt.c.delivery_id.between(end - _PAGE, end - 1), attempt.c.closed_at > now - _RATE_WINDOW
            )
            count, since, until = conn.execute(times).one()
        return (count - 1) / (until - since) if count > 1 and until > since else None

    def open_by_provider(self, send_id: int) -> Counter[str]:
        """Counts the deliveries of a send that are still to be sent, by mail provider (mailer.delivery.throttle)."""
        query = select(delivery.c.identity).where(
            delivery.c.send_id == send_id, delivery.c.state.in_([DeliveryState.PENDING, DeliveryState.DEFERRED])
        )
        with (
            self._context.database.reading() as conn,
            conn.execute(query.execution_options(yield_per=_PAGE)) as found,
        ):
            return Counter(map(provider_of, found.scalars()))

    def delivery(self, delivery_id: int) -> Delivery | None:
        """Returns a delivery by its id, erased ones too."""
        with self._context.database.reading() as conn:
            row = _DELIVERY.run(conn, delivery_id).fetchone()
        return _delivery(row) if row else None

    def deliveries_of(self, identity: str) -> tuple[Delivery, ...]:
        """Returns all deliveries to one subscriber, the newest first."""
        query = _deliveries().where(delivery.c.identity == identity).order_by(delivery.c.send_id.desc())
        with self._context.database.reading() as conn:
            return tuple(_delivery(row) for row in conn.execute(query))

    def attempts(self, delivery_id: int) -> tuple[Attempt, ...]:
        """Returns all attempts of a delivery, in order; the last one may be under way."""
        query = select(attempt).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.number)
        with self._context.database.reading() as conn:
            found = [Attempt(**row) for row in conn.execute(query).mappings()]
            under_way = _deliveries().where(delivery.c.id == delivery_id, delivery.c.state.in_(UNDER_WAY))
            row = conn.execute(under_way).first()
        if row and not any(each.number == row.attempts for each in found):
            found.append(Attempt(delivery_id=row.id, number=row.attempts, opened_at=row.updated_at))
        return tuple(found)


def bounds_of(conn: Connection, send_id: int) -> tuple[int, int]:
    """Returns the first and last delivery id of a send: no other send has ids in between. Raises UnknownSendError."""
    row = conn.execute(select(send.c.first_id, send.c.last_id).where(send.c.id == send_id)).first()
    if row is None:
        raise UnknownSendError(send_id)
    return row.first_id, row.last_id


def last_started_id(conn: Connection, send_id: int) -> int:
    """Returns the id of the first delivery that was not begun, or the one after the last: those before it are in progress."""
    first_pending = (
        select(delivery.c.id)
        .where(delivery.c.send_id == send_id, delivery.c.state == DeliveryState.PENDING)
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(1)
    )
    last = select(send.c.last_id + 1).where(send.c.id == send_id)
    return int(conn.execute(first_pending).scalar() or conn.execute(last).scalar_one())


def report_row(row: Any) -> ReportRow:
    """Returns the record of a row of REPORT_COLUMNS."""
    return ReportRow(
        delivery_id=row.id,
        email=row.address,
        state=row.state,
        reason=row.reason,
        code=row.code,
        enhanced=row.enhanced,
        reply=row.reply,
        attempts=row.attempts,
        at=row.updated_at,
        resolved_manually=row.resolved_manually,
    )


def _deliveries() -> Select[Any]:
    return select(
        delivery.c.id,
        delivery.c.send_id,
        delivery.c.identity,
        delivery.c.address,
        delivery.c.fields,
        delivery.c.state,
        delivery.c.reason,
        delivery.c.attempts,
        delivery.c.resolved_manually,
        delivery.c.updated_at,
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    """Returns the record of a row of `_deliveries`, from SQLAlchemy or the driver."""
    number, send_id, identity, address, fields, state, reason, attempts, assumed, updated_at = row
    return Delivery(
        id=number,
        send_id=send_id,
        identity=identity,
        address=address,
        fields=json.loads(fields),
        state=DeliveryState(state),
        reason=reason,
        attempts=attempts,
        resolved_manually=bool(assumed),
        updated_at=updated_at,
    )


_DELIVERY = CompiledStatement(_deliveries().where(delivery.c.id == param("id")), "id")
