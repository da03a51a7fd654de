"""What can go wrong with a ledger, in words for people.

Everything that the database driver raises is translated here, where it is called: the file's name, what happened, and
the next step. After a LedgerError nothing of the batch it belongs to may be taken for written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from mailer.errors import MailerError, UndecidedError, UsageError


class LedgerError(MailerError):
    """The database could not be read or written. Exit 4: what was being sent can go on once it is mended."""

    exit_code = 4


class FencedError(LedgerError):
    """Another process has taken the send over; this one may not touch it any more."""


class UnknownSendError(UsageError):
    """There is no send of this number."""

    def __init__(self, send_id: int) -> None:
        super().__init__(f"There is no send {send_id}.", "The sends are listed by: mailer status")


class SendStateError(UndecidedError):
    """The send is in a state in which this cannot be done."""


class NobodyError(UsageError):
    """The audience of a new send is empty; no send was recorded."""


_CHECK_URL = "Check MAILER_DATABASE_URL."
_FAILURES = (
    ("SQLITE_FULL", "The disk that holds the ledger {where} is full.", "Make room, then go on with: mailer resume SEND"),
    ("SQLITE_IOERR", "The disk failed the ledger {where} ({what}).", "Check it and its quota, then: mailer resume SEND"),
    ("SQLITE_CORRUPT", "The ledger {where} is damaged ({what}).", "Put back a backup of it; keep the damaged file."),
    ("SQLITE_NOTADB", "{where} is not a SQLite database.", _CHECK_URL),
    ("SQLITE_READONLY", "The ledger {where} may not be written.", "Check the permissions of the file and of its folder."),
    ("SQLITE_PERM", "The ledger {where} may not be written.", "Check the permissions of the file and of its folder."),
    ("SQLITE_CANTOPEN", "The ledger {where} cannot be opened.", f"Check that its folder exists and may be written. {_CHECK_URL}"),
    ("SQLITE_BUSY", "The ledger {where} is locked by another program.", "Close what has it open, then try again."),
    ("SQLITE_LOCKED", "The ledger {where} is locked by another program.", "Close what has it open, then try again."),
)  # fmt: skip


def translated(error: DBAPIError, where: str) -> LedgerError:
    """The LedgerError for what the driver raised while using the database `where`."""
    name = getattr(error.orig, "sqlite_errorname", "") if isinstance(error.orig, sqlite3.Error) else ""
    what = str(error.orig)
    for prefix, message, next_step in _FAILURES:
        if name.startswith(prefix):
            return LedgerError(message.format(where=where, what=what), next_step)
    return LedgerError(f"The ledger {where} failed: {what}.", "If it stays so, report it with this sentence.")


@contextmanager
def translating(where: str) -> Iterator[None]:
    """Turn what the driver raises inside into LedgerErrors."""
    try:
        yield
    except DBAPIError as error:
        raise translated(error, where) from error
