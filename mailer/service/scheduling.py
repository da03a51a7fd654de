"""Sends that `mailer serve` carries, in the background: those whose time has come, and those that were handed to it.

    start_sends_when_due(newsroom, stop, tell)   until `stop` is set
    wait_until_due(newsroom, send_id)            for one that somebody waits for

Whoever is first freezes the audience of a scheduled send; one that is late by more than MAILER_GRACE becomes overdue, and
waits for its person. A send that a server has carried once is its business, or that of the next one: killed or ended in
mid-send, it goes on by itself when a server runs again. What a command carries is left to its person, as ever. That two never
carry the same send is for the ledger's lock and epoch to see to.

A send that was made to be taken back for some seconds, while no server was there to take it back by, asks.
"""

import asyncio
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailer.delivery.state import SendState
from mailer.errors import MailerError
from mailer.ledger.errors import SendStateError
from mailer.ledger.types_sends import Send
from mailer.service.course import Course, each_news_once
from mailer.service.newsroom import Newsroom
from mailer.service.result import proof_line
from mailer.service.running import carry
from mailer.service.sending import start_due
from mailer.settings import redact

if TYPE_CHECKING:
    from mailer.delivery.sender import Sender

LOOK_EVERY = 1.0  # seconds
REST = 60.0  # seconds until a send that could not be started or carried is tried again

Tell = Callable[[str], None]


def due_now(newsroom: Newsroom) -> tuple[Send, ...]:
    """Scheduled sends whose time has come; those that are too late are overdue from now on."""
    return newsroom.ledger.sends.due(grace=newsroom.settings.grace)


def wait_until_due(newsroom: Newsroom, send_id: int) -> Send:
    """Block until it is time, and start the send, unless somebody else did, cancelled it, or it came too late."""
    while (found := newsroom.ledger.sends.get(send_id)).state is SendState.SCHEDULED:
        left = (found.at or 0.0) - newsroom.clock()
        if left > 0:
            time.sleep(min(left, LOOK_EVERY))
        elif send_id in {each.id for each in due_now(newsroom)}:
            try:
                return start_due(newsroom, found)
            except SendStateError:  # another process was quicker
                continue
    return found


async def start_sends_when_due(newsroom: Newsroom, stop: asyncio.Event, tell: Tell) -> None:
    """Until `stop`: start and carry what there is, each send in a task of its own; then let what runs be interrupted.

    A send that cannot be started or run says so through `tell`, stays as it is, and is tried again after a rest.
    """
    await _Carrier(newsroom, stop, tell).run()


class _Carrier:
    """What one server carries."""

    def __init__(self, newsroom: Newsroom, stop: asyncio.Event, tell: Tell) -> None:
        self._newsroom = newsroom
        self._stop = stop
        self._tell = tell
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._senders: dict[int, Sender] = {}
        self._resting: dict[int, float] = {}  # send -> until when

    async def run(self) -> None:
        lapsed = False
        while not self._stop.is_set():
            try:
                if not lapsed:
                    await self._lapse()
                    lapsed = True
                await self._look()
            except MailerError as error:
                self._tell(f"cannot look for sends that are due: {error}")
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._stop.wait()
            except TimeoutError:
                continue
        for sender in self._senders.values():
            sender.stop()
        await asyncio.gather(*self._tasks.values())

    async def _lapse(self) -> None:
        for send in await asyncio.to_thread(self._newsroom.ledger.sends.lapse):
            self._tell(f"send {send.id} ({send.slug}) was not started: no server was there to take it back by")

    async def _look(self) -> None:
        """Begin what is due, and go on with what nobody is at."""
        sends, now = self._newsroom.ledger.sends, asyncio.get_running_loop().time()
        due = await asyncio.to_thread(due_now, self._newsroom)
        carried = await asyncio.to_thread(sends.carried)
        for send in (*due, *carried):
            if send.id in self._tasks or self._resting.get(send.id, now) > now:
                continue
            self._resting.pop(send.id, None)
            if send not in due and await asyncio.to_thread(sends.owner_pid, send.id) is not None:
                continue
            self._tasks[send.id] = asyncio.create_task(self._carry(send))

    async def _carry(self, send: Send) -> None:
        """Start a send, if that is still to be done, and take it to its end."""
        newsroom, tell = self._newsroom, self._tell
        try:
            if send.state is SendState.SCHEDULED:
                tell(f"send {send.id} ({send.slug}) is due")
                await asyncio.to_thread(start_due, newsroom, send, carried=True)
            before = await asyncio.to_thread(newsroom.ledger.sends.summary, send.id)
            course = await asyncio.to_thread(Course, newsroom, before)
            watch = each_news_once(course, lambda news: tell(f"send {send.id}: {news}"))
            result = await carry(
                newsroom, send.id, watch=watch, on_sender=lambda sender: self._attach(send, sender), pause=False
            )
        except MailerError as error:
            tell(f"send {send.id}: {error}")
            self._rest(send)
        except Exception:  # noqa: BLE001 - a bug in one send must not take the way out of the list down with it
            tell(f"send {send.id} stopped, by a bug of mailer: {redact(traceback.format_exc(), newsroom.settings)}")
            self._rest(send)
        else:
            tell(f"send {send.id} {result.summary.send.state}: {proof_line(result.summary)}")
        finally:
            self._senders.pop(send.id, None)
            self._tasks.pop(send.id)

    def _attach(self, send: Send, sender: "Sender") -> None:
        self._senders[send.id] = sender
        if self._stop.is_set():
            sender.stop()

    def _rest(self, send: Send) -> None:
        self._resting[send.id] = asyncio.get_running_loop().time() + REST
