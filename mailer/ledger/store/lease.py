"""The lease on a shard of a send, on PostgreSQL, where its processes may run on several machines.

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

from sqlalchemy import Cast, ColumnElement, Connection, Float, Update, cast, extract, func, select, update

from mailer.boot_clock import boottime
from mailer.ledger.store.database import Database
from mailer.ledger.store.tables import send_shard
from mailer.ledger.store.writer import Job, Writer

LENGTH = 30.0  # seconds
MARGIN = 0.1  # the fraction of it by which the holder lets it end earlier


class Lease:
    """The right to send one shard, as long as it is renewed. `clock` is LedgerContext.steady."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        send_id: int,
        number: int,
        *,
        length: float = LENGTH,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._database = database
        self._writer = writer
        self._row = (send_shard.c.send_id == send_id, send_shard.c.number == number)
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
        self._taken = bool(conn.execute(self._mine.values(expires_at=database_now() + self._length)).rowcount)
        return self._taken

    def on_renewed(self, asked_at: float) -> None:
        """Extends the holder's own end after the commit of the renewal that began at `asked_at`."""
        self._ends_at = max(self._ends_at, asked_at + self._length * (1 - MARGIN))

    def is_unlocked(self) -> bool:
        return self.read_pid() is None

    def read_pid(self) -> int | None:
        """Returns the id of the process that holds it; 0 if that is on another machine, None if it is free."""
        with self._database.reading() as conn:
            query = select(send_shard.c.pid, send_shard.c.host).where(*self._row, is_held())
            row = conn.execute(query).first()
        return None if row is None else local_pid(row.pid, row.host)

    def close(self) -> None:
        """Releases it."""
        if self._taken:
            self._taken = False
            free = self._mine.values(holder="", expires_at=0.0, share_from=0.0, share_to=0.0)
            self._writer.call(lambda conn: conn.execute(free).rowcount).result()

    @property
    def _mine(self) -> Update:
        return update(send_shard).where(*self._row, send_shard.c.holder == self._holder)

    def _take(self, conn: Connection) -> bool:
        taken = (
            update(send_shard)
            .where(*self._row, ~is_held())
            .values(
                holder=self._holder,
                pid=os.getpid(),
                host=socket.gethostname(),
                taken_at=database_now(),
                expires_at=database_now() + self._length,
                share_from=0.0,
                share_to=0.0,
            )
        )
        return bool(conn.execute(taken).rowcount)

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


def database_now() -> Cast[float]:
    """Returns the clock of PostgreSQL."""
    return cast(extract("epoch", func.clock_timestamp()), Float)


def is_held() -> ColumnElement[bool]:
    """Whether somebody has the lease of a row of `send_shard`."""
    return send_shard.c.expires_at > database_now()


def local_pid(pid: int, host: str) -> int:
    """Returns the id of a process of this machine; 0 for one of another machine."""
    return pid if host == socket.gethostname() else 0
