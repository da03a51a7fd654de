"""Cuts a send into shards, and finds the one to work on next.

    make_shards(conn, send_id, ...)       in the transaction that freezes the audience
    in_shard(shard)                       the condition for its deliveries
    free_shards(conn, context, send_id)   those that may be acquired, those that are due first
    held_shards(conn, context)            those that living processes hold

`next_at` of a shard is written when its holder releases it, and by whatever makes deliveries pending again while nobody holds it.
While the shard is held it stays as it was: if the holder dies, the shard is due.
"""

import socket
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, func, insert, literal, select, update

from mailer.delivery.limit_share import NOTHING, Share, fair_share
from mailer.delivery.states import OPEN_STATES, TERMINAL, SendState
from mailer.ledger.store.compiled_statements import in_ids
from mailer.ledger.store.lease import is_held, local_pid
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import attempt, delivery, send, send_shard, worker
from mailer.ledger.types.shards import HeldShard, Shard, ShardProgress, SharedSend


class Shards:
    """The shards of the sends of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def of(self, send_id: int) -> tuple[Shard, ...]:
        """Returns the shards of a send; none before its audience is frozen."""
        with self._context.database.reading() as conn:
            return load_shards(conn, send_id)

    def next_at(self, send_id: int) -> float | None:
        """Returns when the first shard that nobody holds has something to send, 0 for now; None if there is none."""
        query = select(send_shard.c.number, send_shard.c.next_at).where(
            send_shard.c.send_id == send_id, send_shard.c.next_at.is_not(None)
        )
        with self._context.database.reading() as conn:
            held = {each.number for each in held_shards(conn, self._context, send_id)}
            return next((at for number, at in conn.execute(query.order_by(*_URGENCY)) if number not in held), None)

    def shared(self, send_id: int, now: float) -> SharedSend | None:
        """Returns the progress of a send of several shards, or whose only shard a worker sends; None for any other."""
        if not self._context.database.has_leases:
            return None
        is_workers = and_(worker.c.pid == send_shard.c.pid, worker.c.host == send_shard.c.host, is_held())
        query = select(func.count(), func.count(worker.c.holder)).select_from(send_shard).outerjoin(worker, is_workers)
        with self._context.database.reading() as conn:
            count, sent_by_workers = conn.execute(query.where(send_shard.c.send_id == send_id)).one()
        return SharedSend(shards=self.progress(send_id, now)) if count > 1 or sent_by_workers else None

    def progress(self, send_id: int, now: float) -> tuple[ShardProgress, ...]:
        """Returns how far each shard of a send is. Its time is proportional to the length of the send."""
        of_shard = delivery.c.id.between(send_shard.c.first_id, send_shard.c.last_id)
        is_open = case((delivery.c.state.in_(sorted(OPEN_STATES)), 1))
        of_attempt = attempt.c.delivery_id.between(send_shard.c.first_id, send_shard.c.last_id)
        recent = select(func.count()).select_from(attempt).where(of_attempt, attempt.c.closed_at > now - RECENT)
        lost = exists().select_from(attempt).where(of_attempt, attempt.c.lost)
        row = [send_shard.c[name] for name in ("number", "first_id", "last_id", "host", "holder", "next_at")]
        query = (
            select(
                *row,
                func.count(delivery.c.id).label("deliveries"),
                func.count(is_open).label("open"),
                recent.scalar_subquery().label("recent"),
                lost.label("lost"),
            )
            .select_from(send_shard)
            .outerjoin(delivery, and_(delivery.c.send_id == send_shard.c.send_id, of_shard))
            .where(send_shard.c.send_id == send_id)
            .group_by(*row)
            .order_by(send_shard.c.number)
        )
        with self._context.database.reading() as conn:
            held = {each.number: each for each in held_shards(conn, self._context, send_id)}
            return tuple(
                ShardProgress(
                    number=found.number,
                    deliveries=found.deliveries,
                    open=found.open,
                    host=held[found.number].host if found.number in held else "",
                    pid=held[found.number].pid if found.number in held else 0,
                    rate=found.recent / RECENT,
                    last_host=held[found.number].host if found.number in held else found.host,
                    is_abandoned=bool(found.holder) and found.number not in held,
                    was_taken_over=found.lost,
                    next_at=found.next_at,
                )
                for found in conn.execute(query)
            )


RECENT = 10.0  # seconds
_SHARD = (send_shard.c.send_id, send_shard.c.number, send_shard.c.first_id, send_shard.c.last_id)
_URGENCY = (send_shard.c.next_at.is_(None), send_shard.c.next_at, send_shard.c.number)


def held_shards(conn: Connection, context: LedgerContext, send_id: int | None = None) -> list[HeldShard]:
    """Returns the shards that living processes hold, of one send or of all, in a stable order.

    A process that ends a shard and takes the next one keeps its place, so that the shares of the limits stay as they are.
    """
    columns = ("send_id", "number", "pid", "host", "share_from", "share_to")
    query = select(*(send_shard.c[name] for name in columns), send.c.state).join(send)
    query = query.order_by(send_shard.c.host, send_shard.c.pid, send_shard.c.send_id, send_shard.c.number)
    if send_id is not None:
        query = query.where(send_shard.c.send_id == send_id)
    query = query.where(is_held() if context.database.has_leases else send.c.state.not_in(sorted(TERMINAL)))
    found = []
    for row in conn.execute(query).all():
        pid, host = local_pid(row.pid, row.host), row.host
        if not context.database.has_leases:
            lock = context.shard_lock(row.send_id, row.number)
            if lock.is_unlocked():
                continue
            pid, host = lock.read_pid() or 0, socket.gethostname()
        found.append(
            HeldShard(
                send_id=row.send_id,
                number=row.number,
                pid=pid,
                host=host,
                is_running=row.state is SendState.RUNNING,
                share=Share(row.share_from, row.share_to),
            )
        )
    return found


def share_due(held: Sequence[HeldShard], shard: Shard) -> tuple[Share, list[Share]]:
    """Returns the part of the limits that is due to the holder of `shard`, and the parts that the other holders have.

    If any of the sends runs, holders of others, which are paused or wait, are due nothing.
    """
    key = shard.send_id, shard.number
    others = [each.share for each in held if each.key != key]
    entitled = [each.key for each in held if each.is_running] or [each.key for each in held]
    return fair_share(entitled.index(key), len(entitled)) if key in entitled else NOTHING, others


def free_shards(conn: Connection, context: LedgerContext, send_id: int) -> list[Shard]:
    """Returns shards of a send that may be acquired: those that are due first, last those that have nothing left to send."""
    query = select(*_SHARD).where(send_shard.c.send_id == send_id).order_by(*_URGENCY)
    if context.database.has_leases:
        query = query.where(~is_held())
    return [Shard(**row._asdict()) for row in conn.execute(query)]


def load_shards(conn: Connection, send_id: int) -> tuple[Shard, ...]:
    """Returns the shards of a send, in the order of their numbers."""
    query = select(*_SHARD).where(send_shard.c.send_id == send_id).order_by(send_shard.c.number)
    return tuple(Shard(**row._asdict()) for row in conn.execute(query))


def in_shard(shard: Shard) -> ColumnElement[bool]:
    """Whether a delivery is of `shard`."""
    return and_(delivery.c.send_id == shard.send_id, delivery.c.id.between(shard.first_id, shard.last_id))


def is_row_of(shard: Shard) -> ColumnElement[bool]:
    """Whether a row of `send_shard` is that of `shard`."""
    return and_(send_shard.c.send_id == shard.send_id, send_shard.c.number == shard.number)


def make_shards(conn: Connection, send_id: int, count: int, ids: tuple[int, int], size: int) -> None:
    """Cuts the `count` deliveries of a send, whose ids are from `ids[0]` to `ids[1]`, into shards of `size`: one at least."""
    if count <= size:
        first, last = ids
        conn.execute(insert(send_shard).values(send_id=send_id, number=1, first_id=first, last_id=last, next_at=0.0))
        return
    of_send = delivery.c.send_id == send_id
    place = (func.row_number().over(order_by=delivery.c.id) - 1) // size
    numbered = select(delivery.c.id, place.label("place")).where(of_send).subquery()
    cut = select(
        literal(send_id), numbered.c.place + 1, func.min(numbered.c.id), func.max(numbered.c.id), literal(0.0)
    ).group_by(numbered.c.place)
    conn.execute(insert(send_shard).from_select(["send_id", "number", "first_id", "last_id", "next_at"], cut))


def delete_shards(conn: Connection, send_id: int) -> None:
    """Deletes the shards of a send whose deliveries were deleted."""
    conn.execute(delete(send_shard).where(send_shard.c.send_id == send_id))


def wake_shards(conn: Connection, send_id: int, delivery_ids: list[int]) -> None:
    """Makes the shards of these deliveries due, because they are pending again."""
    chosen = select(delivery.c.id).where(
        in_ids(delivery.c.id, delivery_ids), delivery.c.id.between(send_shard.c.first_id, send_shard.c.last_id)
    )
    conn.execute(update(send_shard).where(send_shard.c.send_id == send_id, chosen.exists()).values(next_at=0.0))


def reopen_shard(conn: Connection, shard: Shard) -> None:
    """Makes `shard` due if nothing was left of it: a former holder recorded a result that may have made a delivery open again."""
    conn.execute(update(send_shard).where(is_row_of(shard), send_shard.c.next_at.is_(None)).values(next_at=0.0))


def schedule_shard(conn: Connection, shard: Shard, next_at: float | None) -> None:
    """Writes when `shard`, which is being released, has something to send; None for never."""
    conn.execute(update(send_shard).where(is_row_of(shard)).values(next_at=next_at))
