"""Deliveries in the hands of lanes: claimed, committed, given back. Each function serves all requests of one batch.

A claim opens its attempt in the same transaction. A commit is conditional: claimed still, by this very attempt, the send
running, and owned by who asks (its epoch). Giving back undoes the claim, for nothing has left: the attempt was none.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Subquery,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    union_all,
    update,
)

from mailer.delivery.records import Claim
from mailer.delivery.state import DeliveryState, SendState
from mailer.ledger.errors import FencedError
from mailer.ledger.moves import move, skip_suppressed
from mailer.ledger.sends import GOING, finish_cancelling, load_send
from mailer.ledger.tables import attempt, delivery, send


@dataclass(frozen=True, slots=True)
class Request:
    """A lane asks for up to `limit` deliveries that are due at `now`."""

    limit: int
    now: float

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("a lane claims at least one")


def claim(conn: Connection, send_id: int, epoch: int, requests: Sequence[Request]) -> list[tuple[Claim, ...]]:
    """Hand out what is due, retries first, to `requests` in turn. Raises FencedError."""
    found = conn.execute(_SEND, {"b_send": send_id}).one()
    if found.epoch != epoch:
        raise fenced(send_id)
    if found.state not in GOING:
        return [() for _ in requests]
    now, total = max(request.now for request in requests), sum(request.limit for request in requests)
    rows = conn.execute(_CLAIM, {"b_send": send_id, "b_now": now, "b_limit": total}).all()
    if rows:
        conn.execute(_OPEN_ATTEMPT, [{"delivery_id": row.id, "number": row.attempts, "opened_at": now} for row in rows])
        if found.state is SendState.WAITING or found.begun_at is None:
            conn.execute(
                update(send)
                .where(send.c.id == send_id)
                .values(state=SendState.RUNNING, begun_at=func.coalesce(send.c.begun_at, now))
            )
    claims = sorted(map(_to_claim, rows), key=lambda each: each.delivery_id)
    shares, start = [], 0
    for request in requests:
        shares.append(tuple(claims[start : start + request.limit]))
        start += request.limit
    return shares


def commit(conn: Connection, send_id: int, epoch: int, claims: Sequence[Claim], *, at: float) -> list[bool]:
    """Make them `committing`; for each, whether it may be sent."""
    committed: set[tuple[int, int]] = set()
    for number, ids in _by_attempt(claims).items():
        values = {"b_ids": ids, "b_send": send_id, "b_number": number, "b_epoch": epoch, "b_now": at}
        committed.update((delivery_id, number) for delivery_id in conn.execute(_COMMIT, values).scalars())
    return [(each.delivery_id, each.attempt) in committed for each in claims]


def release(conn: Connection, send_id: int, claims: Sequence[Claim], *, at: float) -> None:
    """Give back `claims`: to `pending`, or skipped, if the send is being cancelled or the address was suppressed."""
    over = load_send(conn, send_id).cancelling
    after, reason = (DeliveryState.SKIPPED, "cancelled") if over else (DeliveryState.PENDING, "")
    for number, ids in _by_attempt(claims).items():
        given = conn.execute(
            move({DeliveryState.CLAIMED, DeliveryState.COMMITTING}, after, at=at)
            .where(delivery.c.id.in_(ids), delivery.c.attempts == number)
            .values(attempts=delivery.c.attempts - 1, reason=reason)
            .returning(delivery.c.id)
        )
        back = list(given.scalars())
        conn.execute(delete(attempt).where(attempt.c.delivery_id.in_(back), attempt.c.number == number))
        skip_suppressed(conn, delivery.c.id.in_(back), at=at)
        # who was skipped meanwhile keeps the attempt, closed: it left nothing on the wire
        conn.execute(
            update(attempt)
            .where(attempt.c.delivery_id.in_(ids), attempt.c.number == number, attempt.c.closed_at.is_(None))
            .values(closed_at=at, verdict=DeliveryState.SKIPPED)
        )
    if over:
        finish_cancelling(conn, send_id, at=at)


def claimed(conn: Connection, send_id: int) -> tuple[Claim, ...]:
    """What is claimed of a send now."""
    query: Select[Any] = select(*_CLAIM_COLUMNS).where(
        delivery.c.send_id == send_id, delivery.c.state == DeliveryState.CLAIMED
    )
    return tuple(map(_to_claim, conn.execute(query)))


def fenced(send_id: int) -> FencedError:
    return FencedError(f"Another process has taken over send {send_id}.", f"See: mailer status {send_id}")


def _by_attempt(claims: Iterable[Claim]) -> Mapping[int, list[int]]:
    ids: dict[int, list[int]] = defaultdict(list)
    for each in claims:
        ids[each.attempt].append(each.delivery_id)
    return ids


def _to_claim(row: Row[Any]) -> Claim:
    return Claim(
        delivery_id=row.id,
        identity=row.identity,
        address=row.address,
        fields={} if row.fields == "{}" else json.loads(row.fields),
        attempt=row.attempts,
        date=row.date,
    )


def _due(state: DeliveryState) -> Subquery:
    return (
        select(delivery.c.id)
        .where(
            delivery.c.send_id == bindparam("b_send"),
            delivery.c.state == state,
            delivery.c.next_at <= bindparam("b_now"),
        )
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(bindparam("b_limit"))
        .subquery()
    )


# Statements that run for every message are built once. A condition on delivery.send_id beside one on its id would have
# SQLite walk the send's whole index instead of looking up the ids.
_CLAIM_COLUMNS = (
    delivery.c.id,
    delivery.c.identity,
    delivery.c.address,
    delivery.c.fields,
    delivery.c.attempts,
    delivery.c.date,
)
_SEND = select(send.c.state, send.c.epoch, send.c.begun_at).where(send.c.id == bindparam("b_send"))
_DUE = union_all(
    select(_due(DeliveryState.DEFERRED).c.id),
    select(_due(DeliveryState.PENDING).c.id),
).limit(bindparam("b_limit"))
_CLAIM = (
    move({DeliveryState.DEFERRED, DeliveryState.PENDING}, DeliveryState.CLAIMED, at=bindparam("b_now"))
    .where(delivery.c.id.in_(_DUE))
    .values(attempts=delivery.c.attempts + 1, date=func.coalesce(delivery.c.date, bindparam("b_now")))
    .returning(*_CLAIM_COLUMNS)
)
_OPEN_ATTEMPT = insert(attempt)
_COMMIT = (
    move({DeliveryState.CLAIMED}, DeliveryState.COMMITTING, at=bindparam("b_now"))
    .where(
        delivery.c.id.in_(bindparam("b_ids", expanding=True)),
        delivery.c.attempts == bindparam("b_number"),
        exists().where(
            send.c.id == delivery.c.send_id,
            send.c.id == bindparam("b_send"),
            send.c.state == SendState.RUNNING,
            send.c.epoch == bindparam("b_epoch"),
        ),
    )
    .returning(delivery.c.id)
)
