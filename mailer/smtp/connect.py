"""Opens connections to a relay: connect, EHLO, STARTTLS and AUTH by aiosmtplib, with certificates verified.

The connection that `open_connection` returns is ready for MAIL. A failure is a ConnectionFailure; `fatal` if a person has to
change something before it can work. A relay that should offer STARTTLS and does not gets no credentials and no message.

| what fails | fatal |
|---|---|
| reply 4xx · 5xx to any command | no · yes, unless it says that we send too much: then the relay waits |
| certificate, TLS version or ciphers not accepted; no TLS where it is expected | yes |
| STARTTLS or AUTH not offered | yes |
| connection refused, lost or timed out; TLS broken off | no |
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar, cast

import aiosmtplib

from mailer.relay import Relay, TlsMode
from mailer.smtp.refusal_reason import Subject, refusal_reason
from mailer.smtp.reply_parser import make_reply
from mailer.smtp.transport import SmtpProtocol

_E = TypeVar("_E", bound=BaseException)
_TLS_CONFIGURATION_ERRORS = frozenset({
    "HANDSHAKE_FAILURE_ON_CLIENT_HELLO",
    "INAPPROPRIATE_FALLBACK",
    "NO_CIPHERS_AVAILABLE",
    "NO_PROTOCOLS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV1_UNRECOGNIZED_NAME",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "UNSUPPORTED_PROTOCOL",
    "WRONG_SSL_VERSION",
    "WRONG_VERSION_NUMBER",  # also what is not TLS at all
})  # fmt: skip
"""OpenSSL's reasons for which no handshake with this relay can succeed. After any other, the connection is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The limits of the stages, in seconds: RFC 5321 4.5.3.2."""

    connect: float = 60  # to one address of the relay
    session: float = 300  # TLS handshake, greeting, EHLO, STARTTLS and AUTH, each
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


def ehlo_name(local_hostname: str, address: str) -> str:
    """Returns the name for EHLO: the host name, or an address literal if that is no full name (RFC 5321 4.1.4, 4.1.3).

    `address` is the IP address of this end of the connection. Servers refuse names such as “mailhost” or “localhost”.
    """
    name = local_hostname.rstrip(".")
    if name.startswith("[") or ("." in name and not name.endswith((".localdomain", ".localhost")) and name.isascii()):
        return name
    address = address.partition("%")[0]  # without the zone of a link-local address
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


class ConnectionFailure(Exception):  # noqa: N818 - an outcome, named as RFC 5321 names it
    """A session could not be set up. `fatal`: retrying will not help; `asks_to_wait`: it will, sooner or later."""

    def __init__(self, reason: str, *, fatal: bool = False, asks_to_wait: bool = False) -> None:
        super().__init__(reason)
        self.fatal = fatal
        self.asks_to_wait = asks_to_wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open connection that is ready for MAIL."""

    protocol: SmtpProtocol
    features: Extensions


async def open_connection(
    relay: Relay, *, limits: Timeouts, local_hostname: str, tls: ssl.SSLContext | None = None
) -> Connection:
    """Connects to `relay` and sets up the session. Raises ConnectionFailure. `local_hostname`: the name of this machine.

    `tls` replaces the default context (system certificates, host name checked), for a private certificate authority.
    """
    smtp = aiosmtplib.SMTP(
        hostname=relay.host,
        timeout=limits.session,
        use_tls=relay.tls is TlsMode.IMPLICIT,
        start_tls=False,
        tls_context=None if relay.tls is TlsMode.NONE else tls or _default_tls(),
    )
    step = "connect"
    try:
        sock = await _connect(relay, limits.connect)
        name = ehlo_name(local_hostname, sock.getsockname()[0])
        await smtp.connect(sock=sock, local_hostname=name)
        step = "EHLO"
        await _ehlo(smtp)
        if relay.tls is TlsMode.STARTTLS:
            step = "STARTTLS"
            await smtp.starttls()
            step = "EHLO"
            await _ehlo(smtp)
        if relay.username:
            step = "AUTH"
            await smtp.login(relay.username, relay.password.get_secret_value())
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("closing")  # noqa: TRY301 - the handlers below close the connection
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        smtp.close()
        raise _connection_failure(error, step) from error
    except BaseException:  # cancelled
        smtp.close()
        raise
    return Connection(
        protocol=SmtpProtocol(cast("asyncio.Transport", transport)), features=read_features(smtp.esmtp_extensions)
    )


async def _connect(relay: Relay, limit: float) -> socket.socket:
    """Returns a socket that is connected to the first address of the relay that answers. Raises OSError.

    aiosmtplib has one limit for the connection and for the greeting, for which RFC 5321 4.5.3.2.1 gives five minutes.
    """
    loop = asyncio.get_running_loop()
    failure = OSError(f"no address for {relay.host}")
    for family, kind, protocol, _, address in await loop.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(limit):
                await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:  # cancelled
            sock.close()
            raise
        else:
            return sock
    raise failure


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


def _connection_failure(error: Exception, step: str) -> ConnectionFailure:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reply = make_reply(error.code, tuple(error.message.splitlines()))
        asks_to_wait = refusal_reason(*reply).subject is Subject.QUOTA
        fatal = reply.code >= 500 and not asks_to_wait
        return ConnectionFailure(f"refused at {step}: {reply}", fatal=fatal, asks_to_wait=asks_to_wait)
    if (certificate := _cause(error, ssl.SSLCertVerificationError)) is not None:
        return ConnectionFailure(f"certificate not accepted: {certificate.verify_message}", fatal=True)
    if (tls := _cause(error, ssl.SSLError)) is not None:
        fatal = tls.reason in _TLS_CONFIGURATION_ERRORS
        return ConnectionFailure(f"TLS failed: {tls.reason or 'broken off'}", fatal=fatal)
    if not isinstance(error, OSError):  # neither a reply nor the network: the relay does not offer what is asked for
        return ConnectionFailure(f"not offered at {step}: {error}", fatal=True)
    if isinstance(error, TimeoutError):
        return ConnectionFailure(f"no answer in time at {step}")
    if isinstance(error, aiosmtplib.SMTPException):
        return ConnectionFailure(f"connection lost at {step}")
    if isinstance(error, socket.gaierror):
        return ConnectionFailure(f"unknown host: {error.strerror}")
    return ConnectionFailure(os.strerror(error.errno) if error.errno else str(error) or type(error).__name__)


def _cause(error: BaseException, kind: type[_E]) -> _E | None:
    """Returns the first exception of `kind` among `error` and its causes."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
