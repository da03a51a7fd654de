"""Claims, marks and releases of deliveries.

A claim counts an attempt; its row is written when it ends. The mark before end of DATA is conditional: the delivery is still
claimed, by this very attempt, and its address is not suppressed; the caller has checked in the same transaction that the send
runs, and the fencing token. A release undoes the claim, because nothing was sent.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Select, select

from mailer.delivery.states import DeliveryState
from mailer.delivery.types import Claim
from mailer.ledger.deliveries.skip import skip_suppressed
from mailer.ledger.deliveries.transitions import CLAIM, MARK_SENDING, transition
from mailer.ledger.store.compiled_statements import CompiledStatement, encode_ids, in_ids, param
from mailer.ledger.store.tables import delivery

Attempts = Mapping[int, int]
"""The number of one attempt of each delivery, by the delivery's id."""


def claim(conn: Connection, send_id: int, limit: int, now: float) -> list[Claim]:
    """Claims up to `limit` deliveries that are due at `now`, retries first."""
    rows = _RETRIES.run(conn, send_id, now, limit).fetchall()
    if len(rows) < limit:
        rows += _NEXT.run(conn, send_id, limit - len(rows)).fetchall()
    if rows:
        CLAIM.run(conn, encode_ids([row[0] for row in rows]), now)
    return [
        Claim(delivery_id, identity, address, json.loads(fields), attempts + 1, now if date is None else date, now)
        for delivery_id, identity, address, fields, attempts, date in rows
    ]


def begin_sending(conn: Connection, claimed: Attempts) -> dict[int, int]:
    """Marks deliveries as `sending`, and returns those that may be sent. None of them was marked before."""
    marked: dict[int, int] = {}
    for number, wanted in _by_number(claimed).items():
        allowed: Iterable[int] = wanted
        if MARK_SENDING.run(conn, encode_ids(wanted), number).rowcount != len(wanted):
            query = select(delivery.c.id).where(
                in_ids(delivery.c.id, wanted),
                delivery.c.state == DeliveryState.SENDING,
                delivery.c.attempts == number,
            )
            allowed = conn.execute(query).scalars()
        marked.update(dict.fromkeys(allowed, number))
    return marked


def release(conn: Connection, claims: Iterable[Claim], *, at: float, cancelling: bool) -> None:
    """Releases `claims`: to `pending`, or `skipped` if the send is being cancelled or the address was suppressed."""
    after, reason = (DeliveryState.SKIPPED, "cancelled") if cancelling else (DeliveryState.PENDING, "")
    for number, wanted in _by_number({each.delivery_id: each.attempt for each in claims}).items():
        released = conn.execute(
            transition({DeliveryState.CLAIMED, DeliveryState.SENDING}, after, at=at)
            .where(in_ids(delivery.c.id, wanted), delivery.c.attempts == number)
            .values(attempts=delivery.c.attempts - 1, reason=reason)
            .returning(delivery.c.id)
        )
        skip_suppressed(conn, in_ids(delivery.c.id, list(released.scalars())), at=at)


def release_all(conn: Connection, send_id: int, *, at: float) -> None:
    """Releases all deliveries of a send that are claimed and were never marked as sending."""
    conn.execute(
        transition({DeliveryState.CLAIMED}, DeliveryState.PENDING, at=at)
        .where(delivery.c.send_id == send_id)
        .values(attempts=delivery.c.attempts - 1, reason="")
    )
    skip_suppressed(conn, delivery.c.send_id == send_id, at=at)


def _by_number(attempts: Attempts) -> Mapping[int, list[int]]:
    """Groups the deliveries, in the order of their ids, by the number of their attempt, which is mostly the same."""
    found: dict[int, list[int]] = {number: [] for number in set(attempts.values())}
    for delivery_id in sorted(attempts):
        found[attempts[delivery_id]].append(delivery_id)
    return found


def _due(
    state: DeliveryState, *conditions: ColumnElement[bool], order: Sequence[ColumnElement[object]]
) -> Select[object]:
    return (
        select(
            delivery.c.id,
            delivery.c.identity,
            delivery.c.address,
            delivery.c.fields,
            delivery.c.attempts,
            delivery.c.date,
        )
        .where(delivery.c.send_id == param("send"), delivery.c.state == state, *conditions)
        .order_by(*order)
        .limit(param("limit"))
        .with_for_update(skip_locked=True)
    )


_RETRIES = CompiledStatement(
    _due(
        DeliveryState.DEFERRED,
        delivery.c.next_at <= param("now", 0.0),
        order=(delivery.c.next_at, delivery.c.id),
    ),
    "send",
    "now",
    "limit",
)
_NEXT = CompiledStatement(
    _due(DeliveryState.PENDING, order=(delivery.c.next_at, delivery.c.id)),
    "send",
    "limit",
)
