"""A carriage whose lane is in a worker process: the owner's end of it.

    Remote(number, channel)      deliver, abandon, quit as mailer.delivery.carriage has them

The worker composes and speaks; it asks before each text (OFFERED), is told GO together with the claim that comes after, and says
how it ended (OUTCOME). It goes on to that next claim by itself, so that its envelope leaves with the text before it.

Always holds: a worker that ends in between (`desert`) leaves a claim that it was told GO for uncertain, and any other provably
unsent.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from mailer.delivery.carriage import Consent, UnmadeError
from mailer.delivery.channel import Channel, Word, pack_claim, unpack_outcome
from mailer.delivery.lane import Outcome
from mailer.delivery.records import Claim, Stage
from mailer.delivery.verdict import deserted, lost
from mailer.errors import MailerError

PARTING = 3.0  # seconds in which a worker says how a message stands that was broken off, or takes leave of a relay

_Offered = object()


class WorkerFault(Exception):  # noqa: N818 - a bug of ours, told by a worker
    """What went wrong in a worker, and was not foreseen: its traceback, without secrets."""


def told_fault(told: list[Any]) -> Exception:
    """The error that a worker tells."""
    message, next_step, exit_code, trace = told
    if trace:
        return WorkerFault(trace)
    fault = MailerError(message, next_step)
    fault.exit_code = exit_code
    return fault


class Remote:
    """One carriage. `on_note` is handed what the worker tells of it; `forget` is called when nothing more will come."""

    def __init__(self, number: int, channel: Channel, *, pipelining: bool, forget: Callable[[int], None]) -> None:
        self._number = number
        self._channel = channel
        self._pipelining = pipelining
        self._forget = forget
        self._notes: deque[object] = deque()  # that `deliver` has still to hear
        self._hearing: asyncio.Future[None] | None = None
        self._announced: Claim | None = None
        self._committed = False  # the text of the message under way may have left
        self._is_open = True
        self._is_deserted = False
        self._ended = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._is_open

    async def deliver(self, claim: Claim, consent: Consent) -> Outcome:
        self._committed = False
        announced, self._announced = self._announced, None
        if announced is not claim:
            self._channel.tell(Word.CARRY, self._number, pack_claim(claim))
        note = await self._next()
        if note is not _Offered:
            return self._outcome(note)
        try:
            allowed = await consent.commit(claim) and consent.may_send(claim)
        except BaseException:
            self._close()  # the relay waits for a text that will not come
            raise
        if not allowed:
            self._channel.tell(Word.WITHHOLD, self._number)
        elif not self._is_deserted:
            self._committed = True
            self._announced = consent.following() if self._pipelining else None
            self._channel.tell(Word.GO, self._number, pack_claim(self._announced))
        return self._outcome(await self._next())

    async def abandon(self) -> Outcome:
        self._close()
        if self._committed:
            try:
                async with asyncio.timeout(PARTING):
                    return self._outcome(await self._next())
            except TimeoutError:
                return Outcome(verdict=lost(Stage.DOT, "stopped"), stage=Stage.DOT)
        return Outcome(verdict=lost(Stage.TEXT, "stopped"), stage=Stage.TEXT)

    async def quit(self) -> None:
        self._is_open = False
        if not self._ended.is_set():
            self._channel.tell(Word.QUIT, self._number)
            try:
                async with asyncio.timeout(PARTING):
                    await self._ended.wait()
            except TimeoutError:
                self._channel.tell(Word.CLOSE, self._number)
        self._forget(self._number)

    def on_note(self, word: Word, arguments: list[Any]) -> None:
        """The worker tells something about this carriage."""
        match word:
            case Word.OFFERED:
                self._hear(_Offered)
            case Word.OUTCOME:
                is_open, packed = arguments
                self._is_open = self._is_open and is_open
                self._hear(unpack_outcome(packed))
            case Word.UNMADE:
                self._hear(UnmadeError(told_fault(arguments)))
            case _:
                self._end()

    def desert(self) -> None:
        """The worker has ended."""
        self._is_deserted = True
        self._end()

    def _end(self) -> None:
        self._is_open = False
        self._ended.set()
        self._hear(None)

    def _hear(self, note: object) -> None:
        self._notes.append(note)
        if self._hearing and not self._hearing.done():
            self._hearing.set_result(None)

    async def _next(self) -> object:
        """What the worker tells next; None when it tells no more."""
        while not self._notes:
            if self._ended.is_set():
                return None
            self._hearing = asyncio.get_running_loop().create_future()
            await self._hearing
        return self._notes.popleft()

    def _outcome(self, note: object) -> Outcome:
        if isinstance(note, Outcome):
            return note
        if isinstance(note, UnmadeError):
            if self._committed:
                note.outcome = Outcome(lost(Stage.DOT, "worker failed"), Stage.DOT)
            raise note
        if self._committed or self._is_deserted:
            stage = Stage.DOT if self._committed else Stage.TEXT
            return Outcome(verdict=deserted(committed=self._committed), stage=stage)
        return Outcome(verdict=lost(Stage.MAIL, "connection lost"), stage=Stage.MAIL)  # it was idle

    def _close(self) -> None:
        self._is_open = False
        self._channel.tell(Word.CLOSE, self._number)
