"""Limits of each request to the site, checked before anything reads it: the size of its head, and how many run at once.

At most CLIENT_PLACES requests of one client run at once, so that slow ones through a proxy, which shares its connections among
clients, do not keep out the others. A head of more than LARGEST_HEAD bytes, or a Cookie header of more than LARGEST_COOKIE, is
answered with 431 (RFC 6585 5). Unsubscribing has places of its own: however busy the rest of the site is, a reader can leave. So
have the webhooks of mail providers, which may be long: they take no place from readers, and little memory.
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
FEEDBACK_PLACES = 40  # more, for /feedback/ alone
_BUSY = {"/feedback/brevo": 429}  # after another error Brevo does not come again


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
        feedback_places: int = FEEDBACK_PLACES,
    ) -> None:
        self._app = app
        self._trusted = trusted
        self._client_places = client_places
        self._root = root
        self._running: Counter[str] = Counter()  # by client, without those that have places of their own
        self._free = {"": places, "/u/": unsubscribe_places, "/feedback/": feedback_places}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _is_too_large(scope):
            refusal = respond("The headers of this request are too large.\n", "text/plain", status=431)
            await refusal(scope, receive, send)
            return
        path = scope["path"].removeprefix(self._root)
        own = next((prefix for prefix in self._free if prefix and path.startswith(prefix)), "")
        client = "" if own else self._client(scope)
        if self.is_full(own) or (client and self._running[client] >= self._client_places):
            status = next((status for prefix, status in _BUSY.items() if path.startswith(prefix)), 503)
            busy = respond(
                "Too many requests at once. Try again soon.\n",
                "text/plain",
                status=status,
                headers={"Retry-After": "5"},
            )
            await busy(scope, receive, send)
            return
        self._free[own] -= 1
        self._running[client] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._free[own] += 1
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]

    def is_full(self, prefix: str = "") -> bool:
        """Whether all places are taken: those of the paths that begin with `prefix`, or those of everything else."""
        return self._free[prefix] <= 0

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
