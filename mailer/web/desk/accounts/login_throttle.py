"""Login throttling per client address and per user name.

    delay = throttle.delay(address, name, now)     seconds to wait before this attempt; None: too many are waiting
    throttle.failed(address, name, now)
    throttle.succeeded(name)

The first FREE failures within MEMORY seconds cost nothing. Then each attempt gets a slot behind the previous one, so that a
thousand at once are no faster than one after the other. The distance of slots grows to half a minute for an address, but
only to two seconds for a name, so that nobody locks out its owner. The address is checked first: an attempt that would have
to wait too long takes no slot of the name. State is in memory, since one process serves a workspace; the oldest of MAX_KEYS
keys are dropped.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

FREE = 5
MEMORY = 900.0
MAX_KEYS = 20_000
MAX_DELAY = 20.0
_MAX_GAPS = {"address": 30.0, "name": 2.0}  # seconds


@dataclass(slots=True)
class _Attempts:
    failures: list[float] = field(default_factory=list)
    next_at: float = 0.0


class LoginThrottle:
    """Counts recent failures. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[tuple[str, str], _Attempts] = OrderedDict()

    def delay(self, address: str, name: str, now: float) -> float | None:
        """Takes a slot and returns the seconds until then; None, without a slot, if that is more than MAX_DELAY."""
        longest = 0.0
        for key in (("address", address), ("name", name)):
            gap = self._gap(key, now)
            if not gap:
                continue
            attempts = self._attempts[key]
            at = max(now, attempts.next_at)
            if at - now > MAX_DELAY:
                return None
            attempts.next_at = at + gap
            longest = max(longest, at - now)
        return longest

    def failed(self, address: str, name: str, now: float) -> None:
        for key in (("address", address), ("name", name)):
            attempts = self._attempts.setdefault(key, _Attempts())
            self._attempts.move_to_end(key)
            attempts.failures = [*(at for at in attempts.failures if now - at < MEMORY), now][-32:]
            attempts.next_at = max(attempts.next_at, now + self._gap(key, now))
        while len(self._attempts) > MAX_KEYS:
            self._attempts.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forgets the failures of `name`, not those of the address: a user could guess at the passwords of others."""
        self._attempts.pop(("name", name), None)

    def _gap(self, key: tuple[str, str], now: float) -> float:
        """Returns the seconds between two slots of `key`."""
        attempts = self._attempts.get(key)
        recent = sum(now - at < MEMORY for at in attempts.failures) if attempts else 0
        return min(0.5 * 2.0 ** (recent - FREE), _MAX_GAPS[key[0]]) if recent >= FREE else 0.0
