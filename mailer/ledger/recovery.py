"""What a dead owner left, put right by its successor, in one transaction.

Whoever recovers holds the send's OS lock: the owner before is dead, or has given the send back. The epoch rises first, so
that an owner that lives on regardless can commit nothing more. Then `claimed` goes back to `pending`, for it is provably
unsent; `committing` becomes `uncertain`, for its dot may have left; attempts that nobody closed are closed as lost.
"""

from sqlalchemy import Connection, exists, select, update

from mailer.delivery.state import DeliveryState
from mailer.ledger.moves import move, skip_suppressed
from mailer.ledger.tables import attempt, delivery, send


def recover(conn: Connection, send_id: int, *, at: float, resend_uncertain: bool = False) -> int:
    """Take the send over; its new epoch. `resend_uncertain`: what became uncertain now goes once more, once."""
    epoch = conn.execute(
        update(send).where(send.c.id == send_id).values(epoch=send.c.epoch + 1).returning(send.c.epoch)
    ).scalar_one()
    of_send = delivery.c.send_id == send_id
    conn.execute(move({DeliveryState.CLAIMED}, DeliveryState.PENDING, at=at).where(of_send).values(reason="not sent"))
    uncertain = conn.execute(
        move({DeliveryState.COMMITTING}, DeliveryState.UNCERTAIN, at=at)
        .where(of_send)
        .values(reason="interrupted after the dot")
        .returning(delivery.c.id)
    ).scalars()
    ids = list(uncertain)
    became = select(delivery.c.state).where(delivery.c.id == attempt.c.delivery_id).scalar_subquery()
    open_ones = list(conn.execute(select(attempt.c.delivery_id).where(attempt.c.closed_at.is_(None))).scalars())
    conn.execute(
        update(attempt)
        .where(
            attempt.c.delivery_id.in_(open_ones),
            attempt.c.closed_at.is_(None),
            exists().where(delivery.c.id == attempt.c.delivery_id, of_send),
        )
        .values(closed_at=at, lost=True, verdict=became)
    )
    if resend_uncertain and ids:
        again(conn, ids, at=at)
    skip_suppressed(conn, of_send, at=at)
    return int(epoch)


def again(conn: Connection, ids: list[int], *, at: float) -> None:
    """Let those uncertain deliveries that did not go once more yet do so: `pending`, with the same Message-ID."""
    conn.execute(
        move({DeliveryState.UNCERTAIN}, DeliveryState.PENDING, at=at)
        .where(delivery.c.id.in_(ids), delivery.c.resends == 0)
        .values(resends=delivery.c.resends + 1, reason="once more")
    )
