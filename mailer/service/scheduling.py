"""Sends that were scheduled, started when they are due: by `mailer serve` in the background, or by who waits for one.

Whoever is first freezes the audience; a send that is late by more than MAILER_GRACE becomes overdue, and waits for its person.
"""

import asyncio
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailer.delivery.state import SendState
from mailer.errors import MailerError
from mailer.ledger.errors import SendStateError
from mailer.ledger.records import Send
from mailer.service.course import Course, each_news_once
from mailer.service.newsroom import Newsroom
from mailer.service.result import proof_line
from mailer.service.running import carry
from mailer.service.sending import start_due
from mailer.settings import redact

if TYPE_CHECKING:
    from mailer.delivery.sender import Sender

LOOK_EVERY = 1.0  # seconds


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


async def start_sends_when_due(newsroom: Newsroom, stop: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Until `stop`: start what is due, each send in a task of its own; then let what runs pause, to be resumed.

    A send that cannot be started or run says so through `tell`, and stays as it is.
    """
    running: set[asyncio.Task[None]] = set()
    senders: set[Sender] = set()
    begun: set[int] = set()

    def attach(sender: "Sender") -> None:
        senders.add(sender)
        if stop.is_set():
            sender.stop()

    while not stop.is_set():
        try:
            due = await asyncio.to_thread(due_now, newsroom)
        except MailerError as error:
            tell(f"cannot look for sends that are due: {error}")
            due = ()
        for send in due:
            if send.id not in begun:
                begun.add(send.id)
                task = asyncio.create_task(_run(newsroom, send, attach, tell))
                running.add(task)
                task.add_done_callback(running.discard)
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await stop.wait()
        except TimeoutError:
            continue
    for sender in senders:
        sender.stop()
    await asyncio.gather(*running)


async def _run(newsroom: Newsroom, send: Send, attach: "Callable[[Sender], None]", tell: Callable[[str], None]) -> None:
    tell(f"send {send.id} ({send.slug}) is due")
    try:
        await asyncio.to_thread(start_due, newsroom, send)
        before = await asyncio.to_thread(newsroom.ledger.sends.summary, send.id)
        course = await asyncio.to_thread(Course, newsroom, before)
        watch = each_news_once(course, lambda news: tell(f"send {send.id}: {news}"))
        result = await carry(newsroom, send.id, watch=watch, on_sender=attach)
    except MailerError as error:
        tell(f"send {send.id}: {error}")
    except Exception:  # noqa: BLE001 - a bug in one send must not take the way out of the list down with it
        tell(f"send {send.id} stopped, by a bug of mailer: {redact(traceback.format_exc(), newsroom.settings)}")
    else:
        tell(f"send {send.id} {result.summary.send.state}: {proof_line(result.summary)}")
