"""Takes mail that came back from a mailbox, by IMAP (RFC 3501), at intervals.

    await poll_imap(app, stop, log)      until `stop` is set

A message that is recognised moves to a folder after the commit. Everything else is left as it is: unread mail stays unread,
because messages are fetched without a mark. Which message was looked at last is kept in `.mailer/imap.json`; without that file
all messages are looked at again, which changes nothing, since each counts once. None that is older than OLDEST is looked at.
`imaplib` blocks, so each round is in a thread; `abort` ends a round from outside.
"""

import asyncio
import contextlib
import datetime as dt
import imaplib
import json
import shlex
import socket
import ssl
import subprocess
from collections.abc import Callable
from typing import Any

from mailer.app import App
from mailer.atomic_files import replace_file
from mailer.errors import MailerError
from mailer.feedback.received_message import LARGEST
from mailer.relay import TlsMode
from mailer.service.feedback.record import record_from_mailbox
from mailer.service.periodic_jobs import Log, run_every
from mailer.settings.inbound_parsers import ImapAccount
from mailer.settings.secret_masking import redact_secrets

AFTER_ERROR = 300.0  # seconds
OLDEST = 60 * 86_400.0  # seconds; what came back earlier says little about today
_TIME_LIMIT = 60.0  # seconds, for each answer of the server
_COMMAND_LIMIT = 30.0  # seconds, for the command that prints a token
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STATE_FILE = "imap.json"
Register = Callable[[imaplib.IMAP4], None]


class ImapError(MailerError):
    """The mailbox cannot be read."""


class _PlainClient(imaplib.IMAP4):
    """A client that passes itself to `register` before it waits for the greeting."""

    def __init__(self, register: Register, account: ImapAccount) -> None:
        self._register = register
        super().__init__(account.host, account.port, _TIME_LIMIT)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self._register(self)


class _TlsClient(imaplib.IMAP4_SSL):
    """The same, with TLS from the start."""

    def __init__(self, register: Register, account: ImapAccount, trust: ssl.SSLContext) -> None:
        self._register = register
        super().__init__(account.host, account.port, ssl_context=trust, timeout=_TIME_LIMIT)

    def open(self, host: str = "", port: int | None = 993, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self._register(self)


class ImapMailbox:
    """The mailbox of MAILER_INBOUND_IMAP. `trust`: the certificates that TLS trusts."""

    def __init__(self, app: App, account: ImapAccount, log: Log, *, trust: ssl.SSLContext | None = None) -> None:
        self._app = app
        self._account = account
        self._log = log
        self._trust = trust or ssl.create_default_context()
        self._client: imaplib.IMAP4 | None = None
        self._is_aborted = False

    def poll(self) -> int:
        """Takes the messages that are new; returns how many were recognised. Blocks. Raises ImapError, LedgerError."""
        try:
            with self._connect() as client:  # logs out at the end
                return self._take_new(client)
        except (imaplib.IMAP4.error, OSError) as error:
            if self._is_aborted:
                return 0
            words = redact_secrets(_words(error), self._app.settings)
            raise ImapError(
                f"The mailbox of {self._account} cannot be read: {words}.", "Check MAILER_INBOUND_IMAP."
            ) from None
        finally:
            if self._client is not None:
                with contextlib.suppress(imaplib.IMAP4.error, OSError):
                    self._client.shutdown()
            self._client = None

    def abort(self) -> None:
        """Ends a round that is running, from another thread."""
        self._is_aborted = True
        client = self._client
        if client is not None:
            with contextlib.suppress(OSError):
                client.socket().shutdown(socket.SHUT_RDWR)

    def _register(self, client: imaplib.IMAP4) -> None:
        self._client = client

    def _connect(self) -> imaplib.IMAP4:
        account = self._account
        if account.tls is TlsMode.IMPLICIT:
            client: imaplib.IMAP4 = _TlsClient(self._register, account, self._trust)
        else:
            client = _PlainClient(self._register, account)
        if account.tls is TlsMode.STARTTLS:
            client.starttls(self._trust)
        command = self._app.settings.inbound_imap_token
        if command:
            answer = f"user={account.user}\x01auth=Bearer {_token(command)}\x01\x01".encode()
            # After a refusal the server sends the error as a challenge, which is answered with nothing.
            client.authenticate("XOAUTH2", lambda challenge: b"" if challenge else answer)
        else:
            client.login(_quoted(account.user), account.password.get_secret_value())
        return client

    def _take_new(self, client: imaplib.IMAP4) -> int:
        _expect(client.select(_quoted(self._account.folder)))
        validity = (client.response("UIDVALIDITY")[1] or [b""])[0]
        mailbox = f"{self._account}: {bytes(validity or b'').decode('ascii', 'replace')}"
        last = self._read_state().get(mailbox, 0)
        since = _imap_date(self._app.clock() - OLDEST)
        found = _expect(client.uid("SEARCH", "UNDELETED", "SINCE", since, "UID", f"{last + 1}:*"))
        numbers = sorted(int(number) for number in b" ".join(filter(None, found)).split())
        recognised = 0
        try:
            for number in (each for each in numbers if each > last):  # `n:*` always finds the last message
                recognised += self._take(client, number)
                last = number
        finally:
            self._write_state({mailbox: last})
        return recognised

    def _take(self, client: imaplib.IMAP4, number: int) -> bool:
        parts = _expect(client.uid("FETCH", str(number), f"(BODY.PEEK[]<0.{LARGEST}>)"))
        raw = next((part[1] for part in parts if isinstance(part, tuple)), b"")
        if not record_from_mailbox(self._app, raw, source="imap", log=self._log):
            return False
        try:
            self._move(client, str(number))
        except imaplib.IMAP4.abort:  # the connection is lost; the message comes again
            raise
        except imaplib.IMAP4.error as error:
            folder = self._app.settings.inbound_folder
            self._log(
                f"A recognised message stays in the mailbox, because it cannot move to “{folder}”: {_words(error)}. "
                "Check MAILER_INBOUND_FOLDER; some servers want INBOX.mailer or INBOX/mailer."
            )
        return True

    def _move(self, client: imaplib.IMAP4, number: str) -> None:
        """Moves a message (RFC 6851), or copies it and removes only this one (RFC 4315)."""
        folder = _quoted(self._app.settings.inbound_folder)
        offered = bytes(_expect(client.capability())[0]).upper().split()
        command = "MOVE" if b"MOVE" in offered else "COPY"
        answer, words = client.uid(command, number, folder)
        if answer == "NO":
            client.create(folder)
            answer, words = client.uid(command, number, folder)
        _expect((answer, words))
        if command == "COPY":
            _expect(client.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)"))
            if b"UIDPLUS" in offered:
                _expect(client.uid("EXPUNGE", number))

    def _read_state(self) -> dict[str, int]:
        try:
            state = json.loads((self._app.workspace.ensure_state_dir() / _STATE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(name): number for name, number in state.items() if isinstance(number, int)}

    def _write_state(self, state: dict[str, int]) -> None:
        replace_file(self._app.workspace.ensure_state_dir() / _STATE_FILE, json.dumps(state).encode(), mode=0o600)


async def poll_imap(app: App, stop: asyncio.Event, log: Log) -> None:
    """Polls MAILER_INBOUND_IMAP until `stop` is set; does nothing without it."""
    account = app.settings.inbound_imap
    if account is None:
        return
    mailbox = ImapMailbox(app, account, log)

    async def step() -> None:
        await asyncio.to_thread(mailbox.poll)

    async def abort_at_stop() -> None:
        await stop.wait()
        mailbox.abort()

    aborting = asyncio.create_task(abort_at_stop())
    try:
        interval = float(app.settings.inbound_every)
        await run_every(interval, step, stop, log, app=app, name="Messages in the mailbox", after_error=AFTER_ERROR)
    finally:
        aborting.cancel()


def _imap_date(seconds: float) -> str:
    """Returns the date of an instant as IMAP writes it (RFC 3501 9), whatever the locale."""
    day = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def _token(command: str) -> str:
    """Returns what the command prints: an OAuth access token. Raises ImapError."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
            shlex.split(command), capture_output=True, text=True, timeout=_COMMAND_LIMIT, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        reason = (
            f"it ended with {error.returncode}"
            if isinstance(error, subprocess.CalledProcessError)
            else "it did not run"
        )
        raise ImapError(
            f"The command in MAILER_INBOUND_IMAP_TOKEN printed no token: {reason}.", "Run it yourself, as this user."
        ) from None
    token = done.stdout.strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise ImapError("The command in MAILER_INBOUND_IMAP_TOKEN printed no token.", "It has to print only the token.")
    return token


def _expect(answer: tuple[str, list[Any]]) -> list[Any]:
    """Returns the data of an answer. Raises imaplib's error if the server refused."""
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(_words(data[0] if data else ""))
    return data


def _quoted(text: str) -> str:
    """Returns a quoted string (RFC 3501 4.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _words(error: object) -> str:
    """Returns the words of an error, on one line."""
    text = error.args[0] if isinstance(error, imaplib.IMAP4.error) and error.args else error
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:300].rstrip(".")
