"""The relays of a send: the state of each, and the choice of one for the next connection.

A relay that cannot be reached, or asks us to wait, backs off and is tried again, each time after a longer delay. A relay that
refuses us permanently, or cannot be reached for too long, is excluded, with the reason. The features of a relay are known from
its last connection and from its refusals since: a message is not offered to a relay that does not support what it needs. The
number of connections to a relay is limited by a window, which shrinks when the relay asks for a slower pace, and grows back.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mailer.delivery.breaker import Breaker
from mailer.delivery.limit_share import Share
from mailer.delivery.throttle import ConcurrencyWindow
from mailer.mime.composer import Message
from mailer.relay import Relay, choose_by_weight
from mailer.smtp.connect import ConnectionFailure, Extensions, Timeouts, open_connection
from mailer.smtp.session import SmtpSession, lacking

MAX_BACKOFF = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How to connect. `connect_patience`: seconds for which connecting to a relay may fail before it is excluded.

    `first_patience`: the same while no relay has been reached yet, when a wrong setting is likely. The defaults are for a
    command that a person watches.
    """

    limits: Timeouts = field(default_factory=Timeouts)
    local_hostname: str = "localhost"
    connect_patience: float = 300
    first_patience: float = 10
    tls: ssl.SSLContext | None = None


@dataclass(slots=True, eq=False)
class PooledRelay:
    """A relay and its state in this run; `window` counts the open connections to it.

    `has_worked`: the relay has answered a message on a connection that stayed open. Before, a lost connection is never
    blamed on a recipient. `has_accepted`: it has accepted one. `waiting`: the deliveries, and their domains, with which it
    asked us to wait, since it last accepted one, and `waiting_since`, its first time. `excluded`: why it is not used any
    more, or "". `features`: what it offers, less what it refused all the same; None before it was reached.
    `messages_per_connection`: after how many messages it wants a new connection, as its refusals showed; 0: unknown.
    """

    relay: Relay
    name: str = field(init=False)
    window: ConcurrencyWindow
    failures: int = 0
    failing_since: float = 0
    backoff_until: float = 0
    excluded: str = ""
    has_worked: bool = False
    has_accepted: bool = False
    waiting: dict[int, str] = field(default_factory=dict)
    waiting_since: float = 0
    features: Extensions | None = None
    messages_per_connection: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    _refused: dict[str, Any] = field(default_factory=dict, repr=False)  # of the extensions: what they are instead

    def __post_init__(self) -> None:
        self.name = str(self.relay)

    def on_failure(self, now: float) -> None:
        """Begins a backoff; connections that fail during it are part of the same failure."""
        if now < self.backoff_until:
            return
        self.failing_since = self.failing_since if self.failures else now
        self.failures += 1
        self.backoff_until = now + min(2.0 ** (self.failures - 2), MAX_BACKOFF)

    def on_success(self) -> None:
        """A message was answered. A backoff that began meanwhile continues: it holds for new connections."""
        self.failures, self.has_worked = 0, True

    def on_accepted(self, refused: int) -> None:
        """A message was accepted; `refused`: what `breaker.refused` was when it was offered."""
        self.on_success()
        self.has_accepted = True
        self.waiting.clear()
        self.window.on_success()
        self.breaker.on_accepted(refused)

    def on_wait(self, delivery_id: int, domain: str, now: float) -> float:
        """It asked us to wait when it was offered a delivery. Returns for how long it has accepted none, in seconds."""
        if not self.waiting:
            self.waiting_since = now
        self.waiting[delivery_id] = domain
        return now - self.waiting_since

    def accepts_but(self, delivery_id: int) -> bool:
        """Whether it has accepted messages, and since then asked us to wait with this delivery alone, if at all."""
        return self.has_accepted and self.waiting.keys() <= {delivery_id}

    def accepts_but_domain(self, domain: str) -> bool:
        """The same for a domain."""
        return self.has_accepted and set(self.waiting.values()) <= {domain}

    def is_available(self, now: float) -> bool:
        """Whether another connection to it may be opened."""
        return not self.excluded and self.backoff_until <= now and self.window.is_open

    def may_suit(self, message: Message) -> bool:
        """Whether it is not known to lack what `message` needs."""
        return self.features is None or lacking(message, self.features) is None

    def learn(self, session: SmtpSession) -> None:
        """Remembers what the relay refused on `session`, although it offers it."""
        self.features = session.features
        offered = asdict(session.offered)
        self._refused = {name: value for name, value in asdict(self.features).items() if value != offered[name]}

    def restrict(self, session: SmtpSession) -> None:
        """Makes a new session use only what the relay offers there and has not refused before."""
        self.features = session.features = replace(session.offered, **self._refused)


class RelayPool:
    """`now` returns seconds of a monotonic clock, `chance` a number in [0, 1). `first_at`: when a relay was first reached."""

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
        self._chance = chance
        self._relays = [PooledRelay(relay, ConcurrencyWindow(connections)) for relay in relays]
        self._connections = self._allowed = connections
        self._sessions = 0
        self.first_at: float | None = None
        self.last_error = ""

    @property
    def is_exhausted(self) -> bool:
        """Whether every relay is excluded."""
        return all(each.excluded for each in self._relays)

    @property
    def has_session(self) -> bool:
        """Whether a session with a relay is open."""
        return self._sessions > 0

    @property
    def excluded(self) -> tuple[str, ...]:
        """The relays that are excluded, each with its reason."""
        return tuple(f"{each.name}: {each.excluded}" for each in self._relays if each.excluded)

    def exclude(self, pooled: PooledRelay, reason: str) -> None:
        """Excludes a relay; the first reason is kept."""
        pooled.excluded = pooled.excluded or reason

    def may_suit(self, message: Message, *, but: PooledRelay) -> bool:
        """Whether a relay other than `but` may take `message`, now or later."""
        return any(each.may_suit(message) for each in self._relays if each is not but)

    def use_share(self, share: Share) -> None:
        """Uses this part of the connections from now on."""
        self._allowed = share.slots(self._connections)

    @property
    def is_overfull(self) -> bool:
        """Whether there are more connections than its part."""
        return self._open_count > self._allowed

    @property
    def _open_count(self) -> int:
        return sum(each.window.in_use for each in self._relays)

    def choose(self, message: Message | None = None) -> PooledRelay | None:
        """Returns one of the available relays, chosen by weight, which may take `message`; None if no such relay is available."""
        now = self._now()
        if self._open_count >= self._allowed:
            return None
        available = [
            each for each in self._relays if each.is_available(now) and (message is None or each.may_suit(message))
        ]
        return available[choose_by_weight([each.relay for each in available], self._chance())] if available else None

    def ready_at(self, now: float) -> float | None:
        """Returns when the next backoff ends; None if no relay is backing off."""
        ends = [each.backoff_until for each in self._relays if each.backoff_until > now]
        return min(ends, default=None)

    async def open(self, pooled: PooledRelay) -> SmtpSession | None:
        """Returns a new session with the relay; None if it could not be reached."""
        options = self._options
        pooled.window.in_use += 1
        try:
            connection = await open_connection(
                pooled.relay, limits=options.limits, local_hostname=options.local_hostname, tls=options.tls
            )
        except BaseException as error:
            pooled.window.in_use -= 1
            if not isinstance(error, ConnectionFailure):
                raise
            self._on_connect_failure(pooled, error)
            return None
        if self.first_at is None:
            self.first_at = self._now()
        self.last_error = ""
        self._sessions += 1
        session = SmtpSession(connection, options.limits)
        pooled.restrict(session)
        return session

    async def close(self, pooled: PooledRelay, session: SmtpSession) -> None:
        """Closes a session with the relay, with QUIT if it is still open."""
        try:
            await session.quit()
        finally:
            pooled.window.in_use -= 1
            self._sessions -= 1

    def on_failure(self, pooled: PooledRelay, reply: str) -> None:
        """A connection ended with its first message, without a result: the same as one that could not be opened."""
        now = self._now()
        pooled.on_failure(now)
        if not pooled.has_worked and now - pooled.failing_since > self._options.connect_patience:
            reason = f"connections end before they have carried anything{reply}"
            self.last_error = f"{pooled.name}: {reason}"
            self.exclude(pooled, reason)

    def _on_connect_failure(self, pooled: PooledRelay, failure: ConnectionFailure) -> None:
        now, patience = self._now(), self._options.connect_patience
        pooled.on_failure(now)
        self.last_error = f"{pooled.name}: {failure}"
        if self.first_at is None:
            patience = min(patience, self._options.first_patience)
        if pooled.window.in_use:  # other connections are open or being opened: only their number is limited
            pooled.window.on_throttle(now)
        elif failure.fatal or (now - pooled.failing_since > patience and not failure.asks_to_wait):
            self.exclude(pooled, str(failure))
