"""Runs a send: claims deliveries, has lanes carry them, settles what became of them, until nothing is left to do.

    Sender(...).run(wait=True) -> Ending

One feeder claims ahead of the lanes; each lane task connects when it has something to carry, and leaves a connection that
stays idle. What goes wrong with a relay is kept apart from what goes wrong with a recipient: a relay that cannot be reached
rests and is tried again, one that refuses us for good is left out, and when none is left the send halts, nobody charged.

Always holds: what was claimed is settled or released, also when this is stopped; nothing is sent after the ledger failed. Raises
what the ledger raises, once what was under way by then has ended or had its time. When it raises or is cancelled, whoever owns
the ledger closes it, which gives back what never left.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailer.delivery.carriage import Carriage, Compose, OpenCarriage, UnmadeError, UnmannedError, local_carriages
from mailer.delivery.carrier import Carrier
from mailer.delivery.lane import Outcome
from mailer.delivery.pace import PaceLimits, Pacer
from mailer.delivery.pool import PooledRelay, PoolOptions, RelayPool
from mailer.delivery.records import Claim, SendLedger, Settlement, Stage
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.state import ENDED, DeliveryState, SendState
from mailer.delivery.tally import End, Ending, Tally
from mailer.delivery.verdict import Scope, Verdict
from mailer.relay import Relay

IDLE = 10.0  # seconds after which a lane without work takes leave of its relay
POLL = 1.0  # seconds between looks at whether somebody paused a send in which nothing moves
BREAKER = 10  # policy refusals, or connections lost after their first message, in a row that halt a send
RELEASES = 3  # times a delivery is given back at once when its connection breaks; after that it is deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run. `drain_patience`: seconds that a stop waits for what is under way."""

    lanes: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    pool: PoolOptions = field(default_factory=PoolOptions)
    pace: PaceLimits = field(default_factory=PaceLimits)
    per_connection: int = 0  # messages, 0 for any number
    drain_patience: float = 30


class Sender:
    """One run of one send; not to be used twice. `chance` is a number in [0, 1).

    `compose` makes messages in this process; `open_carriage` has it done elsewhere. `now` is seconds since the epoch, for
    what is written down and for what is due; whoever runs the machine may set it. `steady` only rises, for what waits within
    this run: paces, rests, idle lanes.
    """

    def __init__(
        self,
        *,
        ledger: SendLedger,
        compose: Compose,
        relays: Sequence[Relay],
        options: Options,
        now: Callable[[], float],
        steady: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        open_carriage: OpenCarriage | None = None,
    ) -> None:
        self._ledger = ledger
        self._options = options
        self._now = now
        self._steady = steady
        self._chance = chance
        pool = options.pool
        self._pool = RelayPool(
            relays,
            open_carriage=open_carriage
            or local_carriages(compose, limits=pool.limits, local_hostname=pool.local_hostname, tls=pool.tls),
            lanes=options.lanes,
            options=pool,
            now=steady,
            chance=chance,
        )
        self._pacer = Pacer(options.pace, lanes=options.lanes)
        self._work = asyncio.Event()  # for the lanes: the queue has something, or never will again
        self._progress = asyncio.Event()  # for the feeder: there is room for more, or somebody asks us to end
        self._done_with = 0  # claims
        self._idling = 0  # lanes
        self._closing = False  # no more work for the lanes
        self._stopping = False
        self._in_doubt = False  # a message was held back, or nothing moves: did somebody pause the send?
        self._halted = ""
        self._fault: Exception | None = None  # of ours, in making a message
        self._refused: list[int] = []  # policy refusals since the last acceptance
        self._lost = 0  # connections that ended after the dot of their first message, since the last acceptance
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
            if not feeder.done() or feeder.exception():
                self._stopping = True
                feeder.cancel()
                await asyncio.wait([feeder])
            await self._drain(lanes)
        finally:
            for task in (feeder, *lanes):
                task.cancel()
            results = await asyncio.gather(feeder, *lanes, return_exceptions=True)
        if failure := next((result for result in results if isinstance(result, Exception)), None):
            raise failure
        if left := self._pacer.drain():
            await self._ledger.release(left, self._now())
        if self._fault:
            raise self._fault
        return feeder.result()

    async def _drain(self, lanes: list[asyncio.Task[None]]) -> None:
        """Until the lanes are done with what is under way; asked to stop, now or before, for `drain_patience` seconds at most."""
        clock = asyncio.get_running_loop().time
        until: float | None = None
        while not all(lane.done() for lane in lanes):
            if self._stopping:
                until = clock() + self._options.drain_patience if until is None else until
                if clock() >= until:
                    return
            await asyncio.wait(lanes, timeout=0.2)

    def stop(self) -> None:
        """Finish what is under way and give back the rest; at the latest after `drain_patience` seconds."""
        self._stopping = True
        self._progress.set()

    async def _feed(self, *, wait: bool) -> Ending:
        try:
            while not (self._stopping or self._halted or self._fault):
                self._progress.clear()
                if self._in_doubt and (ending := await self._ended_by_others()):
                    return ending
                done_with = self._done_with
                claims = await self._ledger.claim(self._pacer.room, self._now()) if self._is_hungry else ()
                if claims:
                    self.tally.next_at = self.tally.held_until = None
                    self.tally.took_up(len([claim for claim in claims if claim.attempt > 1]))
                    self._pacer.add(claims)
                    self._work.set()
                elif len(self._pacer) or self._pacer.under_way:
                    moved = await _patiently(self._progress, POLL) or self._done_with != done_with
                    self._in_doubt = self._in_doubt or not moved
                elif ending := await self._at_rest(wait=wait):
                    return ending
        finally:
            self._closing = True
            self._work.set()
        if self._halted:
            return Ending(end=End.PAUSED, reason=self._halted)
        return Ending(end=End.STOPPED, reason=self.tally.trouble)

    @property
    def _is_hungry(self) -> bool:
        """Whether it is worth the while to claim: not for every single one."""
        return self._pacer.room > self._options.lanes

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
        self._in_doubt = False
        standing = await self._ledger.standing()
        self.tally.stand(standing)
        if standing.state in ENDED:
            return Ending(end=End(standing.state.value))
        if standing.state is SendState.PAUSED:
            return Ending(end=End.PAUSED, reason=standing.reason)
        return None

    # the lanes

    async def _lane(self) -> None:
        carrier = Carrier(self._options.per_connection, self._pool, self._ledger, self._take)
        idle_since: float | None = None
        try:
            while not self._closing:
                if not carrier.is_ready:
                    await carrier.make_ready()
                claim = carrier.announced or (self._take() if carrier.relay else None)
                carrier.announced = None
                if claim is None:
                    idle_since = self._steady() if idle_since is None else idle_since
                    await self._idle(carrier)
                    if self._steady() - idle_since > IDLE:
                        await carrier.leave()
                    continue
                idle_since = None
                if carrier.carriage or await self._opened(carrier, claim):
                    await self._carry(carrier, claim)
        finally:
            await carrier.leave()
            self._work.set()

    def _take(self) -> Claim | None:
        """The next claim that may go, in a lane's hands from now on."""
        if self._fault or self._halted or self._closing:
            return None
        capacity = self._pacer.capacity
        claim = self._pacer.take(self._steady())
        if self._pacer.capacity != capacity:  # others are to overtake those who wait
            self._progress.set()
        return claim

    async def _opened(self, carrier: Carrier, claim: Claim) -> bool:
        """Whether there is a carriage for `claim`; else it waits again. Without any relay or worker left the send halts."""
        reason = ""
        try:
            if await carrier.open():
                return True
            self.tally.trouble = self._pool.trouble
            reason = self._pool.trouble if self._pool.is_exhausted else ""
        except UnmannedError as error:
            reason = str(error)
        self._pacer.put_back(claim)
        if reason:
            await self._halt(reason)
        return False

    async def _idle(self, carrier: Carrier) -> None:
        """Until there may be work for a lane: for one without a relay, until one is well or bears more."""
        if self._closing:
            return
        now = self._steady()
        times = (self._pool.ready_at(now), self._pacer.ready_at(now) if carrier.relay else None, now + IDLE)
        self._work.clear()
        self._idling += 1
        try:
            await _patiently(self._work, max(0.005, min(moment for moment in times if moment is not None) - now))
        finally:
            self._idling -= 1

    async def _carry(self, carrier: Carrier, claim: Claim) -> None:
        carriage, relay = carrier.carriage, carrier.relay
        assert carriage
        assert relay
        carrier.carried += 1
        self.tally.first_at, self.tally.trouble = self._pool.first_at, ""
        try:
            outcome = await carriage.deliver(claim, carrier)
        except UnmadeError as error:  # raised by `run`, when what is under way has ended
            self._fault = error.fault
            self._progress.set()
            if error.outcome:
                await self._settle(claim, relay, error.outcome)
            return
        except asyncio.CancelledError:
            await asyncio.shield(self._abandon(carriage, claim, relay))
            raise
        if outcome.verdict.state is DeliveryState.ACCEPTED:
            self._accept(relay, claim, outcome)
        else:
            await self._judge(carrier, relay, claim, outcome)

    def _accept(self, relay: PooledRelay, claim: Claim, outcome: Outcome) -> None:
        """Most end so: nobody waits for the ledger, for the next commit is written behind it."""
        self.tally.accepted += 1
        _, stage, reply, _ = outcome
        self._ledger.note(
            Settlement(
                claim.delivery_id,
                claim.attempt,
                DeliveryState.ACCEPTED,
                self._now(),
                claim.opened_at,
                stage,
                reply,
                relay=relay.name,
            )
        )
        relay.worked()
        relay.window.ease()
        self._refused.clear()
        self._lost = 0
        self._done(claim, well=True)

    async def _abandon(self, carriage: Carriage, claim: Claim, relay: PooledRelay) -> None:
        outcome = await carriage.abandon()
        if outcome.verdict.state is DeliveryState.ACCEPTED:
            self._accept(relay, claim, outcome)
        else:
            await self._settle(claim, relay, outcome)

    async def _judge(self, carrier: Carrier, relay: PooledRelay, claim: Claim, outcome: Outcome) -> None:
        """What an outcome says of the relay; then settle it."""
        assert carrier.carriage
        self._in_doubt = self._in_doubt or outcome.withheld
        if outcome.reply and (carrier.carriage.is_open or outcome.stage is Stage.DOT):
            relay.worked()
        elif carrier.is_lost_at_once and not outcome.withheld and outcome.verdict.scope is not Scope.WORKER:
            self._pool.failed(relay)
            self._lost += outcome.stage is Stage.DOT
            if self._pool.is_exhausted:
                await self._halt(self._pool.trouble)
            elif self._lost >= BREAKER:
                await self._halt(
                    f"{relay.name} ended {self._lost} connections in a row after a message, without a reply"
                )
        await self._settle(claim, relay, outcome)

    async def _settle(self, claim: Claim, relay: PooledRelay, outcome: Outcome) -> None:
        judged = outcome.verdict
        now = self._now()
        if judged.throttled:
            if outcome.stage is Stage.RCPT:
                self._pacer.slow(claim, self._steady())
            else:
                relay.window.slow(self._steady())
        if judged.halt:
            await self._halt(f"{relay.name}: {judged.reason}{_quote(outcome)}")
        if judged.state is DeliveryState.PENDING and not self._given_up(relay, claim, judged, outcome):
            await self._release(claim)
            return
        settlement = self._settlement(claim, relay, outcome, now)
        self.tally.count(settlement.state)
        if settlement.next_at is not None:
            self.tally.put_off_until(settlement.next_at)
        await self._ledger.settle(settlement)
        self._done(claim)
        if judged.policy or (judged.unexplained and not self.tally.accepted):
            self._refused.append(claim.delivery_id)
            if self._tripped or len(self._refused) >= BREAKER:
                self._tripped = True
                refused, self._refused = self._refused, []
                self.tally.failed -= len(refused)
                await self._halt(f"{relay.name} refused {len(refused)} messages in a row{_quote(outcome)}", refused)

    def _given_up(self, relay: PooledRelay, claim: Claim, judged: Verdict, outcome: Outcome) -> bool:
        """Whether a delivery whose connections keep breaking has to wait: perhaps it is what breaks them."""
        if judged.halt or outcome.withheld or self._stopping or not relay.has_worked:
            return False
        self._releases[claim.delivery_id] += 1
        return self._releases[claim.delivery_id] > RELEASES

    def _settlement(self, claim: Claim, relay: PooledRelay, outcome: Outcome, now: float) -> Settlement:
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
            opened_at=claim.opened_at,
            stage=outcome.stage,
            reply=outcome.reply,
            reason=reason,
            relay=relay.name,
            next_at=next_at,
            suppress=judged.suppress,
            bare_550=judged.bare_550,
        )

    async def _release(self, claim: Claim) -> None:
        await self._ledger.release([claim], self._now())
        self._done(claim)

    def _done(self, claim: Claim, *, well: bool = False) -> None:
        self._pacer.done(claim, well=well)
        self._done_with += 1
        if self._is_hungry or not self._pacer.under_way:
            self._progress.set()
        if self._idling and len(self._pacer):
            self._work.set()

    async def _halt(self, reason: str, forgive: Sequence[int] = ()) -> None:
        first = not self._halted
        self._halted = self._halted or reason
        if first or forgive:
            await self._ledger.trip(self._halted, forgive)
        self._progress.set()


async def _patiently(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`; False when it did not come within `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


def _quote(outcome: Outcome) -> str:
    return f" ({outcome.reply})" if outcome.reply else ""
