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

from mailer.app import App
from mailer.delivery.retry import RetryPolicy
from mailer.errors import MailerError
from mailer.ledger.subscribers.signups import VALID_FOR
from mailer.ledger.subscribers.transactional import QueuedMail
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.subscribers import TransactionalKind, TransactionalState
from mailer.service.jobs import Log, run_every
from mailer.service.transactional.compose import Skipped, compose
from mailer.settings.settings import redact
from mailer.smtp.classify import Outcome
from mailer.smtp.client import SmtpClient
from mailer.smtp.connect import Timeouts
from mailer.smtp.session import AttemptResult

LOOK_EVERY = 1.0  # seconds
REST = 30.0  # seconds, after which a relay that could not be reached is tried again
KEPT_FOR = 30 * 86_400.0  # seconds for which a letter that is settled, or evidence that nobody confirmed, is kept
_WRITTEN = (TransactionalKind.CONFIRM, TransactionalKind.LINK, TransactionalKind.ADDRESS)
_AT_A_TIME = 50
_FORGET_EVERY = 3600.0


async def deliver_transactional_mail(app: App, stop: asyncio.Event, log: Log) -> None:
    """Delivers what is due until `stop` is set. What cannot be delivered is logged, and waits."""
    post = TransactionalDispatcher(app, stop, log)
    await run_every(LOOK_EVERY, post.deliver_due, stop, log, app=app, name="letters", after_error=REST)


class TransactionalDispatcher:
    """The letters of one newsroom."""

    def __init__(self, app: App, stop: asyncio.Event, log: Log) -> None:
        self._app = app
        self._letters = app.ledger.transactional
        self._stop = stop
        self._log = log
        self._retry = RetryPolicy(delays=app.settings.retry, lifetime=VALID_FOR)
        self._forgotten_at: float | None = None

    async def deliver_due(self) -> float | None:
        """Delivers what is due now. Returns the seconds until the next round; None for the usual interval."""
        await asyncio.to_thread(self._tidy)
        now = self._app.clock()
        due = await asyncio.to_thread(self._letters.due, now, _AT_A_TIME, *_WRITTEN)
        if not due:
            return None
        hostname = await asyncio.to_thread(socket.getfqdn)
        relays = self._app.settings.relay
        client = SmtpClient(relays, limits=Timeouts(), local_hostname=hostname, chance=random.random)
        try:
            for letter in due:
                if self._stop.is_set():
                    break
                if not await self._deliver(client, letter):
                    return REST
        finally:
            await client.close()
        return 0.0

    async def _deliver(self, client: SmtpClient, letter: QueuedMail) -> bool:
        """Deliver one letter, or say why not. False when no relay takes anything at the moment."""
        try:
            message = await asyncio.to_thread(compose, self._app, letter)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - one that cannot be written must not hold up the others
            why = str(error) if isinstance(error, MailerError) else traceback.format_exc()
            self._log(f"letter {letter.id} cannot be written and waits: {redact(why, self._app.settings)}")
            await self._reschedule(letter, "cannot be written")
            return True
        if isinstance(message, Skipped):
            await self._letters.settle(letter.id, TransactionalState.FAILED, reply=message.reason)
            return True
        left = False

        async def leave() -> bool:
            nonlocal left
            left = await self._letters.begin_sending(letter.id, self._app.keys.names[0])
            return left

        try:
            outcome = await client.deliver(message, leave)
        except BaseException:
            if left and not client.may_have_left:
                await self._letters.settle(letter.id, TransactionalState.QUEUED, next_at=self._app.clock())
            raise
        if outcome is None:
            self._log(f"letter {letter.id} waits: {client.last_error or 'no relay can be reached'}")
            await self._reschedule(letter, client.last_error)
            return False
        if outcome.cancelled:
            return True
        await self._settle(letter, outcome)
        if outcome.classification.halt:
            self._log(f"letter {letter.id} waits: {outcome.classification.reason} ({outcome.reply})")
        return not outcome.classification.halt

    async def _settle(self, letter: QueuedMail, outcome: AttemptResult) -> None:
        reply, classification = str(outcome.reply or outcome.classification.reason), outcome.classification
        if classification.outcome is Outcome.ACCEPTED:
            await self._letters.settle(letter.id, TransactionalState.SENT, reply=reply)
        elif classification.outcome is Outcome.UNCERTAIN:
            await self._letters.settle(letter.id, TransactionalState.UNCERTAIN, reply=reply)
        elif classification.outcome is Outcome.FAILED and not classification.policy:
            await self._letters.settle(letter.id, TransactionalState.FAILED, reply=reply)
        else:  # for now, or for a fault of ours
            await self._reschedule(letter, reply)

    async def _reschedule(self, letter: QueuedMail, reply: str) -> None:
        at = self._retry.next_at(
            attempt=letter.attempts + 1,
            first_at=letter.created_at,
            now=self._app.clock(),
            chance=random.random(),  # noqa: S311 - spreads load, keeps no secret
        )
        if at is None:
            await self._letters.settle(letter.id, TransactionalState.FAILED, reply=f"expired: {reply}")
        else:
            await self._letters.settle(letter.id, TransactionalState.QUEUED, reply=reply, next_at=at)

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
        before = self._app.clock() - KEPT_FOR
        self._letters.forget(before)
        self._app.ledger.signups.forget(before)
