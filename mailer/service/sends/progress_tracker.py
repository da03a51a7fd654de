"""Progress of a running send: throughput, time left, and messages about what delays it.

    ProgressTracker(app, before).view(progress)      ProgressView: rate, estimate, message
    describe_time_left(app, summary)                 the time left of a send that another process runs, in words
    log_changes(tracker, log)                        a callback that logs new messages

The ledger is read when a ProgressTracker is made; `view` only computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailer.app import App
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.states import DeliveryState, SendState
from mailer.delivery.throttle import RateLimits
from mailer.delivery.warmup import DayShare
from mailer.iso_time import format_iso
from mailer.ledger.types.sends import Summary
from mailer.service.sends.eta import Estimate, Remaining, ThroughputMeter, estimate
from mailer.service.sends.summary import is_interrupted
from mailer.service.sends.warmup_schedule import warmup_schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """Messages done, messages a second (None: not known yet), the time left; `message`: what delays the send, if anything."""

    done: int
    rate: float | None
    left: Estimate
    message: str


class ProgressTracker:
    """The progress of one run. `before`: the summary of the send when the run began."""

    def __init__(self, app: App, before: Summary) -> None:
        settings, self._clock = app.settings, app.clock
        now = self._clock()
        self._zone = settings.timezone
        self._rate = settings.rate
        self._shares = warmup_schedule(app, before.open_count, now=now, kind=before.send.kind)
        self._not_before = _not_before(app, before, now)
        self._pace = ThroughputMeter()

    def view(self, progress: SendProgress) -> ProgressView:
        now, done = self._clock(), progress.accepted + progress.failed + progress.uncertain
        self._pace.note(now, done)
        shares = _without_first(self._shares, done)
        if progress.held_until is not None:
            shares = tuple(replace(share, at=max(share.at or 0.0, progress.held_until)) for share in shares)
        remaining = Remaining(
            shares=shares,
            retries=min(progress.put_off, sum(share.count for share in shares)),
            retry_at=progress.retry_at,
            last_at=progress.last_at if progress.put_off else None,
            not_before=self._not_before,
        )
        rate = self._pace.per_second
        left = estimate(remaining, now=now, pace=_lower(rate, self._rate), zone=self._zone)
        return ProgressView(done=done, rate=rate, left=left, message=_message(progress, now))


def _message(progress: SendProgress, now: float) -> str:
    if progress.last_error:
        return f"{progress.last_error}; trying again"
    if progress.next_at is None or progress.next_at <= now:
        return ""
    if progress.held_until is not None:
        return f"the rest is held back by MAILER_WARMUP until {format_iso(progress.next_at)}"
    return f"the rest is tried again at {format_iso(progress.next_at)}"


def describe_time_left(app: App, summary: Summary) -> str:
    """Describes the rest of a send and when it will be sent; "" if nothing is left, or it makes no progress."""
    send, now = summary.send, app.clock()
    if send.state not in {SendState.RUNNING, SendState.WAITING} or send.reason or not summary.open_count:
        return ""
    if is_interrupted(app, summary):
        return ""
    remaining = Remaining(
        shares=warmup_schedule(app, summary.open_count, now=now, kind=send.kind),
        retries=summary.count(DeliveryState.DEFERRED),
        retry_at=summary.next_at,
        last_at=summary.last_at,
    )
    pace = _lower(app.ledger.report.rate(send.id, now), app.settings.rate)
    return estimate(remaining, now=now, pace=pace, zone=app.settings.timezone).words


def log_changes(
    tracker: ProgressTracker, log: Callable[[str], None], *, advice: str = ""
) -> Callable[[SendProgress], None]:
    """Returns a callback that logs news: a relay that is excluded, or cannot be reached (with `advice`), a time that the send
    waits for.
    """
    last = ""
    excluded: set[str] = set()

    def watch(progress: SendProgress) -> None:
        nonlocal last
        for relay in progress.excluded_relays:
            if relay not in excluded:
                excluded.add(relay)
                log(f"relay excluded: {relay}")
        view = tracker.view(progress)
        if view.message and view.message != last:
            last = view.message
            if progress.last_error:
                log(f"{last}, {advice}" if advice else last)
            else:
                log(f"{last} ({view.left.words})" if view.left.words else last)

    return watch


def _without_first(shares: Sequence[DayShare], done: int) -> tuple[DayShare, ...]:
    """Returns `shares` after `done` messages left, the earliest first."""
    left = []
    for share in shares:
        gone = min(done, share.count)
        done -= gone
        if share.count > gone:
            left.append(replace(share, count=share.count - gone))
    return tuple(left)


def _lower(pace: float | None, limit: float | None) -> float | None:
    return min((each for each in (pace, limit) if each is not None), default=None)


def _not_before(app: App, before: Summary, now: float) -> float | None:
    """Returns the earliest time of the last message, by RATE and by DOMAIN_RATE; None without either."""
    settings = app.settings
    limits = RateLimits(domain_rate=settings.domain_rate)
    seconds = [before.open_count / settings.rate] if settings.rate else []
    if settings.domain_rate:
        counts = app.ledger.report.open_by_provider(before.send.id)
        seconds += [count / rate for group, count in counts.items() if (rate := limits.rate_for(group))]
    return now + max(seconds) if seconds else None
