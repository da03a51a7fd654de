"""The HTTP connection of one client, with a time limit for each step, so that silent and slow clients keep nobody out.

    first byte and head   HEAD_PATIENCE seconds together, for the first request and for each later one
    body                  limited where it is read (request_body.py)
    response              WRITE_PATIENCE seconds without progress

At most CONNECTIONS connections are open, and at most CLIENT_CONNECTIONS of one client. One more takes the place of the one
that has been without a request for longest: of the same client, or of all. Clients behind MAILER_TRUSTED_PROXIES and on this
machine share an address, so only the first limit holds for them.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from mailer.settings.parsers import Network
from mailer.web.client_ip import is_shared, rate_limit_key
from mailer.web.request_limits import LARGEST_HEAD

HEAD_PATIENCE = 20.0
WRITE_PATIENCE = 30.0
LARGEST_INCOMPLETE_HEAD = 2 * LARGEST_HEAD  # above our limit, so that a head that arrives whole is answered by the site
CONNECTIONS = 500  # a process may have 1024 files open
CLIENT_CONNECTIONS = 50  # a browser opens about six; a school class may share an address


@dataclass(slots=True, kw_only=True)
class ConnectionTable:
    """The open connections of a server, oldest first, and their limits. Seconds are of the event loop's clock."""

    trusted: Sequence[Network] = ()
    connections: int = CONNECTIONS
    client_connections: int = CLIENT_CONNECTIONS
    head_patience: float = HEAD_PATIENCE
    write_patience: float = WRITE_PATIENCE
    _open: dict["HttpConnection", str] = field(default_factory=dict)

    def admit(self, connection: "HttpConnection", peer: str) -> bool:
        """Adds `connection`; makes room if it has to. False if there is no room, since all others have a request."""
        key = "" if is_shared(peer, self.trusted) else rate_limit_key(peer)
        of_client = [each for each, other in self._open.items() if key and other == key]
        for group, limit in ((of_client, self.client_connections), (self._open, self.connections)):
            if len(group) >= limit and not self._close_longest_idle(group):
                return False
        self._open[connection] = key
        return True

    def forget(self, connection: "HttpConnection") -> None:
        self._open.pop(connection, None)

    def _close_longest_idle(self, connections: Sequence["HttpConnection"] | dict["HttpConnection", str]) -> bool:
        idle = [each for each in connections if each.idle_since is not None]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.idle_since or 0.0)
        self.forget(longest)
        longest.transport.abort()
        return True


class HttpConnection(H11Protocol):
    """uvicorn's connection with the limits of `table`. `idle_since`: without a request since then; None: one is running."""

    def __init__(self, *args: Any, table: ConnectionTable, **options: Any) -> None:
        super().__init__(*args, **options)
        self._table = table
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self.idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._await_head()
        if not self._table.admit(self, self.client[0] if self.client else ""):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._table.forget(self)
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.idle_since is not None and self._head_timer is None:  # a later request begins
            self._start_head_timer()
        super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self.idle_since = None
            self._cancel_head_timer()

    def on_response_complete(self) -> None:
        self.idle_since = self.loop.time()
        super().on_response_complete()  # may begin the next request, which was sent ahead

    def send_400_response(self, msg: str) -> None:
        """Answers a malformed head; one that is too long with 431."""
        if len(self.conn.trailing_data[0]) <= LARGEST_HEAD:
            super().send_400_response(msg)
            return
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._table.write_patience, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _await_head(self) -> None:
        self.idle_since = self.loop.time()
        self._start_head_timer()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._table.head_patience, self._abort)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_head_timer()
        if self._write_timer is not None:
            self._write_timer.cancel()

    def _abort(self) -> None:
        with contextlib.suppress(RuntimeError):  # the transport may be closed already
            self.transport.abort()


def connection_class(table: ConnectionTable) -> type[asyncio.Protocol]:
    """Returns what uvicorn's `http` option takes: connections with the limits of `table`."""
    return cast("type[asyncio.Protocol]", partial(HttpConnection, table=table))
