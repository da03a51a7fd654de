"""Runs a send: claims deliveries, has lanes carry them, settles what became of them, until nothing is left to do.

    Sender(...).run(wait=True) -> Ending

One feeder claims ahead of the lanes; each lane task connects when it has something to carry, and leaves a connection that
stays idle. What goes wrong with a relay is kept apart from what goes wrong with a recipient: a relay that cannot be reached
rests and is tried again, one that refuses us for good is left out, and when none is left the send halts, nobody charged.

Always holds: what was claimed is settled or released, also when this is stopped or cancelled; nothing is sent after the
ledger failed. Raises what the ledger raises.
"""

import asyncio
import contextlib
import random
import ssl
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from mailer.delivery.connection import ConnectionFailure, Limits, open_connection
from mailer.delivery.lane import Lane, Outcome
from mailer.delivery.message import Message
from mailer.delivery.records import Claim, SendLedger, Settlement, Stage
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.state import ENDED, DeliveryState, SendState
from mailer.delivery.verdict import Verdict, lost
from mailer.relay import Relay

IDLE = 10.0  # seconds after which a lane without work takes leave of its relay
POLL = 1.0  # seconds between looks at whether somebody paused a send that waits
BREAKER = 10  # policy refusals in a row that halt a send
RELEASES = 3  # times a delivery is given back at once when its connection breaks; after that it is deferred


class End(StrEnum):
    """Why a run is over."""

    FINISHED = "finished"
    WAITING = "waiting"
    STOPPED = "stopped"  # asked to
    PAUSED = "paused"  # by somebody else, or halted: `reason` says why
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    end: End
    reason: str = ""
    next_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run. `connect_patience`: seconds for which a relay may fail in passing before the send halts.

    `first_patience`: the same as long as no relay could be reached at all, when it is likely that a setting is wrong.
    """

    lanes: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    limits: Limits = field(default_factory=Limits)
    per_connection: int = 0  # messages, 0 for any number
    local_hostname: str = "localhost"
    connect_patience: float = 300
    first_patience: float = 10
    drain_patience: float = 30
    tls: ssl.SSLContext | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What this run has seen so far, for those who watch. `first_at`: the first connection; `trouble`: why there is none."""

    accepted: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    first_at: float | None = None
    next_at: float | None = None
    trouble: str = ""

    def count(self, state: DeliveryState) -> None:
        name = state.value
        if name in {"accepted", "deferred", "failed", "uncertain"}:
            setattr(self, name, getattr(self, name) + 1)


@dataclass(slots=True)
class _Health:
    """How a relay has been doing."""

    failures: int = 0
    failing_since: float = 0
    resting_until: float = 0
    dismissed: bool = False

    def failed(self, now: float) -> None:
        self.failing_since = self.failing_since if self.failures else now
        self.failures += 1
        self.resting_until = now + min(2.0 ** (self.failures - 2), 30.0)

    def worked(self) -> None:
        self.failures, self.resting_until = 0, 0


@dataclass(frozen=True, slots=True)
class _Load:
    """A claim in a lane's hands."""

    claim: Claim
    message: Message


class Sender:
    """One run of one send; not to be used twice. `now` is seconds since the epoch, `chance` a number in [0, 1)."""

    def __init__(
        self,
        *,
        ledger: SendLedger,
        compose: Callable[[Claim], Message],
        relays: Sequence[Relay],
        options: Options,
        now: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._compose = compose
        self._options = options
        self._now = now
        self._chance = chance
        self._health = {relay: _Health() for relay in relays}
        self._queue: deque[Claim] = deque()
        self._held: dict[int, Claim] = {}  # in the lanes' hands
        self._work = asyncio.Event()  # for the lanes: the queue has something, or never will again
        self._progress = asyncio.Event()  # for the feeder: a lane is done with a claim, or somebody asks us to end
        self._closing = False  # no more work for the lanes
        self._stopping = False
        self._withheld = False  # the ledger held a message back: is the send paused?
        self._halted = ""
        self._refused: list[int] = []  # policy refusals since the last acceptance
        self._tripped = False  # by those: what is under way then and refused, too, is forgiven with them
        self._releases: Counter[int] = Counter()
        self.tally = Tally()

    async def run(self, *, wait: bool) -> Ending:
        """Carry the send on until it has ended, was stopped, or (not `wait`) only later deliveries are left."""
        feeder = asyncio.create_task(self._feed(wait=wait), name="feeder")
        lanes = [asyncio.create_task(self._lane(), name=f"lane {n}") for n in range(self._options.lanes)]
        try:
            # the feeder ends first, unless a lane fails
            await asyncio.wait([feeder, *lanes], return_when=asyncio.FIRST_COMPLETED)
            if feeder.done() and not feeder.exception():
                patience = self._options.drain_patience if self._stopping else None
                await asyncio.wait(lanes, timeout=patience, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (feeder, *lanes):
                task.cancel()
            results = await asyncio.gather(feeder, *lanes, return_exceptions=True)
        if failure := next((result for result in results if isinstance(result, Exception)), None):
            raise failure
        if left := [*self._queue, *self._held.values()]:
            await self._ledger.release(left, self._now())
        return feeder.result()

    def stop(self) -> None:
        """Finish what is under way and give back the rest; at the latest after `drain_patience` seconds."""
        self._stopping = True
        self._progress.set()

    async def _feed(self, *, wait: bool) -> Ending:
        try:
            while not self._stopping and not self._halted:
                self._progress.clear()
                if self._withheld and (ending := await self._ended_by_others()):
                    return ending
                room = self._options.lanes * 4 - len(self._queue)
                claims = await self._ledger.claim(room, self._now()) if room > self._options.lanes else ()
                if claims:
                    self._queue.extend(claims)
                    self._work.set()
                elif self._queue or self._held:
                    await _patiently(self._progress, POLL)
                elif ending := await self._at_rest(wait=wait):
                    return ending
        finally:
            self._closing = True
            self._work.set()
        if self._halted:
            return Ending(end=End.PAUSED, reason=self._halted)
        return Ending(end=End.STOPPED, reason="stopped")

    async def _at_rest(self, *, wait: bool) -> Ending | None:
        """Nothing is in hand and nothing is due: is it over, or when does it go on?"""
        if ending := await self._ended_by_others():
            return ending
        if self.tally.next_at is not None and not wait:
            return Ending(end=End.WAITING, next_at=self.tally.next_at)
        due_in = 0.05 if self.tally.next_at is None else max(0.0, self.tally.next_at - self._now())
        await _patiently(self._progress, min(POLL, due_in))
        return None

    async def _ended_by_others(self) -> Ending | None:
        """The end, if the ledger says that the send is over or paused."""
        self._withheld = False
        standing = await self._ledger.standing()
        self.tally.next_at = standing.next_at
        if standing.state in ENDED:
            return Ending(end=End(standing.state.value))
        if standing.state is SendState.PAUSED:
            return Ending(end=End.PAUSED, reason=standing.reason)
        return None

    # the lanes

    async def _lane(self) -> None:
        lane: Lane | None = None
        relay: Relay | None = None
        carried = 0
        announced: _Load | None = None  # its envelope has left ahead of it

        def following() -> Message | None:
            nonlocal announced
            room = not 0 < self._options.per_connection <= carried
            announced = self._load() if self._queue and room and not self._closing else None
            return announced.message if announced else None

        try:
            while not self._closing:
                load, announced = announced, None
                if load is None and self._queue:
                    load = self._load()
                if load is None:
                    self._work.clear()
                    if not await _patiently(self._work, IDLE) and lane:
                        await lane.quit()
                        lane = None
                    continue
                if lane and (not lane.is_open or 0 < self._options.per_connection <= carried):
                    await lane.quit()
                    lane = None
                if lane is None:
                    relay, lane = await self._connect()
                    carried = 0
                if lane is None or relay is None:
                    await self._release(load.claim)
                    continue
                carried += 1
                await self._carry(lane, relay, load, following, fresh=carried == 1)
        finally:
            if lane:
                await lane.quit()

    def _load(self) -> "_Load":
        """The next claim, in a lane's hands from now on, with its message."""
        claim = self._queue.popleft()
        self._held[claim.delivery_id] = claim
        return _Load(claim, self._compose(claim))

    async def _carry(
        self, lane: Lane, relay: Relay, load: "_Load", following: Callable[[], Message | None], *, fresh: bool
    ) -> None:
        claim = load.claim
        try:
            outcome = await lane.deliver(load.message, partial(self._ledger.commit, claim), following)
        except asyncio.CancelledError:
            interrupted = lost(Stage.DOT if lane.dot_given else Stage.TEXT, "stopped")
            lane.close()
            await asyncio.shield(self._settle(claim, relay, Outcome(verdict=interrupted, stage=Stage.DOT)))
            raise
        if lane.is_open or outcome.stage is Stage.DOT:
            self._health[relay].worked()
        elif fresh and not outcome.withheld:  # no better than a connection that was not to be had
            self._health[relay].failed(self._now())
        self._withheld = self._withheld or outcome.withheld
        await self._settle(claim, relay, outcome)

    async def _settle(self, claim: Claim, relay: Relay, outcome: Outcome) -> None:
        judged = outcome.verdict
        if judged.halt:
            await self._halt(f"{relay}: {judged.reason}{_quote(outcome)}")
        now = self._now()
        if judged.state is DeliveryState.PENDING and not self._given_up(claim, judged, outcome):
            await self._release(claim)
            return
        settlement = self._settlement(claim, relay, outcome, now)
        await self._ledger.settle(settlement)
        self._done(claim)
        self.tally.count(settlement.state)
        if settlement.state is DeliveryState.ACCEPTED:
            self._refused.clear()
        elif judged.policy:
            self._refused.append(claim.delivery_id)
            if self._tripped or len(self._refused) >= BREAKER:
                self._tripped = True
                refused, self._refused = self._refused, []
                self.tally.failed -= len(refused)
                await self._halt(f"{relay} refused {len(refused)} messages in a row{_quote(outcome)}", refused)

    def _given_up(self, claim: Claim, judged: Verdict, outcome: Outcome) -> bool:
        """Whether a delivery whose connections keep breaking has to wait: perhaps it is what breaks them."""
        if judged.halt or outcome.withheld or self._stopping:
            return False
        self._releases[claim.delivery_id] += 1
        return self._releases[claim.delivery_id] > RELEASES

    def _settlement(self, claim: Claim, relay: Relay, outcome: Outcome, now: float) -> Settlement:
        judged = outcome.verdict
        state, reason, next_at = judged.state, judged.reason, None
        if state in {DeliveryState.DEFERRED, DeliveryState.PENDING}:
            next_at = self._options.retry.next_at(
                attempt=claim.attempt, first_at=claim.date, now=now, chance=self._chance()
            )
            state = DeliveryState.FAILED if next_at is None else DeliveryState.DEFERRED
            reason = "expired" if next_at is None else reason
        return Settlement(
            delivery_id=claim.delivery_id,
            attempt=claim.attempt,
            state=state,
            at=now,
            stage=outcome.stage,
            reply=outcome.reply,
            reason="" if state is DeliveryState.ACCEPTED else reason,
            relay=str(relay),
            next_at=next_at,
            suppress=judged.suppress,
            bare_550=judged.bare_550,
        )

    async def _release(self, claim: Claim) -> None:
        await self._ledger.release([claim], self._now())
        self._done(claim)

    def _done(self, claim: Claim) -> None:
        self._held.pop(claim.delivery_id, None)
        self._progress.set()

    async def _halt(self, reason: str, forgive: Sequence[int] = ()) -> None:
        first = not self._halted
        self._halted = self._halted or reason
        if first or forgive:
            await self._ledger.trip(self._halted, forgive)
        self._progress.set()

    # the relays

    async def _connect(self) -> tuple[Relay | None, Lane | None]:
        """A ready lane to some relay; none when the send was halted or stopped before there was one."""
        while not (self._halted or self._stopping or self._closing):
            relay = self._pick()
            if relay is None:
                await asyncio.sleep(min(POLL, max(0.01, self._earliest() - self._now())))
                continue
            try:
                connection = await open_connection(
                    relay,
                    limits=self._options.limits,
                    local_hostname=self._options.local_hostname,
                    tls=self._options.tls,
                )
            except ConnectionFailure as failure:
                await self._unreachable(relay, failure)
                continue
            if self.tally.first_at is None:
                self.tally.first_at = self._now()
            self.tally.trouble = ""
            return relay, Lane(connection, self._options.limits)
        return None, None

    def _pick(self) -> Relay | None:
        """One of the relays that are well, by weight."""
        now = self._now()
        well = [relay for relay, h in self._health.items() if not h.dismissed and h.resting_until <= now]
        if not well:
            return None
        point = self._chance() * sum(relay.weight for relay in well)
        for relay in well:
            point -= relay.weight
            if point < 0:
                return relay
        return well[-1]

    def _earliest(self) -> float:
        return min((h.resting_until for h in self._health.values() if not h.dismissed), default=0)

    async def _unreachable(self, relay: Relay, failure: ConnectionFailure) -> None:
        """Let the relay rest, or do without it; when there is none left, halt."""
        health, now = self._health[relay], self._now()
        health.failed(now)
        self.tally.trouble = f"{relay}: {failure}"
        patience = self._options.connect_patience
        if self.tally.first_at is None:
            patience = min(patience, self._options.first_patience)
        if failure.fatal or now - health.failing_since > patience:
            health.dismissed = True
        if all(each.dismissed for each in self._health.values()):
            await self._halt(self.tally.trouble)


async def _patiently(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`; False when it did not come within `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


def _quote(outcome: Outcome) -> str:
    return f" ({outcome.reply})" if outcome.reply else ""
