"""File locks, which the kernel releases when their process ends.

    FileLock    flock(2) on one file: for a send, and for the running `serve`
    WriteLock   the right to write the database: every write transaction and every checkpoint holds it

Nothing has to be cleaned up after a crash, and no lease has to expire. Lock files are never removed: removing one while another
process opens it would make two locks of one. Descriptors are closed on exec, and in a forked child at once, so that no child
keeps a lock of its parent.

A WriteLock is two files: a process takes the `turn` first and keeps it until it has the lock, so that a process that writes all
the time cannot starve another.
"""

import fcntl
import os
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from mailer.ledger.types.errors import LedgerError

_OPEN: "weakref.WeakSet[FileLock]" = weakref.WeakSet()
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.005  # seconds between two tries


class FileLock:
    """An exclusive lock on `path`, which is created if missing. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._held = False

    @property
    def held(self) -> bool:
        return self._held

    def try_acquire(self) -> bool:
        """Takes the lock if it is free. Raises LedgerError if the file cannot be opened."""
        return self._flock(fcntl.LOCK_EX)

    def acquire(self, patience: float) -> bool:
        """Takes the lock, waiting up to `patience` seconds for it."""
        end, pause = time.monotonic() + patience, _FIRST_PAUSE
        while not self.try_acquire():
            if time.monotonic() >= end:
                return False
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    def is_unlocked(self) -> bool:
        """Whether it is free. Takes it shared for an instant, so `acquire` should be called with some patience."""
        if self._held:
            return False
        if not self.path.exists():
            return True
        free = self._flock(fcntl.LOCK_SH)
        self.close()
        return free

    def renew(self, conn: Connection) -> bool:  # noqa: ARG002 - a lock does not expire
        """Whether this process still holds it."""
        return self._held

    def release(self) -> None:
        """Releases the lock; the file stays open."""
        if self._fd is not None and self._held:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._held = False

    def close(self) -> None:
        """Releases the lock and closes the file."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._held = None, False
        _OPEN.discard(self)

    def write_pid(self) -> None:
        """Writes the id of this process into the file, for messages."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def read_pid(self) -> int | None:
        """Returns the process id in the file, dead or alive; None if there is none."""
        try:
            return int(self.path.read_text("ascii"))
        except (OSError, ValueError):
            return None

    def _flock(self, how: int) -> bool:
        if self._fd is None:
            try:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise LedgerError(
                    f"The lock file {self.path} cannot be opened ({error.strerror}).",
                    "Check that its folder exists and may be written by you.",
                ) from error
            _OPEN.add(self)
        try:
            fcntl.flock(self._fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._held = True
        return True


def _forget_in_child() -> None:
    for lock in list(_OPEN):
        lock.close()


os.register_at_fork(after_in_child=_forget_in_child)


class WriteLock:
    """The right to write one database, for a `with` block. Raises LedgerError after `patience` seconds of waiting."""

    def __init__(self, path: Path, *, patience: float = 60.0) -> None:
        self._lock = FileLock(path)
        self._turn = FileLock(path.with_name(path.name + ".turn"))
        self._patience = patience

    def __enter__(self) -> Self:
        try:
            if self._turn.acquire(self._patience) and self._lock.acquire(self._patience):
                return self
        finally:
            self._turn.release()
        raise LedgerError(
            f"Another process has been writing the ledger for {self._patience:.0f} s ({self._lock.path} is locked).",
            "If it hangs, end it: what it did not commit is undone by itself.",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def close(self) -> None:
        self._lock.close()
        self._turn.close()
