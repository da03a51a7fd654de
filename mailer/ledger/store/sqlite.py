"""The SQLite database.

WAL, synchronous=FULL, foreign keys, no automatic checkpoint (SQLite before 3.51.3 can damage a file that two processes
checkpoint at once, so checkpoints run under the write lock only). Transactions are begun here, not by the driver: BEGIN
IMMEDIATE for writing, so that what it reads cannot change before it commits. Erased data is overwritten in the file, too
(secure_delete).
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from mailer.errors import SettingsError
from mailer.ledger.store.file_locks import WriteLock
from mailer.ledger.types.errors import LedgerError, translating

BUSY_TIMEOUT = 30_000  # ms; for other programs: our own processes wait for the write lock
CACHE = 4 * 1024  # KiB for each connection; the rest is in the page cache of the system
SCRATCH_CACHE = 4 * 1024  # KiB, for the temporary tables of a scratch connection
SCRATCH_PAGE = 32 * 1024  # octets, of those tables: they are written and read in order
OLDEST_SQLITE = (3, 35)  # RETURNING


class Sqlite:
    """A Database in one file."""

    has_leases = False

    def __init__(self, url: URL, state_dir: Path) -> None:
        self.path: Path = _path(url, state_dir)
        self.name = str(self.path)
        self._lock_path = self.path.parent / state_dir.name / f"{self.path.name}.lock"
        self._log = self.path.with_name(self.path.name + "-wal")
        sqlite_url = URL.create("sqlite", database=self.name)
        self._reader = create_engine(sqlite_url, connect_args={"check_same_thread": False})
        self._writer = create_engine(sqlite_url, connect_args={"check_same_thread": False}, poolclass=NullPool)
        self._scratch = create_engine(sqlite_url, connect_args={"check_same_thread": False}, poolclass=NullPool)
        self._opened: tuple[int, int] | None = None  # the file
        self._watch: Connection | None = None
        self._watching = threading.Lock()
        _set_up(self._reader, begin="BEGIN", pragmas=("query_only=ON",))
        _set_up(
            self._writer, begin="BEGIN IMMEDIATE", pragmas=("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")
        )
        _set_up(
            self._scratch,
            begin="BEGIN",
            pragmas=(
                "synchronous=FULL",
                "secure_delete=ON",
                f"temp.page_size={SCRATCH_PAGE}",
                "temp.secure_delete=OFF",
                f"temp.cache_size=-{SCRATCH_CACHE}",
            ),
        )

    def exists(self) -> bool:
        return self.path.exists()

    def require_in_place(self) -> None:
        found = self._file_id()
        if self._opened is not None and found != self._opened:
            what = "replaced" if found else "moved or deleted"
            raise LedgerError(
                f"The database {self.name} was {what} while this process used it.",
                "Put it back, or end all processes of mailer and start them again.",
            )

    def _file_id(self) -> tuple[int, int] | None:
        """Returns what identifies the file at the path of the database; None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def write_lock(self) -> WriteLock:
        """The same for every process that uses the file, wherever it runs: in the state folder beside the database.

        The folder is its owner's only: whoever can open a lock file can stop every write.
        """
        with suppress(OSError):  # opening the lock reports it better
            self._lock_path.parent.mkdir(mode=0o700, exist_ok=True)
        return WriteLock(self._lock_path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self.require_in_place()  # a new connection would create an empty file
        with translating(self.name), self._reader.connect() as conn:
            self._opened = self._opened or self._file_id()
            yield conn

    def connect_writer(self) -> Connection:
        self.require_in_place()
        if not self.exists():
            with suppress(OSError):  # connecting reports it better
                # it holds addresses of readers; SQLite gives its log the same mode
                self.path.touch(mode=0o600)
        with translating(self.name):
            return self._writer.connect()

    def connect_scratch(self) -> Connection:
        self.require_in_place()
        with translating(self.name):
            return self._scratch.connect()

    def version(self) -> int:
        """Returns PRAGMA data_version, whose values are comparable within one connection only."""
        with self._watching, translating(self.name):
            if self._watch is None:
                self._watch = self._reader.connect()
            raw: Any = self._watch.connection.dbapi_connection
            return int(raw.execute("PRAGMA data_version").fetchone()[0])

    def log_size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def checkpoint(self, conn: Connection, *, truncate: bool = False) -> None:
        raw: Any = conn.connection.dbapi_connection
        raw.execute("PRAGMA busy_timeout=0")
        try:
            raw.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()
        finally:
            raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")

    def has_written(self, conn: Connection) -> int:
        raw: Any = conn.connection.dbapi_connection
        return int(raw.total_changes)

    def in_transaction(self, conn: Connection) -> bool:
        """Whether a transaction is open: SQLite ends it on its own when the disk fails."""
        return bool(getattr(conn.connection.dbapi_connection, "in_transaction", True))

    def close(self) -> None:
        """Closes all connections. Requires the write lock: the last connection of all processes checkpoints."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._reader.dispose()
        self._writer.dispose()
        self._scratch.dispose()


def _path(url: URL, state_dir: Path) -> Path:
    if not url.database or url.database == ":memory:" or url.query or url.host:
        raise SettingsError(
            "MAILER_DATABASE_URL names no file.",
            "It should be sqlite:/// and a path: relative to the workspace, or absolute with a fourth slash.",
        )
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise LedgerError(
            f"Python's SQLite is {sqlite3.sqlite_version}, too old.", "Use a Python with SQLite 3.35 or newer."
        )
    return (state_dir.absolute().parent / url.database).absolute()


def _set_up(engine: Engine, *, begin: str, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # the driver begins no transaction
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
        raw: Any = conn.connection.dbapi_connection
        raw.execute(begin)
