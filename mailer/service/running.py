"""Running a send that exists, to its end or as far as it goes.

`carry` is for an event loop that is there already (`mailer serve`), `run_send` for a command: it also takes Ctrl-C and SIGTERM
as a wish to pause. Both own the send first, so that of two processes one runs it and the other is told which.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvloop

from mailer.delivery.connection import ConnectionFailure, open_connection
from mailer.delivery.message import Composer
from mailer.delivery.pace import PaceLimits
from mailer.delivery.pool import PoolOptions
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.sender import Options, Sender
from mailer.delivery.state import SendKind, SendState
from mailer.delivery.tally import End, Ending, Tally
from mailer.edition.model import Edition
from mailer.errors import MailerError, UndecidedError, UsageError
from mailer.ledger.errors import LedgerError
from mailer.ledger.memory import give_back_memory
from mailer.ledger.owned import OwnedSend
from mailer.ledger.types_sends import Send, Summary
from mailer.relay import Relay
from mailer.service.newsroom import Newsroom
from mailer.settings import OnUncertain

Watch = Callable[[Tally], None]
WATCH_EVERY = 0.25  # seconds
_STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a run of a send ended, and where the send stands after it."""

    summary: Summary
    ending: Ending


def run_send(newsroom: Newsroom, send_id: int, *, wait: bool = True, watch: Watch | None = None) -> Run:
    """Own the send and carry it on. Raises UndecidedError when a living process owns it, LedgerError, MessageError."""
    give_back_memory()
    gc.freeze()  # what was made so far lives for the whole run
    gc.set_threshold(50_000, 20, 20)  # a run makes much, and nothing of it in cycles
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_stopped_by_signals(newsroom, send_id, wait=wait, watch=watch))


async def carry(
    newsroom: Newsroom,
    send_id: int,
    *,
    wait: bool = True,
    watch: Watch | None = None,
    on_sender: Callable[[Sender], None] | None = None,
    pause: bool = True,
) -> Run:
    """Own the send and carry it on, on this event loop. `on_sender` is handed what can be stopped.

    A send that is stopped is paused, until its person says so; without `pause` it is left as one that was interrupted.
    """
    ledger, settings = newsroom.ledger, newsroom.settings
    owned = await asyncio.to_thread(
        ledger.queue.own,
        send_id,
        retry_for=settings.retry_for,
        resend_uncertain=settings.on_uncertain is OnUncertain.RESEND,
    )
    if owned is None:
        raise UndecidedError(
            f"Send {send_id} is being sent by another process (pid {ledger.sends.owner_pid(send_id) or 'unknown'}).",
            f"Watch it with: mailer status {send_id}",
        )
    try:
        sender = await _make_sender(newsroom, owned)
        if on_sender:
            on_sender(sender)
        ending = await _run(sender, owned, wait=wait, watch=watch)
    finally:
        await asyncio.to_thread(owned.close)
    if pause and ending.end is End.STOPPED:
        await asyncio.to_thread(_pause_if_running, newsroom, send_id, ending.reason)
    return Run(summary=await asyncio.to_thread(ledger.sends.summary, send_id), ending=ending)


def load_edition(newsroom: Newsroom, send: Send) -> Edition:
    """The edition of a send, as it was frozen, with its images."""
    stored = newsroom.ledger.editions.get(send.digest)
    if stored is None:
        raise UsageError(f"The edition of send {send.id} is missing from the ledger.", "Restore the database.")
    return Edition.from_json(stored.json, newsroom.ledger.editions.images(send.digest))


async def _stopped_by_signals(newsroom: Newsroom, send_id: int, *, wait: bool, watch: Watch | None) -> Run:
    """`carry`, in which Ctrl-C and SIGTERM stop the sender."""
    loop = asyncio.get_running_loop()

    def attach(sender: Sender) -> None:
        for number in _STOPS:
            loop.add_signal_handler(number, sender.stop)

    try:
        return await carry(newsroom, send_id, wait=wait, watch=watch, on_sender=attach)
    finally:
        for number in _STOPS:
            loop.remove_signal_handler(number)


async def _make_sender(newsroom: Newsroom, owned: OwnedSend) -> Sender:
    """Returns the sender of `owned`, for its frozen edition and by the settings."""
    send = await asyncio.to_thread(newsroom.ledger.sends.get, owned.send_id)
    edition = await asyncio.to_thread(load_edition, newsroom, send)
    options = await asyncio.to_thread(_options, newsroom)
    relays = newsroom.settings.relay
    eight_bit = newsroom.settings.eight_bit and await _all_offer_8bit(relays, options.pool)
    tokens = newsroom.marks(send.key_name, inert=send.kind is SendKind.TEST)
    profile = newsroom.sender_profile_of(send.sender_profile)
    composer = Composer(edition, profile, tokens, eight_bit=eight_bit)
    return Sender(ledger=owned, compose=composer.compose, relays=relays, options=options, now=newsroom.clock)


async def _run(sender: Sender, owned: OwnedSend, *, wait: bool, watch: Watch | None) -> Ending:
    """Runs `sender`; a message that cannot be composed pauses the send."""
    watching = asyncio.create_task(_watch(sender, watch)) if watch else None
    try:
        return await sender.run(wait=wait)
    except LedgerError:
        raise
    except MailerError as error:
        await owned.trip(error.message)
        raise
    finally:
        if watching:
            watching.cancel()


def _options(newsroom: Newsroom) -> Options:
    settings = newsroom.settings
    return Options(
        lanes=settings.lanes,
        retry=RetryPolicy(delays=settings.retry, lifetime=settings.retry_for),
        pace=PaceLimits(rate=settings.rate, domain_lanes=settings.domain_lanes, domain_rate=settings.domain_rate),
        per_connection=settings.per_connection or 0,
        pool=PoolOptions(local_hostname=socket.getfqdn()),
    )


async def _all_offer_8bit(relays: Sequence[Relay], options: PoolOptions) -> bool:
    """Whether every relay offers 8BITMIME (RFC 6152); one that cannot be asked does not."""
    for relay in relays:
        try:
            connection = await open_connection(relay, limits=options.limits, local_hostname=options.local_hostname)
        except ConnectionFailure:
            return False
        await connection.wire.quit()
        if not connection.features.eight_bit:
            return False
    return True


async def _watch(sender: Sender, watch: Watch) -> None:
    """Tell `watch` how it goes, a few times a second."""
    while True:
        watch(sender.tally)
        await asyncio.sleep(WATCH_EVERY)


def _pause_if_running(newsroom: Newsroom, send_id: int, trouble: str) -> None:
    """A send that its person stopped stays stopped, until its person says so; `trouble` is what was wrong by then."""
    if newsroom.ledger.sends.get(send_id).state in {SendState.RUNNING, SendState.WAITING}:
        newsroom.ledger.sends.pause(send_id, reason=f"stopped by hand ({trouble})" if trouble else "stopped by hand")
