"""The IP address of a client behind proxies, and the forms of it that rate limits and evidence use.

    address_of(request, trusted)                the address of the client of `request`
    is_from_here(request)                       whether that is this machine, and no proxy
    client_address(peer, forwarded, trusted)    the same from the values of X-Forwarded-For (RFC 7239 5.2)
    rate_limit_key(address)                     an IPv4 address, or the /64 of an IPv6 address: one household or server
    enclosing_networks(address)                 the same, and the /56 and /48 around it
    is_shared(address, trusted)                 whether it is that of a proxy or of this machine, so that no limit by client fits
    anonymize(address)                          203.0.113.0/24, 2001:db8:7::/48; "" for an invalid address

Anybody can send X-Forwarded-For. It is read from the right, where the nearest proxy wrote, and only while the writer of an
entry is one of MAILER_TRUSTED_PROXIES; without that setting it is ignored. The functions are pure.
"""

import logging
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.settings.parsers import Network

_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-real-ip", "via"})
_MAX_HOPS = 32  # no genuine chain is longer
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>[0-9.]+):\d+")
_log = logging.getLogger(__name__)
Ip = IPv4Address | IPv6Address


class ProxyCheckMiddleware:
    """Logs once that a proxy on this machine is not trusted: all clients share its address, and are slowed together."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._has_warned and _is_untrusted_proxy(scope, self._trusted):
            self._has_warned = True
            _log.warning(
                "Requests come through a proxy on this machine that is not in MAILER_TRUSTED_PROXIES, so all clients seem"
                " to have one address. Set MAILER_TRUSTED_PROXIES=127.0.0.0/8,::1/128."
            )
        await self._app(scope, receive, send)


def _is_untrusted_proxy(scope: Scope, trusted: Sequence[Network]) -> bool:
    peer = _parse(scope["client"][0]) if scope.get("client") else None
    is_forwarded = any(name == b"x-forwarded-for" for name, _ in scope.get("headers", ()))
    if peer is None or not peer.is_loopback or not is_forwarded:
        return False
    return not any(peer in network for network in trusted if network.version == peer.version)


def is_from_here(request: Request) -> bool:
    """Whether the client is certainly on this machine: no proxy passed the request on."""
    peer = _parse(request.client.host) if request.client else None
    return peer is not None and peer.is_loopback and not _FORWARDED & set(request.headers)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Returns the address of the client. `peer` is the connected host, `forwarded` the X-Forwarded-For values in order."""
    found = _parse(peer)
    if found is None:
        return ""
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    for hop in hops[: -_MAX_HOPS - 1 : -1]:
        if not any(found in network for network in trusted if network.version == found.version):
            break
        before = _parse(hop)
        if before is None:
            break
        found = before
    return str(found)


def rate_limit_key(address: str) -> str:
    """Returns the key under which the requests of one client are counted."""
    return _network(address, four=32, six=64) or "unknown"


def enclosing_networks(address: str) -> tuple[str, ...]:
    """Returns the networks by which guessing is counted: an IPv4 address; an IPv6 /64, its /56 and its /48."""
    found = _parse(address)
    if found is None:
        return ("unknown/0",)
    widths = (32,) if found.version == 4 else (64, 56, 48)
    return tuple(str(ip_network(f"{found}/{width}", strict=False)) for width in widths)


def is_shared(address: str, trusted: Sequence[Network]) -> bool:
    """Whether many clients may have `address`: this machine, a proxy in `trusted`, or a socket without an address."""
    found = _parse(address)
    if found is None or found.is_loopback:
        return True
    return any(found in network for network in trusted if network.version == found.version)


def anonymize(address: str) -> str:
    """Returns the network of `address`, which identifies a neighbourhood and no person."""
    return _network(address, four=24, six=48)


def _network(address: str, *, four: int, six: int) -> str:
    found = _parse(address)
    if found is None:
        return ""
    return str(ip_network(f"{found}/{four if found.version == 4 else six}", strict=False))


def _parse(text: str) -> Ip | None:
    """Parses an address, ignoring a port or zone; an IPv4-mapped IPv6 address becomes IPv4."""
    if match := _WITH_PORT.fullmatch(text):
        text = match["six"] or match["four"]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found


def address_of(request: Request, trusted: Sequence[Network]) -> str:
    """Returns the IP address that `request` came from, according to our own proxies."""
    peer = request.client.host if request.client else ""
    return client_address(peer, request.headers.getlist("x-forwarded-for"), trusted)
