"""Daily limits for the first days of a new sender address: MAILER_WARMUP has the limit of each day.

    WarmUp            the plan: messages a day, the time zone of its days, and the sender address
    WarmUp.allowance  what is left of a day, from what was sent on each day
    WarmUp.schedule   how many messages of a send would be sent on which day

Receivers judge an address by the mail that they have seen from it, so only days on which mail was sent are days of the plan;
after its last day there is no limit. A day begins at midnight in the zone, or at its first moment where the clocks skip
midnight. If a clock goes back over midnight, or another machine's is slow, the day that has begun goes on. Messages counted on
days further ahead were counted by a wrong clock, and count for today.

Pure: times are seconds since the epoch, UTC, and are parameters.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)
LOOK_AGAIN = 10.0  # seconds after which messages in flight may have been released


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """What is left at `now` of a day of the plan, its `number`th: `limit` less those `sent` and those `in_flight`."""

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
        """When more may be sent; None: now. Before the next day if messages in flight could still be released unsent."""
        if self.left:
            return None
        return self.next_day_at if self.sent >= self.limit else min(self.next_day_at, self.now + LOOK_AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShare:
    """How many messages of a send are sent on a day: from `at`, None for today. After the plan, `count` is all that is left."""

    at: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """A plan; an empty one limits nothing. `sender` is the address whose days are counted."""

    plan: tuple[int, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    sender: str = ""

    def __post_init__(self) -> None:
        if any(limit < 1 for limit in self.plan):
            raise ValueError("a day of the plan has at least one message")

    def today(self, days: Mapping[dt.date, int], now: float) -> dt.date:
        """Returns the current day at `now`, given the `days` that have begun."""
        today = dt.datetime.fromtimestamp(now, self.zone).date()
        return today + _DAY if today + _DAY == max(days, default=today) else today

    def starts_at(self, day: dt.date) -> float:
        """Returns the first moment of a day. `fold` 0 makes a skipped midnight the moment of the skip (PEP 495)."""
        return dt.datetime.combine(day, dt.time(), tzinfo=self.zone).timestamp()

    def allowance(self, days: Mapping[dt.date, int], now: float, *, in_hand: int = 0) -> DailyQuota | None:
        """Returns what is left today, given how many were sent on which of the `days`; None after the plan: no limit."""
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
        """Returns on which days `count` messages are sent if no other send uses the plan."""
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
