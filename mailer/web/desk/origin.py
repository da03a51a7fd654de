"""The address at which the desk is requested, and whether a request comes from a page of the desk.

The desk answers at MAILER_BASE_URL, and at loopback addresses of this machine. At any other host it does not: that defeats
DNS rebinding, and no password crosses a network in clear text. Over https the cookies have the prefix `__Host-`, so that no
neighbouring host can set them; on loopback their names include the port, since several workspaces may be served side by side.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from mailer.relay import is_loopback

_SAME_SITE = frozenset({"same-origin", "none"})  # none: typed into the address bar, or reloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`url` is scheme, host and port of the desk's pages; `secure`: over https."""

    url: str
    secure: bool

    def cookie(self, name: str) -> str:
        """Returns the full name of the cookie `name`."""
        return f"__Host-mailer-{name}" if self.secure else f"mailer-{name}-{urlsplit(self.url).port or 80}"


def match_host(request: Request, base_url: str) -> Origin | None:
    """Returns the origin that the Host header of `request` names; None if the desk is not served there."""
    host = request.headers.get("host", "").lower()
    base = urlsplit(base_url.lower())
    if host and host in {base.netloc, f"{base.hostname}:{443 if base.scheme == 'https' else 80}"}:
        return Origin(url=f"{base.scheme}://{base.netloc}", secure=base.scheme == "https")
    try:
        parts = urlsplit(f"http://{host}")
        hostname = parts.hostname or ""
        _ = parts.port  # raises for a port above 65535
    except ValueError:
        return None
    return Origin(url=f"http://{host}", secure=False) if is_loopback(hostname) else None


def origin_of(request: Request) -> Origin:
    """Returns the origin that the guard found for `request`."""
    origin: Origin = request.state.origin
    return origin


def is_same_origin(request: Request, origin: Origin) -> bool:
    """Whether a page of the desk made this request.

    Browsers state that in Sec-Fetch-Site and in Origin: at least one must be there, and each that is there must agree.
    """
    site, stated = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and stated is None:
        return False
    return site in {None, *_SAME_SITE} and stated in {None, origin.url}
