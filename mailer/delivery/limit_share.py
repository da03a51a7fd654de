"""Divides the limits of the settings among the processes that send: each uses a part of every limit.

    Share.slots(limit)                  the part of a number, as a whole number: all parts together are `limit` at most
    Share.rate(limit)                   the part of a rate
    fair_share(place, holders)          the part to which a holder is entitled
    granted_share(held, wanted, others) the part that it may take now

A share is an interval of [0, 1]. The shares of all holders never overlap, so that together they are never more than the whole,
also while holders come and go: a holder takes what it is entitled to when nobody has any of it, and until then what it has of it
already. It gives up the rest before others see that. The first holders get what cannot be divided.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Share:
    """The part of each limit from `start` to `end`, as fractions of it."""

    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.start <= self.end <= 1.0:
            raise ValueError("a share is a part of the whole")

    def slots(self, limit: int) -> int:
        """Returns how many of `limit` connections it has."""
        return _whole(limit * self.end) - _whole(limit * self.start)

    def rate(self, limit: float) -> float:
        """Returns how much of `limit` messages a second it has."""
        return limit * (self.end - self.start)

    def overlaps(self, other: "Share") -> bool:
        """Whether both have some of the same part."""
        return max(self.start, other.start) < min(self.end, other.end)

    def within(self, other: "Share") -> "Share":
        """Returns what it has of `other`."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Share(start, end) if start < end else NOTHING


def fair_share(place: int, holders: int) -> Share:
    """Returns what the holder at `place`, from 0, of so many `holders` is entitled to."""
    return Share(place / holders, (place + 1) / holders)


def granted_share(held: Share, wanted: Share, others: Iterable[Share]) -> Share:
    """Returns what a holder may have now, that has `held` and is entitled to `wanted`."""
    return held.within(wanted) if any(wanted.overlaps(other) for other in others) else wanted


NOTHING = Share(0.0, 0.0)
WHOLE = Share()


def _whole(number: float) -> int:
    """Rounds up, but for what is only an error of floating point."""
    return ceil(round(number, 6))
