"""Login throttling per network, per user name and per known browser.

    delay = throttle.begin(keys, now)     counts an attempt; seconds to wait before it; None: too many are waiting
    throttle.succeeded(keys)              the attempt was right: it no longer counts

An attempt counts as failed from its beginning, so that many at once are no better than one after the other. The first failures
within MEMORY seconds cost nothing. Then each attempt gets a slot behind the previous one. The distance of slots grows to half a
minute for a network, but only to two seconds for a name, so that nobody locks out its owner. A browser that has signed in with
this name before (device_cookie.py) is counted by itself alone, whatever others do to its network or its name. Networks are
checked first: an attempt that would have to wait too long takes no slot of the name. State is in memory, since one process
serves a workspace; the least recently used of MAX_KEYS keys are dropped.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer.web.client_ip import enclosing_networks

MEMORY = 900.0
MAX_KEYS = 20_000
MAX_DELAY = 20.0
_MOST_FAILURES = 128  # remembered of one key
_FREE = 5
_FREE_BY_WIDTH = {56: 20, 48: 80}  # of IPv6 networks that many customers of a provider may share
_NETWORK_GAP, _NAME_GAP = 30.0, 2.0  # seconds


class ThrottleKey(NamedTuple):
    """A counter: `free` failures cost nothing, and slots are at most `max_gap` seconds apart.

    `is_of_name`: it counts a user name; a right password resets it.
    """

    name: str
    free: int
    max_gap: float
    is_of_name: bool = False


def throttle_keys(address: str, name: str, device: str) -> tuple[ThrottleKey, ...]:
    """Returns what counts an attempt from `address` as `name`; `device` is the browser's verified device cookie, or ""."""
    if device:
        return (ThrottleKey(f"device {device}", _FREE, _NETWORK_GAP),)
    networks = [
        ThrottleKey(network, _FREE_BY_WIDTH.get(int(network.rpartition("/")[2]), _FREE), _NETWORK_GAP)
        for network in enclosing_networks(address)
    ]
    return (*networks, ThrottleKey(f"name {name}", _FREE, _NAME_GAP, is_of_name=True))


@dataclass(slots=True)
class _Attempts:
    failures: list[float] = field(default_factory=list)
    next_at: float = 0.0


class LoginThrottle:
    """Counts recent failures. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[str, _Attempts] = OrderedDict()

    def begin(self, keys: Sequence[ThrottleKey], now: float) -> float | None:
        """Counts an attempt and returns the seconds until it may be made; None, uncounted, if more than MAX_DELAY."""
        counters = [(key, self._counter(key, now)) for key in keys]
        longest = max((counter.next_at - now for _, counter in counters), default=0.0)
        if longest > MAX_DELAY:
            return None
        for key, counter in counters:
            counter.failures = [*counter.failures, now][-_MOST_FAILURES:]
            counter.next_at = max(now, counter.next_at) + _gap(key, len(counter.failures))
        while len(self._attempts) > MAX_KEYS:
            self._attempts.popitem(last=False)
        return max(0.0, longest)

    def succeeded(self, keys: Sequence[ThrottleKey]) -> None:
        """Takes the attempt back. Earlier failures still count, except for the name: a user could guess at others' passwords."""
        for key in keys:
            counter = self._attempts.get(key.name)
            if key.is_of_name:
                self._attempts.pop(key.name, None)
            elif counter and counter.failures:
                counter.failures.pop()

    def _counter(self, key: ThrottleKey, now: float) -> _Attempts:
        counter = self._attempts.setdefault(key.name, _Attempts())
        self._attempts.move_to_end(key.name)
        counter.failures = [at for at in counter.failures if now - at < MEMORY]
        return counter


def _gap(key: ThrottleKey, failures: int) -> float:
    """Returns the seconds between two slots."""
    return min(0.5 * 2.0 ** (failures - key.free), key.max_gap) if failures >= key.free else 0.0
