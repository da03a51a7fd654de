"""A connection beside the writer, for staging much in temporary tables and then writing it in one transaction.

The temporary tables belong to the connection, live as long as it does, and are filled without blocking anybody. `writing` is
a transaction under the same rules as the writer's: the write lock, the rollback guard, durable when it is left. `rehearsing`
is the same transaction, rolled back at its end: a dry run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.rollback_guard import RollbackGuard
from mailer.ledger.types.errors import translating
from mailer.malloc import trim_memory


class ScratchConnection:
    """For one thread at a time. Raises LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._database = context.database
        self._lock = context.database.write_lock()
        self._epoch = RollbackGuard(context.state_dir, context.database.name)
        self._conn = context.database.connect_bench()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._conn.close()
        trim_memory()
        self._lock.close()
        self._epoch.close()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Opens a transaction for temporary tables and queries, which sees one snapshot."""
        with translating(self._database.name), self._conn.begin():
            yield self._conn

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it is committed, and durable, when the block ends."""
        with self._lock, translating(self._database.name):
            with self._conn.begin():
                yield self._conn
                self._epoch.bump(self._conn, now=True)
                self._epoch.check(self._conn)
            self._epoch.persist()

    @contextmanager
    def dry_run(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it is rolled back when the block ends."""
        with self._lock, translating(self._database.name):
            transaction = self._conn.begin()
            try:
                yield self._conn
            finally:
                transaction.rollback()
