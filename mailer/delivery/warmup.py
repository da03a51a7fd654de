"""The first days of a new sending address: MAILER_WARMUP, so many messages on its first day, so many on its second.

    WarmUp            the plan: messages a day, the time zone of its days, and whose first days they are
    WarmUp.allowance  what a day still has, from what left on each day
    WarmUp.spread     how many of a send would leave on which day

Receivers judge an address by the mail that they have seen of it, so that only days on which mail left are days of the
plan; after its last there is no limit. A day begins at midnight in the zone, or, where the clocks skip that, at its first
moment. A clock that goes back over midnight, or that of another machine which is late, stays in the day that has begun;
what was counted on days further ahead was counted by a wrong clock, and belongs to today.

Pure: times are seconds since the epoch, UTC, and are handed in.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)
LOOK_AGAIN = 10.0  # seconds after which what others have in hand may have come back


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """What a day of the plan, its `number`th, still has at `now`: `limit` less those `gone` and those `in_hand`."""

    day: dt.date
    number: int
    limit: int
    sent: int
    in_flight: int
    now: float
    next_day_at: float

    @property
    def left(self) -> int:
        return max(0, self.limit - self.sent - self.in_flight)

    @property
    def held_until(self) -> float | None:
        """When more may leave; None: now. Sooner than the next day if what is in hand could still come back unsent."""
        if self.left:
            return None
        return self.next_day_at if self.sent >= self.limit else min(self.next_day_at, self.now + LOOK_AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShare:
    """How many of a send leave on a day: from `at`, None for today. `count` is all that is left after the plan."""

    at: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """A plan; an empty one limits nothing. `sender` names the address whose days are counted."""

    plan: tuple[int, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    sender: str = ""

    def __post_init__(self) -> None:
        if any(limit < 1 for limit in self.plan):
            raise ValueError("a day of the plan has at least one message")

    def today(self, days: Mapping[dt.date, int], now: float) -> dt.date:
        """The day that is under way at `now`, with `days` begun so far."""
        today = dt.datetime.fromtimestamp(now, self.zone).date()
        return today + _DAY if today + _DAY == max(days, default=today) else today

    def starts_at(self, day: dt.date) -> float:
        """The first moment of a day. `fold` 0 reads a midnight that is skipped as the moment of the skip (PEP 495)."""
        return dt.datetime.combine(day, dt.time(), tzinfo=self.zone).timestamp()

    def allowance(self, days: Mapping[dt.date, int], now: float, *, in_hand: int = 0) -> DailyQuota | None:
        """What is left today, given how many left on which of the `days`; None: the plan is over, there is no limit."""
        today = self.today(days, now)
        begun = sum(day < today for day in days)
        if begun >= len(self.plan):
            return None
        return DailyQuota(
            day=today,
            number=begun + 1,
            limit=self.plan[begun],
            sent=sum(count for day, count in days.items() if day >= today),
            in_flight=in_hand,
            now=now,
            next_day_at=self.starts_at(today + _DAY),
        )

    def schedule(self, count: int, today: DailyQuota | None) -> tuple[DayShare, ...]:
        """When `count` messages leave that have the plan to themselves, a share for each day on which any do."""
        if today is None:
            return (DayShare(at=None, count=count),) if count else ()
        shares = []
        first = min(count, today.left)
        if first:
            shares.append(DayShare(at=None, count=first))
        rest, number, day = count - first, today.number, today.day
        while rest:
            day += _DAY
            share = min(rest, self.plan[number]) if number < len(self.plan) else rest
            shares.append(DayShare(at=self.starts_at(day), count=share))
            rest -= share
            number += 1
        return tuple(shares)
