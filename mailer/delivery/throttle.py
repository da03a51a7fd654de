"""How fast mail may leave: what the settings allow, and what relays and domains turn out to bear.

    Pacer.add(claims)            they wait here, by domain
    Pacer.take(now) -> Claim     the next one that may go, or None; `ready_at` says when one may
    Pacer.put_back(claim)        it is the next one again
    Pacer.done(claim)            its domain has a lane free again; bears a step more, if it went well
    Pacer.slow(claim, now)       its domain asks for a slower pace; Window does the same for a relay

RATE and DOMAIN_RATE are token buckets (messages a second, over all lanes), DOMAIN_LANES the deliveries to one domain at a
time; large providers count as one domain, whatever domain a reader has there. What a relay or a domain bears is a window
of deliveries at a time that halves when it is told to slow down and grows back step by step (AIMD, as RFC 5681 3.1 does for
segments), never below one. What is slowed down is late, never lost.

Pure: the clock is handed in, seconds on any scale that only rises.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailer.delivery.types import Claim

ANY = "*"
COOL_DOWN = 1.0  # seconds in which a window halves at most once: replies to what was already under way count once
MEMORY = 300.0  # seconds for which a slower pace is remembered of a domain to which nothing goes any more
MOST = 10_000  # claims that wait, if that is what it takes to get past those of slow domains
MANY = 1_000  # domains; from here on those that are as new are forgotten
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
    """The domain that `address` counts as: its provider's, or its own."""
    domain = address.rpartition("@")[2].lower()
    return _PROVIDER_OF.get(domain, domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What the settings allow: messages a second, and by domain (`*`: any other) lanes and messages a second."""

    rate: float | None = None
    domain_connections: Mapping[str, int] = field(default_factory=dict)
    domain_rate: Mapping[str, float] = field(default_factory=dict)

    def lanes_for(self, group: str) -> int | None:
        return self.domain_connections.get(group, self.domain_connections.get(ANY))

    def rate_for(self, group: str) -> float | None:
        return self.domain_rate.get(group, self.domain_rate.get(ANY))


class TokenBucket:
    """A token bucket of one second's worth, at least one token: `rate` tokens a second."""

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._tokens = 1.0
        self._at: float | None = None

    def ready_at(self, now: float) -> float:
        """When there is a token; `now` or earlier: there is one."""
        self._fill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        self._fill(now)
        self._tokens -= 1

    def _fill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(self._at, now)


class ConcurrencyWindow:
    """How much of something may be under way at a time, `limit`: `top` at most, as much less as it was told to."""

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

    def is_slowed(self, now: float) -> bool:
        """Whether there is a slower pace to remember."""
        return self._size < self._top and now < self._slowed_at + MEMORY

    def on_throttle(self, now: float) -> None:
        """Halve, not more than once in COOL_DOWN seconds."""
        if now - self._slowed_at >= COOL_DOWN:
            self._resize(max(1.0, self._size / 2))
            self._slowed_at = now

    def on_success(self) -> None:
        """One went well: a step up, a whole one after as many as the window holds."""
        if self._size < self._top:
            self._resize(min(float(self._top), self._size + 1 / self._size))

    def _resize(self, size: float) -> None:
        self._size, self.limit = size, int(size)


class _DomainQueue:
    """A domain: who waits for it, and its pace."""

    __slots__ = ("bucket", "name", "waiting", "window")

    def __init__(self, name: str, bucket: TokenBucket | None, connections: int) -> None:
        self.name = name
        self.waiting: deque[Claim] = deque()
        self.bucket = bucket
        self.window = ConcurrencyWindow(connections)

    def is_idle(self, now: float) -> bool:
        """Nothing waits, nothing is under way, and there is no pace to remember."""
        in_use = self.waiting or self.window.in_use or self.window.is_slowed(now)
        return not in_use and not _is_empty(self.bucket, now)


class Throttle:
    """Who may go next, and who is under way. Domains take turns, so that a slow one holds up nobody else."""

    def __init__(self, limits: RateLimits, *, connections: int) -> None:
        self._limits = limits
        self._connections = connections
        self._bucket = None if limits.rate is None else TokenBucket(limits.rate)
        self._groups: dict[str, _DomainQueue] = {}
        self._many = MANY
        self._turns: OrderedDict[str, _DomainQueue] = OrderedDict()  # the groups in which somebody waits
        self._under_way: dict[int, tuple[Claim, _DomainQueue]] = {}
        self._count = 0
        self.capacity = connections * 4
        """How many may wait: more from the moment on when none of those who do may go, so that others can overtake them."""

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    @property
    def remembered(self) -> int:
        """How many domains it knows something about."""
        return len(self._groups)

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def free_slots(self) -> int:
        """How many more may wait."""
        return self.capacity - self._count

    def add(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            name = provider_of(claim.address)
            group = self._groups.get(name) or self._new_group(name)
            group.waiting.append(claim)
            self._turns.setdefault(name, group)
            self._count += 1

    def take(self, now: float) -> Claim | None:
        """The next claim that may go; it counts as under way until `done`."""
        if len(self._groups) > self._many:
            self._forget(now)
        if not self._turns or _is_empty(self._bucket, now):
            return None
        for group in self._turns.values():
            if group.window.is_open and not _is_empty(group.bucket, now):
                break
        else:
            if self._count > self.capacity // 2:
                self.capacity = max(self.capacity, min(MOST, 2 * self._count))
            return None
        claim = group.waiting.popleft()
        self._count -= 1
        if group.waiting:
            self._turns.move_to_end(group.name)
        else:
            del self._turns[group.name]
        for bucket in (self._bucket, group.bucket):
            if bucket is not None:
                bucket.take(now)
        group.window.in_use += 1
        self._under_way[claim.delivery_id] = claim, group
        return claim

    def ready_at(self, now: float) -> float | None:
        """When the clock alone lets somebody go; None when it takes a `done`, or nobody waits."""
        first: float | None = None
        for group in self._turns.values():
            if not group.window.is_open:
                continue
            buckets = [bucket for bucket in (self._bucket, group.bucket) if bucket is not None]
            at = max((bucket.ready_at(now) for bucket in buckets), default=now)
            if at <= now:
                return at
            first = at if first is None else min(first, at)
        return first

    def done(self, claim: Claim, *, well: bool = False) -> None:
        """`claim` is no longer under way; `well`: the relay took its message. Raises KeyError if it was not under way."""
        group = self._under_way.pop(claim.delivery_id)[1]
        group.window.in_use -= 1
        if well:
            group.window.on_success()

    def requeue(self, claim: Claim) -> None:
        """It was not carried after all, and waits again, before all others."""
        group = self._under_way.pop(claim.delivery_id)[1]
        group.window.in_use -= 1
        group.waiting.appendleft(claim)
        self._turns[group.name] = group
        self._turns.move_to_end(group.name, last=False)
        self._count += 1

    def on_throttle(self, claim: Claim, now: float) -> None:
        """Of one that is under way: its domain asks for a slower pace."""
        self._under_way[claim.delivery_id][1].window.on_throttle(now)

    def drain(self) -> list[Claim]:
        """All that wait or are under way; nobody does any more."""
        left = [claim for group in self._turns.values() for claim in group.waiting]
        left += [claim for claim, _ in self._under_way.values()]
        self._turns.clear()
        self._groups.clear()
        self._under_way.clear()
        self._count = 0
        return left

    def _forget(self, now: float) -> None:
        """Keep only domains of which there is something to know: a list may have as many as readers."""
        self._groups = {name: group for name, group in self._groups.items() if not group.is_idle(now)}
        self._many = max(MANY, 2 * len(self._groups))

    def _new_group(self, name: str) -> _DomainQueue:
        limit, rate = self._limits.lanes_for(name), self._limits.rate_for(name)
        connections = min(self._connections, limit or self._connections)
        # a lane announces the next message while the last one is under way: one more than there are lanes
        allowed = connections if limit else 2 * connections
        group = self._groups[name] = _DomainQueue(name, None if rate is None else TokenBucket(rate), allowed)
        return group


def _is_empty(bucket: TokenBucket | None, now: float) -> bool:
    """Whether there is no token in it."""
    return bucket is not None and bucket.ready_at(now) > now
