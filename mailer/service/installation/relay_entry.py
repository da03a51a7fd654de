"""A relay as an admin enters it: host, port, encryption, user and password, and where such a relay may be.

A relay that is entered at the desk must use TLS, on a port for mail, at a public address: so the server cannot be made to look
around in its own network, and what answers must have a certificate for the name. A relay inside the network is set by the
person who runs the server; then an admin may change its user and password only. The stored password goes to no other host:
whoever changes host, port, encryption or user has to enter the password.
"""

import asyncio
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import quote

from mailer.http_client import is_public, resolve
from mailer.relay import Relay, RelayError, TlsMode, parse_relay

PORTS = (25, 465, 587, 2525)
_SCHEMES = {TlsMode.STARTTLS: "smtp+starttls", TlsMode.IMPLICIT: "smtps", TlsMode.NONE: "smtp"}
_PATIENCE = 10.0  # seconds for DNS


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayEntry:
    """What was typed. `password` is "" to keep the stored one."""

    host: str
    port: str
    tls: str
    username: str
    password: str = field(default="", repr=False)


class RelayEntryError(ValueError):
    """The relay is not accepted. `name` is the field that is wrong; the message is for the admin."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def relay_entry(relay: Relay) -> RelayEntry:
    """Returns a relay as it is shown: without its password."""
    return RelayEntry(host=relay.host, port=str(relay.port), tls=relay.tls.value, username=relay.username)


def relay_url(entry: RelayEntry, current: Relay) -> str:
    """Returns the URL of the relay that was entered in place of `current`. Raises RelayEntryError."""
    wanted = _parse(entry)
    is_same_place = (wanted.host, wanted.port, wanted.tls) == (current.host, current.port, current.tls)
    password = entry.password
    if not is_same_place:
        _check_place(wanted)
    if not password and wanted.username:
        if not is_same_place or wanted.username != current.username:
            raise RelayEntryError(
                "password", "Enter the password: the stored one is only for the server and user it is of."
            )
        password = current.password.get_secret_value()
    if password and not wanted.username:
        raise RelayEntryError("username", "Enter the user of this password.")
    return _url(wanted, password, current.weight)


def _parse(entry: RelayEntry) -> Relay:
    try:
        tls = TlsMode(entry.tls)
    except ValueError:
        raise RelayEntryError("tls", "Choose how the connection is encrypted.") from None
    if not entry.port.isdecimal() or len(entry.port) > 5 or not 0 < int(entry.port) < 65536:
        raise RelayEntryError("port", "Enter a number, such as 587.")
    host = f"[{entry.host}]" if ":" in entry.host else entry.host
    try:
        relay = parse_relay(f"{_SCHEMES[tls]}://{host}:{entry.port}", allow_plaintext=True)
    except RelayError:
        raise RelayEntryError("host", "Enter the name of a server, such as smtp.example.org.") from None
    if not all(character.isprintable() for character in f"{entry.username}{entry.password}"):
        raise RelayEntryError("username", "User and password have no line breaks or control characters.")
    return Relay(host=relay.host, port=relay.port, tls=tls, username=entry.username)


def _check_place(relay: Relay) -> None:
    if relay.tls is TlsMode.NONE:
        raise RelayEntryError(
            "tls", "Choose an encryption: without one, anybody on the way could read mail and password."
        )
    if relay.port not in PORTS:
        raise RelayEntryError("port", f"Use a port for mail: {', '.join(map(str, PORTS))}.")
    try:
        addresses = asyncio.run(asyncio.wait_for(resolve(relay.host, relay.port), _PATIENCE))
    except (OSError, TimeoutError):
        raise RelayEntryError("host", "No server of this name was found.") from None
    if not addresses or not all(is_public(ipaddress.ip_address(each.partition("%")[0])) for each in addresses):
        raise RelayEntryError(
            "host", "This server is inside the network of this machine. Only the person who runs the server can set it."
        )


def _url(relay: Relay, password: str, weight: int) -> str:
    credentials = f"{quote(relay.username, safe='')}:{quote(password, safe='')}@" if relay.username else ""
    query = f"?weight={weight}" if weight != 1 else ""
    return f"{_SCHEMES[relay.tls]}://{credentials}{relay}{query}"
