"""Runs a send: claims deliveries, sends their messages over several connections, and records the results until nothing is left.

    Sender(...).run(wait=True) -> RunResult

The claim loop claims ahead of the connection loops. Each of these connects when it has something to send, and closes a
connection that stays idle. Failures of a relay are kept apart from refusals of a recipient: a relay that cannot be reached
backs off and is tried again, a relay that refuses us permanently is excluded, and when none is left the send pauses and no
delivery is marked as failed. `result_policy` and `breaker` decide what a result means; this module acts on it.

Always holds: every claim is recorded or released, also when the run is stopped; no message is marked as sending after the
ledger failed. Raises what the ledger raises, after the messages under way have ended or timed out. When it raises or is
cancelled, the lease holder closes the queue, which releases what was never sent.
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
from mailer.delivery.progress import SendProgress
from mailer.delivery.relay_pool import PooledRelay, PoolOptions, RelayPool
from mailer.delivery.result_policy import EndedAttempt, accepted_result, decide_after_attempt, quote
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_result import RunResult, StopReason
from mailer.delivery.states import TERMINAL, SendState
from mailer.delivery.throttle import RateLimits, Throttle
from mailer.delivery.types import Claim, DeliveryQueue, DeliveryResult
from mailer.relay import Relay
from mailer.smtp.classify import Outcome
from mailer.smtp.session import AttemptResult
from mailer.smtp.stage import Stage

IDLE = 10.0  # seconds after which a connection without work is closed
POLL = 1.0  # seconds between checks whether a send without progress was paused


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """How to run. `drain_patience`: seconds that a stop waits for the messages under way."""

    connections: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    pool: PoolOptions = field(default_factory=PoolOptions)
    limits: RateLimits = field(default_factory=RateLimits)
    messages_per_connection: int = 0  # 0 for no limit
    drain_patience: float = 30


class Sender:
    """One run of one send; not to be used twice. `chance` returns a number in [0, 1).

    `compose` makes the message of a claim. `now` returns seconds since the epoch, for what is recorded and for what is due;
    that clock may be set. `monotonic` never goes back, for what waits within this run: rates, backoffs, idle connections.
    """

    def __init__(
        self,
        *,
        queue: DeliveryQueue,
        compose: Compose,
        relays: Sequence[Relay],
        options: SenderOptions,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._compose = compose
        self._options = options
        self._now = now
        self._monotonic = monotonic
        self._chance = chance
        self._pool = RelayPool(
            relays, connections=options.connections, options=options.pool, now=monotonic, chance=chance
        )
        self._throttle = Throttle(options.limits, connections=options.connections)
        self._breaker = Breaker()
        self._releases: Counter[int] = Counter()
        self._work = asyncio.Event()  # for the connection loops: there is something to send, or nothing ever again
        self._wake_claims = asyncio.Event()  # for the claim loop: there is room for more, or the run is to end
        self._done_count = 0  # claims
        self._idle_loops = 0  # connection loops that wait
        self._closing = False  # no more work for the connection loops
        self._stopping = False
        self._check_status = False  # a message was cancelled, or there is no progress: was the send paused?
        self._halted = ""  # why this run paused the send
        self._fault: Exception | None = None  # in composing a message
        self.progress = SendProgress()

    async def run(self, *, wait: bool) -> RunResult:
        """Sends until the send has ended, was stopped, or (not `wait`) only later deliveries are left."""
        claiming = asyncio.create_task(self._claim_loop(wait=wait), name="claim loop")
        connections = [
            asyncio.create_task(self._connection_loop(), name=f"connection {n}")
            for n in range(self._options.connections)
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
        if left := self._throttle.drain():
            await self._queue.release(left, self._now())
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
        """Ends the run: messages under way have `drain_patience` seconds to end, the rest is released."""
        self._stopping = True
        self._wake_claims.set()

    # claiming

    async def _claim_loop(self, *, wait: bool) -> RunResult:
        try:
            while not (self._stopping or self._halted or self._fault):
                self._wake_claims.clear()
                if self._check_status and (ending := await self._ended_elsewhere()):
                    return ending
                done_count = self._done_count
                claims = await self._queue.claim(self._throttle.free_slots, self._now()) if self._wants_more else ()
                if claims:
                    self.progress.next_at = self.progress.held_until = None
                    self.progress.on_retries_claimed(len([claim for claim in claims if claim.attempt > 1]))
                    self._throttle.add(claims)
                    self._work.set()
                elif len(self._throttle) or self._throttle.under_way:
                    progressed = await _wait_for(self._wake_claims, POLL) or self._done_count != done_count
                    self._check_status = self._check_status or not progressed
                elif ending := await self._when_idle(wait=wait):
                    return ending
        finally:
            self._closing = True
            self._work.set()
        if self._halted:
            return RunResult(end=StopReason.PAUSED, reason=self._halted)
        return RunResult(end=StopReason.STOPPED, reason=self.progress.last_error)

    @property
    def _wants_more(self) -> bool:
        """Whether there is room for enough claims to make a query worth it."""
        return self._throttle.free_slots > self._options.connections

    async def _when_idle(self, *, wait: bool) -> RunResult | None:
        """Nothing is claimed and nothing is due: returns how the run ends, or waits until something may be due."""
        if ending := await self._ended_elsewhere():
            return ending
        if self.progress.next_at is not None and not wait:
            return RunResult(end=StopReason.WAITING, next_at=self.progress.next_at)
        due_in = 0.05 if self.progress.next_at is None else max(0.0, self.progress.next_at - self._now())
        await _wait_for(self._wake_claims, min(POLL, due_in))
        return None

    async def _ended_elsewhere(self) -> RunResult | None:
        """Returns how the run ends if the send has ended or was paused; None if it goes on."""
        self._check_status = False
        status = await self._queue.status()
        self.progress.update(status)
        if status.state in TERMINAL:
            return RunResult(end=StopReason(status.state.value))
        if status.state is SendState.PAUSED:
            return RunResult(end=StopReason.PAUSED, reason=status.reason)
        return None

    # the connections

    async def _connection_loop(self) -> None:
        slot = ConnectionSlot(
            pool=self._pool,
            queue=self._queue,
            compose=self._compose,
            next_claim=self._next_claim,
            messages_per_connection=self._options.messages_per_connection,
        )
        idle_since: float | None = None
        try:
            while not self._closing:
                if not slot.is_ready:
                    await slot.pick_relay()
                claim = slot.pipelined or (self._next_claim() if slot.relay else None)
                slot.pipelined = None
                if claim is None:
                    idle_since = self._monotonic() if idle_since is None else idle_since
                    await self._idle(slot)
                    if self._monotonic() - idle_since > IDLE:
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
        capacity = self._throttle.capacity
        claim = self._throttle.take(self._monotonic())
        if self._throttle.capacity != capacity:  # other domains may overtake
            self._wake_claims.set()
        return claim

    async def _connect(self, slot: ConnectionSlot, claim: Claim) -> bool:
        """Opens a connection for `claim`. False if that fails: `claim` is requeued; with no relay left the send pauses."""
        if await slot.open():
            return True
        self.progress.last_error = self._pool.last_error
        self._throttle.requeue(claim)
        if self._pool.is_exhausted:
            await self._pause_send(self._pool.last_error)
        return False

    async def _idle(self, slot: ConnectionSlot) -> None:
        """Waits until there may be something to send; without a relay, until one may be available."""
        if self._closing:
            return
        now = self._monotonic()
        times = (self._pool.ready_at(now), self._throttle.ready_at(now) if slot.relay else None, now + IDLE)
        self._work.clear()
        self._idle_loops += 1
        try:
            await _wait_for(self._work, max(0.005, min(moment for moment in times if moment is not None) - now))
        finally:
            self._idle_loops -= 1

    async def _send(self, slot: ConnectionSlot, claim: Claim) -> None:
        self.progress.first_at, self.progress.last_error = self._pool.first_at, ""
        try:
            message = slot.message_for(claim)
        except Exception as error:  # noqa: BLE001 - `run` raises it after the messages under way have ended
            self._fault = error
            self._wake_claims.set()
            return
        try:
            result = await slot.deliver(claim, message)
        except asyncio.CancelledError:
            await self._on_result_to_the_end(slot, claim, slot.abort(), closed_by_us=True)
            raise
        await self._on_result_to_the_end(slot, claim, result)

    # the results

    async def _on_result_to_the_end(
        self, slot: ConnectionSlot, claim: Claim, result: AttemptResult, *, closed_by_us: bool = False
    ) -> None:
        """`_on_result`, which ends even if this loop is cancelled: until it has, `run` would release a message that was sent."""
        handling = asyncio.ensure_future(self._on_result(slot, claim, result, closed_by_us=closed_by_us))
        try:
            await asyncio.shield(handling)
        except asyncio.CancelledError:
            await handling
            raise

    async def _on_result(
        self, slot: ConnectionSlot, claim: Claim, result: AttemptResult, *, closed_by_us: bool = False
    ) -> None:
        relay = slot.relay
        assert relay
        if result.classification.outcome is Outcome.ACCEPTED:
            self._on_accepted(relay, claim, result)
            return
        decision = decide_after_attempt(
            EndedAttempt(
                claim=claim,
                result=result,
                at=self._now(),
                relay=relay.name,
                relay_has_worked=relay.has_worked,
                is_open=slot.is_open,
                is_first=slot.messages_sent == 1,
                closed_by_us=closed_by_us or result.cancelled,
                releases=self._releases[claim.delivery_id],
                stopping=self._stopping,
            ),
            retry=self._options.retry,
            chance=self._chance(),
        )
        self._check_status = self._check_status or result.cancelled
        if decision.relay_works:
            relay.on_success()
        if decision.relay_failed:
            await self._on_relay_failed(relay, result)
        if decision.throttles_domain:
            self._throttle.on_throttle(claim, self._monotonic())
        if decision.throttles_relay:
            relay.window.on_throttle(self._monotonic())
        if decision.halt:
            await self._pause_send(decision.halt)
        if decision.is_suspect:
            self._releases[claim.delivery_id] += 1
        if decision.result is None:
            await self._queue.release([claim], self._now())
            self._done(claim)
            return
        await self._record(claim, decision.result)
        if decision.is_refusal or (decision.is_refusal_if_none_accepted and not self.progress.accepted):
            await self._on_refused(relay, claim, result)

    def _on_accepted(self, relay: PooledRelay, claim: Claim, result: AttemptResult) -> None:
        """Records an acceptance, the usual result. Nothing waits for the ledger: it writes it before the next `begin_sending`."""
        self.progress.accepted += 1
        self._queue.record_nowait(accepted_result(claim, result, at=self._now(), relay=relay.name))
        relay.on_success()
        relay.window.on_success()
        self._breaker.on_accepted()
        self._done(claim, accepted=True)

    async def _record(self, claim: Claim, result: DeliveryResult) -> None:
        self.progress.count(result.state)
        if result.next_at is not None:
            self.progress.put_off_until(result.next_at)
        await self._queue.record(result)
        self._done(claim)

    async def _on_relay_failed(self, relay: PooledRelay, result: AttemptResult) -> None:
        """A connection ended with its first message."""
        self._pool.on_failure(relay)
        is_too_many = result.stage is Stage.END_OF_DATA and self._breaker.on_connection_lost()
        if self._pool.is_exhausted:
            await self._pause_send(self._pool.last_error)
        elif is_too_many:
            lost = self._breaker.lost
            await self._pause_send(f"{relay.name} ended {lost} connections in a row after a message, without a reply")

    async def _on_refused(self, relay: PooledRelay, claim: Claim, result: AttemptResult) -> None:
        if revert := self._breaker.on_refused(claim.delivery_id):
            self.progress.failed -= len(revert)
            await self._pause_send(f"{relay.name} refused {len(revert)} messages in a row{quote(result)}", revert)

    def _done(self, claim: Claim, *, accepted: bool = False) -> None:
        self._throttle.done(claim, accepted=accepted)
        self._done_count += 1
        if self._wants_more or not self._throttle.under_way:
            self._wake_claims.set()
        if self._idle_loops and len(self._throttle):
            self._work.set()

    async def _pause_send(self, reason: str, revert: Sequence[int] = ()) -> None:
        """Pauses the send for `reason`; the failed deliveries `revert` become pending again."""
        first = not self._halted
        self._halted = self._halted or reason
        if first or revert:
            await self._queue.trip_breaker(self._halted, revert)
        self._wake_claims.set()


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Waits for `event`; False if it was not set within `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False
