"""The PostgreSQL database, through psycopg 3.

Writing transactions are READ COMMITTED: each statement sees what others committed before it. So rows that are read and then
written are locked first: a send by its row; creating a send, an edition or a suppression by an advisory lock. Readers see one
snapshot. `synchronous_commit` is on: an answered write is durable. All of this holds whatever the server's defaults are. A
process that stops within a transaction loses it, and its locks, after IDLE_TIMEOUT.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.pool import NullPool

from mailer.errors import SettingsError
from mailer.ledger.types.errors import LedgerError, translating

CONNECT = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000, "application_name": "mailer"}
IDLE_TIMEOUT = "30s"  # of a transaction
LOCK_TIMEOUT = "60s"  # for a lock of another process


class NullLock(nullcontext[None]):
    """No lock: on PostgreSQL many processes write at once; row and advisory locks keep the order."""

    def close(self) -> None:
        """Does nothing."""


class Postgresql:
    """A Database on a server."""

    has_leases = True

    def __init__(self, url: URL) -> None:
        self.name = f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"
        url = url.set(drivername="postgresql+psycopg")
        try:
            self._reader = create_engine(
                url, isolation_level="REPEATABLE READ", connect_args=dict(CONNECT), pool_pre_ping=True
            )
            self._writer = create_engine(
                url, isolation_level="READ COMMITTED", connect_args=dict(CONNECT), poolclass=NullPool
            )
        except ImportError:
            raise SettingsError(
                "MAILER_DATABASE_URL names a PostgreSQL database, but psycopg is not installed.",
                "Install it with: pip install 'newsletter-desk[postgresql]'",
            ) from None

        @event.listens_for(self._reader, "connect", insert=True)  # before SQLAlchemy asks for the version
        def on_connect_reader(raw: Any, _record: object) -> None:
            self._require_utf8(raw)
            _set(raw, "default_transaction_read_only=on")

        @event.listens_for(self._writer, "connect", insert=True)
        def on_connect_writer(raw: Any, _record: object) -> None:
            self._require_utf8(raw)
            _set(
                raw,
                "default_transaction_read_only=off",
                "synchronous_commit=on",
                f"idle_in_transaction_session_timeout='{IDLE_TIMEOUT}'",
                f"lock_timeout='{LOCK_TIMEOUT}'",
            )

    def _require_utf8(self, raw: Any) -> None:
        encoding = raw.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise LedgerError(
                f"The database {self.name} has the encoding {encoding}, which cannot hold every name and text.",
                "Create one with UTF-8: createdb --encoding=UTF8 --template=template0 NAME",
            )

    def exists(self) -> bool:
        return True

    def require_in_place(self) -> None:
        """Does nothing: a server does not lose a database that is in use."""

    def write_lock(self) -> NullLock:
        return NullLock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with translating(self.name), self._reader.connect() as conn:
            yield conn

    def connect_writer(self) -> Connection:
        with translating(self.name):
            return self._writer.connect()

    def connect_scratch(self) -> Connection:
        return self.connect_writer()

    def in_transaction(self, conn: Connection) -> bool:
        raw: Any = conn.connection.dbapi_connection
        return bool(raw.info.transaction_status.name == "INTRANS")

    def has_written(self, conn: Connection) -> int:
        """Returns whether the transaction has an id, which it gets with its first write."""
        raw: Any = conn.connection.dbapi_connection
        return int(raw.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()[0])

    def version(self) -> None:
        """Returns None: there is no cheap version."""

    def log_size(self) -> int:
        return 0

    def checkpoint(self, conn: Connection, *, truncate: bool = False) -> None:
        """Does nothing: the server does it."""

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()


def _set(raw: Any, *settings: str) -> None:
    raw.autocommit = True
    for setting in settings:
        raw.execute(f"SET {setting}")
    raw.autocommit = False
