"""How fast passwords may be guessed: ever slower, by whoever asks and for whichever name, and never not at all.

    pause = guesses.pause(address, name, now)   seconds to wait before this try is looked at; None: too many wait already
    guesses.failed(address, name, now) / guesses.succeeded(name)

The first FREE failures within MEMORY seconds cost nothing. Then each try gets a turn of its own behind the last one, so
that a thousand at once are no quicker than one after the other. From one address the turns soon lie half a minute
apart; for a name two seconds at most, so that nobody keeps its owner out by guessing. Addresses are asked first: one
that must wait too long takes no turn of the name. Kept in memory, for one process serves a workspace; the oldest of
MOST keys are forgotten.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

FREE = 5
MEMORY = 900.0
MOST = 20_000
LONGEST_PAUSE = 20.0
_SLOWEST = {"address": 30.0, "name": 2.0}


@dataclass(slots=True)
class _Turns:
    failures: list[float] = field(default_factory=list)
    next_at: float = 0.0


class LoginThrottle:
    """What was guessed of late. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._turns: OrderedDict[tuple[str, str], _Turns] = OrderedDict()

    def pause(self, address: str, name: str, now: float) -> float | None:
        """Take a turn; how long until it comes. None: it would be too long, ask again later."""
        longest = 0.0
        for key in (("address", address), ("name", name)):
            gap = self._gap(key, now)
            if not gap:
                continue
            turns = self._turns[key]
            at = max(now, turns.next_at)
            if at - now > LONGEST_PAUSE:
                return None
            turns.next_at = at + gap
            longest = max(longest, at - now)
        return longest

    def failed(self, address: str, name: str, now: float) -> None:
        for key in (("address", address), ("name", name)):
            turns = self._turns.setdefault(key, _Turns())
            self._turns.move_to_end(key)
            turns.failures = [*(at for at in turns.failures if now - at < MEMORY), now][-32:]
            turns.next_at = max(turns.next_at, now + self._gap(key, now))
        while len(self._turns) > MOST:
            self._turns.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Its owner has nothing to wait for; the address has: whoever has a name of their own could guess at others."""
        self._turns.pop(("name", name), None)

    def _gap(self, key: tuple[str, str], now: float) -> float:
        """Seconds between two tries of `key`."""
        turns = self._turns.get(key)
        late = sum(now - at < MEMORY for at in turns.failures) if turns else 0
        return min(0.5 * 2.0 ** (late - FREE), _SLOWEST[key[0]]) if late >= FREE else 0.0
