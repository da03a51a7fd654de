"""Takes mail that came back from a Maildir, at intervals.

    await poll_maildir(app, stop, log)      until `stop` is set

A message that is recognised moves to a subfolder (Maildir++) after the commit. Everything else is left as it is, in `new` or
`cur`, with its flags. After a restart all messages are looked at again, which changes nothing, since each counts once.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from mailer.app import App
from mailer.errors import MailerError
from mailer.feedback.received_message import LARGEST
from mailer.service.feedback.record import record_from_mailbox
from mailer.service.periodic_jobs import Log, run_every

_FOLDERS = ("new", "cur")


class MaildirError(MailerError):
    """The Maildir cannot be read or changed."""


class Maildir:
    """The Maildir of MAILER_INBOUND_MAILDIR. Raises MaildirError, LedgerError."""

    def __init__(self, app: App, path: Path, log: Log) -> None:
        self._app = app
        self._path = path
        self._log = log
        self._seen: set[str] = set()

    def poll(self) -> int:
        """Takes the messages that are new; returns how many were recognised. Blocks."""
        try:
            return sum(self._take(file) for file in self._new_files())
        except OSError as error:
            raise MaildirError(
                f"The Maildir {self._path} cannot be read or changed ({error.strerror}).",
                "Check its permissions and MAILER_INBOUND_MAILDIR.",
            ) from None

    def _new_files(self) -> Iterator[Path]:
        found = [file for folder in _FOLDERS for file in sorted((self._path / folder).iterdir())]
        names = {_unique_name(file) for file in found}
        self._seen &= names
        for file in found:
            if _unique_name(file) not in self._seen and not file.name.startswith(".") and file.is_file():
                yield file

    def _take(self, file: Path) -> bool:
        try:
            with file.open("rb") as opened:
                raw = opened.read(LARGEST)
        except FileNotFoundError:  # its owner has moved it
            return False
        if not record_from_mailbox(self._app, raw, source="maildir", log=self._log):
            self._seen.add(_unique_name(file))
            return False
        self._move(file)
        return True

    def _move(self, file: Path) -> None:
        folder = self._path / f".{self._app.settings.inbound_folder.replace('/', '.')}"
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "maildirfolder").touch(mode=0o600)
        name = file.name if ":" in file.name else f"{file.name}:2,"
        file.rename(folder / "cur" / name)


async def poll_maildir(app: App, stop: asyncio.Event, log: Log) -> None:
    """Polls MAILER_INBOUND_MAILDIR until `stop` is set; does nothing without it."""
    path = app.settings.inbound_maildir
    if path is None:
        return
    maildir = Maildir(app, path, log)

    async def step() -> None:
        await asyncio.to_thread(maildir.poll)

    interval = float(app.settings.inbound_every)
    await run_every(interval, step, stop, log, app=app, name="Messages in the Maildir")


def _unique_name(file: Path) -> str:
    """Returns the part of a name that stays when flags are set."""
    return file.name.partition(":")[0]
