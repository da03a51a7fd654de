"""The interface of a database, SQLite or PostgreSQL.

    open_database(url, state_dir)  ->  Sqlite or Postgresql, both a Database

    Database.reading()          a read-only connection with one snapshot
    Database.connect_writer()   a connection for writing, under the write lock: for the writer thread and migrations

A relative SQLite path is taken from the workspace, the folder that holds the state folder. Raises SettingsError for a URL
that names no database, LedgerError for a database that cannot be used.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError

from mailer.errors import SettingsError


class Lock(Protocol):
    """A lock held during a `with` block."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None: ...


class Database(Protocol):
    """The operations that the ledger needs. Opens nothing before its first use."""

    @property
    def name(self) -> str:
        """Its name in messages; without a password."""

    @property
    def has_leases(self) -> bool:
        """Whether a send is held by a lease, for processes on several machines; otherwise by a file lock."""

    def exists(self) -> bool:
        """Returns False if it is certainly new: then there is nothing to read."""

    def require_in_place(self) -> None:
        """Raises LedgerError if it was moved away or replaced since it was opened: what is written now would be lost."""

    def write_lock(self) -> Lock:
        """Returns a new lock on writing it, which excludes all other processes."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Opens a connection for queries of one snapshot."""

    def connect_writer(self) -> Connection:
        """Opens a connection for writing; a transaction on it requires the write lock."""

    def connect_scratch(self) -> Connection:
        """Opens a connection for temporary tables; writing anything else on it requires the write lock."""

    def in_transaction(self, conn: Connection) -> bool:
        """Whether the database is in a transaction: it may have ended one on its own."""

    def has_written(self, conn: Connection) -> int:
        """Returns a number that changes once this transaction has written something."""

    def version(self) -> int | None:
        """Returns a number that changes with every write; None if there is none."""

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
            from mailer.ledger.store.postgresql import Postgresql  # noqa: PLC0415 - psycopg, only where it is used

            return Postgresql(parsed)
        case other:
            raise SettingsError(
                f"MAILER_DATABASE_URL names {other}, which mailer cannot use.",
                "It should be like sqlite:///mailer.db or postgresql://user@host/database",
            )
