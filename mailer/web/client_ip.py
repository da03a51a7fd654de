"""Whose request it is: the address that limits count by, and the part of it that evidence keeps.

    address_of(request, trusted)                the address of the client of `request`
    client_address(peer, forwarded, trusted)    RFC 7239 5.2's question, answered from X-Forwarded-For
    limit_key(address)                          an IPv4 address, or the /64 that one household or server has of IPv6
    truncated(address)                          203.0.113.0/24, 2001:db8:7::/48; "" for what is no address

Anybody can write X-Forwarded-For. It is read from the right, where the nearest proxy wrote, and only as long as the one
who wrote an entry is one of MAILER_TRUSTED_PROXIES; without that setting it is ignored. Everything here is pure.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request

from mailer.settings.parsers import Network

_HOPS = 32  # no honest chain is longer
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>[0-9.]+):\d+")
Ip = IPv4Address | IPv6Address


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of the client. `peer` is who connected, `forwarded` the values of X-Forwarded-For in their order."""
    found = _read(peer)
    if found is None:
        return ""
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    for hop in hops[: -_HOPS - 1 : -1]:
        if not any(found in network for network in trusted if network.version == found.version):
            break
        before = _read(hop)
        if before is None:
            break
        found = before
    return str(found)


def rate_limit_key(address: str) -> str:
    """What one client is counted under."""
    return _network(address, four=32, six=64) or "unknown"


def anonymize(address: str) -> str:
    """The part of `address` that names a neighbourhood, not a person."""
    return _network(address, four=24, six=48)


def _network(address: str, *, four: int, six: int) -> str:
    found = _read(address)
    if found is None:
        return ""
    return str(ip_network(f"{found}/{four if found.version == 4 else six}", strict=False))


def _read(text: str) -> Ip | None:
    """One address, with a port or a zone left aside; an IPv4 address that came as IPv6 is what it is."""
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
