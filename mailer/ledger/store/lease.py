"""Leases on PostgreSQL, where processes may run on several machines: on a shard of a send, or on a role.

    shard_lease(database, writer, send_id, number)    the right to send a shard
    role_lease_of(database, writer, role)             the right to do what is done once for all machines

A lease expires by the database's clock unless its holder renews it, which the writer does in time. The holder itself measures
with a clock that cannot be set and that continues while the process is stopped or the machine sleeps. It counts from before
each renewal was requested, so that the lease ends for the holder before another process can take it; from then on the holder
sends nothing.

It has the interface of a FileLock. Raises LedgerError.
"""

import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Cast,
    ColumnElement,
    Connection,
    Float,
    Table,
    Update,
    cast,
    extract,
    func,
    insert,
    literal,
    select,
    update,
)

from mailer.boot_clock import boottime
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.database import Database
from mailer.ledger.store.tables import role_lease, send_shard
from mailer.ledger.store.writer_thread import Job, Writer

LENGTH = 30.0  # seconds
ROLE_LENGTH = 10.0  # seconds; what is done once for all machines may be done twice for a moment without harm
MARGIN = 0.1  # the fraction of it by which the holder lets it end earlier


class Lease:
    """A right that lasts as long as it is renewed, kept in the row `key` of `table`. `clock` is LedgerContext.steady.

    `taken`, `freed`: more values of the row when it is taken and when it is released.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        table: Table,
        key: Sequence[ColumnElement[bool]],
        *,
        taken: Mapping[str, Any] | None = None,
        freed: Mapping[str, Any] | None = None,
        length: float = LENGTH,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._database = database
        self._writer = writer
        self._table = table
        self._row = key
        self._values = (taken or {}, freed or {})
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
            columns = self._table.c
            query = select(columns.pid, columns.host).where(*self._row, is_held(self._table))
            row = conn.execute(query).first()
        return None if row is None else local_pid(row.pid, row.host)

    def close(self) -> None:
        """Releases it."""
        if self._taken:
            self._taken = False
            free = self._mine.values(holder="", expires_at=0.0, **self._values[1])
            self._writer.call(lambda conn: conn.execute(free).rowcount).result()

    @property
    def _mine(self) -> Update:
        return update(self._table).where(*self._row, self._table.c.holder == self._holder)

    def _take(self, conn: Connection) -> bool:
        taken = (
            update(self._table)
            .where(*self._row, ~is_held(self._table))
            .values(
                holder=self._holder,
                pid=os.getpid(),
                host=socket.gethostname(),
                expires_at=database_now() + self._length,
                **self._values[0],
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


def shard_lease(
    database: Database, writer: Writer, send_id: int, number: int, *, length: float, clock: Callable[[], float]
) -> Lease:
    """Returns a new lease on a shard."""
    key = (send_shard.c.send_id == send_id, send_shard.c.number == number)
    no_share = {"share_from": 0.0, "share_to": 0.0}
    taken = {"taken_at": database_now(), **no_share}
    return Lease(database, writer, send_shard, key, taken=taken, freed=no_share, length=length, clock=clock)


def role_lease_of(database: Database, writer: Writer, role: str, *, length: float, clock: Callable[[], float]) -> Lease:
    """Returns a new lease on a role, whose row is made if it is missing."""
    missing = ~select(role_lease.c.role).where(role_lease.c.role == role).exists()
    row = select(literal(role), literal(""), literal(0), literal(""), literal(0.0)).where(missing)

    def make_row(conn: Connection) -> None:
        advisory_lock(conn, "role")
        conn.execute(insert(role_lease).from_select(["role", "holder", "pid", "host", "expires_at"], row))

    writer.call(make_row).result()
    return Lease(database, writer, role_lease, (role_lease.c.role == role,), length=length, clock=clock)


def database_now() -> Cast[float]:
    """Returns the clock of PostgreSQL."""
    return cast(extract("epoch", func.clock_timestamp()), Float)


def is_held(table: Table = send_shard) -> ColumnElement[bool]:
    """Whether somebody has the lease of a row of `table`."""
    return table.c.expires_at > database_now()


def local_pid(pid: int, host: str) -> int:
    """Returns the id of a process of this machine; 0 for one of another machine."""
    return pid if host == socket.gethostname() else 0
