"""Rate limits per client and for all clients together: token buckets.

    limiter.retry_after(key)     0 if a request is allowed now, which is counted; else the seconds to wait

A bucket allows `burst` requests at once, then one every so many seconds. Buckets are in memory, since one process serves a
workspace. A restart resets them, which does no harm: the limit that protects a victim (one mail per address and day) is in
the ledger. At most CLIENTS clients are remembered; the least recently seen is dropped.
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


BY_CLIENT = Rate(burst=20, every=60)  # a school class behind one address, then one more a minute
BY_ALL = Rate(burst=1000, every=2)  # a mention on television; more would risk our reputation at the relay


class RateLimiter:
    """Limits one kind of request. `clock` is a monotonic clock in seconds. Thread-safe."""

    def __init__(self, clock: Callable[[], float], *, each: Rate = BY_CLIENT, together: Rate = BY_ALL) -> None:
        self._clock = clock
        self._each = each
        self._all = _Bucket(together, clock())
        self._clients: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def retry_after(self, key: str) -> int:
        """Returns 0 and counts the request, or the seconds until `key` may make it."""
        with self._lock:
            now = self._clock()
            bucket = self._clients.pop(key, None) or _Bucket(self._each, now)
            self._clients[key] = bucket
            if len(self._clients) > CLIENTS:
                self._clients.popitem(last=False)
            seconds = max(bucket.retry_after(now), self._all.retry_after(now))
            if seconds <= 0:
                bucket.take()
                self._all.take()
            return max(0, math.ceil(seconds - 1e-6))  # ignores rounding errors

    def remaining(self, key: str) -> int:
        """Returns how many requests `key` may still make at once."""
        with self._lock:
            bucket = self._clients.get(key)
            return bucket.remaining(self._clock()) if bucket else self._each.burst


class _Bucket:
    """The token bucket of one client."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate, self._left, self._at = rate, float(rate.burst), now

    def retry_after(self, now: float) -> float:
        """Returns the seconds until a token is available; 0 if one is."""
        self._left = min(self._rate.burst, self._left + max(0.0, now - self._at) / self._rate.every)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) * self._rate.every

    def remaining(self, now: float) -> int:
        self.retry_after(now)
        return int(self._left)

    def take(self) -> None:
        self._left -= 1
