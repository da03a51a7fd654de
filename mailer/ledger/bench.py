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

from mailer.ledger.core import Core
from mailer.ledger.epoch import EpochKeeper
from mailer.ledger.errors import translating
from mailer.ledger.memory import give_back_memory


class Bench:
    """For one thread at a time. Raises LedgerError."""

    def __init__(self, core: Core) -> None:
        self._database = core.database
        self._lock = core.database.write_lock()
        self._epoch = EpochKeeper(core.state_dir, core.database.name)
        self._conn = core.database.connect_bench()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._conn.close()
        give_back_memory()
        self._lock.close()
        self._epoch.close()

    @contextmanager
    def laying_out(self) -> Iterator[Connection]:
        """Opens a transaction for temporary tables and queries, which sees one snapshot."""
        with translating(self._database.name), self._conn.begin():
            yield self._conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it is committed, and durable, when the block ends."""
        with self._lock, translating(self._database.name):
            with self._conn.begin():
                yield self._conn
                self._epoch.raise_in(self._conn, now=True)
                self._epoch.check(self._conn)
            self._epoch.keep()

    @contextmanager
    def rehearsing(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it is rolled back when the block ends."""
        with self._lock, translating(self._database.name):
            transaction = self._conn.begin()
            try:
                yield self._conn
            finally:
                transaction.rollback()
