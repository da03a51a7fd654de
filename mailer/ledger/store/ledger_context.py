"""What the parts of a ledger share: its database, its writer, its clock and its state folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from mailer.boot_clock import boottime
from mailer.delivery.warmup import WarmUp
from mailer.ledger.store.database import Database
from mailer.ledger.store.file_locks import FileLock
from mailer.ledger.store.lease import LENGTH, ROLE_LENGTH, role_lease_of, shard_lease
from mailer.ledger.store.writer_thread import Writer
from mailer.ledger.types.shards import SHARD_SIZE

LOCK_PATIENCE = 0.2  # seconds: checking whether a send is held takes its lock for an instant


class SendLock(Protocol):
    """The right to send a shard: a FileLock or a Lease."""

    @property
    def held(self) -> bool:
        """Whether this process certainly holds it."""

    def try_acquire(self) -> bool: ...

    def acquire(self, patience: float) -> bool: ...

    def renew(self, conn: Connection) -> bool:
        """Within a transaction: whether this process still holds it, which it then does until the commit."""

    def is_unlocked(self) -> bool: ...

    def read_pid(self) -> int | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerContext:
    """`clock` gives seconds since the epoch, UTC; `state_dir` exists.

    `warmup` limits the messages a day, over all sends. `shard_size`: the deliveries of a shard on PostgreSQL; on SQLite each send
    is one shard. `lease`: the length of a lease in seconds; `steady` is the monotonic clock by which its holder measures it.
    """

    database: Database
    writer: Writer
    clock: Callable[[], float]
    state_dir: Path
    warmup: WarmUp = field(default_factory=WarmUp)
    shard_size: int = SHARD_SIZE
    lease: float = LENGTH
    steady: Callable[[], float] = boottime

    def shard_lock(self, send_id: int, number: int = 1) -> SendLock:
        """Returns a new lock on a shard of a send."""
        if self.database.has_leases:
            return shard_lease(self.database, self.writer, send_id, number, length=self.lease, clock=self.steady)
        return FileLock(self.state_dir / f"send-{send_id}.lock")

    def role_lock(self, role: str) -> SendLock:
        """Returns a new lock on a role, which one process at a time has: on SQLite a file lock, on PostgreSQL a lease."""
        if self.database.has_leases:
            length = min(ROLE_LENGTH, self.lease)
            return role_lease_of(self.database, self.writer, role, length=length, clock=self.steady)
        return FileLock(self.state_dir / f"{role}.lock")

    def serve_lock(self) -> FileLock:
        """Returns a new lock on being the running `serve`."""
        return FileLock(self.state_dir / "serve.lock")
