"""The relays of a send: how each has been doing, and which one the next lane goes to.

A relay that cannot be reached rests and is tried again, longer each time; one that refuses us for good, or stays out of
reach beyond all patience, is left out. How many lanes a relay bears is a window: it shrinks when the relay asks for a slower
pace, and grows back.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailer.delivery.throttle import ConcurrencyWindow
from mailer.relay import Relay, choose_by_weight
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import SmtpSession

LONGEST_REST = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How to connect. `connect_patience`: seconds for which a relay may fail in passing before it is left out.

    `first_patience`: the same as long as no relay could be reached at all, when it is likely that a setting is wrong.
    """

    limits: Timeouts = field(default_factory=Timeouts)
    local_hostname: str = "localhost"
    connect_patience: float = 300
    first_patience: float = 10
    tls: ssl.SSLContext | None = None


@dataclass(slots=True, eq=False)
class PooledRelay:
    """A relay, and how it has been doing in this run; `window` holds the lanes that are open to it.

    `has_worked`: it has carried a message; one that never has cannot accuse a reader.
    """

    relay: Relay
    name: str = field(init=False)
    window: ConcurrencyWindow
    failures: int = 0
    failing_since: float = 0
    backoff_until: float = 0
    excluded: bool = False
    has_worked: bool = False

    def __post_init__(self) -> None:
        self.name = str(self.relay)

    def failed(self, now: float) -> None:
        """It begins to rest; lanes that fail while it does are part of the same failure."""
        if now < self.backoff_until:
            return
        self.failing_since = self.failing_since if self.failures else now
        self.failures += 1
        self.backoff_until = now + min(2.0 ** (self.failures - 2), LONGEST_REST)

    def succeeded(self) -> None:
        """It has carried a message. A rest that began meanwhile stands: it is for lanes that are not open yet."""
        self.failures, self.has_worked = 0, True

    def is_available(self, now: float) -> bool:
        return not self.excluded and self.backoff_until <= now and self.window.is_open


class RelayPool:
    """`now` is seconds on a clock that only rises, `chance` a number in [0, 1). `first_at`: when a relay was first reached."""

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        connections: int,
        options: PoolOptions,
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._options = options
        self._now = now
        self._random = chance
        self._relays = [PooledRelay(relay, ConcurrencyWindow(connections)) for relay in relays]
        self.first_at: float | None = None
        self.last_error = ""

    @property
    def is_exhausted(self) -> bool:
        """No relay is left; `trouble` says what was wrong with the last one."""
        return all(each.excluded for each in self._relays)

    def choose(self) -> PooledRelay | None:
        """One of the relays that are well and bear another lane, by weight."""
        now = self._now()
        well = [each for each in self._relays if each.is_available(now)]
        return well[choose_by_weight([each.relay for each in well], self._random())] if well else None

    def ready_at(self, now: float) -> float | None:
        """When a relay that rests is to be tried again; None when none rests."""
        resting = [each.backoff_until for each in self._relays if each.backoff_until > now]
        return min(resting, default=None)

    async def open(self, to: PooledRelay) -> SmtpSession | None:
        """Returns a new session with the relay; None when it could not be reached."""
        options = self._options
        to.window.in_use += 1
        try:
            connection = await open_connection(
                to.relay, limits=options.limits, local_hostname=options.local_hostname, tls=options.tls
            )
        except BaseException as error:
            to.window.in_use -= 1
            if not isinstance(error, ConnectionFailure):
                raise
            self._unreachable(to, error)
            return None
        if self.first_at is None:
            self.first_at = self._now()
        self.last_error = ""
        return SmtpSession(connection, options.limits)

    async def leave(self, left: PooledRelay, session: SmtpSession) -> None:
        """Closes a session with the relay, politely if it is still open."""
        try:
            await session.quit()
        finally:
            left.window.in_use -= 1

    def failed(self, it: PooledRelay) -> None:
        """A connection ended before it had carried anything: no better than one that was not to be had."""
        now = self._now()
        it.failed(now)
        if not it.has_worked and now - it.failing_since > self._options.connect_patience:
            self.last_error = f"{it.name}: connections end before they have carried anything"
            it.excluded = True

    def _unreachable(self, it: PooledRelay, failure: ConnectionFailure) -> None:
        now, patience = self._now(), self._options.connect_patience
        it.failed(now)
        self.last_error = f"{it.name}: {failure}"
        if self.first_at is None:
            patience = min(patience, self._options.first_patience)
        if it.window.in_use:  # it serves our other lanes, or they are still trying: it bears no more of them
            it.window.on_throttle(now)
        else:
            it.excluded = it.excluded or failure.fatal or now - it.failing_since > patience
