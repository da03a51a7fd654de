"""Takes what the lanes of a send ask of its ledger, and gives it to the writer, many at a time.

    Gatherer.claim(...), commit(...), settle(...), release(...)  ->  a future of the answer, which is durable
    Gatherer.note(settlement)                                        the same, and nobody waits

What all lanes asked for since the last commit is one Gathering, and one transaction. A commit costs the same for one message as
for ten: so the writer is given what has gathered when half of the lanes wait, and at the latest SPACING after the last time.

All but `hand_over` and what `Owner` says is for one event loop at a time: the one before has to be closed.
"""

import asyncio
import threading
import time
from collections.abc import Sequence

from mailer.delivery.records import Claim, Settlement
from mailer.delivery.warmup import WarmUp
from mailer.ledger.errors import LedgerError
from mailer.ledger.gathering import Gathering, Request
from mailer.ledger.writer import Writer

SPACING = 0.003  # seconds between two commits, unless half of the lanes wait for one


class Gatherer:
    """Of one send, owned under `epoch`; the Owner of its Gatherings."""

    def __init__(self, writer: Writer, send_id: int, epoch: int, warmup: WarmUp, *, resend_uncertain: bool) -> None:
        self.send_id = send_id
        self.epoch = epoch
        self.warmup = warmup
        self.resend_uncertain = resend_uncertain
        self.out: dict[int, int] = {}
        self._writer = writer
        self._loop: asyncio.AbstractEventLoop | None = None  # in which what gathers now is waited for
        self._is_timed = False  # a timer of that loop will see to it
        self._is_due = False  # it goes as soon as the loop has done what it has at hand
        self._handed_at = 0.0
        self._gate = threading.Lock()  # on what follows
        self._gathering: Gathering | None = None
        self._unsubmitted: Gathering | None = None  # the same, as long as the writer has not been given it
        self._failure: BaseException | None = None  # of something noted, until somebody hears of it
        self.unwritten: list[Settlement] = []  # their batch failed; the writer's thread may look at it as it is

    def claim(self, request: Request) -> asyncio.Future[Sequence[Claim]]:
        self.raise_failure()
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[Sequence[Claim]] = gathering.loop.create_future()
            gathering.claims.append((request, future))
        self.press()
        return future

    def commit(self, claim: Claim) -> asyncio.Future[bool]:
        self.raise_failure()
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[bool] = gathering.loop.create_future()
            gathering.commits.append((claim, future))
        self.press()
        return future

    def note(self, settlement: Settlement) -> None:
        """What goes wrong with it is raised by the next claim or commit."""
        with self._gate:
            self._open().settlements.append(settlement)
        if not self._is_timed:
            self.press()

    def settle(self, settlement: Settlement) -> asyncio.Future[None]:
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[None] = gathering.loop.create_future()
            gathering.waiting.append((len(gathering.settlements), future))
            gathering.settlements.append(settlement)
        self.press()
        return future

    def release(self, claims: Sequence[Claim], at: float) -> asyncio.Future[None]:
        with self._gate:
            gathering = self._open()
            future: asyncio.Future[None] = gathering.loop.create_future()
            gathering.releases.append((claims, at, future))
        self.press()
        return future

    def raise_failure(self) -> None:
        """Once, what went wrong with something noted."""
        if self._failure is None:
            return
        with self._gate:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def press(self) -> None:
        """Give the writer what has gathered: when it is time, and not before the loop has done what it has at hand.

        The two threads share one interpreter, so a writer that is woken earlier waits for it in vain.
        """
        gathering = self._unsubmitted
        if gathering is None or self._is_due or self._loop is None:
            return
        patience = self._handed_at + SPACING - time.monotonic()
        if patience <= 0 or gathering.is_ripe:
            self._is_due = True
            self._loop.call_soon(self._on_due)
        elif not self._is_timed:
            self._is_timed = True
            self._loop.call_later(patience, self._on_timer)

    def hand_over(self) -> None:
        """Give the writer what has gathered, if it does not have it yet; of any thread."""
        with self._gate:
            failed = self._submit()
        if failed:
            gathering, error = failed
            gathering.finish(error)  # those who wait in it must hear of it

    def leftovers(self) -> list[Settlement]:
        with self._gate:
            left, self.unwritten = self.unwritten, []
        return left

    def close(self, gathering: Gathering) -> None:
        with self._gate:
            if self._gathering is gathering:
                self._gathering = None

    def ended(self, gathering: Gathering, error: BaseException | None) -> None:
        """Keep what was not written for another time, and say so to who asks next where nobody waits for it."""
        with self._gate:
            if error is None:
                self._failure = gathering.illegal or self._failure
            else:
                awaited = {place for place, _ in gathering.waiting}
                noted = [each for place, each in enumerate(gathering.settlements) if place not in awaited]
                self.unwritten += gathering.settlements
                self._failure = error if noted else self._failure

    def _on_due(self) -> None:
        self._is_due = False
        self.hand_over()

    def _on_timer(self) -> None:
        self._is_timed = False
        self.press()

    def _open(self) -> Gathering:
        """The gathering that the next batch takes; under the gate."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._attend()
        gathering = self._gathering
        if gathering is None:
            gathering = self._gathering = self._unsubmitted = Gathering(loop, self)
        return gathering

    def _attend(self) -> asyncio.AbstractEventLoop:
        """To the loop of now; nobody waits in the one before, which is closed."""
        if failed := self._submit():
            self.unwritten += failed[0].settlements
        self._gathering = None
        self._is_timed = self._is_due = False
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _submit(self) -> tuple[Gathering, LedgerError] | None:
        """Under the gate, so that whoever finds nothing left to submit can rely on it. What could not be, and why."""
        gathering, self._unsubmitted = self._unsubmitted, None
        if gathering is None:
            return None
        self._handed_at = time.monotonic()
        try:
            self._writer.submit(gathering)
        except LedgerError as error:
            return gathering, error
        return None
