"""A connection beside the writer, for staging rows in temporary tables and then writing them in one transaction.

The temporary tables belong to the connection and are filled without blocking other writers. `transaction` follows the same
rules as the writer's: the write lock, the rollback guard, durable at the end of the block. `dry_run` is the same, rolled back
at its end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.restore_detection import OlderCopyError, RollbackGuard
from mailer.ledger.types.errors import translating
from mailer.malloc import trim_memory


class ScratchConnection:
    """For one thread at a time. Raises LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._database = context.database
        self._lock = context.database.write_lock()
        self._guard = RollbackGuard(context.state_dir, context.database.name)
        self._conn = context.database.connect_scratch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._conn.close()
        trim_memory()
        self._lock.close()
        self._guard.close()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Opens a transaction for temporary tables and queries, which sees one snapshot."""
        with translating(self._database.name), self._conn.begin():
            yield self._conn

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it is committed, and durable, when the block ends."""
        with self._lock, translating(self._database.name):
            try:
                with self._conn.begin():
                    yield self._conn
                    self._guard.bump(self._conn, now=True)
            except OlderCopyError:
                with self._conn.begin():
                    self._guard.mark_as_older(self._conn)
                raise
            self._guard.persist()

    @contextmanager
    def dry_run(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it is rolled back when the block ends."""
        with self._lock, translating(self._database.name):
            transaction = self._conn.begin()
            try:
                yield self._conn
            finally:
                transaction.rollback()
