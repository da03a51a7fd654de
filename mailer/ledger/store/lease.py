"""Owning a send on PostgreSQL: a lease, for processes that may be of many machines.

A lease runs out by the database's clock unless its holder renews it, which its writer does in time. The holder itself goes
by a clock of its own that cannot be set and goes on while the process is stopped or the machine sleeps: it counts from
before each renewal was asked for, so that it holds the lease for over before anybody else can take it. What it is about to
do then, it does not.

It has the face of a FileLock. Raises LedgerError.
"""

import os
import socket
import uuid
from collections.abc import Callable

from sqlalchemy import Cast, Connection, Float, cast, delete, extract, func, insert, select, update

from mailer.clock import boottime
from mailer.ledger.store.database import Database
from mailer.ledger.store.tables import lease, send
from mailer.ledger.store.writer import Job, Writer

LENGTH = 30.0  # seconds
MARGIN = 0.1  # the part of it by which we think that it ends earlier


class Lease:
    """The right to send one send, for as long as it is renewed. `clock` is `steady`."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        send_id: int,
        *,
        length: float = LENGTH,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._database = database
        self._writer = writer
        self._send_id = send_id
        self._length = length
        self._clock = clock
        self._holder = uuid.uuid4().hex
        self._ends_at = float("-inf")
        self._taken = False

    @property
    def held(self) -> bool:
        """Whether it is certain that nobody else can have it."""
        return self._taken and self._clock() < self._ends_at

    def acquire(self, patience: float) -> bool:  # noqa: ARG002 - a lease lasts longer than anybody waits
        return self.try_acquire()

    def try_acquire(self) -> bool:
        """Take the lease if it is free or has run out."""
        asked_at = self._clock()
        self._taken = self._writer.call(self._take).result()
        if self._taken:
            self._ends_at = asked_at + self._length * (1 - MARGIN)
            self._writer.schedule(self._length / 3, self.renewal)
        return self._taken

    def renew(self, conn: Connection) -> bool:
        """Within a transaction: lengthen it, if nobody else has taken it meanwhile. `renewed` after the commit."""
        mine = update(lease).where(lease.c.send_id == self._send_id, lease.c.holder == self._holder)
        self._taken = bool(conn.execute(mine.values(expires_at=_now() + self._length)).rowcount)
        return self._taken

    def on_renewed(self, asked_at: float) -> None:
        """The renewal that began at `asked_at` is committed."""
        self._ends_at = max(self._ends_at, asked_at + self._length * (1 - MARGIN))

    def is_unlocked(self) -> bool:
        return self.read_pid() is None

    def read_pid(self) -> int | None:
        """The process that holds it; 0 when it is one of another machine, None when nobody does."""
        with self._database.reading() as conn:
            query = select(lease.c.pid, lease.c.host).where(
                lease.c.send_id == self._send_id, lease.c.expires_at > _now()
            )
            row = conn.execute(query).first()
        if row is None:
            return None
        return int(row.pid) if row.host == socket.gethostname() else 0

    def close(self) -> None:
        """Give it back."""
        if self._taken:
            self._taken = False
            mine = delete(lease).where(lease.c.send_id == self._send_id, lease.c.holder == self._holder)
            self._writer.call(lambda conn: conn.execute(mine).rowcount).result()

    def _take(self, conn: Connection) -> bool:
        conn.execute(select(send.c.id).where(send.c.id == self._send_id).with_for_update(key_share=True))
        standing = conn.execute(select(lease.c.expires_at > _now()).where(lease.c.send_id == self._send_id)).scalar()
        if standing:
            return False
        conn.execute(delete(lease).where(lease.c.send_id == self._send_id))
        conn.execute(
            insert(lease).values(
                send_id=self._send_id,
                holder=self._holder,
                pid=os.getpid(),
                host=socket.gethostname(),
                expires_at=_now() + self._length,
            )
        )
        return True

    def renewal(self) -> Job | None:
        """The job that lengthens it; None when it is not ours."""
        return _Renewal(self, self._clock()) if self._taken else None


class _Renewal:
    """Lengthens a lease in the writer's next batch; if it cannot, the lease runs out."""

    is_repeatable = True
    is_hot = True

    def __init__(self, lease_: Lease, asked_at: float) -> None:
        self._lease = lease_
        self._asked_at = asked_at
        self._done = False

    def run(self, conn: Connection) -> None:
        self._done = self._lease.renew(conn)

    def finish(self, error: BaseException | None) -> None:
        if self._done and error is None:
            self._lease.on_renewed(self._asked_at)


def _now() -> Cast[float]:
    """The database's clock."""
    return cast(extract("epoch", func.clock_timestamp()), Float)
