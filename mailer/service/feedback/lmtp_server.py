"""Takes mail that came back by LMTP (RFC 2033), from a mail server on this machine.

    await receive_lmtp(app, stop, log)      until `stop` is set

The end of DATA is answered with 250 only after the commit, and with 451 if there was none: then the mail server keeps the message
and tries again. So nothing is lost if this process is killed at any moment. A message has one recipient, whose answer is that of
the message. Only a message beyond LARGEST octets is refused permanently, with 552; the length of a line does not matter. Raises
UsageError if the address is in use.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.app import App
from mailer.errors import MailerError, UsageError
from mailer.feedback.received_message import LARGEST as LARGEST_READ
from mailer.service.feedback.record import record_message
from mailer.service.periodic_jobs import Log, current_traceback

LARGEST = 16 * 1024 * 1024  # octets of a message, of which the beginning is read
LONGEST_LINE = LARGEST  # servers return lines beyond what RFC 5321 4.5.3.1.6 allows
_RECORDED, _LATER = "250 2.0.0 Taken", "451 4.3.0 Not taken; try again later"
_TOO_LARGE = "552 5.3.4 Message too large"  # RFC 3463 3.4


class _LmtpConnection(LMTP):
    """A connection; `connections` has all that are open."""

    def __init__(self, handler: "_LmtpHandler", connections: set[asyncio.BaseTransport]) -> None:
        self._connections = connections
        self.line_length_limit = LONGEST_LINE
        super().__init__(
            handler,
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="mailer",
            loop=asyncio.get_running_loop(),
        )

    async def push(self, status: Any) -> None:
        """Sends a reply: of the two that aiosmtpd has for too large a message, the one with an enhanced code."""
        await super().push(_TOO_LARGE if str(status).startswith(("500 Line too long", "552")) else status)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self.transport)
        super().connection_lost(error)


class _LmtpHandler:
    """What aiosmtpd calls."""

    def __init__(self, app: App, log: Log) -> None:
        self._app = app
        self._log = log

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Go on"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        raw = bytes(envelope.original_content or b"")[:LARGEST_READ]
        try:
            await asyncio.to_thread(record_message, self._app, raw, source="lmtp", recipient=envelope.rcpt_tos[0])
        except MailerError as error:
            self._log(f"A message that came by LMTP has to come again: {error}")
            return _LATER
        except Exception:  # noqa: BLE001 - no message is lost over a bug of ours
            self._log(f"A message that came by LMTP has to come again: {current_traceback(self._app)}")
            return _LATER
        return _RECORDED

    async def handle_exception(self, error: Exception) -> str:
        """Answers a command that aiosmtpd fails to process, by default with a permanent refusal, after which a bounce is lost."""
        self._log(f"A command that came by LMTP has to come again: {type(error).__name__}")
        return _LATER


async def receive_lmtp(
    app: App, stop: asyncio.Event, log: Log, *, on_ready: Callable[[int], None] | None = None
) -> None:
    """Listens on MAILER_INBOUND_LMTP until `stop` is set; does nothing without it. `on_ready` gets the port."""
    address = app.settings.inbound_lmtp
    if address is None:
        return
    handler = _LmtpHandler(app, log)
    connections: set[asyncio.BaseTransport] = set()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: _LmtpConnection(handler, connections), address.host, address.port
        )
    except OSError as error:
        raise UsageError(
            f"Cannot listen on {address} for LMTP ({error.strerror}).", "Choose another port in MAILER_INBOUND_LMTP."
        ) from None
    port = int(server.sockets[0].getsockname()[1])
    log(f"Taking mail that came back by LMTP at {address.host}:{port}")
    if on_ready:
        on_ready(port)
    try:
        await stop.wait()
    finally:
        server.close()
        for transport in tuple(connections):
            transport.close()
