"""Parsers of the settings MAILER_INBOUND_…: where mail that came back is taken from. Raises ValueError, which quotes no value."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from mailer.relay import TlsMode, is_loopback

_SCHEMES = {"imaps": (TlsMode.IMPLICIT, 993), "imap+starttls": (TlsMode.STARTTLS, 143), "imap": (TlsMode.NONE, 143)}
_FOLDER = re.compile(r"[A-Za-z0-9 ._/&+,=@-]{1,200}")  # others would have to be encoded: RFC 3501 5.1.3
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """An address to listen on; `port` 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """A mailbox at an IMAP server (RFC 3501). `password` is "" if there is a token instead."""

    host: str
    port: int
    tls: TlsMode
    user: str
    password: SecretStr = field(default=SecretStr(""))
    folder: str = "INBOX"

    def __str__(self) -> str:
        """Returns what messages call it."""
        return f"{self.user} at {self.host}, {self.folder}"


def parse_listen_address(text: str) -> ListenAddress:
    """Returns the address of `HOST:PORT`; only of this machine, because LMTP asks for no password."""
    expected = "should be an address of this machine and a port, such as 127.0.0.1:8024"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if not host or port is None or parts.path or parts.query or parts.username is not None or not is_loopback(host):
        raise ValueError(expected)
    return ListenAddress(host=host, port=port)


def parse_folder(text: str) -> str:
    """Returns the name of a mail folder."""
    if not _FOLDER.fullmatch(text) or text.startswith(("/", ".")) or ".." in text:
        raise ValueError("should be the name of a mail folder, of letters, digits, space and ._/&+,=@-")
    return text


def parse_imap_account(text: str) -> ImapAccount:
    """Returns the account of `imaps://USER:PASSWORD@HOST/FOLDER`."""
    expected = (
        "should be imaps://USER:PASSWORD@HOST or imaps://USER:PASSWORD@HOST/FOLDER, user and password percent-encoded "
        "(imap+starttls:// for port 143; imap:// only on this machine)"
    )
    try:
        parts = urlsplit(text)
        port = parts.port
        user, password, folder = (
            unquote(each or "", errors="strict") for each in (parts.username, parts.password, parts.path.strip("/"))
        )
    except (ValueError, UnicodeDecodeError):
        raise ValueError(expected) from None
    host = parts.hostname or ""
    is_wrong = parts.scheme not in _SCHEMES or not user or not _HOST.fullmatch(host) or parts.query or parts.fragment
    if is_wrong or not (user + password).isprintable() or not (user + password).isascii():
        raise ValueError(expected)
    tls, default_port = _SCHEMES[parts.scheme]
    if tls is TlsMode.NONE and not is_loopback(host):
        raise ValueError("would send the password in clear text to another host: use imaps:// or imap+starttls://")
    return ImapAccount(
        host=host,
        port=port or default_port,
        tls=tls,
        user=user,
        password=SecretStr(password),
        folder=parse_folder(folder) if folder else "INBOX",
    )
