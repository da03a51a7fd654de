"""Delivers transactional mail, in the background of `mailer serve`: requests for confirmation, and links.

    deliver_transactional_mail(app, stop, log)      until `stop` is set

It is sent through the relays of the settings, signed as editions are, one message at a time, and counted apart from sends: no
warm-up plan, rate limit or breaker of a send delays it, since somebody is waiting. While `serve` does not run, it waits. The
state is recorded before the end of DATA; what was being sent when a process died is uncertain, and not sent again. What a
relay refuses for now, or for a reason that is not about the recipient, is retried by MAILER_RETRY for 72 hours, as long as the
link is valid. Only a refusal that is about the recipient ends it.
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
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.service.periodic_jobs import Log, run_every
from mailer.service.transactional.compose import Skipped, compose
from mailer.settings.secret_masking import redact_secrets
from mailer.smtp.classify import Outcome
from mailer.smtp.connect import Timeouts
from mailer.smtp.failover_client import SmtpClient
from mailer.smtp.session import AttemptResult

LOOK_EVERY = 1.0  # seconds
REST = 30.0  # seconds, after which a relay that could not be reached is tried again
KEPT_FOR = 30 * 86_400.0  # seconds for which finished mail and unconfirmed consent are kept
_WRITTEN = (TransactionalKind.CONFIRM, TransactionalKind.LINK, TransactionalKind.ADDRESS, TransactionalKind.MOVED)
_AT_A_TIME = 50
_FORGET_EVERY = 3600.0


async def deliver_transactional_mail(app: App, stop: asyncio.Event, log: Log) -> None:
    """Delivers what is due until `stop` is set. What cannot be delivered is logged, and waits."""
    job = TransactionalMailJob(app, stop, log)
    await run_every(LOOK_EVERY, job.deliver_due, stop, log, app=app, name="transactional mail", after_error=REST)


class TransactionalMailJob:
    """Delivers the transactional mail of one installation."""

    def __init__(self, app: App, stop: asyncio.Event, log: Log) -> None:
        self._app = app
        self._queue = app.ledger.transactional
        self._stop = stop
        self._log = log
        self._retry = RetryPolicy(delays=app.settings.retry, lifetime=VALID_FOR)
        self._forgotten_at: float | None = None

    async def deliver_due(self) -> float | None:
        """Delivers what is due now. Returns the seconds until the next round; None for the usual interval."""
        await asyncio.to_thread(self._tidy)
        now = self._app.clock()
        due = await asyncio.to_thread(self._queue.due, now, _AT_A_TIME, *_WRITTEN)
        if not due:
            return None
        hostname = self._app.settings.helo or await asyncio.to_thread(socket.getfqdn)
        relays = self._app.settings.relay
        client = SmtpClient(relays, limits=Timeouts(), local_hostname=hostname, chance=random.random)
        try:
            for mail in due:
                if self._stop.is_set():
                    break
                if not await self._deliver(client, mail):
                    return REST
        finally:
            await client.close()
        return 0.0

    async def _deliver(self, client: SmtpClient, mail: QueuedMail) -> bool:
        """Delivers one mail, or logs why not. Returns False if no relay accepts anything at the moment."""
        try:
            composed = await asyncio.to_thread(compose, self._app, mail)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - mail that cannot be composed must not delay the rest
            why = str(error) if isinstance(error, MailerError) else traceback.format_exc()
            self._log(
                f"transactional mail {mail.id} cannot be composed and waits: {redact_secrets(why, self._app.settings)}"
            )
            await self._reschedule(mail, "cannot be composed")
            return True
        if isinstance(composed, Skipped):
            await self._queue.record_result(mail, TransactionalState.FAILED, reply=composed.reason)
            return True
        is_marked = False

        async def mark_sending() -> bool:
            nonlocal is_marked
            is_marked = await self._queue.begin_sending(mail, composed.link_digest)
            return is_marked

        try:
            result = await client.deliver(composed.message, mark_sending)
        except BaseException:
            if is_marked and not client.may_have_left:
                await self._queue.record_result(
                    mail, TransactionalState.QUEUED, next_at=self._app.clock(), was_sending=True
                )
            raise
        if result is None:
            self._log(f"transactional mail {mail.id} waits: {client.last_error or 'no relay can be reached'}")
            await self._reschedule(mail, client.last_error)
            return False
        if result.cancelled:
            return True
        await self._settle(mail, result, was_sending=is_marked)
        return client.has_relays

    async def _settle(self, mail: QueuedMail, result: AttemptResult, *, was_sending: bool) -> None:
        reply, classification = str(result.reply or result.classification.reason), result.classification
        match classification.outcome:
            case Outcome.ACCEPTED:
                state = TransactionalState.SENT
            case Outcome.UNCERTAIN:
                state = TransactionalState.UNCERTAIN
            case Outcome.FAILED if classification.is_about_recipient:
                state = TransactionalState.FAILED
            case _:  # a temporary refusal, or one that may be our fault
                if classification.outcome is not Outcome.DEFERRED:
                    self._log(f"transactional mail {mail.id} waits: {classification.reason} ({reply})")
                await self._reschedule(mail, reply, was_sending=was_sending, is_attempt=True)
                return
        await self._queue.record_result(mail, state, reply=reply, was_sending=was_sending)

    async def _reschedule(
        self, mail: QueuedMail, reply: str, *, was_sending: bool = False, is_attempt: bool = False
    ) -> None:
        """Has `mail` tried again later, or gives it up. `is_attempt`: a relay answered, also where the text was never sent."""
        at = self._retry.next_at(
            attempt=mail.attempts + 1,
            first_at=mail.created_at,
            now=self._app.clock(),
            chance=random.random(),  # noqa: S311 - spreads load, keeps no secret
        )
        if at is None:
            state, reply = TransactionalState.FAILED, f"expired: {reply}"
        else:
            state = TransactionalState.QUEUED
        await self._queue.record_result(
            mail, state, reply=reply, next_at=at or 0.0, was_sending=was_sending, is_attempt=is_attempt
        )

    def _tidy(self) -> None:
        """Purges old mail and unconfirmed consent once an hour; the first time, also marks what a dead process left as
        uncertain.
        """
        now = time.monotonic()
        if self._forgotten_at is None:
            lost = self._queue.recover()
            if lost:
                self._log(
                    f"{lost} transactional mails were being sent when serve ended; it is not known whether they arrived"
                )
        elif now - self._forgotten_at < _FORGET_EVERY:
            return
        self._forgotten_at = now
        before = self._app.clock() - KEPT_FOR
        self._queue.forget(before)
        self._app.ledger.signups.forget(before)
        kept_days = self._app.settings.feedback_days
        self._app.ledger.feedback.purge_messages(self._app.clock() - kept_days * 86_400.0)
