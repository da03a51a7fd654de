"""Estimates how long a send still takes, and describes what it waits for.

    estimate(remaining, now=, pace=, zone=)   Remaining -> Estimate: seconds, and the same in words
    ThroughputMeter                           messages a second over the last seconds
    format_days(shares, ...)                  the days of a warm-up plan in words

Messages that may be sent now: by the recent throughput, which reflects the limits of relays and domains, and no faster than RATE
and DOMAIN_RATE allow. Messages that wait for a retry or a day of the warm-up plan: not before that time. So an estimate is a
lower bound.

Pure: times are seconds since the epoch, UTC, and are passed in; words show them in the zone of the installation.
"""

import datetime as dt
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailer.delivery.warmup import DayShare

WINDOW = 30.0  # seconds over which the throughput is measured
_SAMPLES = 4  # a second, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What is left of a send.

    `shares`: how many are sent on each day, including retries. `retries` are those that wait for a time of their own:
    the next at `retry_at`, the last at `last_at`. `not_before`: the earliest time of the last message under the rate limits.
    """

    shares: tuple[DayShare, ...]
    retries: int = 0
    retry_at: float | None = None
    last_at: float | None = None
    not_before: float | None = None

    @property
    def count(self) -> int:
        return sum(share.count for share in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """`seconds` until all is tried, None if not known yet; `words` describe it, "" if there is nothing to describe."""

    seconds: float | None
    words: str


class ThroughputMeter:
    """Measures messages a second over the last seconds, from a count that only grows."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def __len__(self) -> int:
        """Returns how many samples are kept."""
        return len(self._samples)

    def note(self, now: float, count: int) -> None:
        """Records that the count is `count` at `now`. A clock that was set back starts a new measurement."""
        samples = self._samples
        if samples and now < samples[-1][0]:
            samples.clear()
        if len(samples) < 2 or now - samples[-2][0] >= 1 / _SAMPLES:
            samples.append((now, count))
        else:
            samples[-1] = (now, count)
        while len(samples) > 2 and samples[1][0] <= now - WINDOW:
            samples.popleft()

    @property
    def per_second(self) -> float | None:
        """The messages a second; None before anything was done."""
        if len(self._samples) < 2:
            return None
        (since, before), (now, count) = self._samples[0], self._samples[-1]
        return (count - before) / (now - since) if count > before and now > since else None


def estimate(remaining: Remaining, *, now: float, pace: float | None, zone: ZoneInfo) -> Estimate:
    """Estimates when all of `remaining` is tried, at `pace` messages a second (None: not known yet)."""
    if not remaining.count:
        return Estimate(seconds=0.0, words="")
    at_once = sum(share.count for share in remaining.shares if share.at is None or share.at <= now)
    busy = max(0, at_once - remaining.retries)
    end = now
    for share in remaining.shares:
        end = max(end, share.at or now) + (share.count / pace if pace else 0.0)
    end = max([end, *(time for time in (remaining.last_at, remaining.not_before) if time is not None)])
    seconds = None if busy and not pace else end - now
    return Estimate(seconds=seconds, words=_in_words(remaining, busy, now=now, end=end, pace=pace, zone=zone))


def _in_words(remaining: Remaining, busy: int, *, now: float, end: float, pace: float | None, zone: ZoneInfo) -> str:
    later = [share for share in remaining.shares if share.at is not None and share.at > now]
    waits = bool(remaining.retries or later)
    parts = []
    if busy and pace:
        seconds = busy / pace if waits else end - now
        parts.append(f"{_length(seconds)} for {busy:,} now" if waits else f"done in {_length(seconds)}")
    are_held = (
        bool(later) and later[0].at == remaining.shares[0].at and (remaining.retry_at or 0.0) <= (later[0].at or 0.0)
    )
    if remaining.retries and not are_held:
        noun = "retry" if remaining.retries == 1 else "retries"
        due = f"the next {format_time(remaining.retry_at, now, zone)}" if (remaining.retry_at or 0) > now else "due now"
        parts.append(f"{'then ' if parts else ''}{remaining.retries:,} {noun}, {due}")
    if later:
        first = format_time(later[0].at, now, zone, word="from")
        parts.append(f"the rest {first}" + (f", over {len(later)} days" if len(later) > 1 else ""))
    return "; ".join(parts)


def format_days(shares: Sequence[DayShare], *, begins: float, now: float, zone: ZoneInfo) -> str:
    """Formats the shares of days: “200 today, 500 on Tuesday, the last 300 on Wednesday: 3 days”. The first share begins at
    `begins`.
    """
    days = [f"{share.count:,} {_day(begins if share.at is None else share.at, now, zone)}" for share in shares]
    parts = [*days[:-1], f"the last {days[-1]}"] if len(days) > 1 else days
    if len(parts) > _SHOWN:
        parts = [*parts[: _SHOWN - 1], "…", parts[-1]]
    return ", ".join(parts) + (f": {len(shares)} days" if len(shares) > 1 else "")


_SHOWN = 6  # days that fit on a line


def format_time(at: float | None, now: float, zone: ZoneInfo, *, word: str = "at") -> str:
    """Formats a time relative to `now`: “at 14:05”, “on Tuesday at 00:00”, “on 2 December at 00:00”."""
    if at is None:
        return ""
    time, today = dt.datetime.fromtimestamp(at, zone), dt.datetime.fromtimestamp(now, zone).date()
    clock = f"{word} {time:%H:%M}"
    return clock if time.date() == today else f"on {_name(time.date(), today)} {clock}"


def _day(at: float, now: float, zone: ZoneInfo) -> str:
    day, today = (dt.datetime.fromtimestamp(time, zone).date() for time in (at, now))
    return "today" if day == today else f"on {_name(day, today)}"


def _name(day: dt.date, today: dt.date) -> str:
    """Returns the name of a day of the coming week, else its date."""
    if 0 < (day - today).days < 7:
        return f"{day:%A}"
    return f"{day.day} {day:%B}" + ("" if day.year == today.year else f" {day.year}")


def _length(seconds: float) -> str:
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 36)):
        if seconds < size * most:
            return f"about {max(1, round(seconds / size))} {unit}"
    return f"about {round(seconds / 86400):,} days"
