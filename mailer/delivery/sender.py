"""Runs a send: claims deliveries, sends their messages over several connections, and records the results until nothing is left.

    Sender(...).run(wait=True) -> RunResult

The claim loop claims ahead of the connection loops. Each of these connects when it has something to send, and closes a
connection that stays idle. Failures of a relay are kept apart from refusals of a recipient: a relay that cannot be reached, or
asks us to wait, backs off and is tried again, a relay that refuses us permanently is excluded, and when none is left the send
pauses and no delivery is marked as failed. A message goes to a relay that supports what it needs. `result_policy` and `breaker`
decide what a result means; this module acts on it.

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

from mailer.delivery.breaker import Refusal
from mailer.delivery.connection_slot import Compose, ConnectionSlot
from mailer.delivery.limit_share import NOTHING, Share
from mailer.delivery.queue_port import Claim, DeliveryQueue, DeliveryResult
from mailer.delivery.relay_pool import PooledRelay, PoolOptions, RelayPool
from mailer.delivery.result_policy import (
    EndedAttempt,
    ResultDecision,
    accepted_result,
    decide_after_attempt,
    quote,
)
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.run_result import RunResult, StopReason
from mailer.delivery.states import TERMINAL, SendState
from mailer.delivery.throttle import RateLimits, Throttle, provider_of
from mailer.mime.composer import Message
from mailer.relay import Relay
from mailer.smtp.classify import Outcome
from mailer.smtp.refusal_reason import generic_words
from mailer.smtp.session import AttemptResult
from mailer.smtp.stage import Stage

IDLE = 10.0  # seconds after which a connection without work is closed
POLL = 1.0  # seconds between checks whether a send without progress was paused
SHARE_EVERY = 0.25  # seconds between two looks at what is due of the limits


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
    `progress`: that of a run before this one, which goes on.
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
        progress: SendProgress | None = None,
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
        self._share = NOTHING
        self._use_share(NOTHING)
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
        self.progress = progress or SendProgress()

    async def run(self, *, wait: bool) -> RunResult:
        """Sends until the send has ended, was stopped, or (not `wait`) only later deliveries are left."""
        await self._share_limits()
        claiming = asyncio.create_task(self._claim_loop(wait=wait), name="claim loop")
        sharing = asyncio.create_task(self._share_loop(), name="share loop")
        connections = [
            asyncio.create_task(self._connection_loop(), name=f"connection {n}")
            for n in range(self._options.connections)
        ]
        try:
            # the claim loop ends first, unless another loop fails
            await asyncio.wait([claiming, sharing, *connections], return_when=asyncio.FIRST_COMPLETED)
            if not claiming.done() or claiming.exception():
                self._stopping = True
                claiming.cancel()
                await asyncio.wait([claiming])
            await self._drain(connections)
        finally:
            for task in (claiming, sharing, *connections):
                task.cancel()
            results = await asyncio.gather(claiming, sharing, *connections, return_exceptions=True)
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

    async def _share_loop(self) -> None:
        """Shares the limits of the settings with all others that send."""
        while True:
            await asyncio.sleep(SHARE_EVERY)
            await self._share_limits()
            self._work.set()

    async def _share_limits(self) -> None:
        """Takes the part of the limits that is due, once no message under way needs more than is kept of the former part."""
        fair = await self._queue.fair_share()
        if fair == self._share:
            return
        kept = self._share.within(fair)
        self._use_share(kept)
        if not (self._pool.is_overfull or self._throttle.is_above_share):
            self._share = await self._queue.take_share(kept)
            self._use_share(self._share)

    def _use_share(self, share: Share) -> None:
        self._throttle.use_share(share)
        self._pool.use_share(share)

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
        if self.progress.unreachable_since is None and not self._pool.has_session:
            self.progress.unreachable_since = self._now()
        self._throttle.requeue(claim)
        await self._note_exclusions()
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
        self.progress.unreachable_since = None
        try:
            message = slot.message_for(claim)
        except Exception as error:  # noqa: BLE001 - `run` raises it after the messages under way have ended
            self._fault = error
            self._wake_claims.set()
            return
        relay = slot.relay
        assert relay
        try:
            result = await slot.deliver(claim, message)
            while result.classification.lacks and (other := await self._change_relay(slot, relay, message)):
                relay = other
                result = await slot.deliver(claim, message)
        except asyncio.CancelledError:
            await self._on_result_to_the_end(slot, relay, claim, slot.abort(), closed_by_us=True)
            raise
        may_suit_another = result.classification.lacks is not None and self._pool.may_suit(message, but=relay)
        await self._on_result_to_the_end(slot, relay, claim, result, may_suit_another=may_suit_another)

    async def _change_relay(self, slot: ConnectionSlot, relay: PooledRelay, message: Message) -> PooledRelay | None:
        """Connects to a relay that may accept `message`, which `relay` does not, and returns it; None: none is available."""
        if slot.session:
            relay.learn(slot.session)
        if not self._pool.may_suit(message, but=relay):
            return None
        return slot.relay if await slot.change_relay(message) else None

    # the results

    async def _on_result_to_the_end(
        self,
        slot: ConnectionSlot,
        relay: PooledRelay,
        claim: Claim,
        result: AttemptResult,
        *,
        closed_by_us: bool = False,
        may_suit_another: bool = False,
    ) -> None:
        """`_on_result`, which ends even if this loop is cancelled: until it has, `run` would release a message that was sent."""
        if result.classification.outcome is Outcome.ACCEPTED:  # the usual result, which waits for nothing
            slot.on_accepted()
            self._on_accepted(relay, claim, result, slot.refused_before)
            return
        attempt = EndedAttempt(
            claim=claim,
            result=result,
            at=self._now(),
            relay=relay.name,
            relay_has_worked=relay.has_worked,
            relay_has_accepted=relay.has_accepted,
            relay_accepts=relay.accepts_but(claim.delivery_id),
            relay_accepts_other_domains=relay.accepts_but_domain(provider_of(claim.address)),
            is_open=slot.is_open,
            is_first=slot.messages_sent == 1,
            closed_by_us=closed_by_us or result.cancelled,
            releases=self._releases[claim.delivery_id],
            stopping=self._stopping,
            may_suit_another=may_suit_another,
        )
        handling = asyncio.ensure_future(self._on_result(slot, relay, attempt))
        try:
            await asyncio.shield(handling)
        except asyncio.CancelledError:
            await handling
            raise

    async def _on_result(self, slot: ConnectionSlot, relay: PooledRelay, attempt: EndedAttempt) -> None:
        """Acts on an attempt that did not end with an acceptance."""
        claim, result = attempt.claim, attempt.result
        decision = decide_after_attempt(attempt, retry=self._options.retry, chance=self._chance())
        self._check_status = self._check_status or result.cancelled
        if decision.relay_works:
            relay.on_success()
        await self._act_on_relay(slot, relay, attempt, decision)
        if decision.throttles_domain:
            self._throttle.on_throttle(claim, self._monotonic())
        if decision.halt:
            await self._pause_send(decision.halt)
        if decision.is_suspect:
            self._releases[claim.delivery_id] += 1
        if decision.result is None:
            await self._queue.release([claim], self._now())
            self._done(claim)
        else:
            await self._record(claim, decision.result)
        if decision.is_refusal:
            await self._on_refused(relay, attempt, decision)

    async def _act_on_relay(
        self, slot: ConnectionSlot, relay: PooledRelay, attempt: EndedAttempt, decision: ResultDecision
    ) -> None:
        """Does what a result means for its relay."""
        claim, classification = attempt.claim, attempt.result.classification
        if decision.on_new_connection:
            slot.reconnect()
        if decision.on_new_connection or classification.relay_waits:
            reason = f"{classification.reason}{quote(attempt.result)}"
            waited = relay.on_wait(claim.delivery_id, provider_of(claim.address), self._monotonic())
            if decision.on_new_connection and waited > self._options.retry.lifetime:
                await self._exclude(relay, f"accepts nothing any more: {reason}")
            if decision.relay_waits or decision.relay_failed:
                self.progress.last_error = f"{relay.name}: {reason}"
        if decision.relay_waits:
            relay.on_failure(self._monotonic())
        if decision.relay_failed:
            await self._on_relay_failed(relay, attempt.result)
        if decision.throttles_relay:
            relay.window.on_throttle(self._monotonic())
        if decision.exclude_relay:
            await self._exclude(relay, decision.exclude_relay)

    def _on_accepted(self, relay: PooledRelay, claim: Claim, result: AttemptResult, refused_before: int) -> None:
        """Records an acceptance, the usual result. Nothing waits for the ledger: it writes it before the next `begin_sending`."""
        self.progress.accepted += 1
        self._queue.record_nowait(accepted_result(claim, result, at=self._now(), relay=relay.name))
        relay.on_accepted(refused_before)
        self._done(claim, accepted=True)

    async def _record(self, claim: Claim, result: DeliveryResult) -> None:
        self.progress.count(result.state)
        if result.next_at is not None:
            self.progress.put_off_until(result.next_at)
        await self._queue.record(result)
        self._done(claim)

    async def _on_relay_failed(self, relay: PooledRelay, result: AttemptResult) -> None:
        """A connection ended with its first message."""
        self._pool.on_failure(relay, quote(result))
        if result.stage is Stage.END_OF_DATA and not result.reply and relay.breaker.on_connection_lost():
            await self._exclude(
                relay, f"ended {relay.breaker.lost} connections in a row after a message, without a reply"
            )
        else:
            await self._note_exclusions()

    async def _on_refused(self, relay: PooledRelay, attempt: EndedAttempt, decision: ResultDecision) -> None:
        """Excludes a relay that refuses us, and takes its refusals back."""
        claim, reply = attempt.claim, attempt.result.reply
        words = generic_words(reply.text, claim.address) if reply else ""
        revert = relay.breaker.on_refused(
            Refusal(
                delivery_id=None if decision.result is None else claim.delivery_id,
                domain=provider_of(claim.address),
                words=words,
                is_about_us=decision.is_about_us,
                is_about_recipient=attempt.result.classification.is_about_recipient,
            )
        )
        if revert is not None:
            self.progress.failed -= len(revert)
            await self._exclude(
                relay, f"refused {relay.breaker.count} messages in a row{quote(attempt.result)}", revert
            )

    async def _exclude(self, relay: PooledRelay, reason: str, revert: Sequence[int] = ()) -> None:
        """Excludes `relay` from this run; the others continue. The failed deliveries `revert` become pending again."""
        self._pool.exclude(relay, reason)
        if revert and not self._pool.is_exhausted:
            await self._queue.take_back(f"{relay.name} {reason}", revert)
        await self._note_exclusions(revert)

    async def _note_exclusions(self, revert: Sequence[int] = ()) -> None:
        """Shows which relays are excluded; with none left, the send pauses."""
        self.progress.excluded_relays = self._pool.excluded
        if self._pool.is_exhausted:
            await self._pause_send("; ".join(self._pool.excluded), revert)

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
