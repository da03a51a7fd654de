"""How a run of a send goes, for those who watch it: its pace, its time left, and what there is to tell.

    spread(newsroom, count, now=)        when so many messages would leave under the warm-up plan
    Course(newsroom, before).look(tally) a View: rate, estimate, news
    outlook(newsroom, summary)           the time left of a send that this process does not run, in words
    each_news_once(course, tell)         a Watch for a log

Reads the ledger when it is made; looking costs nothing but arithmetic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailer.app import App
from mailer.delivery.progress import SendProgress
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.delivery.throttle import RateLimits
from mailer.delivery.warmup import DayShare
from mailer.ledger.types.sends import Summary
from mailer.service.sends.eta import Estimate, Remaining, ThroughputMeter, estimate
from mailer.timestamps import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """One look: messages done, messages a second (None: not known yet), the time left; `news`: what holds it up, if anything."""

    done: int
    rate: float | None
    left: Estimate
    message: str


def warmup_schedule(
    newsroom: App, count: int, *, now: float, kind: SendKind = SendKind.DISPATCH
) -> tuple[DayShare, ...]:
    """When `count` messages would leave, beginning at `now`: all at once without a plan."""
    warmup = newsroom.warmup
    if not warmup.plan or kind is SendKind.TEST:
        return warmup.schedule(count, None)
    today = newsroom.ledger.warmup.allowance(now) if newsroom.has_ledger else warmup.allowance({}, now)
    return warmup.schedule(count, today)


class ProgressTracker:
    """The course of one run. `before`: where the send stood when it began."""

    def __init__(self, newsroom: App, before: Summary) -> None:
        settings, self._clock = newsroom.settings, newsroom.clock
        now = self._clock()
        self._zone = settings.timezone
        self._rate = settings.rate
        self._shares = warmup_schedule(newsroom, before.undone, now=now, kind=before.send.kind)
        self._not_before = _not_before(newsroom, before, now)
        self._pace = ThroughputMeter()

    def view(self, tally: SendProgress) -> ProgressView:
        now, done = self._clock(), tally.accepted + tally.failed + tally.uncertain
        self._pace.note(now, done)
        shares = _without_first(self._shares, done)
        if tally.held_until is not None:
            shares = tuple(replace(share, at=max(share.at or 0.0, tally.held_until)) for share in shares)
        rest = Remaining(
            shares=shares,
            retries=min(tally.put_off, sum(share.count for share in shares)),
            retry_at=tally.retry_at,
            last_at=tally.last_at if tally.put_off else None,
            not_before=self._not_before,
        )
        rate = self._pace.per_second
        left = estimate(rest, now=now, pace=_slower(rate, self._rate), zone=self._zone)
        return ProgressView(done=done, rate=rate, left=left, message=_news(tally, now))


def _news(tally: SendProgress, now: float) -> str:
    if tally.last_error:
        return f"{tally.last_error}; trying again"
    if tally.next_at is None or tally.next_at <= now:
        return ""
    if tally.held_until is not None:
        return f"the rest is held back by MAILER_WARMUP until {iso(tally.next_at)}"
    return f"the rest is tried again at {iso(tally.next_at)}"


def describe_time_left(newsroom: App, summary: Summary) -> str:
    """What is left of a send and when, in words; "" when nothing is, or nobody is at it."""
    send, now = summary.send, newsroom.clock()
    if send.state not in {SendState.RUNNING, SendState.WAITING} or not summary.undone:
        return ""
    rest = Remaining(
        shares=warmup_schedule(newsroom, summary.undone, now=now, kind=send.kind),
        retries=summary.count(DeliveryState.DEFERRED),
        retry_at=summary.next_at,
        last_at=summary.last_at,
    )
    pace = _slower(newsroom.ledger.report.pace(send.id, now), newsroom.settings.rate)
    return estimate(rest, now=now, pace=pace, zone=newsroom.settings.timezone).words


def log_changes(
    course: ProgressTracker, log: Callable[[str], None], *, advice: str = ""
) -> Callable[[SendProgress], None]:
    """A Watch that tells what is new: a relay that cannot be reached (with `advice`), a time that is waited for."""
    last = ""

    def watch(tally: SendProgress) -> None:
        nonlocal last
        view = course.view(tally)
        if view.message and view.message != last:
            last = view.message
            if tally.last_error:
                log(f"{last}, {advice}" if advice else last)
            else:
                log(f"{last} ({view.left.words})" if view.left.words else last)

    return watch


def _without_first(shares: Sequence[DayShare], done: int) -> tuple[DayShare, ...]:
    """`shares` after `done` messages left, the earliest first."""
    left = []
    for share in shares:
        gone = min(done, share.count)
        done -= gone
        if share.count > gone:
            left.append(replace(share, count=share.count - gone))
    return tuple(left)


def _slower(pace: float | None, limit: float | None) -> float | None:
    return min((each for each in (pace, limit) if each is not None), default=None)


def _not_before(newsroom: App, before: Summary, now: float) -> float | None:
    """When the last message can leave at the earliest, by RATE and by DOMAIN_RATE; None without either."""
    settings = newsroom.settings
    limits = RateLimits(domain_rate=settings.domain_rate)
    seconds = [before.undone / settings.rate] if settings.rate else []
    if settings.domain_rate:
        counts = newsroom.ledger.report.open_by_provider(before.send.id)
        seconds += [count / rate for group, count in counts.items() if (rate := limits.rate_for(group))]
    return now + max(seconds) if seconds else None
