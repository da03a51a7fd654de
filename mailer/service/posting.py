"""Delivering letters to one person, in the background of `mailer serve`: requests for confirmation, links, welcomes.

    deliver_letters(newsroom, stop, log)      until `stop` is set

They leave through the relays of the settings, signed as editions are, one at a time, and are counted apart from sends: no
plan, no pace and no breaker of a send holds them back, since somebody is waiting for each. Without a running serve they
wait. The ledger is written before the dot leaves; what was leaving when a process died is uncertain, and not sent again.
What a relay refuses for our fault, or for now, is tried again by MAILER_RETRY for 72 hours, as long as the link is good.
"""

import asyncio
import random
import socket
import time
import traceback

from mailer.delivery.connection import Limits
from mailer.delivery.courier import Courier
from mailer.delivery.lane import Outcome
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.state import DeliveryState
from mailer.errors import MailerError
from mailer.ledger.errors import LedgerError
from mailer.ledger.letters import Letter
from mailer.ledger.signups import VALID_FOR
from mailer.ledger.types_subscribers import LetterKind, LetterState
from mailer.service.jobs import Log, run_every
from mailer.service.lettering import NothingToSay, write_letter
from mailer.service.newsroom import Newsroom
from mailer.settings import redact

LOOK_EVERY = 1.0  # seconds
REST = 30.0  # seconds, after which a relay that could not be reached is tried again
KEPT_FOR = 30 * 86_400.0  # seconds for which a letter that is settled, or evidence that nobody confirmed, is kept
_WRITTEN = (LetterKind.CONFIRM, LetterKind.LINK, LetterKind.ADDRESS)
_AT_A_TIME = 50
_FORGET_EVERY = 3600.0


async def deliver_letters(newsroom: Newsroom, stop: asyncio.Event, log: Log) -> None:
    """Delivers what is due until `stop` is set. What cannot be delivered is logged, and waits."""
    post = _Post(newsroom, stop, log)
    await run_every(LOOK_EVERY, post.round, stop, log, newsroom=newsroom, name="letters", after_error=REST)


class _Post:
    """The letters of one newsroom."""

    def __init__(self, newsroom: Newsroom, stop: asyncio.Event, log: Log) -> None:
        self._newsroom = newsroom
        self._letters = newsroom.ledger.letters
        self._stop = stop
        self._log = log
        self._retry = RetryPolicy(delays=newsroom.settings.retry, lifetime=VALID_FOR)
        self._forgotten_at: float | None = None

    async def round(self) -> float | None:
        """Delivers what is due now. Returns the seconds until the next round; None for the usual interval."""
        await asyncio.to_thread(self._tidy)
        now = self._newsroom.clock()
        due = await asyncio.to_thread(self._letters.due, now, _AT_A_TIME, *_WRITTEN)
        if not due:
            return None
        hostname = await asyncio.to_thread(socket.getfqdn)
        relays = self._newsroom.settings.relay
        courier = Courier(relays, limits=Limits(), local_hostname=hostname, chance=random.random)
        try:
            for letter in due:
                if self._stop.is_set():
                    break
                if not await self._deliver(courier, letter):
                    return REST
        finally:
            await courier.close()
        return 0.0

    async def _deliver(self, courier: Courier, letter: Letter) -> bool:
        """Deliver one letter, or say why not. False when no relay takes anything at the moment."""
        try:
            message = await asyncio.to_thread(write_letter, self._newsroom, letter)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - one that cannot be written must not hold up the others
            why = str(error) if isinstance(error, MailerError) else traceback.format_exc()
            self._log(f"letter {letter.id} cannot be written and waits: {redact(why, self._newsroom.settings)}")
            await self._try_later(letter, "cannot be written")
            return True
        if isinstance(message, NothingToSay):
            await self._letters.settle(letter.id, LetterState.FAILED, reply=message.reason)
            return True
        left = False

        async def leave() -> bool:
            nonlocal left
            left = await self._letters.leave(letter.id, self._newsroom.keys.names[0])
            return left

        try:
            outcome = await courier.deliver(message, leave)
        except BaseException:
            if left and not courier.dot_given:
                await self._letters.settle(letter.id, LetterState.QUEUED, next_at=self._newsroom.clock())
            raise
        if outcome is None:
            self._log(f"letter {letter.id} waits: {courier.trouble or 'no relay can be reached'}")
            await self._try_later(letter, courier.trouble)
            return False
        if outcome.withheld:
            return True
        await self._settle(letter, outcome)
        if outcome.verdict.halt:
            self._log(f"letter {letter.id} waits: {outcome.verdict.reason} ({outcome.reply})")
        return not outcome.verdict.halt

    async def _settle(self, letter: Letter, outcome: Outcome) -> None:
        reply, verdict = str(outcome.reply or outcome.verdict.reason), outcome.verdict
        if verdict.state is DeliveryState.ACCEPTED:
            await self._letters.settle(letter.id, LetterState.SENT, reply=reply)
        elif verdict.state is DeliveryState.UNCERTAIN:
            await self._letters.settle(letter.id, LetterState.UNCERTAIN, reply=reply)
        elif verdict.state is DeliveryState.FAILED and not verdict.policy:
            await self._letters.settle(letter.id, LetterState.FAILED, reply=reply)
        else:  # for now, or for a fault of ours
            await self._try_later(letter, reply)

    async def _try_later(self, letter: Letter, reply: str) -> None:
        at = self._retry.next_at(
            attempt=letter.attempts + 1,
            first_at=letter.created_at,
            now=self._newsroom.clock(),
            chance=random.random(),  # noqa: S311 - spreads load, keeps no secret
        )
        if at is None:
            await self._letters.settle(letter.id, LetterState.FAILED, reply=f"expired: {reply}")
        else:
            await self._letters.settle(letter.id, LetterState.QUEUED, reply=reply, next_at=at)

    def _tidy(self) -> None:
        """Once in a while forget what nobody needs any more; at first put right what a dead process left."""
        now = time.monotonic()
        if self._forgotten_at is None:
            lost = self._letters.recover()
            if lost:
                self._log(f"{lost} letters were leaving when serve ended; whether they came is not known")
        elif now - self._forgotten_at < _FORGET_EVERY:
            return
        self._forgotten_at = now
        before = self._newsroom.clock() - KEPT_FOR
        self._letters.forget(before)
        self._newsroom.ledger.signups.forget(before)
