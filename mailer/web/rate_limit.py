"""How often something may be asked for: by one client, and by all of them together.

    limits.wait(key)     0 when it may be done now, which counts; else the seconds until it may

Buckets that refill evenly: `burst` at once, then one every so many seconds. They are kept in memory, for one process serves a
workspace; a restart forgets them, which does no harm, since the bound that protects a victim (one letter an address and
day) is the ledger's. At most as many clients are remembered as a site has in a busy hour; the one unseen for longest goes.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

CLIENTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`burst` at once, then one every `every` seconds."""

    burst: int
    every: float


BY_CLIENT = Rate(burst=20, every=60)  # a class of pupils behind one address, and after it a newcomer a minute
BY_ALL = Rate(burst=1000, every=2)  # a mention on television; what a relay and our good name bear


class RateLimiter:
    """For one kind of request. `clock` is steady seconds. Of any thread."""

    def __init__(self, clock: Callable[[], float], *, each: Rate = BY_CLIENT, together: Rate = BY_ALL) -> None:
        self._clock = clock
        self._each = each
        self._all = _Bucket(together, clock())
        self._clients: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def retry_after(self, key: str) -> int:
        """0, and it is counted; or for how many seconds `key` has to wait."""
        with self._lock:
            now = self._clock()
            mine = self._clients.pop(key, None) or _Bucket(self._each, now)
            self._clients[key] = mine
            if len(self._clients) > CLIENTS:
                self._clients.popitem(last=False)
            left = max(mine.retry_after(now), self._all.retry_after(now))
            if left <= 0:
                mine.take()
                self._all.take()
            return max(0, math.ceil(left - 1e-6))  # nobody waits for a rounding error

    def remaining(self, key: str) -> int:
        """How much `key` may still do at once."""
        with self._lock:
            mine = self._clients.get(key)
            return mine.remaining(self._clock()) if mine else self._each.burst


class _Bucket:
    """What is left for one of those who ask."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate, self._left, self._at = rate, float(rate.burst), now

    def retry_after(self, now: float) -> float:
        """Seconds until there is one; none when there is."""
        self._left = min(self._rate.burst, self._left + max(0.0, now - self._at) / self._rate.every)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) * self._rate.every

    def remaining(self, now: float) -> int:
        self.retry_after(now)
        return int(self._left)

    def take(self) -> None:
        self._left -= 1
