"""Who asks: the address of a request, where a proxy of ours stands in between the one that it tells.

X-Forwarded-For is believed only from MAILER_TRUSTED_PROXIES, from its end: each trusted hop vouches for the one before it, and
the first that is not trusted is who asks. Whatever stands before that was written by anybody.
"""

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: Request, trusted: Sequence[Network]) -> str:
    """The IP address of who asks; "" where the server does not know it."""
    address = _address(request.client.host if request.client else "")
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while address and hops and any(address in network for network in trusted):
        before = _address(hops.pop())
        if before is None:
            break
        address = before
    return str(address) if address else ""


def neighbourhood(address: str) -> str:
    """What one customer has: an IPv4 address, or the /64 of an IPv6 address."""
    found = _address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found or "")


def _address(text: str) -> _Address | None:
    """An address, perhaps with a port, as proxies write it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
