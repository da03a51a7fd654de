"""Delivers messages to webhooks, in the background of `mailer serve`.

    notify_webhooks(app, stop, log)      until `stop` is set

Each webhook has a task of its own while something is due for it, which sends one message after the other, so that a slow
receiver delays no other. After a failure it pauses, longer with each failure, and its messages wait for their next try. The
outbox is written after the answer: if the process is killed in between, the message is sent again with the same id. At the
end, requests that are under way have some seconds; a request that is cut off then is sent again.
"""

import asyncio
import time
from functools import partial
from urllib.parse import urlsplit

from mailer.app import App
from mailer.errors import MailerError
from mailer.http_client import ClientOptions
from mailer.ledger.types.webhooks import WebhookState
from mailer.ledger.webhooks.webhooks import UnknownWebhookError, Webhook
from mailer.service.periodic_jobs import Log, current_traceback, run_every
from mailer.service.webhooks.delivery import client_options, deliver_message, describe_attempt

LOOK_EVERY = 1.0  # seconds
LINGER = 5.0  # seconds, at the end, for requests that are under way
KEPT_FOR = 30 * 86_400.0  # seconds for which a message is kept
REST, _DOUBLINGS = 2.0, 5  # seconds after a first failure; how often that doubles with the next ones
_REST_OF_ALL = 30.0
_AT_A_TIME = 100
_FORGET_EVERY = 3600.0


async def notify_webhooks(app: App, stop: asyncio.Event, log: Log, *, options: ClientOptions | None = None) -> None:
    """Delivers what is due until `stop` is set. Messages that are given up are logged."""
    job = WebhookDeliveryJob(app, stop, log, options or client_options(app))
    await run_every(LOOK_EVERY, job.poll, stop, log, app=app, name="webhooks", after_error=_REST_OF_ALL)
    await job.end()


class WebhookDeliveryJob:
    """Delivers the messages of the webhooks of one installation."""

    def __init__(self, app: App, stop: asyncio.Event, log: Log, options: ClientOptions) -> None:
        self._app = app
        self._outbox = app.ledger.outbox
        self._stop = stop
        self._log = log
        self._options = options
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._failures: dict[int, int] = {}  # in a row
        self._rests_until: dict[int, float] = {}
        self._forgotten_at: float | None = None

    async def poll(self) -> None:
        """Starts a task for every webhook that has something due, is not being served already, and is not resting."""
        await asyncio.to_thread(self._purge)
        for number in await asyncio.to_thread(self._outbox.due_webhooks, self._app.clock()):
            if number not in self._tasks and self._rests_until.get(number, 0.0) <= time.monotonic():
                task = asyncio.create_task(self._work(number))
                self._tasks[number] = task
                task.add_done_callback(partial(self._ended, number))

    def _ended(self, number: int, _task: asyncio.Task[None]) -> None:
        del self._tasks[number]

    async def end(self) -> None:
        """Waits up to LINGER seconds for requests that are under way, then cancels them."""
        tasks = set(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LINGER)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, number: int) -> None:
        try:
            went_well = await self._drain(number)
        except UnknownWebhookError:
            return  # removed meanwhile
        except MailerError as error:
            went_well = False
            self._log(f"webhook {number} will be tried again: {error}")
        except Exception:  # noqa: BLE001 - a bug with one webhook must not stop the server
            went_well = False
            self._log(f"webhook {number} will be tried again after a bug in mailer: {current_traceback(self._app)}")
        failures = self._failures.get(number, 0)
        self._failures[number] = 0 if went_well else failures + 1
        self._rests_until[number] = 0.0 if went_well else time.monotonic() + REST * 2 ** min(failures, _DOUBLINGS)

    async def _drain(self, number: int) -> bool:
        """Delivers what is due, up to the first message that fails. Returns whether all were delivered.

        Each is read when its turn comes: people who were erased in the meantime are no longer reported.
        """
        for _ in range(_AT_A_TIME):
            message = await asyncio.to_thread(self._outbox.next_due, number, self._app.clock())
            if message is None:
                return True
            webhook = await asyncio.to_thread(self._app.ledger.webhooks.get, number)
            if self._stop.is_set() or webhook.paused_at is not None:
                return True
            attempt, decision = await deliver_message(self._app, webhook, message, self._options)
            words = f"webhook {number} ({_host(webhook)}): {message.event} of message {message.id}"
            if decision.pause:
                await asyncio.to_thread(self._app.ledger.webhooks.pause, number, because=decision.pause)
                self._log(f"{words} was refused and the webhook is paused: {decision.pause}")
            elif decision.state is WebhookState.GIVEN_UP:
                self._log(f"{words} is given up: {describe_attempt(attempt)}")
            if decision.state is not WebhookState.DELIVERED:
                return False
        return True

    def _purge(self) -> None:
        """Removes old messages once an hour."""
        now = time.monotonic()
        if self._forgotten_at is None or now - self._forgotten_at >= _FORGET_EVERY:
            self._forgotten_at = now
            self._outbox.purge(self._app.clock() - KEPT_FOR)


def _host(webhook: Webhook) -> str:
    """Returns the host only: some URLs hold a secret."""
    return urlsplit(webhook.url).hostname or ""
