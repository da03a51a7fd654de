"""The rollback guard: detects that an old copy of the database was restored.

The database has a counter for each state folder, a row of `rollback_counter`, which rises with every write of a process that uses
this folder, but for writes of a running send only once a second, and first of all on each new connection. A row for each folder
keeps machines from waiting for each other; it is undone with its transaction, as a sequence is not. Its highest value, and that
of the sum of all rows, are also persisted in a file of the folder, fsynced before any caller gets an answer. A database whose
counter or sum is behind that file has lost records: who was mailed, who unsubscribed. It is refused until somebody accepts it
(`accept`): then running sends are paused and scheduled ones become overdue. The process that finds out records it in the database
(`mark_as_older`), so that everybody refuses it, also those whose own folder has seen nothing of what is lost.

A new database in a folder that has such a file of a different database has lost all records, and is refused, too. So is a
database that was written before, in a folder without its file: it may be an older copy in a new folder. On PostgreSQL this is
the usual case of a second machine. So there a folder joins if the database is the very one that a workspace has checked and
vouched for: the same database of a server that was not started again since, so that no copy of its files can have been put in
place, and whose tables were not restored since. A `mailer worker`, which has no workspace (`is_worker`), never vouches. A
workspace that is running vouches again after the server was restarted.

The file is named after the ledger's id, so that each database has its own, however its URL is written. It exists before the
first commit: the counter of the folder, the sum, and the folder's id, which is "" in a file of a former version. An acceptance
raises the row `accepted`, which counts for all folders. Raises LedgerError.
"""

import fcntl
import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, case, delete, func, insert, literal, select, text, update

from mailer.delivery.states import SendState
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.compiled_statements import CompiledStatement
from mailer.ledger.store.tables import attempt, member_change, meta, rollback_counter, send, suppression_change
from mailer.ledger.types.errors import LedgerError

EVERY = 1.0  # seconds between two raises during a send
RESTORED = "the database was restored from a backup"
ACCEPT = "mailer restore --accept"
_DIGITS = 20
_JUMP = 10**12  # of an acceptance: more than all counters together reach before it
_ACCEPTED_ROW = "accepted"
_OLDER = "older_copy"
_VOUCHED = "vouched_database"
_ACCEPTED = "accepted_restore"
_RECORDED_AT = (send.c.created_at, attempt.c.closed_at, suppression_change.c.at, member_change.c.at)


class RestoredError(LedgerError):
    """The database lacks records, or may lack them: an older copy, one unknown to the folder, or new in place of another."""


class OlderCopyError(RestoredError):
    """The database certainly lacks records."""


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


@dataclass(frozen=True, slots=True)
class _Counters:
    """What a database has reached, or what a file has seen of it: the counter of one folder, and the sum of all."""

    own: int = 0
    total: int = 0

    def is_behind(self, other: "_Counters") -> bool:
        return self.own < other.own or self.total < other.total

    def highest(self, other: "_Counters") -> "_Counters":
        return _Counters(max(self.own, other.own), max(self.total, other.total))


class RollbackGuard:
    """The counter of one folder: in its database, and in a file of `state_dir`. For one thread at a time."""

    def __init__(self, state_dir: Path, name: str, *, is_worker: bool = False) -> None:
        self._dir = state_dir
        self._name = name
        self._is_worker = is_worker
        self._fd: int | None = None
        self._ledger = ""
        self._folder = ""
        self._reached = _Counters()  # in the current transaction
        self._seen = _Counters()  # after a commit; at first what the file has
        self._raised_at = float("-inf")
        self._connection: object = None  # on which it was raised last

    def check(self, conn: Connection) -> None:
        """Raises RestoredError if the database is behind its file, unknown here, or new beside a different one's file.

        `conn` is for reading. The counter is read after the file, for another process may raise both at any time.
        """
        self._ledger = _ledger_id(conn)
        persisted = self._persisted()
        conn.rollback()
        found, older_for = self._read(conn)
        if refusal := self._refusal(found, older_for, persisted, is_vouched_for=_is_vouched_for(conn)):
            raise refusal
        if persisted is None and found.total:
            self._open()
            self._reached = _Counters(0, found.total)
            self.persist()

    def needs_vouching(self, conn: Connection) -> bool:
        """Whether `vouch` has something to do, after `check`."""
        return conn.dialect.name == "postgresql" and not self._is_worker and not _is_vouched_for(conn)

    def vouch(self, conn: Connection) -> None:
        """Records, in this transaction, that a workspace has checked this database, so that other folders may join."""
        self._open()
        advisory_lock(conn, _VOUCHED)
        conn.execute(delete(meta).where(meta.c.key == _VOUCHED))
        conn.execute(insert(meta).values(key=_VOUCHED, value=_identity(conn)))

    def mark_as_older(self, conn: Connection) -> None:
        """Records, in this transaction, that the database is older than the last one used here, so that everybody refuses it.

        Does nothing on SQLite, whose processes all use this folder.
        """
        if conn.dialect.name != "postgresql":
            return
        advisory_lock(conn, _OLDER)
        missing = ~select(meta.c.key).where(meta.c.key == _OLDER).exists()
        values = select(literal(_OLDER), literal(socket.gethostname())).where(missing)
        conn.execute(insert(meta).from_select(["key", "value"], values))

    def accept(self, conn: Connection, *, at: float, if_refused: bool = False) -> AcceptedDatabase | None:
        """Accepts the database for all folders, pauses its open sends, and records the time.

        `if_refused`: only if `check` refuses it; None if it does not.
        """
        self._ledger = _ledger_id(conn)
        persisted = self._persisted()
        found, older_for = self._read(conn)
        is_vouched_for = _is_vouched_for(conn)
        if if_refused and self._refusal(found, older_for, persisted, is_vouched_for=is_vouched_for) is None:
            return None
        highest = found.highest(persisted or _Counters())
        conn.execute(delete(rollback_counter).where(rollback_counter.c.folder == _ACCEPTED_ROW))
        raised = max(highest.own, highest.total) + _JUMP
        conn.execute(insert(rollback_counter).values(folder=_ACCEPTED_ROW, counter=raised))
        conn.execute(delete(meta).where(meta.c.key.in_([_ACCEPTED, _OLDER])))
        if conn.dialect.name == "postgresql":
            self.vouch(conn)
        running = update(send).where(send.c.state.in_([SendState.RUNNING, SendState.WAITING]))
        scheduled = update(send).where(send.c.state == SendState.SCHEDULED)
        conn.execute(running.values(state=SendState.PAUSED, reason=RESTORED))
        conn.execute(scheduled.values(state=SendState.OVERDUE, reason=RESTORED))
        still_open = send.c.state.in_([SendState.PAUSED, SendState.OVERDUE])
        recorded = [conn.execute(select(func.max(column))).scalar() for column in _RECORDED_AT]
        recorded_until = max((moment for moment in recorded if moment is not None), default=None)
        conn.execute(insert(meta).values(key=_ACCEPTED, value=json.dumps([at, recorded_until])))
        return AcceptedDatabase(
            recorded_until=recorded_until,
            open_sends=tuple(conn.scalars(select(send.c.id).where(still_open).order_by(send.c.id))),
        )

    def bump(self, conn: Connection, *, now: bool) -> bool:
        """Raises the counter in this transaction, whose last statements these are; if it did, call `persist` afterwards.

        It does so `now`, on a new connection, or once in EVERY seconds. Raises OlderCopyError if the database is an older
        copy by now: then the transaction is undone; call `mark_as_older` in a new transaction.
        """
        started_at = time.monotonic()
        connection = conn.connection.dbapi_connection
        is_new = connection is not self._connection
        if not (now or is_new) and started_at < self._raised_at + EVERY:
            return False
        if not self._ledger:
            self._ledger = _ledger_id(conn)
        self._open()
        _RAISE.run(conn, self._folder)
        reached, older_for = self._read(conn)
        if older_for is not None or reached.own <= self._seen.own or reached.total < self._seen.total:
            raise self._older(older_for)
        if is_new and self.needs_vouching(conn):
            self.vouch(conn)
        self._reached, self._raised_at, self._connection = reached, started_at, connection
        return True

    def persist(self) -> None:
        """Writes the counters into the file and syncs it, unless another process has written higher ones."""
        fd = self._open()
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                self._seen = self._reached
                persisted, folder = _parse(os.pread(fd, _LENGTH, 0), self._path)
                if persisted.is_behind(self._reached):
                    os.pwrite(fd, _line(persisted.highest(self._reached), folder), 0)
                    os.fdatasync(fd)
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._connection = None

    @property
    def _path(self) -> Path:
        return self._dir / f"epoch-{self._ledger}"  # the name that all versions know

    def _read(self, conn: Connection) -> tuple[_Counters, str | None]:
        """Returns the counters of the database, and the machine for which it is an older copy, if one has said so."""
        total, own, older_for = _REACHED.run(conn, self._folder).fetchone()
        return _Counters(int(own), int(total)), older_for

    def _refusal(
        self, found: _Counters, older_for: str | None, persisted: _Counters | None, *, is_vouched_for: bool
    ) -> RestoredError | None:
        if older_for is not None or (persisted is not None and found.is_behind(persisted)):
            return self._older(older_for)
        if persisted is None and is_vouched_for:
            return None
        if persisted is None and self._is_worker:
            return RestoredError(
                f"No workspace has used the database {self._name} since it was made or restored, or its server started.",
                "Run “mailer status” in the workspace, then start this again.",
            )
        if persisted is None and found.total:
            return RestoredError(
                f"The database {self._name} was used before, but not with this folder {self._dir}. It may be an old copy: "
                "people mailed or unsubscribed since then would not be in it.",
                f"If you moved the workspace, move its folder {self._dir.name} with it. If a workspace on another machine uses "
                "this database, run “mailer status” there. To use this database anyway "
                f"(nothing is sent, unfinished sends are paused): {ACCEPT}",
            )
        if not found.total and any(path != self._path and _has_counted(path) for path in self._dir.glob("epoch-*")):
            return RestoredError(
                f"The database {self._name} is new, but a different one was used here before. "
                "People mailed or unsubscribed until now are not in it.",
                f"Put the other one back, or correct MAILER_DATABASE_URL. To start with an empty one anyway: {ACCEPT}",
            )
        return None

    def _older(self, older_for: str | None) -> OlderCopyError:
        where = "here" if older_for in {None, socket.gethostname()} else f"on the machine {older_for}"
        return OlderCopyError(
            f"The database {self._name} is older than the last one used {where}. "
            "People mailed or unsubscribed since the backup are not in it.",
            f"Put the newest copy back. To use this one anyway: {ACCEPT}",
        )

    def _persisted(self) -> _Counters | None:
        """Returns what the file has, and keeps the id of the folder; None if there is no file."""
        try:
            found, self._folder = _parse(self._path.read_bytes(), self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerError(f"The file {self._path} cannot be read ({error.strerror}).") from error
        return found

    def _open(self) -> int:
        """Opens the file; creates it durably if it is missing."""
        if self._fd is not None:
            return self._fd
        try:
            is_new = not self._path.exists()
            fd = self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                if not os.fstat(fd).st_size:
                    os.pwrite(fd, _line(_Counters(), uuid.uuid4().hex), 0)
                    os.fsync(fd)
                self._seen, self._folder = _parse(os.pread(fd, _LENGTH, 0), self._path)
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
            if is_new:
                self._sync_folder()
        except OSError as error:
            raise self._unwritable(error) from error
        return fd

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


def _ledger_id(conn: Connection) -> str:
    return str(conn.execute(select(meta.c.value).where(meta.c.key == "ledger")).scalar_one())


def _is_vouched_for(conn: Connection) -> bool:
    """Whether a workspace has checked this very database since its server started; False on SQLite."""
    if conn.dialect.name != "postgresql":
        return False
    vouched = conn.execute(select(meta.c.value).where(meta.c.key == _VOUCHED)).scalar()
    return vouched == _identity(conn)


def _identity(conn: Connection) -> str:
    """Returns what no copy of the database has: the start of its server, its number there, and the file of a table."""
    return str(conn.execute(_IDENTITY).scalar_one())


def _has_counted(path: Path) -> bool:
    return _parse(path.read_bytes(), path)[0].own > 0


def _parse(line: bytes, path: Path) -> tuple[_Counters, str]:
    """Returns the counters of a file and the id of its folder. A file of a former version has one number, a new one nothing."""
    numbers, folder = line[: 2 * _DIGITS + 1].split(), line[2 * _DIGITS + 2 :]
    try:
        return _Counters(*map(int, numbers)), folder.decode("ascii")
    except (TypeError, ValueError):
        raise LedgerError(
            f"The file {path} is damaged.", "Remove it if the database is the newest copy that there is."
        ) from None


def _line(counters: _Counters, folder: str) -> bytes:
    """Returns the file: numbers of a fixed length, so that it is written in place."""
    return f"{counters.own:0{_DIGITS}d} {counters.total:0{_DIGITS}d} {folder}".encode("ascii")


_LENGTH = 2 * _DIGITS + 2 + 64
_RAISE = CompiledStatement(
    text(
        "INSERT INTO rollback_counter (folder, counter) VALUES (:folder, 1)"
        " ON CONFLICT (folder) DO UPDATE SET counter = rollback_counter.counter + 1"
    ),
    "folder",
)
_counts = rollback_counter.c.folder.in_([bindparam("folder", ""), _ACCEPTED_ROW])
_REACHED = CompiledStatement(
    select(
        func.coalesce(func.sum(rollback_counter.c.counter), 0),
        func.coalesce(func.sum(case((_counts, rollback_counter.c.counter), else_=0)), 0),
        select(meta.c.value).where(meta.c.key == _OLDER).scalar_subquery(),
    ),
    "folder",
)
_IDENTITY = text(
    "SELECT concat_ws('/', pg_postmaster_start_time() AT TIME ZONE 'UTC',"
    " (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode('meta'))"
)
