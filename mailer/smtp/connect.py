"""Opens connections to a relay: connect, EHLO, STARTTLS and AUTH by aiosmtplib, with certificates verified.

The connection that `open_connection` returns is ready for MAIL. Failures are a ConnectionFailure with the stage and, if the
relay replied, its reply. A relay that should offer STARTTLS and does not gets no credentials and no message.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

import aiosmtplib

from mailer.relay import Relay, TlsMode
from mailer.smtp.reply import Reply, make_reply
from mailer.smtp.stage import Stage
from mailer.smtp.transport import SmtpProtocol

if TYPE_CHECKING:
    import asyncio

_E = TypeVar("_E", bound=BaseException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The limits of the stages, in seconds: RFC 5321 4.5.3.2."""

    connect: float = 60
    session: float = 300  # greeting, EHLO, STARTTLS and AUTH, each
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    text: float = 180
    end_of_data: float = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """The extensions that a relay offers (RFC 5321 4.1.1.1) and this program uses. `size` is in octets, 0 for no limit."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    dsn: bool = False
    size: int = 0


def read_features(extensions: Mapping[str, str]) -> Extensions:
    """Returns the extensions of an EHLO reply, as aiosmtplib names them."""
    size = extensions.get("size", "").strip()
    return Extensions(
        pipelining="pipelining" in extensions,
        eight_bit="8bitmime" in extensions,
        smtputf8="smtputf8" in extensions,
        dsn="dsn" in extensions,
        size=int(size) if size.isascii() and size.isdigit() else 0,
    )


class ConnectionFailure(Exception):  # noqa: N818 - an outcome, named as RFC 5321 names it
    """A session could not be set up. `reply` is the relay's, None if there was none; `fatal`: retrying will not help."""

    def __init__(self, stage: Stage, reason: str, reply: Reply | None = None, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reply = reply
        self.fatal = fatal


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open connection that is ready for MAIL."""

    protocol: SmtpProtocol
    features: Extensions


async def open_connection(
    relay: Relay, *, limits: Timeouts, local_hostname: str, tls: ssl.SSLContext | None = None
) -> Connection:
    """Connects to `relay` and sets up the session. Raises ConnectionFailure.

    `tls` replaces the default context (system certificates, host name checked), for a private certificate authority.
    """
    smtp = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        local_hostname=local_hostname,
        timeout=limits.session,
        use_tls=relay.tls is TlsMode.IMPLICIT,
        start_tls=False,
        tls_context=None if relay.tls is TlsMode.NONE else tls or _default_tls(),
    )
    stage = Stage.CONNECT
    try:
        await smtp.connect(timeout=limits.connect)
        stage = Stage.EHLO
        await _ehlo(smtp)
        if relay.tls is TlsMode.STARTTLS:
            stage = Stage.STARTTLS
            await smtp.starttls(timeout=limits.session)
            stage = Stage.EHLO
            await _ehlo(smtp)
        if relay.username:
            stage = Stage.AUTH
            await smtp.login(relay.username, relay.password.get_secret_value(), timeout=limits.session)
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise ConnectionFailure(stage, "connection lost")  # noqa: TRY301 - the handlers below close the connection
    except ConnectionFailure:
        smtp.close()
        raise
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        smtp.close()
        raise _connection_failure(error, stage) from error
    except BaseException:  # cancelled
        smtp.close()
        raise
    return Connection(
        protocol=SmtpProtocol(cast("asyncio.Transport", transport)), features=read_features(smtp.esmtp_extensions)
    )


@cache
def _default_tls() -> ssl.SSLContext:
    """Returns the default context: system certificates, host name checked. It takes some 30 ms to make, so it is cached."""
    return ssl.create_default_context()


async def _ehlo(smtp: aiosmtplib.SMTP) -> None:
    """Sends EHLO, or HELO if the server does not know EHLO."""
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError as error:
        if error.code not in {500, 502}:
            raise
        await smtp.helo()


def _connection_failure(error: Exception, stage: Stage) -> ConnectionFailure:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reply = make_reply(error.code, tuple(error.message.splitlines()))
        return ConnectionFailure(stage, f"refused at {stage.label}: {reply}", reply, fatal=reply.code >= 500)
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        return ConnectionFailure(Stage.STARTTLS, f"certificate not accepted: {certificate.verify_message}", fatal=True)
    if (handshake := _cause(error, ssl.SSLError)) is not None:
        return ConnectionFailure(
            Stage.STARTTLS, f"TLS failed: {handshake.reason or 'handshake broken off'}", fatal=True
        )
    if not isinstance(error, OSError):  # neither a reply nor the network: the relay does not offer what is asked for
        return ConnectionFailure(stage, f"not offered at {stage.label}: {error}", fatal=True)
    if isinstance(error, TimeoutError):
        return ConnectionFailure(stage, f"no answer in time at {stage.label}")
    return ConnectionFailure(stage, str(error) or type(error).__name__)


def _cause(error: BaseException, kind: type[_E]) -> _E | None:
    """Returns the first exception of `kind` among `error` and its causes."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
