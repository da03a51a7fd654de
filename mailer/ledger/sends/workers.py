"""Registers workers, which send shards for other processes, on PostgreSQL.

    workers.beat(...)       the sign of life of one, every few seconds
    workers.require(...)    lets workers with these settings take a send, or none
    workers.takes(queue)    whether a living one would take the shards of a send
    workers.due(queue)      the shards that they should take now

A row is a notice: what a worker may do is decided by the leases of its shards alone. Times are those of the database's clock.
"""

import os
import socket

from sqlalchemy import Connection, Float, cast, delete, insert, select, update

from mailer.delivery.states import SendState
from mailer.ledger.store.lease import database_now, is_held, local_pid
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import send, send_shard, worker
from mailer.ledger.types.workers import ALIVE, Worker

_KEPT = 86_400.0  # seconds
_GOING = [SendState.RUNNING, SendState.WAITING]


class Workers:
    """The workers of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def beat(self, holder: str, *, queue: str, shards: int, started_at: float, problem: str) -> float:
        """Records that the worker `holder`, this process, lives; returns the time of the database.

        Rows of workers that died a day ago are deleted.
        """
        values = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "queue": queue,
            "shards": shards,
            "started_at": started_at,
            "seen_at": database_now(),
            "problem": problem,
        }

        def work(conn: Connection) -> float:
            if not conn.execute(update(worker).where(worker.c.holder == holder).values(values)).rowcount:
                conn.execute(insert(worker).values(holder=holder, **values))
            conn.execute(delete(worker).where(worker.c.seen_at < database_now() - _KEPT))
            return conn.execute(select(database_now())).scalar_one()

        return self._context.writer.call(work).result()

    def remove(self, holder: str) -> None:
        """Removes a worker that ends."""
        gone = delete(worker).where(worker.c.holder == holder)
        self._context.writer.call(lambda conn: conn.execute(gone).rowcount).result()

    def require(self, send_id: int, requirements: str) -> None:
        """Lets the workers that have `requirements` (a JSON object of settings) take the shards of a send; "": none."""
        changed = update(send).where(send.c.id == send_id, send.c.requirements != requirements)
        self._context.writer.call(
            lambda conn: conn.execute(changed.values(requirements=requirements)).rowcount
        ).result()

    def all(self) -> tuple[Worker, ...]:
        """Returns the workers of the last day, the oldest first; none on SQLite."""
        if not self._context.database.has_leases:
            return ()
        seen = cast(database_now() - worker.c.seen_at, Float).label("seen")
        held = select(send_shard.c.send_id, send_shard.c.number, send_shard.c.pid, send_shard.c.host).where(is_held())
        with self._context.database.reading() as conn:
            rows = conn.execute(select(worker, seen).order_by(worker.c.started_at, worker.c.holder)).all()
            shards = conn.execute(held.order_by(send_shard.c.send_id, send_shard.c.number)).all()
        return tuple(
            Worker(
                pid=local_pid(row.pid, row.host),
                host=row.host,
                queue=row.queue,
                shards=row.shards,
                started_at=row.started_at,
                seen=row.seen,
                problem=row.problem,
                holding=tuple(
                    (each.send_id, each.number) for each in shards if (each.pid, each.host) == (row.pid, row.host)
                ),
            )
            for row in rows
        )

    def takes(self, queue: str, *, besides: str = "") -> bool:
        """Whether a living worker takes shards of `queue`; `besides`: a different one than this."""
        if not self._context.database.has_leases:
            return False
        living = select(worker.c.holder).where(
            worker.c.queue == queue,
            worker.c.seen_at > database_now() - ALIVE,
            worker.c.problem == "",
            worker.c.holder != besides,
        )
        with self._context.database.reading() as conn:
            return conn.execute(living.limit(1)).first() is not None

    def due(self, queue: str, *, now: float, send_id: int | None = None) -> tuple[tuple[int, int], ...]:
        """Returns the shards of `queue` that nobody holds and that have something to send, each as send and number."""
        query = (
            select(send_shard.c.send_id, send_shard.c.number)
            .join(send)
            .where(
                send.c.queue == queue,
                send.c.requirements != "",
                send.c.state.in_(_GOING),
                send_shard.c.next_at <= now,
                ~is_held(),
            )
            .order_by(send_shard.c.send_id, send_shard.c.next_at, send_shard.c.number)
        )
        if send_id is not None:
            query = query.where(send.c.id == send_id)
        with self._context.database.reading() as conn:
            return tuple((row.send_id, row.number) for row in conn.execute(query))
