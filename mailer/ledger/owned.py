"""A send that this process owns: what a running sender asks of the ledger (mailer.delivery.records.SendLedger).

    own(core, send_id, ...)  ->  OwnedSend, or None while a living process has it

Owning is a lock that dies with its process (on PostgreSQL a lease that runs out), and an epoch that every commit checks, so
that a process that lost the send without noticing (its state folder was copied, it was stopped beyond its lease) can let no
further dot leave. What all lanes asked for since the last commit is one transaction; what a lane is told is durable.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, and_, func, select

from mailer.delivery.records import Claim, Settlement, Standing
from mailer.delivery.state import DeliveryState, SendKind, SendState
from mailer.ledger.claims import give_back_claimed
from mailer.ledger.core import LOCK_PATIENCE, Core, SendLock
from mailer.ledger.gatherer import Gatherer
from mailer.ledger.gathering import Request, fenced
from mailer.ledger.heeding import skip_unwanted
from mailer.ledger.locks import FileLock
from mailer.ledger.moves import move
from mailer.ledger.records import Send, Summary
from mailer.ledger.recovery import recover
from mailer.ledger.sends import GOING, change_send, finish_cancelling, load_send, lock_send, summarise
from mailer.ledger.settlements import settle
from mailer.ledger.suppressions import lift_of_send
from mailer.ledger.tables import delivery, send
from mailer.ledger.warmup import count_gone, forget_days, with_hold


def own(core: Core, send_id: int, *, retry_for: float, resend_uncertain: bool = False) -> "OwnedSend | None":
    """Take a send over and put right what a dead owner left; None while a living process owns it.

    `retry_for`: the lifetime of a deferred delivery, seconds since its Date. `resend_uncertain`: uncertain deliveries go
    once more, once. Raises UnknownSendError, LedgerError.
    """
    with core.database.reading() as conn:
        load_send(conn, send_id)
    lock = core.send_lock(send_id)
    if not lock.acquire(LOCK_PATIENCE):
        lock.close()
        return None

    def work(conn: Connection) -> int:
        now = core.clock()
        if lock_send(conn, send_id).kind is not SendKind.TEST and not core.warmup.plan:
            forget_days(conn, core.warmup)
        epoch = recover(conn, send_id, core.warmup, at=now, resend_uncertain=resend_uncertain)
        finish_cancelling(conn, send_id, at=now)
        return epoch

    try:
        if isinstance(lock, FileLock):
            lock.write_pid()
        epoch = core.writer.call(work)
    except BaseException:
        lock.close()
        raise
    return OwnedSend(core, send_id, epoch, lock, retry_for=retry_for, resend_uncertain=resend_uncertain)


class OwnedSend:
    """One send, owned by this process until `close`. Its async methods are for one event loop, `close` is for none."""

    def __init__(
        self, core: Core, send_id: int, epoch: int, lock: SendLock, *, retry_for: float, resend_uncertain: bool
    ) -> None:
        self.send_id = send_id
        self.epoch = epoch
        self._core = core
        self._lock = lock
        self._retry_for = retry_for
        self._gatherer = Gatherer(core.writer, send_id, epoch, core.warmup, resend_uncertain=resend_uncertain)
        self._seen: tuple[int, Summary] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def lock(self) -> SendLock:
        """What makes the send ours."""
        return self._lock

    @property
    def held_until(self) -> float:
        """Until when, on mailer.delivery.fence.steady, the send is certainly ours if this process does nothing more."""
        return self._lock.held_until

    async def claim(self, limit: int, now: float) -> Sequence[Claim]:
        """Take up to `limit` due deliveries, retries first; empty when none is due or the send is not running.

        Raises FencedError.
        """
        return await self._gatherer.claim(Request(limit, now))

    async def commit(self, claim: Claim) -> bool:
        """Make `committing` durable; False: this message may not be sent."""
        return await self._gatherer.commit(claim) and self._lock.held

    def may_send(self, claim: Claim) -> bool:
        """Whether the dot of a committed message may still leave, a moment before it does: nothing is awaited.

        False when the ownership has run out meanwhile, for this process was stopped, or the ledger could not be reached.
        """
        return self._lock.held and self._gatherer.out.get(claim.delivery_id) == claim.attempt

    def note(self, settlement: Settlement) -> None:
        """Record how an attempt ended, with the next batch and before any later commit; nobody waits for it.

        What goes wrong with it is raised by the next request. Only within the event loop.
        """
        self._gatherer.note(settlement)

    async def settle(self, settlement: Settlement) -> None:
        """The same, done when durable. Raises IllegalMoveError if the ledger was not asked before the dot."""
        await self._gatherer.settle(settlement)

    async def release(self, claims: Sequence[Claim], at: float) -> None:
        """Give back claims that left nothing on the wire: to pending, the attempt uncounted."""
        if claims:
            await self._gatherer.release(claims, at)

    async def trip(self, reason: str, refused: Sequence[int] = ()) -> None:
        """The breaker: pause the send for `reason`; the failed deliveries `refused` (ids) go back to pending.

        A refusal proves that they did not arrive, and it was the send's fault, not theirs: whom it suppressed is not.
        """
        await self._core.writer.call_async(lambda conn: self._trip(conn, reason, refused))

    async def standing(self) -> Standing:
        """Where the send stands now, moved first to where its counts say: waiting, finished. Raises FencedError."""
        self._gatherer.raise_failure()
        self._gatherer.hand_over()
        summary = await asyncio.to_thread(self._look)
        if summary.send.state in GOING and summary.only_waits:
            summary = await self._core.writer.call_async(self._move_on)
        return Standing(
            state=summary.send.state,
            counts=summary.counts,
            next_at=summary.goes_on_at,
            last_at=summary.last_at,
            held_until=summary.held_until,
            reason=summary.send.reason,
        )

    def close(self) -> None:
        """Give the send back, and with it what is claimed and was never committed. Twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self._gatherer.hand_over()
        try:
            self._core.writer.call(self._give_back)
        finally:
            self._lock.close()

    def _give_back(self, conn: Connection) -> None:
        found = lock_send(conn, self.send_id)
        if left := self._gatherer.unwritten:
            settled = settle(conn, self.send_id, left, resend_uncertain=self._gatherer.resend_uncertain)
            if found.kind is not SendKind.TEST:
                count_gone(conn, self._core.warmup, settled.gone, self._core.clock())
        if found.epoch == self.epoch:
            give_back_claimed(conn, self.send_id, at=self._core.clock())
            finish_cancelling(conn, self.send_id, at=self._core.clock())

    def _trip(self, conn: Connection, reason: str, refused: Sequence[int]) -> None:
        now, found = self._core.clock(), self._mine(conn, lock=True)
        if found.state in GOING:
            change_send(conn, found, SendState.PAUSED, at=now, reason=reason)
        if refused and not found.cancelling and not found.is_ended:
            which = and_(delivery.c.id.in_(refused), delivery.c.send_id == self.send_id)
            conn.execute(move({DeliveryState.FAILED}, DeliveryState.PENDING, at=now).where(which).values(reason=reason))
            lift_of_send(conn, self.send_id, which, at=now)
            skip_unwanted(conn, which, at=now)

    def _look(self) -> Summary:
        """Where the send stands; what the day has left may change without anything being written."""
        summary = self._counted()
        if not self._core.warmup.plan:
            return summary
        with self._core.database.reading() as conn:
            return with_hold(conn, self._core.warmup, summary, self._core.clock())

    def _counted(self) -> Summary:
        """The counts, made anew only when something was written since."""
        version = self._core.database.version()
        if self._seen is not None and self._seen[0] == version:
            return self._seen[1]
        with self._core.database.reading() as conn:
            summary = summarise(conn, self._mine(conn))
        self._seen = None if version is None else (version, summary)
        return summary

    def _move_on(self, conn: Connection) -> Summary:
        now, found = self._core.clock(), self._mine(conn, lock=True)
        if found.state in GOING:
            self._expire(conn, now)
            summary = with_hold(conn, self._core.warmup, summarise(conn, found), now)
            if not summary.undone:
                change_send(conn, found, SendState.FINISHED, at=now)
            elif found.state is SendState.RUNNING and summary.only_waits:
                change_send(conn, found, SendState.WAITING, at=now)
        return with_hold(conn, self._core.warmup, summarise(conn, load_send(conn, self.send_id)), now)

    def _expire(self, conn: Connection, now: float) -> None:
        """Fail what would be tried again only after its lifetime; what is due gets its last try."""
        created = select(send.c.created_at).where(send.c.id == self.send_id).scalar_subquery()
        conn.execute(
            move({DeliveryState.DEFERRED}, DeliveryState.FAILED, at=now)
            .where(
                delivery.c.send_id == self.send_id,
                delivery.c.next_at > now,
                func.coalesce(delivery.c.date, created) + self._retry_for <= now,
            )
            .values(reason="expired")
        )

    def _mine(self, conn: Connection, *, lock: bool = False) -> Send:
        found = (lock_send if lock else load_send)(conn, self.send_id)
        if found.epoch != self.epoch:
            raise fenced(self.send_id)
        return found
