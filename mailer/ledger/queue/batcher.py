"""Batches what the connections of one send ask of its ledger: many requests, one transaction.

    DeliveryBatcher    the requests of one owned send: claim, commit, may_send, note, settle, release
    DeliveryBatch      all requests since the last commit, as a Job of the writer

Every answer is durable when it is given. A commit costs the same for one message as for ten: so the writer is given a batch when
half of the connections wait for it, and at the latest SPACING after the batch before.

The send's row is read, and locked, once a batch: its state and epoch hold until the commit. Settlements are evidence and are
written whoever owns the send, as are releases, which find nothing of theirs once another process has it; commits and claims are
for the owner of the send. No delivery is committed while the ledger lacks the settlement of one that left before it.

All but `flush`, `take_unsaved`, `close_batch` and `on_written` is for one event loop at a time: the one before has to be closed.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.delivery.types import Claim, DeliveryResult
from mailer.delivery.warmup import WarmUp
from mailer.ledger.queue.claims import begin_sending, claim, release
from mailer.ledger.queue.results import record_accepted, record_results
from mailer.ledger.sends.sends import GOING, finish_cancelling
from mailer.ledger.sends.warmup import quota, record_sent
from mailer.ledger.store.context import LedgerContext, SendLock
from mailer.ledger.store.fastsql import CompiledStatement, param
from mailer.ledger.store.tables import send
from mailer.ledger.types.errors import FencedError, LedgerError

SPACING = 0.003  # seconds between two commits, unless half of the connections wait for one


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A connection asks for up to `limit` deliveries that are due at `now`."""

    limit: int
    now: float

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("a connection claims at least one")


class DeliveryBatcher:
    """The requests of one send, which this process owns by `lock`, under `epoch`."""

    def __init__(
        self, context: LedgerContext, send_id: int, epoch: int, lock: SendLock, *, resend_uncertain: bool
    ) -> None:
        self.send_id = send_id
        self.epoch = epoch
        self.lock = lock
        self.warmup = context.warmup
        self.resend_uncertain = resend_uncertain
        self.in_flight: dict[
            int, int
        ] = {}  # the attempts that may have left (Attempts): the writer's thread changes it
        self.unsaved: list[DeliveryResult] = []  # of batches that failed; the writer's thread may look at it as it is
        self._writer = context.writer
        self._loop: asyncio.AbstractEventLoop | None = None  # in which the requests of the open batch wait
        self._has_timer = False  # a timer of that loop will flush
        self._flushed_at = 0.0
        self._gate = threading.Lock()  # on what follows
        self._batch: DeliveryBatch | None = None  # which takes new requests
        self._unsubmitted: DeliveryBatch | None = None  # the same, as long as the writer has not been given it
        self._failure: BaseException | None = None  # of something noted, until a request raises it

    async def claim(self, limit: int, now: float) -> Sequence[Claim]:
        """Take up to `limit` due deliveries, retries first; empty when none is due or the send is not running.

        Raises FencedError.
        """
        request = ClaimRequest(limit, now)
        self.raise_failure()
        with self._gate:
            batch = self._open()
            future: asyncio.Future[Sequence[Claim]] = batch.loop.create_future()
            batch.claims.append((request, future))
        self.flush_soon()
        return await future

    async def begin_sending(self, claim: Claim) -> bool:
        """Make `committing` durable; False: this message may not be sent."""
        self.raise_failure()
        with self._gate:
            batch = self._open()
            future: asyncio.Future[bool] = batch.loop.create_future()
            batch.commits.append((claim, future))
        self.flush_soon()
        return await future and self.lock.held

    def may_send(self, claim: Claim) -> bool:
        """Whether a committed message may still be sent, asked immediately before its end of DATA: nothing is awaited.

        False when the ownership has run out meanwhile, for this process was stopped, or the ledger could not be reached.
        """
        return self.lock.held and self.in_flight.get(claim.delivery_id) == claim.attempt

    def record_nowait(self, delivery_result: DeliveryResult) -> None:
        """Record how an attempt ended, with the next batch and before any later commit; nobody waits for it.

        What goes wrong with it is raised by the next request. Only within the event loop.
        """
        with self._gate:
            self._open().results.append(delivery_result)
        if not self._has_timer:
            self.flush_soon()

    async def record(self, delivery_result: DeliveryResult) -> None:
        """The same, done when durable. Raises IllegalTransitionError if the message was not committed before it was sent."""
        with self._gate:
            batch = self._open()
            future: asyncio.Future[None] = batch.loop.create_future()
            batch.awaited.append((len(batch.results), future))
            batch.results.append(delivery_result)
        self.flush_soon()
        await future

    async def release(self, claims: Sequence[Claim], at: float) -> None:
        """Give back claims that left nothing on the wire: to pending, the attempt uncounted."""
        if not claims:
            return
        with self._gate:
            batch = self._open()
            future: asyncio.Future[None] = batch.loop.create_future()
            batch.releases.append((claims, at, future))
        self.flush_soon()
        await future

    def raise_failure(self) -> None:
        """Raises, once, what went wrong with something noted."""
        if self._failure is None:
            return
        with self._gate:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def flush_soon(self) -> None:
        """Gives the writer the open batch when it is due: now, or by a timer."""
        batch = self._unsubmitted
        if batch is None or self._loop is None:
            return
        patience = self._flushed_at + SPACING - time.monotonic()
        if patience <= 0 or batch.is_full:
            self.flush()
        elif not self._has_timer:
            self._has_timer = True
            self._loop.call_later(patience, self._on_timer)

    def flush(self) -> None:
        """Give the writer the open batch, if it does not have it yet; of any thread."""
        with self._gate:
            failed = self._submit()
        if failed:
            batch, error = failed
            batch.finish(error)  # those who wait for it must hear of it

    def take_unsaved(self) -> list[DeliveryResult]:
        """Hands over the settlements that earlier batches failed to write."""
        with self._gate:
            left, self.unsaved = self.unsaved, []
        return left

    def close_batch(self, batch: "DeliveryBatch") -> None:
        """Let no more requests into `batch`: it is being written."""
        with self._gate:
            if self._batch is batch:
                self._batch = None

    def on_written(self, batch: "DeliveryBatch", error: BaseException | None) -> None:
        """`batch` is durable, or failed: then keep its settlements for the next one, and raise the error at the next request."""
        with self._gate:
            if error is None:
                self._failure = batch.error or self._failure
            else:
                self.unsaved += batch.results
                self._failure = error if len(batch.awaited) < len(batch.results) else self._failure

    def _on_timer(self) -> None:
        self._has_timer = False
        self.flush_soon()

    def _open(self) -> "DeliveryBatch":
        """The batch that takes new requests; under the gate."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._bind_loop()
        batch = self._batch
        if batch is None:
            batch = self._batch = self._unsubmitted = DeliveryBatch(self, loop)
        return batch

    def _bind_loop(self) -> asyncio.AbstractEventLoop:
        """Use the running loop from now on; nobody waits in the one before, which is closed."""
        if failed := self._submit():
            self.unsaved += failed[0].results
        self._batch = None
        self._has_timer = False
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _submit(self) -> "tuple[DeliveryBatch, LedgerError] | None":
        """Under the gate, so that whoever finds nothing left to submit can rely on it. What could not be, and why."""
        batch, self._unsubmitted = self._unsubmitted, None
        if batch is None:
            return None
        self._flushed_at = time.monotonic()
        try:
            self._writer.submit(batch)
        except LedgerError as error:
            return batch, error
        return None


class DeliveryBatch:
    """The requests that share one transaction; a Job of the writer, which takes all that are in it when it begins."""

    is_repeatable = True
    is_hot = True

    def __init__(self, batcher: DeliveryBatcher, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop  # in which those wait that ask for an answer
        self._batcher = batcher
        self._in_flight = batcher.in_flight
        self.results: list[DeliveryResult] = []
        self.awaited: list[tuple[int, asyncio.Future[None]]] = []  # those who wait for the settlement at that place
        self.commits: list[tuple[Claim, asyncio.Future[bool]]] = []
        self.releases: list[tuple[Sequence[Claim], float, asyncio.Future[None]]] = []
        self.claims: list[tuple[ClaimRequest, asyncio.Future[Sequence[Claim]]]] = []
        self._is_fenced = False
        self._errors: dict[int, Exception] = {}  # of settlements, by their place
        self._committed: dict[int, int] = {}
        self._claimed: list[Claim] = []

    @property
    def is_full(self) -> bool:
        """Whether as many wait for it as have a message on the wire: who comes back from there makes the next batch."""
        on_the_wire = len(self._in_flight) - len(self.results)
        return len(self.commits) + len(self.awaited) >= on_the_wire

    @property
    def error(self) -> Exception | None:
        """The first error among settlements that nobody waits for."""
        awaited = {place for place, _ in self.awaited}
        return next((error for place, error in self._errors.items() if place not in awaited), None)

    def run(self, conn: Connection) -> None:
        batcher, send_id = self._batcher, self._batcher.send_id
        batcher.close_batch(self)
        self.results += batcher.take_unsaved()  # so none is committed while the ledger lacks one that left before it
        self._errors, self._committed, self._claimed = {}, {}, []
        state, epoch, cancelling, begun_at, settled_at, kind = _SEND.run(conn, send_id).fetchone()
        self._is_fenced = epoch != batcher.epoch
        gone, at, warmup = 0, 0.0, WarmUp() if kind == SendKind.TEST else batcher.warmup
        if self.results:
            at = max([delivery_result.at for delivery_result in self.results])
            gone = self._settle(conn, at)
            is_last = not self.commits  # as far as we know; of many a second, one tells the time well enough
            if settled_at is None or settled_at + (0 if is_last else 1) < at:
                _SETTLED.run(conn, at, send_id)
            if cancelling:
                finish_cancelling(conn, send_id, at=at)
        if self.commits and not self._is_fenced and state == SendState.RUNNING:
            wanted = {each.delivery_id: each.attempt for each, _ in self.commits if not self._is_in_flight(each)}
            self._committed = begin_sending(conn, wanted)
        for claims, released_at, _ in self.releases:
            release(conn, send_id, claims, at=released_at)
        record_sent(conn, warmup, gone, at)  # others wait for their turn from here to the commit
        if self.claims and not self._is_fenced and state in GOING:
            now = max(request.now for request, _ in self.claims)
            if limit := quota(conn, warmup, sum(request.limit for request, _ in self.claims), now):
                self._claimed = claim(conn, send_id, limit, now)
            if self._claimed and (state != SendState.RUNNING or begun_at is None):
                begun = {"state": SendState.RUNNING, "begun_at": func.coalesce(send.c.begun_at, now)}
                conn.execute(update(send).where(send.c.id == send_id).values(begun))

    def finish(self, error: BaseException | None) -> None:
        self._batcher.close_batch(self)  # it may never have run
        if error is None:
            self._returned(self.results)
            self._in_flight.update(self._committed)
            for claims, _, _ in self.releases:
                self._returned(claims)
        self._batcher.on_written(self, error)
        if self.awaited or self.commits or self.releases or self.claims:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._resolve, error)

    def _is_in_flight(self, each: Claim | DeliveryResult) -> bool:
        return self._in_flight.get(each.delivery_id) == each.attempt

    def _returned(self, attempts: Sequence[Claim | DeliveryResult]) -> None:
        for each in attempts:
            if self._is_in_flight(each):
                del self._in_flight[each.delivery_id]

    def _settle(self, conn: Connection, at: float) -> int:
        """The quick way for acceptances of what is ours and in flight, the careful way for the rest. How many left."""
        quick: dict[int, DeliveryResult] = {}
        careful: list[DeliveryResult] = []
        for each in self.results:
            if each.state is DeliveryState.ACCEPTED and self._is_in_flight(each) and each.delivery_id not in quick:
                quick[each.delivery_id] = each
            else:
                careful.append(each)
        gone = 0
        if quick:
            left = record_accepted(conn, list(quick.values()), at=at)
            gone = len(quick) - len(left)
            careful += left
        if careful:
            settled = record_results(
                conn, self._batcher.send_id, careful, resend_uncertain=self._batcher.resend_uncertain
            )
            wrong = {id(each): error for each, error in zip(careful, settled.errors, strict=True) if error}
            self._errors = {n: wrong[id(each)] for n, each in enumerate(self.results) if id(each) in wrong}
            gone += settled.sent
        return gone

    def _resolve(self, error: BaseException | None) -> None:
        """Answer those who wait; in their loop."""
        for place, settled in self.awaited:
            _set(settled, None, error or self._errors.get(place))
        for each, allowed in self.commits:  # a message is committed once
            _set(allowed, self._committed.pop(each.delivery_id, None) == each.attempt, error)
        for _, _, released in self.releases:
            _set(released, None, error)
        start = 0
        fence = fenced_error(self._batcher.send_id) if self._is_fenced else None
        for request, share in self.claims:
            _set(share, tuple(self._claimed[start : start + request.limit]), error or fence)
            start += request.limit
        self._batcher.flush_soon()


def fenced_error(send_id: int) -> FencedError:
    return FencedError(f"Another process has taken over send {send_id}.", f"See: mailer status {send_id}")


def _set(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return  # its waiter was cancelled
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


_SEND = CompiledStatement(
    select(send.c.state, send.c.epoch, send.c.cancelling, send.c.begun_at, send.c.settled_at, send.c.kind)
    .where(send.c.id == param("send"))
    .with_for_update(key_share=True),
    "send",
)
_SETTLED = CompiledStatement(
    update(send).where(send.c.id == param("send")).values(settled_at=param("at", 0.0)), "at", "send"
)
