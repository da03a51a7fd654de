"""Monitors a send from outside: its present state in the ledger, whichever process runs it.

    SendMonitor(app, send_id).snapshot() -> SendSnapshot

A snapshot repeats counts that are cheap, and reuses expensive ones of an earlier snapshot as long as repeating them would cost
more than SHARE of the time: so monitoring never slows the sending noticeably, however long the list is. One SendMonitor serves
all who watch the same send, from any thread. The limits of relays and domains are known only to the process that sends; here
are the rates that were reached.

Raises UnknownSendError, LedgerError.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mailer.app import App
from mailer.delivery.states import OPEN_STATES, DeliveryState, SendState
from mailer.delivery.throttle import provider_of
from mailer.ledger.types.deliveries import ReportRow
from mailer.ledger.types.delivery_counts import DeferralGroup, DomainCount, RateBucket, RelayCount
from mailer.ledger.types.sends import Send, Summary
from mailer.ledger.types.shards import SharedSend
from mailer.service.sends.eta import ThroughputMeter
from mailer.service.sends.progress_tracker import describe_time_left

SHARE = 0.01  # of the time, for each count whose cost grows with the send
COUNTS = 0.02  # of the time, for the counts by state, which should be as recent as possible
DOMAINS = 8  # shown by name; the others are one row
NAMED = 20  # uncertain recipients that are shown
FAILED = 5
_SETTLED = (DeliveryState.ACCEPTED, DeliveryState.FAILED, DeliveryState.UNCERTAIN)
BUCKET_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
"""Round widths of buckets, in seconds."""
_STRETCHES = 60
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainStats:
    """The counts of a domain, or of `number` domains together. `rate`: recent messages a second, None if not known."""

    name: str
    number: int = 1
    counts: Counter[DeliveryState]
    rate: float | None = None

    def count(self, *states: DeliveryState) -> int:
        return sum(self.counts[state] for state in states)

    @property
    def waiting(self) -> int:
        return self.count(*OPEN_STATES)

    @property
    def total(self) -> int:
        return self.counts.total()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Results of attempts over time, in buckets of `width` seconds from `since` to `until`."""

    since: float
    until: float
    width: float
    beats: tuple[RateBucket, ...] = ()

    @property
    def rates(self) -> tuple[tuple[float, float], ...]:
        """The messages a second, by the middle of each bucket, including empty ones.

        The last bucket is included if at least half of it is over.
        """
        counts = Counter[int]()
        for bucket in self.beats:
            if bucket.classification in _SETTLED:
                counts[bucket.number] += bucket.count
        found = []
        for number in range(max(1, int((self.until - self.since) / self.width + 0.5))):
            begin = self.since + number * self.width
            width = min(self.width, self.until - begin)
            found.append((begin + width / 2, counts[number] / width))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSnapshot:
    """A send at the time `at`. `is_owned`: a process is running it. `left`: the time left, in words.

    `shared`: its shards, if several machines may send them. `uncertain` and `failed` have the first rows; `suppressed` are the
    deliveries among them whose address is suppressed.
    """

    at: float
    summary: Summary
    is_owned: bool
    rate: float | None
    left: str
    domains: tuple[DomainStats, ...]
    relays: tuple[RelayCount, ...]
    shared: SharedSend | None
    pulse: Throughput | None
    delays: tuple[DeferralGroup, ...]
    uncertain: tuple[ReportRow, ...]
    failed: tuple[ReportRow, ...]
    suppressed: frozenset[int]

    @property
    def send(self) -> Send:
        return self.summary.send


class BudgetedCache(Generic[T]):
    """A cached value, computed again when it is read, unless that would take more than a share of the time."""

    def __init__(
        self, make: Callable[[], T], *, share: float = SHARE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._share, self._clock = make, share, clock
        self._next = float("-inf")
        self._value: T

    def get(self) -> T:
        begin = self._clock()
        if begin >= self._next:
            self._value = self._make()
            end = self._clock()
            self._next = end + (end - begin) / self._share
        return self._value

    def forget(self) -> None:
        """Makes the next `get` compute the value again, whatever it costs."""
        self._next = float("-inf")


class _CountKeyedCache(Generic[T]):
    """The first of some recipients, read again when their number has changed."""

    def __init__(self, find: Callable[[], tuple[T, ...]]) -> None:
        self._find = find
        self._count = 0
        self._found: tuple[T, ...] = ()

    def get(self, count: int) -> tuple[T, ...]:
        if count != self._count:
            self._count, self._found = count, self._find() if count else ()
        return self._found


class SendMonitor:
    """Takes snapshots of one send."""

    def __init__(self, app: App, send_id: int) -> None:
        self._app = app
        self._ledger = app.ledger
        self._id = send_id
        self._lock = threading.Lock()
        self._meter = ThroughputMeter()
        self._last_counts: tuple[float, Counter[str]] | None = None
        self._is_going = False
        self._send: Send | None = None
        self._summary = BudgetedCache(self._count, share=COUNTS)
        self._domains = BudgetedCache(self._by_domain)
        self._pulse = BudgetedCache(self._over_time)
        self._delays = BudgetedCache(lambda: self._ledger.stats.deferrals(send_id))
        self._shared = BudgetedCache(lambda: self._ledger.shards.shared(send_id, app.clock()))
        self._uncertain = _CountKeyedCache(
            lambda: self._ledger.stats.page(send_id, DeliveryState.UNCERTAIN, limit=NAMED)
        )
        self._failed = _CountKeyedCache(self._first_failed)

    def snapshot(self, *, anew: bool = False) -> SendSnapshot:
        """Returns a snapshot; `anew`: state and counts are read now, whatever that costs."""
        with self._lock:
            if anew:
                self._summary.forget()
            return self._snapshot()

    def _snapshot(self) -> SendSnapshot:
        summary, ledger, now = self._summary.get(), self._ledger, self._app.clock()
        self._reset_on_change(summary.send)
        self._meter.note(now, summary.count(*_SETTLED))
        failed = self._failed.get(summary.count(DeliveryState.FAILED))
        return SendSnapshot(
            at=now,
            summary=summary,
            is_owned=not summary.send.is_ended and ledger.sends.holder_pid(self._id) is not None,
            rate=self._meter.per_second if self._is_going else None,
            left=describe_time_left(self._app, summary),
            domains=self._domains.get(),
            relays=ledger.stats.relays(self._id, now) if self._is_going else (),
            shared=self._shared.get(),
            pulse=self._pulse.get(),
            delays=self._delays.get() if summary.count(DeliveryState.DEFERRED) else (),
            uncertain=self._uncertain.get(summary.count(DeliveryState.UNCERTAIN)),
            failed=tuple(row for row, _ in failed),
            suppressed=frozenset(row.delivery_id for row, is_suppressed in failed if is_suppressed),
        )

    def _reset_on_change(self, send: Send) -> None:
        """Discards cached counts when the state of the send has changed."""
        if self._send is not None and (send.state, send.ended_at) != (self._send.state, self._send.ended_at):
            for each in (self._domains, self._pulse, self._delays, self._shared):
                each.forget()
            self._meter = ThroughputMeter()
        self._send = send
        self._is_going = send.state is SendState.RUNNING

    def _count(self) -> Summary:
        return self._ledger.sends.summary(self._id)

    def _by_domain(self) -> tuple[DomainStats, ...]:
        now, groups = self._app.clock(), counts_by_provider(self._ledger.stats.domains(self._id))
        settled = Counter({name: sum(counts[state] for state in _SETTLED) for name, counts in groups.items()})
        before, self._last_counts = self._last_counts, (now, settled)
        rates: dict[str, float] = {}
        if before and self._is_going and now > before[0]:
            rates = {name: max(0, settled[name] - before[1][name]) / (now - before[0]) for name in groups}
        return top_domains(groups, DOMAINS, rates)

    def _over_time(self) -> Throughput | None:
        return measure_throughput(self._app, self._ledger.sends.get(self._id))

    def _first_failed(self) -> tuple[tuple[ReportRow, bool], ...]:
        """Returns the first failed rows, each with whether its address is suppressed."""
        rows = self._ledger.stats.page(self._id, DeliveryState.FAILED, limit=FAILED)
        return tuple((row, self._is_suppressed(row.delivery_id)) for row in rows)

    def _is_suppressed(self, delivery_id: int) -> bool:
        found = self._ledger.report.delivery(delivery_id)
        return found is not None and self._ledger.suppressions.get(found.identity) is not None


def counts_by_provider(found: Iterable[DomainCount]) -> dict[str, Counter[DeliveryState]]:
    """Adds up counts by mail provider: large providers have many domains."""
    groups: dict[str, Counter[DeliveryState]] = defaultdict(Counter)
    for each in found:
        groups[provider_of(f"@{each.domain}")][each.state] += each.count
    return groups


def top_domains(
    groups: dict[str, Counter[DeliveryState]], most: int, rates: dict[str, float] | None = None
) -> tuple[DomainStats, ...]:
    """Returns the `most` largest domains, then all others as one, without a name; “erased” stands for erased recipients."""
    rates = rates or {}
    names = sorted(groups, key=lambda name: (-groups[name].total(), name))
    kept, rest = (names, []) if len(names) <= most + 1 else (names[:most], names[most:])
    stats = [DomainStats(name=name or "erased", counts=groups[name], rate=rates.get(name)) for name in kept]
    if rest:
        counts = Counter[DeliveryState]()
        for name in rest:
            counts.update(groups[name])
        rate = sum(rates.get(name, 0.0) for name in rest) if rates else None
        stats.append(DomainStats(name="", number=len(rest), counts=counts, rate=rate))
    return tuple(stats)


def measure_throughput(app: App, send: Send) -> Throughput | None:
    """Returns the results of a send over time; None before its first attempt."""
    if send.begun_at is None:
        return None
    is_going = send.state is SendState.RUNNING
    until = max(send.begun_at + 1, app.clock() if is_going else send.settled_at or send.begun_at)
    width = bucket_width(until - send.begun_at)
    beats = app.ledger.stats.rates(send.id, since=send.begun_at, width=width)
    return Throughput(since=send.begun_at, until=until, width=width, beats=beats)


def bucket_width(span: float, most: int = _STRETCHES) -> float:
    """Returns the width in seconds of at most `most` buckets that cover `span`: one of BUCKET_WIDTHS, or whole days."""
    day = BUCKET_WIDTHS[-1]
    return float(next((each for each in BUCKET_WIDTHS if span / each <= most), day * -(-span // (day * most))))
