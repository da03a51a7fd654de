"""The lease on a send, on PostgreSQL, where its processes may run on several machines.

A lease expires by the database's clock unless its holder renews it, which the writer does in time. The holder itself measures
with a clock that cannot be set and that continues while the process is stopped or the machine sleeps. It counts from before
each renewal was requested, so that the lease ends for the holder before another process can take it; from then on the holder
sends nothing.

It has the interface of a FileLock. Raises LedgerError.
"""

import os
import socket
import uuid
from collections.abc import Callable

from sqlalchemy import Cast, Connection, Float, cast, delete, extract, func, insert, select, update

from mailer.boot_clock import boottime
from mailer.ledger.store.database import Database
from mailer.ledger.store.tables import lease, send
from mailer.ledger.store.writer import Job, Writer

LENGTH = 30.0  # seconds
MARGIN = 0.1  # the fraction of it by which the holder lets it end earlier


class Lease:
    """The right to run one send, as long as it is renewed. `clock` is LedgerContext.steady."""

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
        """Whether certainly no other process can hold it."""
        return self._taken and self._clock() < self._ends_at

    def acquire(self, patience: float) -> bool:  # noqa: ARG002 - a lease lasts longer than any patience
        return self.try_acquire()

    def try_acquire(self) -> bool:
        """Takes the lease if it is free or has expired."""
        asked_at = self._clock()
        self._taken = self._writer.call(self._take).result()
        if self._taken:
            self._ends_at = asked_at + self._length * (1 - MARGIN)
            self._writer.schedule(self._length / 3, self.renewal)
        return self._taken

    def renew(self, conn: Connection) -> bool:
        """Within a transaction: extends it, unless another process has taken it. Call `on_renewed` after the commit."""
        mine = update(lease).where(lease.c.send_id == self._send_id, lease.c.holder == self._holder)
        self._taken = bool(conn.execute(mine.values(expires_at=_now() + self._length)).rowcount)
        return self._taken

    def on_renewed(self, asked_at: float) -> None:
        """Extends the holder's own end after the commit of the renewal that began at `asked_at`."""
        self._ends_at = max(self._ends_at, asked_at + self._length * (1 - MARGIN))

    def is_unlocked(self) -> bool:
        return self.read_pid() is None

    def read_pid(self) -> int | None:
        """Returns the id of the process that holds it; 0 if that is on another machine, None if it is free."""
        with self._database.reading() as conn:
            query = select(lease.c.pid, lease.c.host).where(
                lease.c.send_id == self._send_id, lease.c.expires_at > _now()
            )
            row = conn.execute(query).first()
        if row is None:
            return None
        return int(row.pid) if row.host == socket.gethostname() else 0

    def close(self) -> None:
        """Releases it."""
        if self._taken:
            self._taken = False
            mine = delete(lease).where(lease.c.send_id == self._send_id, lease.c.holder == self._holder)
            self._writer.call(lambda conn: conn.execute(mine).rowcount).result()

    def _take(self, conn: Connection) -> bool:
        conn.execute(select(send.c.id).where(send.c.id == self._send_id).with_for_update(key_share=True))
        is_held = conn.execute(select(lease.c.expires_at > _now()).where(lease.c.send_id == self._send_id)).scalar()
        if is_held:
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
        """Returns the job that extends it; None if this process does not hold it."""
        return _Renewal(self, self._clock()) if self._taken else None


class _Renewal:
    """Extends a lease in the writer's next batch; if that fails, the lease expires."""

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
    """Returns the database's clock."""
    return cast(extract("epoch", func.clock_timestamp()), Float)
