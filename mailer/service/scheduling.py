"""Sends that were scheduled, started when they are due: what runs in the background of `mailer serve`."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailer.errors import MailerError
from mailer.ledger.records import Send
from mailer.service.newsroom import Newsroom
from mailer.service.result import proof_line
from mailer.service.running import carry
from mailer.service.sending import start_due

if TYPE_CHECKING:
    from mailer.delivery.sender import Sender

LOOK_EVERY = 1.0  # seconds


async def start_sends_when_due(newsroom: Newsroom, stop: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Until `stop`: start what is due, each send in a task of its own; then let what runs pause, to be resumed.

    A send that cannot be started or run says so through `tell`, and stays as it is.
    """
    running: set[asyncio.Task[None]] = set()
    senders: set[Sender] = set()

    async def run(send: Send) -> None:
        tell(f"send {send.id} ({send.slug}) is due")
        try:
            await asyncio.to_thread(start_due, newsroom, send)
            result = await carry(newsroom, send.id, on_sender=senders.add)
        except MailerError as error:
            tell(f"send {send.id}: {error}")
        else:
            tell(f"send {send.id} {result.summary.send.state}: {proof_line(result.summary)}")

    begun: set[int] = set()
    while not stop.is_set():
        try:
            due = await asyncio.to_thread(newsroom.ledger.sends.due, grace=newsroom.settings.grace)
        except MailerError as error:
            tell(f"cannot look for sends that are due: {error}")
            due = ()
        for send in due:
            if send.id not in begun:
                begun.add(send.id)
                task = asyncio.create_task(run(send))
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
