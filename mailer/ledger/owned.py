"""A send that this process owns: what a running sender asks of the ledger (mailer.delivery.records.SendLedger).

    own(core, send_id, ...)  ->  OwnedSend, or None while a living process has it

Owning is a lock that dies with its process (on PostgreSQL a lease that runs out), and an epoch that every commit checks, so
that a process that lost the send without noticing (its state folder was copied, it was stopped beyond its lease) can let no
further dot leave. What all lanes asked for since the last commit is one transaction; what a lane is told is durable.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, and_, func, select

from mailer.delivery.records import Claim, Settlement, Standing
from mailer.delivery.state import DeliveryState, SendKind, SendState
from mailer.ledger.claims import Key, give_back_claimed
from mailer.ledger.core import LOCK_PATIENCE, Core, SendLock
from mailer.ledger.errors import LedgerError
from mailer.ledger.gathering import Gathering, Request, fenced
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

SPACING = 0.003  # seconds between two commits, unless half of the lanes wait for one


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
        self._resend_uncertain = resend_uncertain
        self._out: set[Key] = set()  # what may have left; the writer's thread alone changes it
        self._gate = threading.Lock()  # on what follows
        self._gathering: Gathering | None = None
        self._unsubmitted: Gathering | None = None  # the same, as long as the writer has not been given it
        self._handed_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None  # in which what gathers now is waited for
        self._is_timed = False  # a timer of that loop will see to it
        self._unwritten: list[Settlement] = []  # their batch failed
        self._failure: BaseException | None = None  # of something noted, until somebody hears of it
        self._seen: tuple[int, Summary] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def held_until(self) -> float:
        """Until when, on mailer.delivery.fence.steady, the send is certainly ours if this process does nothing more."""
        return self._lock.held_until

    async def claim(self, limit: int, now: float) -> Sequence[Claim]:
        """Take up to `limit` due deliveries, retries first; empty when none is due or the send is not running.

        Raises FencedError.
        """
        self._raise_failure()
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[Sequence[Claim]] = gathering.loop.create_future()
            gathering.claims.append((Request(limit, now), future))
        self._press()
        return await future

    async def commit(self, claim: Claim) -> bool:
        """Make `committing` durable; False: this message may not be sent."""
        self._raise_failure()
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[bool] = gathering.loop.create_future()
            gathering.commits.append((claim, future))
        self._press()
        return await future and self._lock.held

    def may_send(self, claim: Claim) -> bool:
        """Whether the dot of a committed message may still leave, a moment before it does: nothing is awaited.

        False when the ownership has run out meanwhile, for this process was stopped, or the ledger could not be reached.
        """
        return self._lock.held and (claim.delivery_id, claim.attempt) in self._out

    def note(self, settlement: Settlement) -> None:
        """Record how an attempt ended, with the next batch and before any later commit; nobody waits for it.

        What goes wrong with it is raised by the next request. Only within the event loop.
        """
        with self._gate:
            self._open().settlements.append(settlement)
        if not self._is_timed:
            self._press()

    async def settle(self, settlement: Settlement) -> None:
        """The same, done when durable. Raises IllegalMoveError if the ledger was not asked before the dot."""
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[None] = gathering.loop.create_future()
            gathering.waiting.append((len(gathering.settlements), future))
            gathering.settlements.append(settlement)
        self._press()
        await future

    async def release(self, claims: Sequence[Claim], at: float) -> None:
        """Give back claims that left nothing on the wire: to pending, the attempt uncounted."""
        if claims:
            with self._gate:
                gathering = self._open()
                future: asyncio.Future[None] = gathering.loop.create_future()
                gathering.releases.append((claims, at, future))
            self._press()
            await future

    async def trip(self, reason: str, refused: Sequence[int] = ()) -> None:
        """The breaker: pause the send for `reason`; the failed deliveries `refused` (ids) go back to pending.

        A refusal proves that they did not arrive, and it was the send's fault, not theirs: whom it suppressed is not.
        """
        await self._core.writer.call_async(lambda conn: self._trip(conn, reason, refused))

    async def standing(self) -> Standing:
        """Where the send stands now, moved first to where its counts say: waiting, finished. Raises FencedError."""
        self._raise_failure()
        self._hand_over()
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
        self._hand_over()
        try:
            self._core.writer.call(self._give_back)
        finally:
            self._lock.close()

    def _press(self) -> None:
        """Give the writer what has gathered: now, or SPACING after the last time; only within the event loop.

        A commit costs the same for one message as for ten.
        """
        gathering = self._unsubmitted
        if gathering is None:
            return
        patience = self._handed_at + SPACING - time.monotonic()
        if patience <= 0 or gathering.is_ripe:
            self._hand_over()
        elif self._loop and not self._is_timed:
            self._is_timed = True
            self._loop.call_later(patience, self._on_timer)

    def _on_timer(self) -> None:
        self._is_timed = False
        self._press()

    def _hand_over(self) -> None:
        """Give the writer what has gathered, if it does not have it yet."""
        with self._gate:
            gathering, self._unsubmitted = self._unsubmitted, None
        if gathering:
            self._handed_at = time.monotonic()
            try:
                self._core.writer.submit(gathering)
            except LedgerError as error:
                gathering.finish(error)  # those who wait in it must hear of it

    def _open(self) -> Gathering:
        """The gathering that the next batch takes; under the gate."""
        gathering, loop = self._gathering, asyncio.get_running_loop()
        if loop is not self._loop:
            if self._unsubmitted:  # its loop has ended
                self._core.writer.submit(self._unsubmitted)
            gathering = self._unsubmitted = None
            self._loop, self._is_timed = loop, False
        if gathering is None:
            gathering = Gathering(
                loop, self.send_id, self.epoch, self._out, self._core.warmup, resend_uncertain=self._resend_uncertain
            )

            def ended(error: BaseException | None) -> None:
                self._ended(gathering, error)
                gathering.answer(error)

            gathering.close, gathering.ended = partial(self._close, gathering), ended
            gathering.leftovers = self._leftovers
            gathering.answered = self._press
            self._gathering = self._unsubmitted = gathering
        return gathering

    def _close(self, gathering: Gathering) -> None:
        """Let nothing more into `gathering`: it is being written."""
        with self._gate:
            if self._gathering is gathering:
                self._gathering = None

    def _leftovers(self) -> list[Settlement]:
        with self._gate:
            left, self._unwritten = self._unwritten, []
        return left

    def _ended(self, gathering: Gathering, error: BaseException | None) -> None:
        """Keep what was not written for another time, and say so to who asks next where nobody waits for it."""
        with self._gate:
            if error is None:
                self._failure = gathering.illegal or self._failure
            else:
                awaited = {place for place, _ in gathering.waiting}
                noted = [each for place, each in enumerate(gathering.settlements) if place not in awaited]
                self._unwritten += gathering.settlements
                self._failure = error if noted else self._failure

    def _raise_failure(self) -> None:
        if self._failure is None:
            return
        with self._gate:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _give_back(self, conn: Connection) -> None:
        found = lock_send(conn, self.send_id)
        if self._unwritten:
            settled = settle(conn, self.send_id, self._unwritten, resend_uncertain=self._resend_uncertain)
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
