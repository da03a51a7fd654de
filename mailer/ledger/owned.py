"""A send that this process owns: what a running sender asks of the ledger (mailer.delivery.records.SendLedger).

    own(core, send_id, ...)  ->  OwnedSend, or None while a living process has it

Owning is an OS lock that dies with its process, and an epoch that every commit checks, so that a process that lost the
send without noticing (its state folder was copied, say) can let no further dot leave. Requests of all lanes that meet in
one batch share its statements; what a lane is told is durable.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, and_, func, select

from mailer.delivery.records import Claim, Settlement, Standing
from mailer.delivery.state import DeliveryState, SendState
from mailer.ledger.claims import Request, claim, claimed, commit, fenced, release
from mailer.ledger.core import Core
from mailer.ledger.locks import FileLock
from mailer.ledger.moves import IllegalMoveError, move, skip_suppressed
from mailer.ledger.records import Send, Summary
from mailer.ledger.recovery import recover
from mailer.ledger.sends import GOING, change_send, finish_cancelling, load_send, summarise
from mailer.ledger.settlements import settle
from mailer.ledger.tables import delivery, send

LOCK_PATIENCE = 0.2  # seconds: whoever only looks whether a send is owned holds its lock for an instant


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
        epoch = recover(conn, send_id, at=now, resend_uncertain=resend_uncertain)
        finish_cancelling(conn, send_id, at=now)
        return epoch

    try:
        lock.write_pid()
        epoch = core.writer.call(work)
    except BaseException:
        lock.close()
        raise
    return OwnedSend(core, send_id, epoch, lock, retry_for=retry_for, resend_uncertain=resend_uncertain)


class OwnedSend:
    """One send, owned by this process until `close`. Its async methods are for event loops, `close` is not."""

    def __init__(
        self, core: Core, send_id: int, epoch: int, lock: FileLock, *, retry_for: float, resend_uncertain: bool
    ) -> None:
        self.send_id = send_id
        self.epoch = epoch
        self._core = core
        self._lock = lock
        self._retry_for = retry_for
        self._resend_uncertain = resend_uncertain

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def claim(self, limit: int, now: float) -> Sequence[Claim]:
        """Take up to `limit` due deliveries, retries first; empty when none is due or the send is not running.

        Raises FencedError.
        """
        taken: Sequence[Claim] = await self._core.writer.enlist(self._claim, Request(limit, now))
        return taken

    async def commit(self, claim: Claim) -> bool:
        """Make `committing` durable; False: this message may not be sent."""
        allowed: bool = await self._core.writer.enlist(self._commit, claim)
        return allowed

    async def settle(self, settlement: Settlement) -> None:
        """Record how an attempt ended. Raises IllegalMoveError if the ledger was not asked before the dot."""
        await self._core.writer.enlist(self._settle, settlement)

    async def release(self, claims: Sequence[Claim], at: float) -> None:
        """Give back claims that left nothing on the wire: to pending, the attempt uncounted."""
        if claims:
            await self._core.writer.call_async(lambda conn: release(conn, self.send_id, claims, at=at))

    async def trip(self, reason: str, refused: Sequence[int] = ()) -> None:
        """The breaker: pause the send for `reason`; the failed deliveries `refused` (ids) go back to pending.

        A refusal proves that they did not arrive, and it was the send's fault, not theirs.
        """
        await self._core.writer.call_async(lambda conn: self._trip(conn, reason, refused))

    async def standing(self) -> Standing:
        """Where the send stands now, moved first to where its counts say: waiting, finished. Raises FencedError."""
        summary = await asyncio.to_thread(self._look)
        if summary.send.state in GOING and not summary.count(*_AT_HAND):
            summary = await self._core.writer.call_async(self._move_on)
        return Standing(
            state=summary.send.state, counts=summary.counts, next_at=summary.next_at, reason=summary.send.reason
        )

    def close(self) -> None:
        """Give the send back, and with it what is claimed and was never committed. Twice does no harm."""
        if not self._lock.held:
            return
        try:
            self._core.writer.call(self._give_back)
        finally:
            self._lock.close()

    def _claim(self, conn: Connection, requests: Sequence[Request]) -> list[tuple[Claim, ...]]:
        return claim(conn, self.send_id, self.epoch, requests)

    def _commit(self, conn: Connection, asked: Sequence[Claim]) -> list[bool]:
        return commit(conn, self.send_id, self.epoch, asked, at=self._core.clock())

    def _settle(self, conn: Connection, settled: Sequence[Settlement]) -> list[IllegalMoveError | None]:
        return settle(conn, self.send_id, settled, resend_uncertain=self._resend_uncertain)

    def _give_back(self, conn: Connection) -> None:
        if load_send(conn, self.send_id).epoch == self.epoch:
            release(conn, self.send_id, claimed(conn, self.send_id), at=self._core.clock())

    def _trip(self, conn: Connection, reason: str, refused: Sequence[int]) -> None:
        now, found = self._core.clock(), self._mine(conn)
        if found.state in GOING:
            change_send(conn, found, SendState.PAUSED, at=now, reason=reason)
        if refused and not found.cancelling and not found.is_ended:
            which = and_(delivery.c.id.in_(refused), delivery.c.send_id == self.send_id)
            conn.execute(move({DeliveryState.FAILED}, DeliveryState.PENDING, at=now).where(which).values(reason=reason))
            skip_suppressed(conn, which, at=now)

    def _look(self) -> Summary:
        with self._core.database.reading() as conn:
            return summarise(conn, self._mine(conn))

    def _move_on(self, conn: Connection) -> Summary:
        now, found = self._core.clock(), self._mine(conn)
        if found.state in GOING:
            self._expire(conn, now)
            summary = summarise(conn, found)
            if not summary.undone:
                change_send(conn, found, SendState.FINISHED, at=now)
            elif found.state is SendState.RUNNING and not summary.count(*_AT_HAND):
                change_send(conn, found, SendState.WAITING, at=now)
        return summarise(conn, load_send(conn, self.send_id))

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

    def _mine(self, conn: Connection) -> Send:
        found = load_send(conn, self.send_id)
        if found.epoch != self.epoch:
            raise fenced(self.send_id)
        return found


_AT_HAND = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.COMMITTING)
"""What is neither done nor waiting for its time."""
