"""Batches what the connections of one shard ask of its ledger: many requests, one transaction.

    DeliveryBatcher    the requests of one shard: claim, begin_sending, may_send, record, record_nowait, release
    DeliveryBatch      all requests since the last commit, as a Job of the writer

Every answer is durable when it is given. A commit costs the same for one message as for ten: so the writer gets a batch when
half of the connections wait for it, and at the latest SPACING after the batch before.

Each batch shares the lock of the send, so that its state holds until the commit, and locks the row of the shard, so that its
fencing token does. A batch that may change the state of the send holds its lock alone. Results are always
written. Marks and claims need the fencing token. Releases need none: a row that another process took over matches no more. No
delivery is marked as sending while the ledger lacks the result of one that was sent before it.

Everything but `flush`, `take_unsaved`, `close_batch` and `on_written` is for one event loop at a time, the former one closed.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from mailer.delivery.queue_port import Claim, DeliveryResult
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.delivery.warmup import WarmUp
from mailer.ledger.queue.claims import begin_sending, claim, release
from mailer.ledger.queue.results import record_accepted, record_results
from mailer.ledger.sends.sends import GOING, finish_cancelling
from mailer.ledger.sends.shards import is_row_of, reopen_shard
from mailer.ledger.sends.warmup_quota import quota, record_sent
from mailer.ledger.store.advisory_lock import lock_send_alone, share_send_lock
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.ledger_context import LedgerContext, SendLock
from mailer.ledger.store.tables import send, send_shard
from mailer.ledger.types.errors import FencedError, LedgerError
from mailer.ledger.types.shards import Shard

SPACING = 0.003  # seconds between two commits, unless half of the connections wait for one


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The request for up to `limit` deliveries that are due at `now`."""

    limit: int
    now: float

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("a request claims at least one")


class DeliveryBatcher:
    """The requests of one shard, which this process holds by `lock`, under `fencing_token`."""

    def __init__(
        self, context: LedgerContext, shard: Shard, fencing_token: int, lock: SendLock, *, resend_uncertain: bool
    ) -> None:
        self.shard = shard
        self.send_id = shard.send_id
        self.fencing_token = fencing_token
        self.lock = lock
        self.warmup = context.warmup
        self.resend_uncertain = resend_uncertain
        self.is_under_way = False  # the send has begun and runs: its state need not be changed; for the writer's thread
        # Attempts that may have been sent, by delivery; changed in the writer's thread
        self.in_flight: dict[int, int] = {}
        self.unsaved: list[DeliveryResult] = []  # results of batches that failed; the writer's thread may read it
        self._writer = context.writer
        self._loop: asyncio.AbstractEventLoop | None = None  # in which the requests of the open batch wait
        self._has_timer = False  # a timer of that loop will flush
        self._flushed_at = 0.0
        self._gate = threading.Lock()  # guards the three attributes below
        self._batch: DeliveryBatch | None = None  # takes new requests
        self._unsubmitted: DeliveryBatch | None = None  # the same batch until the writer gets it
        self._failure: BaseException | None = None  # of a result that nobody waits for, until a request raises it

    async def claim(self, limit: int, now: float) -> Sequence[Claim]:
        """Claims up to `limit` due deliveries, retries first; empty when none is due or the send is not running.

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
        """Makes the state `sending` durable; False: this message may not be sent."""
        self.raise_failure()
        with self._gate:
            batch = self._open()
            future: asyncio.Future[bool] = batch.loop.create_future()
            batch.marks.append((claim, future))
        self.flush_soon()
        return await future and self.lock.held

    def may_send(self, claim: Claim) -> bool:
        """Whether a message marked as sending may still be sent: asked immediately before its end of DATA, awaits nothing.

        False when the lease has expired meanwhile, because this process was stopped or the ledger could not be reached.
        """
        return self.lock.held and self.in_flight.get(claim.delivery_id) == claim.attempt

    def record_nowait(self, delivery_result: DeliveryResult) -> None:
        """Records a result with the next batch and before any later mark; nobody waits for it.

        An error is raised by the next request. Only within the event loop.
        """
        with self._gate:
            self._open().results.append(delivery_result)
        if not self._has_timer:
            self.flush_soon()

    async def record(self, delivery_result: DeliveryResult) -> None:
        """Records a result; done when durable. Raises IllegalTransitionError if the message was not marked before it was sent."""
        with self._gate:
            batch = self._open()
            future: asyncio.Future[None] = batch.loop.create_future()
            batch.awaited.append((len(batch.results), future))
            batch.results.append(delivery_result)
        self.flush_soon()
        await future

    async def release(self, claims: Sequence[Claim], at: float) -> None:
        """Releases claims of which nothing was sent: to pending, the attempt uncounted."""
        if not claims:
            return
        with self._gate:
            batch = self._open()
            future: asyncio.Future[None] = batch.loop.create_future()
            batch.releases.append((claims, at, future))
        self.flush_soon()
        await future

    def raise_failure(self) -> None:
        """Raises, once, the error of a result that nobody waited for."""
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
        delay = self._flushed_at + SPACING - time.monotonic()
        if delay <= 0 or batch.is_full:
            self.flush()
        elif not self._has_timer:
            self._has_timer = True
            self._loop.call_later(delay, self._on_timer)

    def flush(self) -> None:
        """Gives the writer the open batch, if it does not have it yet; from any thread."""
        with self._gate:
            failed = self._submit()
        if failed:
            batch, error = failed
            batch.finish(error)

    def take_unsaved(self) -> list[DeliveryResult]:
        """Returns, and forgets, the results that earlier batches failed to write."""
        with self._gate:
            left, self.unsaved = self.unsaved, []
        return left

    def close_batch(self, batch: "DeliveryBatch") -> None:
        """Closes `batch` for new requests: it is being written."""
        with self._gate:
            if self._batch is batch:
                self._batch = None

    def on_written(self, batch: "DeliveryBatch", error: BaseException | None) -> None:
        """Takes note that `batch` is durable, or keeps its results for the next one; the error is raised by the next request."""
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
        """Returns the batch that takes new requests; under the gate."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._bind_loop()
        batch = self._batch
        if batch is None:
            batch = self._batch = self._unsubmitted = DeliveryBatch(self, loop)
        return batch

    def _bind_loop(self) -> asyncio.AbstractEventLoop:
        """Uses the running loop from now on; nothing waits in the one before, which is closed."""
        if failed := self._submit():
            self.unsaved += failed[0].results
        self._batch = None
        self._has_timer = False
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _submit(self) -> "tuple[DeliveryBatch, LedgerError] | None":
        """Submits the open batch, under the gate; returns the batch and the error if that failed."""
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
    """The requests that share one transaction; a Job of the writer, which includes all requests until it runs."""

    is_repeatable = True
    is_hot = True

    def __init__(self, batcher: DeliveryBatcher, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop  # in which the requests wait
        self._batcher = batcher
        self._in_flight = batcher.in_flight
        self.results: list[DeliveryResult] = []
        self.awaited: list[tuple[int, asyncio.Future[None]]] = []  # by the index of their result
        self.marks: list[tuple[Claim, asyncio.Future[bool]]] = []
        self.releases: list[tuple[Sequence[Claim], float, asyncio.Future[None]]] = []
        self.claims: list[tuple[ClaimRequest, asyncio.Future[Sequence[Claim]]]] = []
        self._is_fenced = False
        self._errors: dict[int, Exception] = {}  # of results, by their index
        self._marked: dict[int, int] = {}
        self._claimed: list[Claim] = []

    @property
    def is_full(self) -> bool:
        """Whether at least as many connections wait for it as are still sending; the rest make the next batch."""
        being_sent = len(self._in_flight) - len(self.results)
        return len(self.marks) + len(self.awaited) >= being_sent

    @property
    def error(self) -> Exception | None:
        """The first error among results that nobody waits for."""
        awaited = {place for place, _ in self.awaited}
        return next((error for place, error in self._errors.items() if place not in awaited), None)

    def run(self, conn: Connection) -> None:
        batcher, send_id, shard = self._batcher, self._batcher.send_id, self._batcher.shard
        batcher.close_batch(self)
        self.results += batcher.take_unsaved()  # so that nothing is marked while the ledger lacks an earlier result
        self._errors, self._marked, self._claimed = {}, {}, []
        (share_send_lock if batcher.is_under_way else lock_send_alone)(conn, send_id)
        row = _SHARD.run(conn, send_id, shard.number).fetchone()
        state, cancelling, send_begun_at, kind, fencing_token, begun_at, settled_at = row
        batcher.is_under_way = state == SendState.RUNNING and send_begun_at is not None and not cancelling
        self._is_fenced = fencing_token != batcher.fencing_token
        warmup = WarmUp() if kind == SendKind.TEST else batcher.warmup
        sent, at = self._write_results(conn, settled_at)
        if self.marks and not self._is_fenced and state == SendState.RUNNING:
            wanted = {each.delivery_id: each.attempt for each, _ in self.marks if not self._is_in_flight(each)}
            self._marked = begin_sending(conn, wanted)
        for claims, released_at, _ in self.releases:
            release(conn, claims, at=released_at, cancelling=cancelling)
        ended_at = [each.at for each in self.results] + [released_at for _, released_at, _ in self.releases]
        if cancelling and ended_at:
            lock_send_alone(conn, send_id)
            finish_cancelling(conn, send_id, at=max(ended_at))
        record_sent(conn, warmup, sent, at)  # holds a lock from here to the commit
        if self.claims and not self._is_fenced and state in GOING:
            now = max(request.now for request, _ in self.claims)
            if limit := quota(conn, warmup, sum(request.limit for request, _ in self.claims), now):
                self._claimed = claim(conn, shard, limit, now)
            if self._claimed and begun_at is None:
                conn.execute(update(send_shard).where(is_row_of(shard)).values(begun_at=now))
            if self._claimed and not batcher.is_under_way:
                lock_send_alone(conn, send_id)
                begun = {"state": SendState.RUNNING, "begun_at": func.coalesce(send.c.begun_at, now)}
                conn.execute(update(send).where(send.c.id == send_id).values(begun))
                batcher.is_under_way = not cancelling

    def finish(self, error: BaseException | None) -> None:
        self._batcher.close_batch(self)  # it may never have run
        if error is None:
            self._returned(self.results)
            self._in_flight.update(self._marked)
            for claims, _, _ in self.releases:
                self._returned(claims)
        self._batcher.on_written(self, error)
        if self.awaited or self.marks or self.releases or self.claims:
            with suppress(RuntimeError):  # the loop is closed: nothing waits any more
                self.loop.call_soon_threadsafe(self._resolve, error)

    def _is_in_flight(self, each: Claim | DeliveryResult) -> bool:
        return self._in_flight.get(each.delivery_id) == each.attempt

    def _returned(self, attempts: Sequence[Claim | DeliveryResult]) -> None:
        for each in attempts:
            if self._is_in_flight(each):
                del self._in_flight[each.delivery_id]

    def _write_results(self, conn: Connection, settled_at: float | None) -> tuple[int, float]:
        """Records the results; returns how many messages were sent, and when."""
        if not self.results:
            return 0, 0.0
        at = max([each.at for each in self.results])
        sent, shard = self._record(conn, at), self._batcher.shard
        may_be_last_batch = not self.marks  # of the others, one update a second is precise enough
        if settled_at is None or settled_at + (0 if may_be_last_batch else 1) < at:
            _SETTLED.run(conn, at, shard.send_id, shard.number)
        if self._is_fenced:
            reopen_shard(conn, shard)
        return sent, at

    def _record(self, conn: Connection, at: float) -> int:
        """Records the results, acceptances of attempts in flight in bulk; returns how many messages were sent."""
        in_bulk: dict[int, DeliveryResult] = {}
        one_by_one: list[DeliveryResult] = []
        for each in self.results:
            if each.state is DeliveryState.ACCEPTED and self._is_in_flight(each) and each.delivery_id not in in_bulk:
                in_bulk[each.delivery_id] = each
            else:
                one_by_one.append(each)
        sent = 0
        if in_bulk:
            left = record_accepted(conn, list(in_bulk.values()), at=at)
            sent = len(in_bulk) - len(left)
            one_by_one += left
        if one_by_one:
            recorded = record_results(
                conn, self._batcher.send_id, one_by_one, resend_uncertain=self._batcher.resend_uncertain
            )
            failed = {id(each): error for each, error in zip(one_by_one, recorded.errors, strict=True) if error}
            self._errors = {n: failed[id(each)] for n, each in enumerate(self.results) if id(each) in failed}
            sent += recorded.sent
        return sent

    def _resolve(self, error: BaseException | None) -> None:
        """Answers the waiting requests; in their loop."""
        for place, future in self.awaited:
            _set(future, None, error or self._errors.get(place))
        for each, allowed in self.marks:  # a message is marked once
            _set(allowed, self._marked.pop(each.delivery_id, None) == each.attempt, error)
        for _, _, released in self.releases:
            _set(released, None, error)
        start = 0
        fenced = fenced_error(self._batcher.send_id) if self._is_fenced else None
        for request, share in self.claims:
            _set(share, tuple(self._claimed[start : start + request.limit]), error or fenced)
            start += request.limit
        self._batcher.flush_soon()


def fenced_error(send_id: int) -> FencedError:
    return FencedError(f"Another process has taken over send {send_id}.", f"See: mailer status {send_id}")


def _set(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return  # the waiting task was cancelled
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


_SHARD = CompiledStatement(
    select(
        send.c.state,
        send.c.cancel_requested,
        send.c.begun_at,
        send.c.kind,
        send_shard.c.fencing_token,
        send_shard.c.begun_at,
        send_shard.c.settled_at,
    )
    .join(send_shard)
    .where(send.c.id == param("send"), send_shard.c.number == param("number"))
    .with_for_update(key_share=True, of=send_shard),
    "send",
    "number",
)
_SETTLED = CompiledStatement(
    update(send_shard)
    .where(send_shard.c.send_id == param("send"), send_shard.c.number == param("number"))
    .values(settled_at=param("at", 0.0)),
    "at",
    "send",
    "number",
)
