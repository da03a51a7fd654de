"""A relay: an SMTP server that mail leaves through, as `MAILER_RELAY` names it.

    smtp://HOST            plain, port 25: for loopback, or with MAILER_ALLOW_PLAINTEXT
    smtp+starttls://HOST   TLS by STARTTLS, which the relay must offer, port 587
    smtps://HOST           TLS from the first byte, port 465

with `USER:PASSWORD@` before the host, both percent-encoded, `:PORT` after it and `?weight=N` (its share among several
relays) at the end. A Relay is always complete and never shows its credentials: not in repr, str or a traceback.
`parse_relay` raises RelayError, whose message never quotes the URL.
"""

import base64
import ipaddress
import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

FORMS = "smtp://HOST, smtp+starttls://USER:PASSWORD@HOST or smtps://USER:PASSWORD@HOST"
MAX_WEIGHT = 1000
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RelayError(ValueError):
    """The URL of a relay is invalid. The message says what it should be and quotes nothing of it."""


class TlsMode(StrEnum):
    """How a connection to a relay is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


_SCHEMES = {
    "smtp": (TlsMode.NONE, 25),
    "smtp+starttls": (TlsMode.STARTTLS, 587),
    "smtps": (TlsMode.IMPLICIT, 465),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A relay. `username` is "" if there is none; `weight` is its share of the mail, 1 or more."""

    host: str
    port: int
    tls: TlsMode = TlsMode.NONE
    username: str = field(default="", repr=False)
    password: SecretStr = field(default=SecretStr(""))
    weight: int = 1

    def __post_init__(self) -> None:
        if not self.host or not 0 < self.port < 65536 or not 0 < self.weight <= MAX_WEIGHT:
            raise RelayError(f"should be a host, a port from 1 to 65535 and a weight from 1 to {MAX_WEIGHT}")
        if self.password.get_secret_value() and not self.username:
            raise RelayError("has a password without a user")

    def __hash__(self) -> int:
        return hash((self.host, self.port))  # hashing the password is slow, and a relay is hashed with every message

    def __str__(self) -> str:
        """Returns `host:port`, as messages and reports name the relay."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def secrets(self) -> frozenset[str]:
        """Returns every form in which the credentials may be in a text: plain, percent-encoded, and as AUTH sends them."""
        password = self.password.get_secret_value()
        plain = {self.username, password}
        wire = {f"\0{self.username}\0{password}", *plain} if self.username else set()
        encoded = {base64.b64encode(text.encode()).decode() for text in wire}
        return frozenset((plain | {quote(text, safe="") for text in plain} | encoded) - {""})


def choose_by_weight(relays: Sequence[Relay], random: float) -> int:
    """Returns the index of one of `relays`, each as likely as its weight; `random` in [0, 1)."""
    shares = list(accumulate(relay.weight for relay in relays))
    return bisect(shares, random * shares[-1])


def parse_relay(url: str, *, allow_plaintext: bool = False) -> Relay:
    """Returns the relay of a URL. Raises RelayError."""
    relay = _parse(url)
    if relay.tls is TlsMode.NONE and not relay.is_loopback and not allow_plaintext:
        raise RelayError(
            "would send mail in clear text to another host: use smtp+starttls:// or smtps://, "
            "or set MAILER_ALLOW_PLAINTEXT=true"
        )
    return relay


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its name alone, without DNS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_loopback_url(url: str) -> bool:
    """Whether `url` leads to this machine, by the name of its host alone."""
    return is_loopback(urlsplit(url).hostname or "")


def _parse(url: str) -> Relay:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise RelayError(f"should be a URL such as {FORMS}, with a port from 1 to 65535") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise RelayError(f"should be a URL such as {FORMS}")
    if parts.path not in {"", "/"} or parts.fragment:
        raise RelayError("should end after host and port; “/”, “?” and “#” in a user or password are percent-encoded")
    tls, default_port = _SCHEMES[parts.scheme]
    return Relay(
        host=_host(parts.hostname),
        port=default_port if port is None else port,
        tls=tls,
        username=_credential(parts.username),
        password=SecretStr(_credential(parts.password)),
        weight=_weight(parts.query),
    )


def _host(name: str) -> str:
    """Returns a host name as A-labels, or an IP address in its canonical form. Raises RelayError."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name.isascii():
        import idna  # noqa: PLC0415 - its tables are large and rarely needed here

        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            raise RelayError("has a host that is not a host name") from None
    if not _HOST.fullmatch(name):
        raise RelayError("has a host that is not a host name")
    return name


def _credential(text: str | None) -> str:
    try:
        value = unquote(text or "", errors="strict")
    except UnicodeDecodeError:
        raise RelayError("has a user or password that is not percent-encoded UTF-8") from None
    if _CONTROL.search(value):
        raise RelayError("has a control character in its user or password")
    return value


def _weight(query: str) -> int:
    if not query:
        return 1
    name, _, value = query.partition("=")
    if name != "weight" or not re.fullmatch(r"[0-9]{1,4}", value):
        raise RelayError(f"takes nothing after “?” but weight=N, N from 1 to {MAX_WEIGHT}")
    return int(value)
