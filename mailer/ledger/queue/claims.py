"""Claims, marks and releases of deliveries.

A claim counts an attempt; its row is written when it ends. The mark before end of DATA is conditional: the delivery is still
claimed, by this very attempt, and its address is not suppressed; the caller has checked in the same transaction that the send
runs, and the fencing token. A release undoes the claim, because nothing was sent.
"""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select, tuple_

from mailer.delivery.queue_port import Claim
from mailer.delivery.states import DeliveryState
from mailer.ledger.deliveries.skip import skip_suppressed
from mailer.ledger.deliveries.transitions import CLAIM, MARK_SENDING, transition
from mailer.ledger.sends.shards import in_shard
from mailer.ledger.store.compiled_statements import CompiledStatement, encode_ids, in_ids, param
from mailer.ledger.store.tables import delivery
from mailer.ledger.types.shards import Shard

Attempts = Mapping[int, int]
"""The number of one attempt of each delivery, by the delivery's id."""


def claim(conn: Connection, shard: Shard, limit: int, now: float) -> list[Claim]:
    """Claims up to `limit` deliveries of `shard` that are due at `now`: retries, new ones, those taken back."""
    of_shard = shard.send_id, shard.first_id, shard.last_id
    rows = _RETRIES.run(conn, *of_shard, now, limit).fetchall()
    for statement in (_NEXT, _TAKEN_BACK):
        if len(rows) < limit:
            rows += statement.run(conn, *of_shard, limit - len(rows)).fetchall()
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


def release_all(conn: Connection, shard: Shard, *, at: float) -> None:
    """Releases all deliveries of a shard that are claimed and were never marked as sending."""
    conn.execute(
        transition({DeliveryState.CLAIMED}, DeliveryState.PENDING, at=at)
        .where(in_shard(shard))
        .values(attempts=delivery.c.attempts - 1, reason="")
    )
    skip_suppressed(conn, in_shard(shard), at=at)


def _by_number(attempts: Attempts) -> Mapping[int, list[int]]:
    """Groups the deliveries, in the order of their ids, by the number of their attempt, which is mostly the same."""
    found: dict[int, list[int]] = {number: [] for number in set(attempts.values())}
    for delivery_id in sorted(attempts):
        found[attempts[delivery_id]].append(delivery_id)
    return found


def _due(state: DeliveryState, *conditions: ColumnElement[bool]) -> Select[object]:
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
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(param("limit"))
        .with_for_update(skip_locked=True)
    )


_PLACE = tuple_(delivery.c.next_at, delivery.c.id)  # in the index of claims
_IN_RANGE = delivery.c.id.between(param("first"), param("last"))
_OF_SHARD = ("send", "first", "last")
_RETRIES = CompiledStatement(
    _due(DeliveryState.DEFERRED, delivery.c.next_at <= param("now", 0.0), _IN_RANGE), *_OF_SHARD, "now", "limit"
)
_NEXT = CompiledStatement(
    _due(
        DeliveryState.PENDING,
        # as pairs: so that the index finds where the shard begins, and PostgreSQL does not walk the shard by its ids instead
        tuple_(literal_column("0.0"), param("first")) <= _PLACE,
        tuple_(literal_column("0.0"), param("last")) >= _PLACE,
    ),
    *_OF_SHARD,
    "limit",
)
_TAKEN_BACK = CompiledStatement(
    _due(DeliveryState.PENDING, delivery.c.next_at > literal_column("0.0"), _IN_RANGE), *_OF_SHARD, "limit"
)
