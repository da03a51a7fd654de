"""The rollback guard: detects that an old copy of the database was restored.

The database has a counter that rises with every write, but for writes of a running send only once a second: a row of `meta`, or
on PostgreSQL a sequence, for which machines do not wait for each other. Its highest value is also persisted in a file of the
state folder, fsynced before any caller gets an answer. A database whose counter is behind that file has lost records: who was
mailed, who unsubscribed. A new database in a folder that has such a file of a different database has lost all of them. A database
that was written before, in a folder without its file, may be such an older copy in a new folder. All three are refused until
somebody accepts the database (`accept`): then running sends are paused and scheduled ones become overdue.

A `mailer worker` has no workspace, and so no such file at first (`joins`). It accepts the database if that is the very one that a
workspace has checked and vouched for: the same server, not restored to an earlier time nor switched to a copy of it, and the same
database there. From its first write on it has a file, too.

The file is named after the ledger's id, so that each database has its own, however its URL is written. It exists before the
first commit. Raises LedgerError.
"""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Connection, Text, cast, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from mailer.delivery.states import SendState
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.compiled_statements import CompiledStatement
from mailer.ledger.store.tables import attempt, member_change, meta, send, suppression_change
from mailer.ledger.types.errors import LedgerError

EVERY = 1.0  # seconds between two raises during a send
RESTORED = "the database was restored from a backup"
ACCEPT = "mailer restore --accept"
_DIGITS = 20
_KEY = "rollback_guard"
SEQUENCE = "rollback_guard"  # on PostgreSQL
_VOUCHED = "vouched_database"
_ACCEPTED = "accepted_restore"
_RECORDED_AT = (send.c.created_at, attempt.c.closed_at, suppression_change.c.at, member_change.c.at)


class RestoredError(LedgerError):
    """The database lacks records, or may lack them: an older copy, one unknown to the folder, or new in place of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedDatabase:
    """A database that was accepted: when its last record was written (None: it has none), and its unfinished sends."""

    recorded_until: float | None
    open_sends: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRestore:
    """When a restored database was accepted last, and when the last record in it was written (None: it had none)."""

    accepted_at: float
    recorded_until: float | None


class RollbackGuard:
    """The counter of one ledger: in its database, and in a file of `state_dir`. For one thread at a time."""

    def __init__(self, state_dir: Path, name: str, *, joins: bool = False) -> None:
        self._dir = state_dir
        self._name = name
        self._joins = joins
        self._fd: int | None = None
        self._ledger = ""
        self._reached = 0  # in the current transaction
        self._persisted_by_us = 0  # after a commit; at first what was found
        self._raised_at = float("-inf")

    def check(self, conn: Connection) -> None:
        """Raises RestoredError if the database is behind its file, unknown here, or new beside a different one's file.

        `conn` is for reading. The counter is read after the file, for another process may raise both at any time.
        """
        self._ledger, _ = _read(conn)
        persisted = self._persisted()
        conn.rollback()
        _, counter = _read(conn)
        if self._joins and persisted is None:
            if not _is_vouched_for(conn):
                raise self._unknown()
        elif refusal := self._refusal(counter, persisted):
            raise refusal

    def needs_vouching(self, conn: Connection) -> bool:
        """Whether `vouch` has something to do, after `check`. `conn` is for reading."""
        is_first = not self._path.exists()
        if conn.dialect.name != "postgresql" or self._joins:
            return False
        return is_first or (not _is_vouched_for(conn) and _identity(conn) != "")

    def vouch(self, conn: Connection) -> None:
        """Records, in this transaction, that a workspace has checked this database, so that workers may use it."""
        self._open()
        advisory_lock(conn, _VOUCHED)
        conn.execute(delete(meta).where(meta.c.key == _VOUCHED))
        conn.execute(insert(meta).values(key=_VOUCHED, value=_identity(conn)))

    def accept(self, conn: Connection, *, at: float, if_refused: bool = False) -> AcceptedDatabase | None:
        """Accepts the database: raises its counter to that of the file, pauses its open sends, and records the time.

        `if_refused`: only if `check` refuses it; None if it does not.
        """
        self._ledger, counter = _read(conn)
        persisted = self._persisted()
        if if_refused and self._refusal(counter, persisted) is None:
            return None
        _set_counter(conn, max(counter, persisted or 0))
        if conn.dialect.name == "postgresql":
            self.vouch(conn)
        running = update(send).where(send.c.state.in_([SendState.RUNNING, SendState.WAITING]))
        scheduled = update(send).where(send.c.state == SendState.SCHEDULED)
        conn.execute(running.values(state=SendState.PAUSED, reason=RESTORED))
        conn.execute(scheduled.values(state=SendState.OVERDUE, reason=RESTORED))
        still_open = send.c.state.in_([SendState.PAUSED, SendState.OVERDUE])
        recorded = [conn.execute(select(func.max(column))).scalar() for column in _RECORDED_AT]
        recorded_until = max((moment for moment in recorded if moment is not None), default=None)
        conn.execute(delete(meta).where(meta.c.key == _ACCEPTED))
        conn.execute(insert(meta).values(key=_ACCEPTED, value=json.dumps([at, recorded_until])))
        return AcceptedDatabase(
            recorded_until=recorded_until,
            open_sends=tuple(conn.scalars(select(send.c.id).where(still_open).order_by(send.c.id))),
        )

    def bump(self, conn: Connection, *, now: bool) -> bool:
        """Raises the counter in this transaction, `now` or once in EVERY seconds; if it did, call `persist` afterwards."""
        started_at = time.monotonic()
        if not now and started_at < self._raised_at + EVERY:
            return False
        if not self._ledger:
            self._ledger, _ = _read(conn)
            self._persisted_by_us = self._persisted() or 0
        self._open()
        counter = int((_NEXT if conn.dialect.name == "postgresql" else _RAISE).run(conn).fetchone()[0])
        if counter <= self._persisted_by_us:
            raise LedgerError(
                f"The database {self._name} was replaced by an older copy while this process used it.",
                "Put the newest copy back.",
            )
        self._reached, self._raised_at = counter, started_at
        return True

    def persist(self) -> None:
        """Writes the counter into the file and syncs it, unless another process has written a higher one."""
        fd = self._open()
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                self._persisted_by_us = self._reached
                if _number(os.pread(fd, _DIGITS, 0), self._path) < self._reached:
                    os.pwrite(fd, b"%0*d" % (_DIGITS, self._reached), 0)
                    os.fdatasync(fd)
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _unknown(self) -> RestoredError:
        return RestoredError(
            f"No workspace has used the database {self._name} since it was made, restored, or moved to this server.",
            "Run “mailer status” in the workspace, then start this again.",
        )

    @property
    def _path(self) -> Path:
        return self._dir / f"epoch-{self._ledger}"  # the name that all versions know

    def _refusal(self, counter: int, persisted: int | None) -> RestoredError | None:
        if persisted is not None and counter < persisted:
            return RestoredError(
                f"The database {self._name} is older than the last one used here. "
                "People mailed or unsubscribed since the backup are not in it.",
                f"Put the newest copy back. To use this one anyway: {ACCEPT}",
            )
        if persisted is None and counter:
            return RestoredError(
                f"The database {self._name} was used before, but not with this folder {self._dir}. It may be an old copy: "
                "people mailed or unsubscribed since then would not be in it.",
                f"If you moved the workspace, move its folder {self._dir.name} with it. To use this database anyway "
                f"(nothing is sent, unfinished sends are paused): {ACCEPT}",
            )
        if not counter and any(path != self._path and path.stat().st_size for path in self._dir.glob("epoch-*")):
            return RestoredError(
                f"The database {self._name} is new, but a different one was used here before. "
                "People mailed or unsubscribed until now are not in it.",
                f"Put the other one back, or correct MAILER_DATABASE_URL. To start with an empty one anyway: {ACCEPT}",
            )
        return None

    def _persisted(self) -> int | None:
        """Returns the counter of the file; None if there is no file."""
        try:
            return _number(self._path.read_bytes(), self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerError(f"The file {self._path} cannot be read ({error.strerror}).") from error

    def _open(self) -> int:
        """Opens the file; creates it durably if it is missing."""
        try:
            if self._fd is None:
                is_new = not self._path.exists()
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if is_new:
                    self._sync_folder()
        except OSError as error:
            raise self._unwritable(error) from error
        return self._fd

    def _sync_folder(self) -> None:
        folder = os.open(self._dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unwritable(self, error: OSError) -> LedgerError:
        return LedgerError(
            f"The file {self._path} cannot be written ({error.strerror}).", "Make room, or correct its permissions."
        )


def past_restore(conn: Connection) -> PastRestore | None:
    """Returns the last restored database that was accepted; None if there was none."""
    found = conn.execute(select(meta.c.value).where(meta.c.key == _ACCEPTED)).scalar()
    if found is None:
        return None
    accepted_at, recorded_until = json.loads(found)
    return PastRestore(accepted_at=accepted_at, recorded_until=recorded_until)


def _read(conn: Connection) -> tuple[str, int]:
    """Returns the id of the ledger, and its counter."""
    rows = conn.execute(select(meta.c.key, meta.c.value).where(meta.c.key.in_(["ledger", _KEY])))
    found = {row.key: row.value for row in rows}
    counter = conn.execute(_REACHED).scalar_one() if conn.dialect.name == "postgresql" else found[_KEY]
    return found["ledger"], int(counter)


def _set_counter(conn: Connection, counter: int) -> None:
    if conn.dialect.name != "postgresql":
        conn.execute(update(meta).where(meta.c.key == _KEY).values(value=str(counter)))
    elif counter:
        conn.execute(select(func.setval(SEQUENCE, counter)))


def _is_vouched_for(conn: Connection) -> bool:
    """Whether a workspace has checked this very database of this very server."""
    vouched = conn.execute(select(meta.c.value).where(meta.c.key == _VOUCHED)).scalar()
    return vouched is not None and vouched == _identity(conn) != ""


def _identity(conn: Connection) -> str:
    """Returns what tells this database of this server from all others; "" if the server does not say."""
    savepoint = conn.begin_nested()
    try:
        found = str(conn.execute(_IDENTITY).scalar_one())
    except DBAPIError:  # a service that hides it from its users
        savepoint.rollback()
        return ""
    savepoint.commit()
    return found


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
    .where(meta.c.key == _KEY)
    .values(value=cast(cast(meta.c.value, BigInteger) + 1, Text))
    .returning(meta.c.value)
)
_NEXT = CompiledStatement(select(func.nextval(SEQUENCE)))
_REACHED = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {SEQUENCE}")  # noqa: S608 - a constant
_IDENTITY = text(
    "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),"  # the timeline
    " (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
