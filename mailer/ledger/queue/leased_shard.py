"""A shard that this process holds: the part of the ledger that a running sender uses (mailer.delivery.queue_port.DeliveryQueue).

    ledger.leases.acquire(send_id, ...)  ->  LeasedShard, or None while living processes hold all shards of the send

Acquiring a shard takes a lock that ends with its process (on PostgreSQL a lease that expires), and raises the shard's fencing
token, which every mark before end of DATA checks. So a process that lost the shard without noticing (its state folder was
copied, or it was stopped for longer than its lease) can send nothing more. DeliveryBatcher answers the requests for single
deliveries. On SQLite, and for a short list, a send is one shard.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, and_, func, select, update

from mailer.delivery.limit_share import Share, granted_share
from mailer.delivery.queue_port import SendStatus
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.ledger.deliveries.skip import skip_ineligible
from mailer.ledger.deliveries.transitions import transition
from mailer.ledger.queue.batcher import DeliveryBatcher, fenced_error
from mailer.ledger.queue.claims import release_all
from mailer.ledger.queue.results import record_results
from mailer.ledger.sends.recovery import recover
from mailer.ledger.sends.sends import (
    GOING,
    change_send,
    finish_cancelling,
    finish_if_settled,
    load_send,
    lock_send,
    open_states,
    set_reason,
    summarise,
)
from mailer.ledger.sends.shards import (
    free_shards,
    held_shards,
    in_shard,
    is_row_of,
    reopen_shard,
    schedule_shard,
    share_due,
)
from mailer.ledger.sends.warmup_quota import record_sent, reset, with_warmup_hold
from mailer.ledger.store.advisory_lock import advisory_lock, lock_send_alone, share_send_lock
from mailer.ledger.store.file_locks import FileLock
from mailer.ledger.store.ledger_context import LOCK_PATIENCE, LedgerContext, SendLock
from mailer.ledger.store.tables import delivery, send, send_shard
from mailer.ledger.subscribers.suppressions import lift_of_send
from mailer.ledger.types.sends import Send, Summary
from mailer.ledger.types.shards import Shard


class ShardLeases:
    """Acquires shards of the sends of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def acquire(
        self, send_id: int, *, retry_for: float, resend_uncertain: bool = False, number: int | None = None
    ) -> "LeasedShard | None":
        """Takes a shard over, and recovers what a dead process left; None while living processes hold all (`sends.holder_pid`).

        `number`: this shard only; otherwise the first free one that is due, or else that has something left, or else any.
        `retry_for`: the lifetime of a deferred delivery, seconds since its Date. `resend_uncertain`: uncertain deliveries are
        sent again, once. Raises UnknownSendError, LedgerError.
        """
        context = self._context
        with context.database.reading() as conn:
            load_send(conn, send_id)
            shards = free_shards(conn, context, send_id)
        for shard in shards:
            lock = context.shard_lock(send_id, shard.number)
            if number in {None, shard.number} and lock.acquire(LOCK_PATIENCE):
                break
            lock.close()
        else:
            return None

        def work(conn: Connection) -> int | None:
            now = context.clock()
            share_send_lock(conn, send_id)
            if not lock.renew(conn):  # this process was stopped since, and a different one has taken the shard
                return None
            found = load_send(conn, send_id)
            if found.kind is not SendKind.TEST and not context.warmup.plan:
                reset(conn, context.warmup)
            fencing_token = recover(conn, shard, context.warmup, at=now, resend_uncertain=resend_uncertain)
            if found.cancel_requested or found.reason:
                lock_send_alone(conn, send_id)
                finish_cancelling(conn, send_id, at=now)
                set_reason(conn, send_id, GOING, "")  # of the process before
            return fencing_token

        try:
            if isinstance(lock, FileLock):
                lock.write_pid()
            fencing_token = context.writer.call(work).result()
        except BaseException:
            lock.close()
            raise
        if fencing_token is None:
            lock.close()
            return None
        return LeasedShard(context, shard, fencing_token, lock, retry_for=retry_for, resend_uncertain=resend_uncertain)


class LeasedShard(DeliveryBatcher):
    """One shard of a send, held by this process until `close`. Its async methods are for one event loop; `close` blocks."""

    def __init__(
        self,
        context: LedgerContext,
        shard: Shard,
        fencing_token: int,
        lock: SendLock,
        *,
        retry_for: float,
        resend_uncertain: bool,
    ) -> None:
        super().__init__(context, shard, fencing_token, lock, resend_uncertain=resend_uncertain)
        self._context = context
        self._retry_for = retry_for
        self._seen: tuple[int, Summary] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def trip_breaker(self, reason: str, refused: Sequence[int] = ()) -> None:
        """Pauses the send for `reason`; the failed deliveries `refused` (ids) go back to pending.

        A refusal proves that they did not arrive. The send was refused, not the addresses: their suppressions are lifted.
        """
        await asyncio.wrap_future(self._context.writer.call(lambda conn: self._trip(conn, reason, refused)))

    async def take_back(self, reason: str, refused: Sequence[int]) -> None:
        """The same without the pause: a relay was refused, and the send goes on by another."""
        await asyncio.wrap_future(self._context.writer.call(lambda conn: self._take_back(conn, reason, refused)))

    async def note_outage(self, reason: str) -> None:
        """Records why the running send makes no progress, or "" when it does again."""
        await asyncio.wrap_future(self._context.writer.call(lambda conn: self._note_outage(conn, reason)))

    async def fair_share(self) -> Share:
        """Returns the part of the limits to which this holder is entitled: one among those whose sends run."""
        return await asyncio.to_thread(self._fair_share)

    async def take_share(self, held: Share) -> Share:
        """Takes that part, as far as nobody else has it, for `held`; returns what this holder has from now on."""
        return await asyncio.wrap_future(self._context.writer.call(lambda conn: self._take_share(conn, held)))

    async def status(self) -> SendStatus:
        """Returns the status of the shard, after moving the send to where its counts say: waiting, finished. Raises FencedError.

        The state is that of the send, or FINISHED when nothing is left of the shard while the send goes on.
        """
        self.raise_failure()
        self.flush()
        summary = await asyncio.to_thread(self._summary)
        if summary.send.state in GOING and summary.is_idle:
            summary = await asyncio.wrap_future(self._context.writer.call(self._advance_state))
        is_over = summary.send.state in GOING and not summary.open_count
        return SendStatus(
            state=SendState.FINISHED if is_over else summary.send.state,
            counts=summary.counts,
            next_at=summary.resumes_at,
            last_at=summary.last_at,
            held_until=summary.held_until,
            reason=summary.send.reason,
        )

    def close(self) -> None:
        """Releases the shard, and all its deliveries that are claimed and were never marked. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self.flush()
        call = self._context.writer.call
        try:
            call(
                lambda _conn: None
            ).result()  # from here on the flushed batch is written, or its results are in `unsaved`
            errors = call(self._release_all).result()
        finally:
            self.lock.close()
        if error := next((each for each in errors if each), None):
            raise error

    def _release_all(self, conn: Connection) -> Sequence[Exception | None]:
        """Returns the errors of the results that earlier batches failed to write, as they are recorded now."""
        errors: Sequence[Exception | None] = ()
        found, is_current = self._lock(conn)
        if left := self.unsaved:
            recorded = record_results(conn, self.send_id, left, resend_uncertain=self.resend_uncertain)
            errors = recorded.errors
            if not is_current:
                reopen_shard(conn, self.shard)
            if found.kind is not SendKind.TEST:
                record_sent(conn, self._context.warmup, recorded.sent, self._context.clock())
        if is_current:
            release_all(conn, self.shard, at=self._context.clock())
            schedule_shard(conn, self.shard, self._next_at(conn, found))
            if not finish_cancelling(conn, self.send_id, at=self._context.clock()):
                finish_if_settled(conn, self.send_id, at=self._context.clock())
        return errors

    def _next_at(self, conn: Connection, found: Send) -> float | None:
        summary = summarise(conn, found, self.shard)
        if not summary.open_count:
            return None
        return with_warmup_hold(conn, self._context.warmup, summary, self._context.clock()).resumes_at or 0.0

    def _trip(self, conn: Connection, reason: str, refused: Sequence[int]) -> None:
        now, found = self._context.clock(), self._lock_current(conn)
        if found.state in GOING:
            change_send(conn, found, SendState.PAUSED, at=now, reason=reason)
        if refused:
            self._take_back(conn, reason, refused)

    def _note_outage(self, conn: Connection, reason: str) -> None:
        self._lock_current(conn)
        set_reason(conn, self.send_id, GOING, reason)

    def _take_back(self, conn: Connection, reason: str, refused: Sequence[int]) -> None:
        """Makes failed deliveries pending, behind all others, and lifts the suppressions that they made."""
        now, found = self._context.clock(), self._lock_current(conn)
        if not found.cancel_requested and not found.is_ended:
            which = and_(delivery.c.id.in_(refused), delivery.c.send_id == self.send_id)
            conn.execute(
                transition({DeliveryState.FAILED}, DeliveryState.PENDING, at=now)
                .where(which)
                .values(reason=reason, next_at=now)
            )
            lift_of_send(conn, self.send_id, which, at=now)
            skip_ineligible(conn, which, at=now)

    def _fair_share(self) -> Share:
        with self._context.database.reading() as conn:
            return share_due(held_shards(conn, self._context), self.shard)[0]

    def _take_share(self, conn: Connection, held: Share) -> Share:
        advisory_lock(conn, "limits")
        if not self._is_current(conn):
            raise fenced_error(self.send_id)
        due, others = share_due(held_shards(conn, self._context), self.shard)
        share = granted_share(held, due, others)
        conn.execute(
            update(send_shard)
            .where(is_row_of(self.shard), send_shard.c.fencing_token == self.fencing_token)
            .values(share_from=share.start, share_to=share.end)
        )
        return share

    def _summary(self) -> Summary:
        """Returns the summary. The daily quota of the warm-up plan may change without anything being written."""
        summary = self._counted()
        if not self._context.warmup.plan:
            return summary
        with self._context.database.reading() as conn:
            return with_warmup_hold(conn, self._context.warmup, summary, self._context.clock())

    def _counted(self) -> Summary:
        """Returns the counts, which are read again only when something was written since."""
        version = self._context.database.version()
        if self._seen is not None and self._seen[0] == version:
            return self._seen[1]
        with self._context.database.reading() as conn:
            if not self._is_current(conn):
                raise fenced_error(self.send_id)
            summary = summarise(conn, load_send(conn, self.send_id), self.shard)
        self._seen = None if version is None else (version, summary)
        return summary

    def _advance_state(self, conn: Connection) -> Summary:
        now, found = self._context.clock(), self._lock_current(conn)
        if found.state in GOING:
            self._expire(conn, now)
            summary = with_warmup_hold(conn, self._context.warmup, summarise(conn, found, self.shard), now)
            left = open_states(conn, self.send_id)  # in all shards
            if not left:
                change_send(conn, found, SendState.FINISHED, at=now)
            elif found.state is SendState.RUNNING and left <= _idle_states(summary):
                change_send(conn, found, SendState.WAITING, at=now)
                self.is_under_way = False
        found = load_send(conn, self.send_id)
        return with_warmup_hold(conn, self._context.warmup, summarise(conn, found, self.shard), now)

    def _expire(self, conn: Connection, now: float) -> None:
        """Fails deliveries whose next attempt would be after their lifetime; one that is due gets its last attempt."""
        created = select(send.c.created_at).where(send.c.id == self.send_id).scalar_subquery()
        conn.execute(
            transition({DeliveryState.DEFERRED}, DeliveryState.FAILED, at=now)
            .where(
                in_shard(self.shard),
                delivery.c.next_at > now,
                func.coalesce(delivery.c.date, created) + self._retry_for <= now,
            )
            .values(reason="expired")
        )

    def _lock_current(self, conn: Connection) -> Send:
        """Locks the send and the shard, and returns the send. Raises FencedError."""
        found, is_current = self._lock(conn)
        if not is_current:
            raise fenced_error(self.send_id)
        return found

    def _lock(self, conn: Connection) -> tuple[Send, bool]:
        """Locks the send and the shard; returns the send, and whether the shard is still held under our fencing token."""
        found = lock_send(conn, self.send_id)
        conn.execute(select(send_shard.c.number).where(is_row_of(self.shard)).with_for_update(key_share=True))
        return found, self._is_current(conn)

    def _is_current(self, conn: Connection) -> bool:
        fencing_token = conn.execute(select(send_shard.c.fencing_token).where(is_row_of(self.shard))).scalar()
        return fencing_token == self.fencing_token


def _idle_states(summary: Summary) -> frozenset[DeliveryState]:
    """Returns the states of open deliveries with which a send waits: deferred, and what the warm-up plan holds back."""
    return frozenset({DeliveryState.DEFERRED} | ({DeliveryState.PENDING} if summary.held_until is not None else set()))
