"""Recovers a shard whose process died, in one transaction of the next one.

The caller holds the shard's lock: the process before is dead, or has released the shard. First the fencing token rises, so that a
process that is alive after all can mark nothing more. Then `claimed` becomes `pending`, because it was certainly not sent;
`sending` becomes `uncertain`, because it may have been; attempts under way are closed as lost. The warm-up plan counts the
uncertain ones.
"""

from sqlalchemy import ColumnElement, Connection, Float, case, exists, insert, literal, select, update

from mailer.delivery.states import DeliveryState, SendKind
from mailer.delivery.warmup import WarmUp
from mailer.ledger.deliveries.skip import skip_suppressed, skip_unsubscribed
from mailer.ledger.deliveries.transitions import transition
from mailer.ledger.sends.shards import in_shard, is_row_of
from mailer.ledger.sends.warmup_quota import record_sent
from mailer.ledger.store.compiled_statements import in_ids
from mailer.ledger.store.tables import attempt, delivery, send, send_shard
from mailer.ledger.types.shards import Shard

_LOST_COLUMNS = ("delivery_id", "number", "opened_at", "closed_at", "lost", "classification")


def recover(conn: Connection, shard: Shard, warmup: WarmUp, *, at: float, resend_uncertain: bool = False) -> int:
    """Takes the shard over; returns its new fencing token. `resend_uncertain`: what becomes uncertain now is sent again, once."""
    token = conn.execute(
        update(send_shard)
        .where(is_row_of(shard))
        .values(fencing_token=send_shard.c.fencing_token + 1, share_from=0.0, share_to=0.0)
        .returning(send_shard.c.fencing_token)
    ).scalar_one()
    mine = in_shard(shard)
    became = case((delivery.c.state == DeliveryState.CLAIMED, DeliveryState.PENDING), else_=DeliveryState.UNCERTAIN)
    under_way = select(
        delivery.c.id, delivery.c.attempts, delivery.c.updated_at, literal(at, Float), literal(True), became
    ).where(mine, delivery.c.state.in_([DeliveryState.CLAIMED, DeliveryState.SENDING]), ~is_attempt_closed())
    conn.execute(insert(attempt).from_select(_LOST_COLUMNS, under_way))
    conn.execute(
        transition({DeliveryState.CLAIMED}, DeliveryState.PENDING, at=at).where(mine).values(reason="not sent")
    )
    uncertain = conn.execute(
        transition({DeliveryState.SENDING}, DeliveryState.UNCERTAIN, at=at)
        .where(mine)
        .values(reason="interrupted after the message was handed over and before the server confirmed it")
        .returning(delivery.c.id)
    ).scalars()
    ids = list(uncertain)
    if resend_uncertain and ids:
        requeue(conn, ids, at=at)
        skip_unsubscribed(conn, in_ids(delivery.c.id, ids), at=at)
    skip_suppressed(conn, mine, at=at)
    if conn.execute(select(send.c.kind).where(send.c.id == shard.send_id)).scalar_one() is not SendKind.TEST:
        record_sent(conn, warmup, len(ids), at)
    return int(token)


def is_attempt_closed() -> ColumnElement[bool]:
    """Whether the last attempt of a delivery is closed, within a query for deliveries."""
    return exists().where(attempt.c.delivery_id == delivery.c.id, attempt.c.number == delivery.c.attempts)


def requeue(conn: Connection, ids: list[int], *, at: float) -> None:
    """Makes uncertain deliveries `pending` that were not sent again yet; they keep their Message-ID."""
    conn.execute(
        transition({DeliveryState.UNCERTAIN}, DeliveryState.PENDING, at=at)
        .where(in_ids(delivery.c.id, ids), delivery.c.resends == 0)
        .values(resends=delivery.c.resends + 1, reason="to be sent again")
    )
