"""Limits of each request to the site, checked before anything reads it: the size of its head, and how many run at once.

At most CLIENT_PLACES requests of one client run at once, so that slow ones through a proxy, which shares its connections among
clients, do not keep out the others. A head of more than LARGEST_HEAD bytes, or a Cookie header of more than LARGEST_COOKIE, is
answered with 431 (RFC 6585 5). Unsubscribing has places of its own: however busy the rest of the site is, a reader can leave.
"""

from collections import Counter
from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.settings.parsers import Network
from mailer.web.client_ip import address_of, is_shared, rate_limit_key
from mailer.web.responses import respond

LARGEST_HEAD = 16 * 1024  # bytes: request line and headers
LARGEST_COOKIE = 4 * 1024
PLACES = 400  # requests that run at once, event streams of the desk among them
CLIENT_PLACES = 100  # of one client, who may be an office
UNSUBSCRIBE_PLACES = 100  # more, for /u/ alone


class RequestLimitsMiddleware:
    """Answers requests beyond the limits with 431 or 503. `root` is the path of the site, "" or `/news`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        root: str = "",
        trusted: Sequence[Network] = (),
        places: int = PLACES,
        client_places: int = CLIENT_PLACES,
        unsubscribe_places: int = UNSUBSCRIBE_PLACES,
    ) -> None:
        self._app = app
        self._trusted = trusted
        self._client_places = client_places
        self._running: Counter[str] = Counter()  # by client, without those of /u/
        self._prefixes = ("/u/", f"{root}/u/")
        self._free = {False: places, True: unsubscribe_places}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _is_too_large(scope):
            refusal = respond("The headers of this request are too large.\n", "text/plain", status=431)
            await refusal(scope, receive, send)
            return
        is_unsubscribe = scope["path"].startswith(self._prefixes)
        client = "" if is_unsubscribe else self._client(scope)
        if self.is_full(unsubscribe=is_unsubscribe) or (client and self._running[client] >= self._client_places):
            busy = respond(
                "Too many requests at once. Try again soon.\n", "text/plain", status=503, headers={"Retry-After": "5"}
            )
            await busy(scope, receive, send)
            return
        self._free[is_unsubscribe] -= 1
        self._running[client] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._free[is_unsubscribe] += 1
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]

    def is_full(self, *, unsubscribe: bool) -> bool:
        """Whether all places are taken: those of `/u/`, or those of everything else."""
        return self._free[unsubscribe] <= 0

    def _client(self, scope: Scope) -> str:
        """Returns the key of the client; "" if many may share its address."""
        address = address_of(Request(scope), self._trusted)
        return "" if is_shared(address, self._trusted) else rate_limit_key(address)


def _is_too_large(scope: Scope) -> bool:
    size = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    cookie = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4  # ": " and CR LF
        if name == b"cookie":
            cookie += len(value)
    return size > LARGEST_HEAD or cookie > LARGEST_COOKIE
