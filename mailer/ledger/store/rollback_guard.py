"""The rollback guard: notices that somebody restored an old copy of the database.

The database has an epoch, a number that rises with every write, but with those of a running send only once a second. The
highest epoch is also kept in a file of the state folder, fsynced before anybody gets an answer. A database whose epoch is
behind that file has lost what was recorded since: who was mailed, who unsubscribed. It is refused until a person accepts it
(`accept_restored`); then running sends are paused and scheduled ones become overdue.

The file is named after the ledger itself, so each database has its own. Raises LedgerError.
"""

import fcntl
import os
import time
from pathlib import Path

from sqlalchemy import BigInteger, Connection, Text, cast, select, update

from mailer.delivery.states import SendState
from mailer.ledger.store.fastsql import CompiledStatement, param
from mailer.ledger.store.tables import meta, send
from mailer.ledger.types.errors import LedgerError

EVERY = 1.0  # seconds between two epochs of a send under way
RESTORED = "an older copy of the database was put back"
_DIGITS = 20


class RestoredError(LedgerError):
    """The database is older than what this folder has seen of it."""


class RollbackGuard:
    """The epoch of one ledger: in its database, and in a file of `state_dir`. One thread at a time."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self._dir = state_dir
        self._name = name
        self._fd: int | None = None
        self._ledger = ""
        self._reached = 0  # in the transaction of now
        self._kept_by_us = 0  # in one that was committed
        self._raised_at = float("-inf")

    def check(self, conn: Connection) -> None:
        """Raise RestoredError when the database is behind the file."""
        self._ledger, epoch = _read(conn)
        kept = self._kept()
        if epoch < kept:
            raise RestoredError(
                f"The database {self._name} is an older copy: it is at {epoch}, but {self._path} has seen {kept}. "
                "Who was mailed or unsubscribed in between is not in it.",
                "Put back the newest copy; or, if this is it, accept that with: mailer resume SEND --accept-restored",
            )
        self._reached = epoch

    def accept_rollback(self, conn: Connection) -> int:
        """Take the database for the newest: lift it to the file, and let no send go on unasked. How many that are.

        A database that is not behind stays as it is.
        """
        self._ledger, epoch = _read(conn)
        self._reached = max(epoch, self._kept())
        if epoch == self._reached:
            return 0
        conn.execute(update(meta).where(meta.c.key == "epoch").values(value=str(self._reached)))
        under_way = update(send).where(send.c.state.in_([SendState.RUNNING, SendState.WAITING]))
        to_come = update(send).where(send.c.state == SendState.SCHEDULED)
        paused = conn.execute(under_way.values(state=SendState.PAUSED, reason=RESTORED)).rowcount
        return paused + conn.execute(to_come.values(state=SendState.OVERDUE, reason=RESTORED)).rowcount

    def bump(self, conn: Connection, *, now: bool) -> bool:
        """Raise the epoch in this transaction, `now` or if it is time; whether that was done: then `keep` it after."""
        moment = time.monotonic()
        if not now and moment < self._raised_at + EVERY:
            return False
        epoch = int(_RAISE.run(conn, "epoch").fetchone()[0])
        if epoch <= self._kept_by_us:
            raise LedgerError(
                f"The database {self._name} was replaced by an older copy under our hands.",
                "Put back the newest copy, then: mailer resume SEND",
            )
        self._reached, self._raised_at = epoch, moment
        return True

    def persist(self) -> None:
        """Write the epoch down, for good, unless another process has written a higher one."""
        try:
            fd = self._open()
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                self._kept_by_us = self._reached
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
        return self._dir / f"epoch-{self._ledger}"

    def _kept(self) -> int:
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
    """The ledger's own name, and its epoch."""
    rows = conn.execute(select(meta.c.key, meta.c.value).where(meta.c.key.in_(["ledger", "epoch"])))
    found = {row.key: row.value for row in rows}
    return found["ledger"], int(found["epoch"])


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
