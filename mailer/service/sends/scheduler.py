"""Starts scheduled sends when they are due, and runs the sends of `mailer serve`, in the background.

    start_sends_when_due(app, stop, log)    until `stop` is set
    wait_until_due(app, send_id)            for a command that waits for one send

The first process to notice that a send is due freezes its audience; a send that is late by more than MAILER_SCHEDULE_GRACE
becomes overdue, and waits for a person. A send that a server has run once is resumed by the next server if this one is killed
or ends in mid-send. A send that a command runs is left to the person who started it. The ledger's lock and fencing token
ensure that no two processes run the same send.

The reason why a send cannot be started or run is recorded with it, for `status`, the desk, the API and the health check, and
logged when it changes.

A send with an undo delay whose time passed while no server was running, so that it could not be undone, is not started.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from mailer.app import App
from mailer.delivery.states import SendState
from mailer.errors import MailerError
from mailer.ledger.types.errors import LedgerError, SendStateError
from mailer.ledger.types.sends import Send
from mailer.service.periodic_jobs import Log, current_traceback, run_every
from mailer.service.sends.progress_tracker import ProgressTracker, log_changes
from mailer.service.sends.run import RunOutcome, Stoppable, Watch, run_send_async
from mailer.service.sends.start import start_scheduled
from mailer.service.sends.summary import proof_line

LOOK_EVERY = 1.0  # seconds
REST = 60.0  # seconds until a send that could not be started or run is tried again


def due_sends(app: App) -> tuple[Send, ...]:
    """Returns the scheduled sends whose time has come; sends that are too late become overdue."""
    return app.ledger.sends.due(grace=app.settings.schedule_grace)


def wait_until_due(app: App, send_id: int) -> Send:
    """Blocks until the send is due, and starts it, unless somebody else has started or cancelled it, or it is too late."""
    while (send := app.ledger.sends.get(send_id)).state is SendState.SCHEDULED:
        left = (send.scheduled_at or 0.0) - app.clock()
        if left > 0:
            time.sleep(min(left, LOOK_EVERY))
        elif send_id in {each.id for each in due_sends(app)}:
            try:
                return start_scheduled(app, send)
            except SendStateError:  # another process started it first
                continue
    return send


HandOver = Callable[[App, int, asyncio.Event, Watch], Awaitable[RunOutcome | None]]
"""Has the workers of a cluster send a send, until the event is set; returns None if there are none."""


async def start_sends_when_due(
    app: App,
    stop: asyncio.Event,
    log: Log,
    *,
    hand_over: HandOver | None = None,
    expires_unstarted: bool = True,
) -> None:
    """Starts and runs what is due, each send in a task of its own, until `stop` is set; then interrupts what runs.

    A send that cannot be started or run keeps its state, gets the reason, and is tried again after a rest. `hand_over`: asks
    workers first. `expires_unstarted`: no server was running until now in which a send could be undone; those become overdue.
    """
    await SendScheduler(app, stop, log, hand_over, expires_unstarted=expires_unstarted).run()


class SendScheduler:
    """Runs the sends of one server."""

    def __init__(
        self, app: App, stop: asyncio.Event, log: Log, hand_over: HandOver | None, *, expires_unstarted: bool
    ) -> None:
        self._hand_over = hand_over
        self._app = app
        self._stop = stop
        self._log = log
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._senders: dict[int, Stoppable] = {}
        self._resting: dict[int, float] = {}  # send -> until when
        self._hindrances: dict[int, str] = {}  # send -> the reason that was logged
        self._expires_unstarted = expires_unstarted

    async def run(self) -> None:
        await run_every(LOOK_EVERY, self._look, self._stop, self._log, app=self._app, name="due sends")
        for sender in self._senders.values():
            sender.stop()
        await asyncio.gather(*self._tasks.values())

    async def _expire_unstarted(self) -> None:
        for send in await asyncio.to_thread(self._app.ledger.sends.expire_unstarted):
            self._log(
                f"send {send.id} ({send.slug}) was not started: no server was running in which it could be undone"
            )

    async def _look(self) -> None:
        """Starts what is due, and resumes what no other process runs."""
        if self._expires_unstarted:
            await self._expire_unstarted()
            self._expires_unstarted = False
        sends, now = self._app.ledger.sends, asyncio.get_running_loop().time()
        await asyncio.to_thread(sends.finish_cancelled)
        due = await asyncio.to_thread(due_sends, self._app)
        carried = await asyncio.to_thread(sends.run_by_server)
        for send in (*due, *carried):
            if send.id in self._tasks or self._resting.get(send.id, now) > now:
                continue
            self._resting.pop(send.id, None)
            if send not in due and await asyncio.to_thread(sends.holder_pid, send.id) is not None:
                continue
            self._tasks[send.id] = asyncio.create_task(self._carry(send))

    async def _carry(self, send: Send) -> None:
        """Starts a send, if it was not started yet, and runs it to its end."""
        app, log = self._app, self._log
        try:
            if send.state is SendState.SCHEDULED:
                log(f"send {send.id} ({send.slug}) is due")
                await asyncio.to_thread(start_scheduled, app, send, carried=True)
            before = await asyncio.to_thread(app.ledger.sends.summary, send.id)
            tracker = await asyncio.to_thread(ProgressTracker, app, before)
            watch = log_changes(tracker, lambda news: log(f"send {send.id}: {news}"))
            result = await self._hand_over(app, send.id, self._stop, watch) if self._hand_over else None
            if result is None:
                result = await run_send_async(
                    app, send.id, watch=watch, on_sender=lambda sender: self._attach(send, sender), unattended=True
                )
        except SendStateError as error:  # a person or another process was faster
            log(f"send {send.id}: {error}")
        except MailerError as error:
            await self._on_hindrance(send, str(error), f"send {send.id}: {error}")
        except Exception:  # noqa: BLE001 - a bug in one send must not stop the server, which serves unsubscribe links
            words = "stopped by a bug in mailer; the log of mailer serve has the details"
            await self._on_hindrance(
                send, words, f"send {send.id} was stopped by a bug in mailer: {current_traceback(app)}"
            )
        else:
            self._hindrances.pop(send.id, None)
            log(f"send {send.id} {result.summary.send.state}: {proof_line(result.summary)}")
        finally:
            self._senders.pop(send.id, None)
            self._tasks.pop(send.id)

    def _attach(self, send: Send, sender: Stoppable) -> None:
        self._senders[send.id] = sender
        if self._stop.is_set():
            sender.stop()

    async def _on_hindrance(self, send: Send, reason: str, line: str) -> None:
        """Records and logs why a send could not be started or run, and lets it rest."""
        self._resting[send.id] = asyncio.get_running_loop().time() + REST
        if self._hindrances.get(send.id) != reason:
            self._log(line)
            self._hindrances[send.id] = reason
        with contextlib.suppress(LedgerError):  # without the ledger it can only be logged
            if await asyncio.to_thread(self._app.ledger.sends.holder_pid, send.id) is None:
                await asyncio.to_thread(self._app.ledger.sends.note_hindrance, send.id, reason)
