"""How fast mail may leave: what the settings allow, and what relays and domains turn out to bear.

    Pacer.add(claims)            they wait here, by domain
    Pacer.take(now) -> Claim     the next one that may go, or None; `ready_at` says when one may
    Pacer.done(claim)            its domain has a lane free again
    Pacer.slow(...), ease(...)   what a reply says of a domain's pace; Window does the same for a relay

RATE and DOMAIN_RATE are token buckets (messages a second, over all lanes), DOMAIN_LANES the deliveries to one domain at a
time; large providers count as one domain, whatever domain a reader has there. What a relay or a domain bears is a window
of deliveries at a time that halves when it is told to slow down and grows back step by step (AIMD, as RFC 5681 3.1 does for
segments), never below one. What is slowed down is late, never lost.

Pure: the clock is handed in, seconds on any scale that only rises.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailer.delivery.records import Claim

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


def group_of(address: str) -> str:
    """The domain that `address` counts as: its provider's, or its own."""
    domain = address.rpartition("@")[2].lower()
    return _PROVIDER_OF.get(domain, domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceLimits:
    """What the settings allow: messages a second, and by domain (`*`: any other) lanes and messages a second."""

    rate: float | None = None
    domain_lanes: Mapping[str, int] = field(default_factory=dict)
    domain_rate: Mapping[str, float] = field(default_factory=dict)

    def lanes_for(self, group: str) -> int | None:
        return self.domain_lanes.get(group, self.domain_lanes.get(ANY))

    def rate_for(self, group: str) -> float | None:
        return self.domain_rate.get(group, self.domain_rate.get(ANY))


class Bucket:
    """A token bucket of one second's worth, at least one token: `rate` tokens a second, None for no limit."""

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._size = max(1.0, rate or 1.0)
        self._tokens = 1.0
        self._at: float | None = None

    def ready_at(self, now: float) -> float:
        """When there is a token; `now` or earlier: there is one."""
        if self._rate is None:
            return now
        self._fill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        if self._rate is not None:
            self._fill(now)
            self._tokens -= 1

    def _fill(self, now: float) -> None:
        if self._at is not None and self._rate is not None and now > self._at:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(self._at, now)


class Window:
    """How much of something may be under way at a time: `top` at most, as much less as it was told to."""

    __slots__ = ("_limit", "_slowed_at", "_top", "busy")

    def __init__(self, top: int) -> None:
        self._top = top
        self._limit = float(top)
        self._slowed_at = float("-inf")
        self.busy = 0

    @property
    def limit(self) -> int:
        return max(1, int(self._limit))

    @property
    def is_open(self) -> bool:
        return self.busy < self.limit

    def is_slowed(self, now: float) -> bool:
        """Whether there is a slower pace to remember."""
        return self._limit < self._top and now < self._slowed_at + MEMORY

    def slow(self, now: float) -> None:
        """Halve, not more than once in COOL_DOWN seconds."""
        if now - self._slowed_at >= COOL_DOWN:
            self._limit = max(1.0, min(self._limit, self._top) / 2)
            self._slowed_at = now

    def ease(self) -> None:
        """One went well: a step up, a whole one after as many as the window holds."""
        self._limit = min(float(self._top), self._limit + 1 / self._limit)


class _Group:
    """A domain: who waits for it, and its pace."""

    __slots__ = ("bucket", "waiting", "window")

    def __init__(self, rate: float | None, lanes: int) -> None:
        self.waiting: deque[Claim] = deque()
        self.bucket = Bucket(rate)
        self.window = Window(lanes)

    def is_as_new(self, now: float) -> bool:
        """Nothing waits, nothing is under way, and there is no pace to remember."""
        in_use = self.waiting or self.window.busy or self.window.is_slowed(now)
        return not in_use and self.bucket.ready_at(now) <= now


class Pacer:
    """Who may go next. Domains take turns, so that a slow one holds up nobody else."""

    def __init__(self, limits: PaceLimits, *, lanes: int) -> None:
        self._limits = limits
        self._lanes = lanes
        self._bucket = Bucket(limits.rate)
        self._groups: dict[str, _Group] = {}
        self._many = MANY
        self._turns: OrderedDict[str, None] = OrderedDict()  # the groups in which somebody waits
        self._count = 0
        self.capacity = lanes * 4
        """How many may wait: more from the moment on when none of those who do may go, so that others can overtake them."""

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def add(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            name = group_of(claim.address)
            self._group(name).waiting.append(claim)
            self._turns.setdefault(name)
            self._count += 1

    def take(self, now: float) -> Claim | None:
        """The next claim that may go; it counts as under way until `done`."""
        if len(self._groups) > self._many:
            self._forget(now)
        if not self._turns or self._bucket.ready_at(now) > now:
            return None
        for name in self._turns:
            group = self._groups[name]
            if group.window.is_open and group.bucket.ready_at(now) <= now:
                break
        else:
            if self._count > self.capacity // 2:
                self.capacity = max(self.capacity, min(MOST, 2 * self._count))
            return None
        claim = group.waiting.popleft()
        self._count -= 1
        if group.waiting:
            self._turns.move_to_end(name)
        else:
            del self._turns[name]
        self._bucket.take(now)
        group.bucket.take(now)
        group.window.busy += 1
        return claim

    def ready_at(self, now: float) -> float | None:
        """When the clock alone lets somebody go; None when it takes a `done`, or nobody waits."""
        times = [
            max(self._bucket.ready_at(now), group.bucket.ready_at(now))
            for group in map(self._groups.__getitem__, self._turns)
            if group.window.is_open
        ]
        return min(times, default=None)

    def done(self, claim: Claim) -> None:
        """It is no more under way."""
        self._groups[group_of(claim.address)].window.busy -= 1

    def slow(self, claim: Claim, now: float) -> None:
        """Its domain asks for a slower pace."""
        self._group(group_of(claim.address)).window.slow(now)

    def ease(self, claim: Claim) -> None:
        """It was taken."""
        if group := self._groups.get(group_of(claim.address)):
            group.window.ease()

    def drain(self) -> list[Claim]:
        """All that wait; nobody does any more."""
        left = [claim for name in self._turns for claim in self._groups[name].waiting]
        for name in self._turns:
            self._groups[name].waiting.clear()
        self._turns.clear()
        self._count = 0
        return left

    def _forget(self, now: float) -> None:
        """Keep only domains of which there is something to know: a list may have as many as readers."""
        self._groups = {name: group for name, group in self._groups.items() if not group.is_as_new(now)}
        self._many = max(MANY, 2 * len(self._groups))

    def _group(self, name: str) -> _Group:
        group = self._groups.get(name)
        if group is None:
            lanes = min(self._lanes, self._limits.lanes_for(name) or self._lanes)
            # a lane announces the next message while the last one is under way: one more than there are lanes
            allowed = lanes if self._limits.lanes_for(name) else 2 * lanes
            group = self._groups[name] = _Group(self._limits.rate_for(name), allowed)
        return group
