"""The IP address of a client behind proxies, and the forms of it that rate limits and evidence use.

    address_of(request, trusted)                the address of the client of `request`
    client_address(peer, forwarded, trusted)    the same from the values of X-Forwarded-For (RFC 7239 5.2)
    rate_limit_key(address)                     an IPv4 address, or the /64 of an IPv6 address: one household or server
    anonymize(address)                          203.0.113.0/24, 2001:db8:7::/48; "" for an invalid address

Anybody can send X-Forwarded-For. It is read from the right, where the nearest proxy wrote, and only while the writer of an
entry is one of MAILER_TRUSTED_PROXIES; without that setting it is ignored. Pure.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request

from mailer.settings.parsers import Network

_MAX_HOPS = 32  # no genuine chain is longer
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>[0-9.]+):\d+")
Ip = IPv4Address | IPv6Address


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
