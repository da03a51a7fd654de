"""One database: how it is reached, read and written.

    Database.reading()   a connection for queries: one snapshot, cannot write
    Database.writing()   the one for writing, inside the write lock: the writer thread's, and the migrations'

SQLite is set up here and nowhere else: WAL, synchronous=FULL, foreign keys, no automatic checkpoint (SQLite before 3.51.3
can damage a file that two processes checkpoint at once, so checkpoints run under the write lock only). Transactions are
begun by us, not by the driver: BEGIN IMMEDIATE for writing, so that what is read in it cannot change before it commits.

A relative SQLite path is taken from the workspace, the folder that holds the state folder. Raises LedgerError.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from mailer.errors import SettingsError
from mailer.ledger.errors import LedgerError, translating
from mailer.ledger.locks import WriteLock

BUSY_TIMEOUT = 30_000  # ms; only another program can make us wait, our own processes wait at the write lock
CACHE = 64 * 1024  # KiB: the unique index of a million deliveries fits
OLDEST_SQLITE = (3, 35)  # RETURNING


class Database:
    """The database at `url`. Opens nothing before it is used."""

    def __init__(self, url: str, state_dir: Path) -> None:
        self.path = _sqlite_path(url, state_dir)
        self.name = str(self.path)
        sqlite_url = URL.create("sqlite", database=self.name)
        self._reader = create_engine(sqlite_url, connect_args={"check_same_thread": False})
        self._writer = create_engine(sqlite_url, connect_args={"check_same_thread": False}, poolclass=NullPool)
        _set_up(self._reader, begin="BEGIN", pragmas=("query_only=ON",))
        # secure_delete: what was erased is overwritten in the file, too
        _set_up(
            self._writer, begin="BEGIN IMMEDIATE", pragmas=("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")
        )

    def write_lock(self) -> WriteLock:
        """A new lock on writing this database; the same for every process that uses the file, wherever it runs."""
        return WriteLock(self.path.with_name(self.path.name + ".lock"))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with translating(self.name), self._reader.connect() as conn:
            yield conn

    def connect_writer(self) -> Connection:
        """A connection for writing; whoever begins a transaction on it holds the write lock."""
        with translating(self.name):
            return self._writer.connect()

    def wal_size(self) -> int:
        """Octets of the write-ahead log."""
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except OSError:
            return 0

    def checkpoint(self, conn: Connection, *, truncate: bool = False) -> None:
        """Move the log into the database, under the write lock; does what readers allow, and waits for none."""
        raw: Any = conn.connection.dbapi_connection
        raw.execute("PRAGMA busy_timeout=0")
        try:
            raw.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()
        finally:
            raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")

    def in_transaction(self, conn: Connection) -> bool:
        """Whether the database itself is in a transaction: SQLite ends one on its own when the disk fails."""
        return bool(getattr(conn.connection.dbapi_connection, "in_transaction", True))

    def close(self) -> None:
        """Close all connections. The last one of all processes checkpoints by itself, so: under the write lock."""
        self._reader.dispose()
        self._writer.dispose()


def _sqlite_path(url: str, state_dir: Path) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            "MAILER_DATABASE_URL is not a database URL.", "It should be like sqlite:///mailer.db"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError(
            f"MAILER_DATABASE_URL names {parsed.get_backend_name()}, which this version cannot use.",
            "It should be like sqlite:///mailer.db",
        )
    if not parsed.database or parsed.database == ":memory:" or parsed.query or parsed.host:
        raise SettingsError(
            "MAILER_DATABASE_URL names no file.",
            "It should be sqlite:/// and a path: relative to the workspace, or absolute with a fourth slash.",
        )
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise LedgerError(
            f"Python's SQLite is {sqlite3.sqlite_version}, too old.", "Use a Python with SQLite 3.35 or newer."
        )
    return (state_dir.absolute().parent / parsed.database).absolute()


def _set_up(engine: Engine, *, begin: str, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # the driver begins nothing by itself
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT}",
            "wal_autocheckpoint=0",
            "foreign_keys=ON",
            f"cache_size=-{CACHE}",
            *pragmas,
        ):
            raw.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def on_begin(conn: Connection) -> None:
        conn.exec_driver_sql(begin)
