"""Errors of the ledger, with messages for people.

Exceptions of the database driver are translated here: the name of the database, what happened, and the next step. After a
LedgerError nothing of its batch may be taken for written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from mailer.errors import MailerError, NeedsConfirmationError, UsageError


class LedgerError(MailerError):
    """The database could not be read or written. Exit 4: a send can be resumed once it is repaired."""

    exit_code = 4


class FencedError(LedgerError):
    """Another process has taken the send over; this one may not change it any more."""


class UnknownSendError(UsageError):
    """There is no send with this number."""

    def __init__(self, send_id: int) -> None:
        super().__init__(f"There is no send {send_id}.", "The sends are listed by: mailer status")


class SendStateError(NeedsConfirmationError):
    """The state of the send does not allow this."""


class NobodyError(UsageError):
    """The audience of a new send is empty; no send was recorded."""


_CHECK_URL = "Check MAILER_DATABASE_URL."
_UNREACHABLE = ("The database {where} cannot be reached: {what}.", "Start it, or check the network.")
_FAILURES = (
    ("SQLITE_FULL", "The disk that holds the ledger {where} is full.", "Make room."),
    ("SQLITE_IOERR", "The disk failed the ledger {where} ({what}).", "Check it and its quota."),
    ("SQLITE_CORRUPT", "The ledger {where} is damaged ({what}).", "Put back a backup of it; keep the damaged file."),
    ("SQLITE_NOTADB", "{where} is not a SQLite database.", _CHECK_URL),
    ("SQLITE_READONLY", "The ledger {where} may not be written.", "Check the permissions of the file and of its folder."),
    ("SQLITE_PERM", "The ledger {where} may not be written.", "Check the permissions of the file and of its folder."),
    ("SQLITE_CANTOPEN", "The ledger {where} cannot be opened.", f"Check that its folder exists and may be written. {_CHECK_URL}"),
    ("SQLITE_BUSY", "The ledger {where} is locked by another program.", "Close what has it open, then try again."),
    ("SQLITE_LOCKED", "The ledger {where} is locked by another program.", "Close what has it open, then try again."),
    ("53100", "The disk of the database {where} is full.", "Make room there."),
    ("28", "The database {where} refused our user or password.", _CHECK_URL),
    ("3D", "There is no database {where}.", f"Make it with: createdb. {_CHECK_URL}"),
    ("42501", "The database {where} lacks a right for our user ({what}).", "Grant it, or use the user that owns the database."),
    ("55P03", "Another process has been holding the database {where} for long.", "If it hangs, end it."),
    ("57P", *_UNREACHABLE),  # the server, or our connection, is being shut down
    ("08", *_UNREACHABLE),
    ("", "The ledger {where} failed: {what}.", "If it stays so, report it with this sentence."),
)  # fmt: skip
_DATA = ("23", "22")  # PostgreSQL's classes of integrity violations and data exceptions
_LOST = ("57P", "08", "25P03")  # the server shuts down, connection exceptions, idle for too long
_RETRYABLE = ("40001", "40P01")  # serialization failure, deadlock


def translated(error: BaseException, where: str) -> LedgerError | None:
    """Returns the LedgerError for an exception of the driver of the database `where`; None for any other exception."""
    raised = _raised(error)
    if raised is None:
        return None
    code, what = _code(raised), _first_line(raised)
    if code is None and not isinstance(raised, sqlite3.Error):
        return LedgerError(_UNREACHABLE[0].format(where=where, what=what), _UNREACHABLE[1])
    message, next_step = next(words for prefix, *words in _FAILURES if (code or "").startswith(prefix))
    return LedgerError(message.format(where=where, what=what), next_step)


def is_of_the_data(error: BaseException) -> bool:
    """Whether the database refused the data, and works itself."""
    raised = _raised(error)
    if isinstance(raised, sqlite3.Error):
        return isinstance(raised, sqlite3.IntegrityError | sqlite3.DataError)
    return raised is not None and (_code(raised) or "").startswith(_DATA)


def is_worth_another_try(error: BaseException) -> bool:
    """Whether the database rolled a transaction back only so that another could continue."""
    raised = _raised(error)
    return raised is not None and (_code(raised) or "").startswith(_RETRYABLE)


def is_lost_connection(error: BaseException) -> bool:
    """Whether the connection to a database server ended: by a restart, an administrator, or the network."""
    raised = _raised(error)
    if raised is None or isinstance(raised, sqlite3.Error):
        return False
    code = _code(raised)
    return code is None or code.startswith(_LOST)


@contextmanager
def translating(where: str) -> Iterator[None]:
    """Translates exceptions of the driver into LedgerErrors."""
    try:
        yield
    except Exception as error:
        if found := translated(error, where):
            raise found from error
        raise


def _raised(error: BaseException) -> BaseException | None:
    """Returns the exception of the driver, raised directly or wrapped by SQLAlchemy; None for any other."""
    raised = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(raised, sqlite3.Error) or type(raised).__module__.partition(".")[0] == "psycopg":
        return raised
    return error if isinstance(error, DBAPIError) else None


def _code(raised: BaseException) -> str | None:
    """Returns SQLite's name of an error, or PostgreSQL's SQLSTATE; None if there is none."""
    if isinstance(raised, sqlite3.Error):
        return getattr(raised, "sqlite_errorname", "")
    return getattr(raised, "sqlstate", None)


def _first_line(raised: BaseException) -> str:
    return (str(raised).strip() or type(raised).__name__).splitlines()[0].rstrip(".")
