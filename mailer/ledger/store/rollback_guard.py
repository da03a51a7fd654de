"""The rollback guard: detects that an old copy of the database was restored.

The database has a counter that rises with every write, but for writes of a running send only once a second. Its highest value
is also persisted in a file of the state folder, fsynced before any caller gets an answer. A database whose counter is behind
that file has lost records: who was mailed, who unsubscribed. It is refused until somebody accepts it (`accept_restored`); then
running sends are paused and scheduled ones become overdue.

The file is named after the ledger's id, so that each database has its own. Raises LedgerError.
"""

import fcntl
import os
import time
from pathlib import Path

from sqlalchemy import BigInteger, Connection, Text, cast, select, update

from mailer.delivery.states import SendState
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.tables import meta, send
from mailer.ledger.types.errors import LedgerError

EVERY = 1.0  # seconds between two raises during a send
RESTORED = "an older copy of the database was put back"
_DIGITS = 20
_KEY = "rollback_guard"


class RestoredError(LedgerError):
    """The database is older than the file of this folder says."""


class RollbackGuard:
    """The counter of one ledger: in its database, and in a file of `state_dir`. For one thread at a time."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self._dir = state_dir
        self._name = name
        self._fd: int | None = None
        self._ledger = ""
        self._reached = 0  # in the current transaction
        self._persisted_by_us = 0  # after a commit
        self._raised_at = float("-inf")

    def check(self, conn: Connection) -> None:
        """Raises RestoredError if the database is behind the file."""
        self._ledger, counter = _read(conn)
        persisted = self._persisted()
        if counter < persisted:
            raise RestoredError(
                f"The database {self._name} is an older copy: it is at {counter}, but {self._path} has seen {persisted}. "
                "Who was mailed or unsubscribed in between is not in it.",
                "Put back the newest copy; or, if this is it, accept that with: mailer resume SEND --accept-restored",
            )
        self._reached = counter

    def accept_rollback(self, conn: Connection) -> int:
        """Accepts the database: raises its counter to that of the file, pauses its sends; returns how many.

        A database that is not behind is not changed.
        """
        self._ledger, counter = _read(conn)
        self._reached = max(counter, self._persisted())
        if counter == self._reached:
            return 0
        conn.execute(update(meta).where(meta.c.key == _KEY).values(value=str(self._reached)))
        running = update(send).where(send.c.state.in_([SendState.RUNNING, SendState.WAITING]))
        scheduled = update(send).where(send.c.state == SendState.SCHEDULED)
        paused = conn.execute(running.values(state=SendState.PAUSED, reason=RESTORED)).rowcount
        return paused + conn.execute(scheduled.values(state=SendState.OVERDUE, reason=RESTORED)).rowcount

    def bump(self, conn: Connection, *, now: bool) -> bool:
        """Raises the counter in this transaction, `now` or once in EVERY seconds; if it did, call `persist` afterwards."""
        started_at = time.monotonic()
        if not now and started_at < self._raised_at + EVERY:
            return False
        counter = int(_RAISE.run(conn, _KEY).fetchone()[0])
        if counter <= self._persisted_by_us:
            raise LedgerError(
                f"The database {self._name} was replaced by an older copy under our hands.",
                "Put back the newest copy, then: mailer resume SEND",
            )
        self._reached, self._raised_at = counter, started_at
        return True

    def persist(self) -> None:
        """Writes the counter into the file and syncs it, unless another process has written a higher one."""
        try:
            fd = self._open()
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                self._persisted_by_us = self._reached
                if _number(os.pread(fd, _DIGITS, 0), self._path) < self._reached:
                    os.pwrite(fd, b"%0*d" % (_DIGITS, self._reached), 0)
                    os.fdatasync(fd)
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
        except OSError as error:
            raise LedgerError(
                f"The file {self._path} cannot be written ({error.strerror}).", "Make room, or mend its permissions."
            ) from error

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @property
    def _path(self) -> Path:
        return self._dir / f"epoch-{self._ledger}"  # the name that all versions know

    def _persisted(self) -> int:
        try:
            return _number(self._path.read_bytes(), self._path)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise LedgerError(f"The file {self._path} cannot be read ({error.strerror}).") from error

    def _open(self) -> int:
        if self._fd is None:
            is_new = not self._path.exists()
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            if is_new:
                folder = os.open(self._dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        return self._fd


def _read(conn: Connection) -> tuple[str, int]:
    """Returns the id of the ledger, and its counter."""
    rows = conn.execute(select(meta.c.key, meta.c.value).where(meta.c.key.in_(["ledger", _KEY])))
    found = {row.key: row.value for row in rows}
    return found["ledger"], int(found[_KEY])


def _number(text: bytes, path: Path) -> int:
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise LedgerError(
            f"The file {path} is damaged.", "Remove it if the database is the newest copy that there is."
        ) from None


_RAISE = CompiledStatement(
    update(meta)
    .where(meta.c.key == param("name", ""))
    .values(value=cast(cast(meta.c.value, BigInteger) + 1, Text))
    .returning(meta.c.value),
    "name",
)
