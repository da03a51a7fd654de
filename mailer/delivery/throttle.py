"""Limits how fast mail is sent: by the settings, and by what relays and domains turn out to accept.

    Throttle.add(claims)              queues claims, by domain
    Throttle.take(now) -> Claim       the next claim that may go, or None; `ready_at` says when one may
    Throttle.requeue(claim)           puts it back at the head
    Throttle.done(claim)              frees its place in the window of its domain, which grows if the message was accepted
    Throttle.on_throttle(claim, now)  shrinks the window of its domain; a relay has a ConcurrencyWindow of its own
    Throttle.use_share(share)         uses this part of the limits of the settings; others send at the same time

RATE and DOMAIN_RATE are token buckets (messages a second, over all connections), DOMAIN_CONNECTIONS limits the deliveries to
one domain at a time. The domains of a large provider count as one. What a relay or a domain accepts is a window of deliveries
at a time, which halves when a slower pace is asked for and grows back step by step (AIMD, as in RFC 5681 3.1 for segments),
never below one. Throttled deliveries are late, never lost.

Pure: the clock is a parameter, seconds on any monotonic scale.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from mailer.delivery.limit_share import WHOLE, Share
from mailer.delivery.queue_port import Claim

_N = TypeVar("_N", int, float)

ANY = "*"
COOL_DOWN = 1.0  # seconds in which a window halves at most once: replies to messages already under way count once
MEMORY = 300.0  # seconds for which the smaller window of an idle domain is kept
MAX_CAPACITY = 10_000  # queued claims, if so many are needed to get past those of slow domains
MAX_DOMAINS = 1_000  # from this number on, domains without any state are forgotten
PROVIDERS = {
    "gmail.com": ("gmail.com", "googlemail.com"),
    "outlook.com": (
        "outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.de", "outlook.fr", "outlook.es", "outlook.it",
        "hotmail.co.uk", "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it", "live.co.uk", "live.de", "live.fr",
        "live.it", "live.nl", "passport.com",
    ),
    "yahoo.com": (
        "yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "myyahoo.com", "yahoo.ca", "yahoo.co.in", "yahoo.co.uk",
        "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.in", "yahoo.it",
    ),
    "icloud.com": ("icloud.com", "me.com", "mac.com"),
    "gmx.net": ("gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.com", "web.de", "mail.com"),
    "proton.me": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "orange.fr": ("orange.fr", "wanadoo.fr"),
    "free.fr": ("free.fr", "aliceadsl.fr"),
    "t-online.de": ("t-online.de", "magenta.de"),
    "mail.ru": ("mail.ru", "bk.ru", "inbox.ru", "list.ru", "internet.ru"),
    "yandex.ru": ("yandex.ru", "yandex.com", "ya.ru"),
    "qq.com": ("qq.com", "foxmail.com"),
    "163.com": ("163.com", "126.com", "yeah.net"),
}  # fmt: skip
_PROVIDER_OF = {domain: provider for provider, domains in PROVIDERS.items() for domain in domains}


def provider_of(address: str) -> str:
    """Returns the domain that `address` counts as: its provider's, or its own."""
    domain = address.rpartition("@")[2].lower()
    return _PROVIDER_OF.get(domain, domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The limits of the settings: messages a second; by domain (`*`: any other), connections and messages a second.

    A limit of one of a provider's domains is a limit of the provider; of several, the strictest holds.
    """

    rate: float | None = None
    domain_connections: Mapping[str, int] = field(default_factory=dict)
    domain_rate: Mapping[str, float] = field(default_factory=dict)

    def connections_for(self, provider: str) -> int | None:
        """Returns the limit of connections to the domains of `provider` (`provider_of`); None: no limit."""
        return _strictest(self.domain_connections, provider)

    def rate_for(self, provider: str) -> float | None:
        """Returns the limit of messages a second to the domains of `provider` (`provider_of`); None: no limit."""
        return _strictest(self.domain_rate, provider)


def _strictest(limits: Mapping[str, _N], provider: str) -> _N | None:
    named = [limits[domain] for domain in PROVIDERS.get(provider, (provider,)) if domain in limits]
    return min(named) if named else limits.get(ANY)


class TokenBucket:
    """A bucket that gains `rate` tokens a second, and holds those of one second, at least one."""

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, rate: float) -> None:
        self._tokens = 1.0 if rate else 0.0
        self._at: float | None = None
        self.set_rate(rate)

    def set_rate(self, rate: float) -> None:
        """Changes the rate, and the size; what was gained at the former rate is counted at the new one. 0: no tokens."""
        self._rate = rate
        self._size = max(1.0, rate) if rate else 0.0
        self._tokens = min(self._tokens, self._size)

    def ready_at(self, now: float) -> float:
        """Returns when there is a token; `now` or earlier if there is one."""
        self._fill(now)
        if self._tokens >= 1:
            return now
        return now + (1 - self._tokens) / self._rate if self._rate else math.inf

    def take(self, now: float) -> None:
        """Takes a token."""
        self._fill(now)
        self._tokens -= 1

    def _fill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(self._at, now)


class ConcurrencyWindow:
    """A limit of things that are in use at a time: `top` at most, less after `on_throttle`."""

    __slots__ = ("_size", "_slowed_at", "_top", "in_use", "limit")

    def __init__(self, top: int) -> None:
        self._top = top
        self._size = float(top)
        self._slowed_at = float("-inf")
        self.limit = top
        self.in_use = 0

    @property
    def is_open(self) -> bool:
        return self.in_use < self.limit

    @property
    def is_overfull(self) -> bool:
        return self.in_use > self.limit

    @property
    def is_above_top(self) -> bool:
        """Whether more is in use than it holds at most since `set_top`."""
        return self.in_use > self._top

    def is_slowed(self, now: float) -> bool:
        """Whether it is smaller than its top, and not for too long."""
        return self._size < self._top and now < self._slowed_at + MEMORY

    def on_throttle(self, now: float) -> None:
        """Halves the window, not more than once in COOL_DOWN seconds."""
        if now - self._slowed_at >= COOL_DOWN:
            self._resize(min(self._size, max(1.0, self._size / 2)))
            self._slowed_at = now

    def set_top(self, top: int) -> None:
        """Changes how much it holds at most; a window that was not slowed goes along."""
        size = float(top) if self._size >= self._top else min(self._size, float(top))
        self._top = top
        self._resize(size)

    def on_success(self) -> None:
        """Grows the window: by one after as many successes as it holds."""
        if self._size < self._top:
            self._resize(min(float(self._top), self._size + 1 / self._size))

    def _resize(self, size: float) -> None:
        self._size, self.limit = size, int(size)


class _DomainQueue:
    """The queued claims of a domain, and its limits."""

    __slots__ = ("bucket", "name", "queue", "window")

    def __init__(self, name: str, bucket: TokenBucket | None, connections: int) -> None:
        self.name = name
        self.queue: deque[Claim] = deque()
        self.bucket = bucket
        self.window = ConcurrencyWindow(connections)

    def is_idle(self, now: float) -> bool:
        """Whether nothing is queued or under way, and there is no state to keep."""
        in_use = self.queue or self.window.in_use or self.window.is_slowed(now)
        return not in_use and not _is_empty(self.bucket, now)


class Throttle:
    """The queue of a sender: which claim may go next, and which are under way. A slow domain does not block the others."""

    def __init__(self, limits: RateLimits, *, connections: int) -> None:
        self._limits = limits
        self._connections = connections
        self._share = WHOLE
        self._bucket = None if limits.rate is None else TokenBucket(limits.rate)
        self._domains: dict[str, _DomainQueue] = {}
        self._forget_above = MAX_DOMAINS
        self._turns: OrderedDict[str, _DomainQueue] = OrderedDict()  # domains with queued claims
        self._under_way: dict[int, tuple[Claim, _DomainQueue]] = {}
        self._count = 0
        self.capacity = connections * 4
        """How many claims may be queued. It grows when none of the queued ones may go, so that other domains can overtake."""

    def use_share(self, share: Share) -> None:
        """Uses this part of the limits of the settings from now on."""
        if share == self._share:
            return
        self._share = share
        if self._bucket and self._limits.rate is not None:
            self._bucket.set_rate(share.rate(self._limits.rate))
        for domain in self._domains.values():
            rate = self._limits.rate_for(domain.name)
            if domain.bucket and rate is not None:
                domain.bucket.set_rate(share.rate(rate))
            domain.window.set_top(self._window_for(domain.name))

    @property
    def is_above_share(self) -> bool:
        """Whether more deliveries to some domain are under way than its share allows."""
        return any(domain.window.is_above_top for domain in self._domains.values())

    def __len__(self) -> int:
        """How many claims are queued."""
        return self._count

    @property
    def under_way(self) -> int:
        """How many claims are under way."""
        return len(self._under_way)

    @property
    def free_slots(self) -> int:
        """How many more claims may be queued."""
        return self.capacity - self._count

    def add(self, claims: Iterable[Claim]) -> None:
        """Queues `claims`, each behind those of its domain."""
        for claim in claims:
            name = provider_of(claim.address)
            domain = self._domains.get(name) or self._new_domain(name)
            domain.queue.append(claim)
            self._turns.setdefault(name, domain)
            self._count += 1

    def take(self, now: float) -> Claim | None:
        """Returns the next claim that may go, or None; it is under way until `done`."""
        if len(self._domains) > self._forget_above:
            self._forget(now)
        if not self._turns or _is_empty(self._bucket, now):
            return None
        for domain in self._turns.values():
            if domain.window.is_open and not _is_empty(domain.bucket, now):
                break
        else:
            if self._count > self.capacity // 2:
                self.capacity = max(self.capacity, min(MAX_CAPACITY, 2 * self._count))
            return None
        claim = domain.queue.popleft()
        self._count -= 1
        if domain.queue:
            self._turns.move_to_end(domain.name)
        else:
            del self._turns[domain.name]
        for bucket in (self._bucket, domain.bucket):
            if bucket is not None:
                bucket.take(now)
        domain.window.in_use += 1
        self._under_way[claim.delivery_id] = claim, domain
        return claim

    def ready_at(self, now: float) -> float | None:
        """Returns when a queued claim may go by the clock alone; None if that takes a `done`, or nothing is queued."""
        first: float | None = None
        for domain in self._turns.values():
            if not domain.window.is_open:
                continue
            buckets = [bucket for bucket in (self._bucket, domain.bucket) if bucket is not None]
            at = max((bucket.ready_at(now) for bucket in buckets), default=now)
            if at <= now:
                return at
            first = at if first is None else min(first, at)
        return first

    def done(self, claim: Claim, *, accepted: bool = False) -> None:
        """`claim` is no longer under way; `accepted`: its message was. Raises KeyError if it was not under way."""
        domain = self._under_way.pop(claim.delivery_id)[1]
        domain.window.in_use -= 1
        if accepted:
            domain.window.on_success()

    def requeue(self, claim: Claim) -> None:
        """`claim` was not sent after all: it is queued again, before all others."""
        domain = self._under_way.pop(claim.delivery_id)[1]
        domain.window.in_use -= 1
        domain.queue.appendleft(claim)
        self._turns[domain.name] = domain
        self._turns.move_to_end(domain.name, last=False)
        self._count += 1

    def on_throttle(self, claim: Claim, now: float) -> None:
        """The domain of `claim`, which is under way, asks for a slower pace."""
        self._under_way[claim.delivery_id][1].window.on_throttle(now)

    def drain(self) -> list[Claim]:
        """Removes and returns all claims that are queued or under way."""
        left = [claim for domain in self._turns.values() for claim in domain.queue]
        left += [claim for claim, _ in self._under_way.values()]
        self._turns.clear()
        self._domains.clear()
        self._under_way.clear()
        self._count = 0
        return left

    def _forget(self, now: float) -> None:
        """Drops domains without state: a list may have as many domains as recipients."""
        self._domains = {name: domain for name, domain in self._domains.items() if not domain.is_idle(now)}
        self._forget_above = max(MAX_DOMAINS, 2 * len(self._domains))

    def _new_domain(self, name: str) -> _DomainQueue:
        rate = self._limits.rate_for(name)
        bucket = None if rate is None else TokenBucket(self._share.rate(rate))
        domain = self._domains[name] = _DomainQueue(name, bucket, self._window_for(name))
        return domain

    def _window_for(self, name: str) -> int:
        """Returns how many deliveries to a domain may be under way."""
        limit = self._limits.connections_for(name)
        if limit:
            return self._share.slots(min(self._connections, limit))
        # a connection sends the next envelope while a message is under way: twice as many claims as connections
        return 2 * self._connections


def _is_empty(bucket: TokenBucket | None, now: float) -> bool:
    """Whether there is a bucket, and no token in it."""
    return bucket is not None and bucket.ready_at(now) > now
