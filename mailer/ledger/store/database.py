"""One database: how it is reached, read and written, whichever it is.

    open_database(url, state_dir)  ->  Sqlite or Postgresql, both a Database

    Database.reading()   a connection for queries: one snapshot, cannot write
    Database.connect_writer()   the one for writing, inside the write lock: the writer thread's, and the migrations'

A relative SQLite path is taken from the workspace, the folder that holds the state folder. Raises SettingsError for a URL
that names no database, LedgerError for one that cannot be used.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError

from mailer.errors import SettingsError


class Lock(Protocol):
    """A right for a `with` block."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None: ...


class Database(Protocol):
    """What the ledger asks of its database. Opens nothing before it is used."""

    @property
    def name(self) -> str:
        """How messages name it; without a password."""

    @property
    def has_leases(self) -> bool:
        """Whether owning a send is a lease in it, for processes of many machines; else it is a lock of this one."""

    def exists(self) -> bool:
        """False when it is certainly new: then there is nothing to read."""

    def write_lock(self) -> Lock:
        """A new lock on writing it, the same for every process."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for queries of one snapshot."""

    def connect_writer(self) -> Connection:
        """A connection for writing; whoever begins a transaction on it holds the write lock."""

    def connect_bench(self) -> Connection:
        """A connection with temporary tables of its own; whoever writes anything else on it holds the write lock."""

    def in_transaction(self, conn: Connection) -> bool:
        """Whether the database itself is in a transaction: it may have ended one on its own."""

    def has_written(self, conn: Connection) -> int:
        """A number that is another one once this transaction has written something."""

    def version(self) -> int | None:
        """A number that changes with whatever is written; None where there is none."""

    def log_size(self) -> int:
        """Octets of its log that wait for a checkpoint of ours."""

    def checkpoint(self, conn: Connection, *, truncate: bool = False) -> None:
        """Move the log into the database, under the write lock; does what readers allow, and waits for none."""

    def close(self) -> None:
        """Close all connections, under the write lock."""


def open_database(url: str, state_dir: Path) -> Database:
    """The database at `url`."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            "MAILER_DATABASE_URL is not a database URL.", "It should be like sqlite:///mailer.db"
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            from mailer.ledger.store.sqlite import Sqlite  # noqa: PLC0415 - only the one that is wanted

            return Sqlite(parsed, state_dir)
        case "postgresql":
            from mailer.ledger.store.postgresql import Postgresql  # noqa: PLC0415

            return Postgresql(parsed)
        case other:
            raise SettingsError(
                f"MAILER_DATABASE_URL names {other}, which mailer cannot use.",
                "It should be like sqlite:///mailer.db or postgresql://user@host/database",
            )
