"""Runs a send: claims deliveries, sends their messages over several connections, and records the results until nothing is left.

    Sender(...).run(wait=True) -> Ending

The claim loop claims ahead of the connection loops. Each of these connects when it has something to send, and leaves a
connection that stays idle. A fault of a relay is kept apart from a fault of a recipient: a relay that cannot be reached rests
and is tried again, a relay that refuses us for good is left out, and when none is left the send pauses and no delivery is
marked as failed. What a result means is decided in `result_policy` and `breaker`; this module acts on it.

Always holds: what was claimed is settled or released, also when the run is stopped; nothing is sent after the ledger failed.
Raises what the ledger raises, once the messages under way have ended or had their time. When it raises or is cancelled,
whoever owns the ledger closes it, which gives back what never left.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailer.delivery.breaker import Breaker
from mailer.delivery.connection_slot import Compose, ConnectionSlot
from mailer.delivery.lane import Outcome
from mailer.delivery.pace import PaceLimits, Pacer
from mailer.delivery.pool import PooledRelay, PoolOptions, RelayPool
from mailer.delivery.records import Claim, SendLedger, Settlement, Stage
from mailer.delivery.result_policy import EndedAttempt, decide, quote
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.state import ENDED, DeliveryState, SendState
from mailer.delivery.tally import End, Ending, Tally
from mailer.relay import Relay

IDLE = 10.0  # seconds after which a connection without work is closed
POLL = 1.0  # seconds between looks at whether somebody paused a send in which nothing moves


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

    `compose` makes the message of a claim. `now` is seconds since the epoch, for what is recorded and for what is due;
    somebody may set that clock. `steady` only rises, for what waits within this run: paces, rests, idle connections.
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
    ) -> None:
        self._ledger = ledger
        self._compose = compose
        self._options = options
        self._now = now
        self._steady = steady
        self._chance = chance
        self._pool = RelayPool(relays, lanes=options.lanes, options=options.pool, now=steady, chance=chance)
        self._pacer = Pacer(options.pace, lanes=options.lanes)
        self._breaker = Breaker()
        self._releases: Counter[int] = Counter()
        self._work = asyncio.Event()  # for the connection loops: there is something to send, or never will be again
        self._progress = asyncio.Event()  # for the claim loop: there is room for more, or the run is to end
        self._done_with = 0  # claims
        self._idling = 0  # connection loops
        self._closing = False  # no more work for the connection loops
        self._stopping = False
        self._in_doubt = False  # a message was withheld, or nothing moves: did somebody pause the send?
        self._halted = ""
        self._fault: Exception | None = None  # of ours, in making a message
        self.tally = Tally()

    async def run(self, *, wait: bool) -> Ending:
        """Sends until the send has ended, was stopped, or (not `wait`) only later deliveries are left."""
        claiming = asyncio.create_task(self._claim_loop(wait=wait), name="claim loop")
        connections = [
            asyncio.create_task(self._connection_loop(), name=f"connection {n}") for n in range(self._options.lanes)
        ]
        try:
            # the claim loop ends first, unless a connection loop fails
            await asyncio.wait([claiming, *connections], return_when=asyncio.FIRST_COMPLETED)
            if not claiming.done() or claiming.exception():
                self._stopping = True
                claiming.cancel()
                await asyncio.wait([claiming])
            await self._drain(connections)
        finally:
            for task in (claiming, *connections):
                task.cancel()
            results = await asyncio.gather(claiming, *connections, return_exceptions=True)
        if failure := next((result for result in results if isinstance(result, Exception)), None):
            raise failure
        if left := self._pacer.drain():
            await self._ledger.release(left, self._now())
        if self._fault:
            raise self._fault
        return claiming.result()

    async def _drain(self, connections: list[asyncio.Task[None]]) -> None:
        """Waits for the messages under way; once the run is to stop, for `drain_patience` seconds at most."""
        clock = asyncio.get_running_loop().time
        until: float | None = None
        while not all(connection.done() for connection in connections):
            if self._stopping:
                until = clock() + self._options.drain_patience if until is None else until
                if clock() >= until:
                    return
            await asyncio.wait(connections, timeout=0.2)

    def stop(self) -> None:
        """Lets the messages under way end and releases the rest; at the latest after `drain_patience` seconds."""
        self._stopping = True
        self._progress.set()

    # claiming

    async def _claim_loop(self, *, wait: bool) -> Ending:
        try:
            while not (self._stopping or self._halted or self._fault):
                self._progress.clear()
                if self._in_doubt and (ending := await self._ended_by_others()):
                    return ending
                done_with = self._done_with
                claims = await self._ledger.claim(self._pacer.room, self._now()) if self._wants_more else ()
                if claims:
                    self.tally.next_at = self.tally.held_until = None
                    self.tally.took_up(len([claim for claim in claims if claim.attempt > 1]))
                    self._pacer.add(claims)
                    self._work.set()
                elif len(self._pacer) or self._pacer.under_way:
                    moved = await _wait_for(self._progress, POLL) or self._done_with != done_with
                    self._in_doubt = self._in_doubt or not moved
                elif ending := await self._when_idle(wait=wait):
                    return ending
        finally:
            self._closing = True
            self._work.set()
        if self._halted:
            return Ending(end=End.PAUSED, reason=self._halted)
        return Ending(end=End.STOPPED, reason=self.tally.trouble)

    @property
    def _wants_more(self) -> bool:
        """Whether it is worth the while to claim: not for every single one."""
        return self._pacer.room > self._options.lanes

    async def _when_idle(self, *, wait: bool) -> Ending | None:
        """Nothing is claimed and nothing is due: returns how the run ends, or waits until something may be due."""
        if ending := await self._ended_by_others():
            return ending
        if self.tally.next_at is not None and not wait:
            return Ending(end=End.WAITING, next_at=self.tally.next_at)
        due_in = 0.05 if self.tally.next_at is None else max(0.0, self.tally.next_at - self._now())
        await _wait_for(self._progress, min(POLL, due_in))
        return None

    async def _ended_by_others(self) -> Ending | None:
        """Returns how the run ends if the ledger says that the send is over or paused."""
        self._in_doubt = False
        standing = await self._ledger.standing()
        self.tally.stand(standing)
        if standing.state in ENDED:
            return Ending(end=End(standing.state.value))
        if standing.state is SendState.PAUSED:
            return Ending(end=End.PAUSED, reason=standing.reason)
        return None

    # the connections

    async def _connection_loop(self) -> None:
        slot = ConnectionSlot(
            pool=self._pool,
            ledger=self._ledger,
            compose=self._compose,
            next_claim=self._next_claim,
            messages_per_connection=self._options.per_connection,
        )
        idle_since: float | None = None
        try:
            while not self._closing:
                if not slot.is_ready:
                    await slot.pick_relay()
                claim = slot.pipelined or (self._next_claim() if slot.relay else None)
                slot.pipelined = None
                if claim is None:
                    idle_since = self._steady() if idle_since is None else idle_since
                    await self._idle(slot)
                    if self._steady() - idle_since > IDLE:
                        await slot.disconnect()
                    continue
                idle_since = None
                if slot.session or await self._connect(slot, claim):
                    await self._send(slot, claim)
        finally:
            await slot.disconnect()
            self._work.set()

    def _next_claim(self) -> Claim | None:
        """Returns the next claim that may go; it is under way from now on."""
        if self._fault or self._halted or self._closing:
            return None
        capacity = self._pacer.capacity
        claim = self._pacer.take(self._steady())
        if self._pacer.capacity != capacity:  # others are to overtake those who wait
            self._progress.set()
        return claim

    async def _connect(self, slot: ConnectionSlot, claim: Claim) -> bool:
        """Opens a connection for `claim`. False when there is none: `claim` waits again; with no relay left the send pauses."""
        if await slot.open():
            return True
        self.tally.trouble = self._pool.trouble
        self._pacer.put_back(claim)
        if self._pool.is_exhausted:
            await self._pause_send(self._pool.trouble)
        return False

    async def _idle(self, slot: ConnectionSlot) -> None:
        """Waits until there may be something to send; without a relay, until one is well or bears another connection."""
        if self._closing:
            return
        now = self._steady()
        times = (self._pool.ready_at(now), self._pacer.ready_at(now) if slot.relay else None, now + IDLE)
        self._work.clear()
        self._idling += 1
        try:
            await _wait_for(self._work, max(0.005, min(moment for moment in times if moment is not None) - now))
        finally:
            self._idling -= 1

    async def _send(self, slot: ConnectionSlot, claim: Claim) -> None:
        self.tally.first_at, self.tally.trouble = self._pool.first_at, ""
        try:
            message = slot.message_for(claim)
        except Exception as error:  # noqa: BLE001 - `run` raises it, when the messages under way have ended
            self._fault = error
            self._progress.set()
            return
        try:
            outcome = await slot.deliver(claim, message)
        except asyncio.CancelledError:
            await asyncio.shield(self._on_result(slot, claim, slot.abort(), closed_by_us=True))
            raise
        await self._on_result(slot, claim, outcome)

    # the results

    async def _on_result(
        self, slot: ConnectionSlot, claim: Claim, outcome: Outcome, *, closed_by_us: bool = False
    ) -> None:
        relay = slot.relay
        assert relay
        if outcome.verdict.state is DeliveryState.ACCEPTED:
            self._on_accepted(relay, claim, outcome)
            return
        decision = decide(
            EndedAttempt(
                claim=claim,
                outcome=outcome,
                at=self._now(),
                relay=relay.name,
                relay_has_worked=relay.has_worked,
                is_open=slot.is_open,
                is_first=slot.messages_sent == 1,
                closed_by_us=closed_by_us or outcome.withheld,
                releases=self._releases[claim.delivery_id],
                stopping=self._stopping,
            ),
            retry=self._options.retry,
            chance=self._chance(),
        )
        self._in_doubt = self._in_doubt or outcome.withheld
        if decision.relay_works:
            relay.worked()
        if decision.relay_failed:
            await self._on_relay_failed(relay, outcome)
        if decision.throttles_domain:
            self._pacer.slow(claim, self._steady())
        if decision.throttles_relay:
            relay.window.slow(self._steady())
        if decision.halt:
            await self._pause_send(decision.halt)
        if decision.is_suspect:
            self._releases[claim.delivery_id] += 1
        if decision.settlement is None:
            await self._ledger.release([claim], self._now())
            self._done(claim)
            return
        await self._record(claim, decision.settlement)
        if decision.is_refusal or (decision.is_refusal_if_none_accepted and not self.tally.accepted):
            await self._on_refused(relay, claim, outcome)

    def _on_accepted(self, relay: PooledRelay, claim: Claim, outcome: Outcome) -> None:
        """Most results are this one. Nobody waits for the ledger, for the next `commit` is written behind it."""
        self.tally.accepted += 1
        self._ledger.note(
            Settlement(
                claim.delivery_id,
                claim.attempt,
                DeliveryState.ACCEPTED,
                self._now(),
                claim.opened_at,
                outcome.stage,
                outcome.reply,
                relay=relay.name,
            )
        )
        relay.worked()
        relay.window.ease()
        self._breaker.on_accepted()
        self._done(claim, well=True)

    async def _record(self, claim: Claim, settlement: Settlement) -> None:
        self.tally.count(settlement.state)
        if settlement.next_at is not None:
            self.tally.put_off_until(settlement.next_at)
        await self._ledger.settle(settlement)
        self._done(claim)

    async def _on_relay_failed(self, relay: PooledRelay, outcome: Outcome) -> None:
        """A connection ended with its first message."""
        self._pool.failed(relay)
        is_too_many = outcome.stage is Stage.DOT and self._breaker.on_connection_lost()
        if self._pool.is_exhausted:
            await self._pause_send(self._pool.trouble)
        elif is_too_many:
            lost = self._breaker.lost
            await self._pause_send(f"{relay.name} ended {lost} connections in a row after a message, without a reply")

    async def _on_refused(self, relay: PooledRelay, claim: Claim, outcome: Outcome) -> None:
        if revert := self._breaker.on_refused(claim.delivery_id):
            self.tally.failed -= len(revert)
            await self._pause_send(f"{relay.name} refused {len(revert)} messages in a row{quote(outcome)}", revert)

    def _done(self, claim: Claim, *, well: bool = False) -> None:
        self._pacer.done(claim, well=well)
        self._done_with += 1
        if self._wants_more or not self._pacer.under_way:
            self._progress.set()
        if self._idling and len(self._pacer):
            self._work.set()

    async def _pause_send(self, reason: str, revert: Sequence[int] = ()) -> None:
        """Pauses the send for `reason`; the failed deliveries `revert` become pending again."""
        first = not self._halted
        self._halted = self._halted or reason
        if first or revert:
            await self._ledger.trip(self._halted, revert)
        self._progress.set()


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Waits for `event`; False when it did not come within `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False
