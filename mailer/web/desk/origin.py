"""At which address the desk is spoken to, and whether a request comes from its own pages.

The desk answers at MAILER_BASE_URL, and on this machine by any name of it. Everywhere else it does not: a page of
somebody else whose name was pointed at us (DNS rebinding) gets nothing, and no password crosses a network in clear
text. Over https the cookies are `__Host-` ones, which no neighbouring host can set; on loopback their names hold the
port, for several workspaces may be served side by side.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from mailer.relay import is_loopback

_OURS = frozenset({"same-origin", "none"})  # none: typed, or loaded once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`origin` is that of our own pages; `secure`: over https."""

    origin: str
    secure: bool

    def cookie(self, name: str) -> str:
        """The name of a cookie."""
        return f"__Host-mailer-{name}" if self.secure else f"mailer-{name}-{urlsplit(self.origin).port or 80}"


def match_host(request: Request, base_url: str) -> Origin | None:
    """The door that `request` came to; None where there is none."""
    host = request.headers.get("host", "").lower()
    base = urlsplit(base_url.lower())
    if host and host in {base.netloc, f"{base.hostname}:{443 if base.scheme == 'https' else 80}"}:
        return Origin(origin=f"{base.scheme}://{base.netloc}", secure=base.scheme == "https")
    try:
        here = urlsplit(f"http://{host}").hostname or ""
    except ValueError:
        return None
    return Origin(origin=f"http://{host}", secure=False) if is_loopback(here) else None


def origin_of(request: Request) -> Origin:
    """The door that the guard found for `request`."""
    door: Origin = request.state.door
    return door


def is_same_origin(request: Request, door: Origin) -> bool:
    """Whether a page of ours made this request: each of the browser's two statements that is there says so, and one is."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        return False
    return site in {None, *_OURS} and origin in {None, door.origin}
