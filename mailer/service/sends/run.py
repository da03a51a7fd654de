"""Runs a send that exists, to its end or as far as it goes.

    run_send(app, send_id)              for a command, in an event loop of its own; Ctrl-C and SIGTERM pause the send
    run_send_async(app, send_id)        on a running event loop (`mailer serve`)

Both acquire a shard of the send first, so that only one process runs it; if all are taken, the caller gets an error that names
the process. A send of one shard is run to its end; of several shards, the process takes one after another until none is left.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import uvloop

from mailer.app import App
from mailer.delivery.relay_pool import PoolOptions
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.run_result import RunResult, StopReason
from mailer.delivery.sender import Sender, SenderOptions
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.delivery.throttle import RateLimits
from mailer.edition.model import Edition
from mailer.errors import MailerError, NeedsConfirmationError, UsageError
from mailer.iso_time import format_iso
from mailer.ledger.queue.leased_shard import LeasedShard
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.sends import Send, Summary
from mailer.malloc import trim_memory
from mailer.mime.composer import Composer
from mailer.relay import Relay
from mailer.service.sends.plan import require_working_links
from mailer.settings.settings import OnUncertain
from mailer.smtp.connect import ConnectionFailure, open_connection

Watch = Callable[[SendProgress], None]
WATCH_EVERY = 0.25  # seconds
NOTE_EVERY = 1.0  # seconds
OUTAGE_AFTER = 5.0  # seconds without a relay that are recorded
_STOPS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """A Sender, or the wait for the next shard."""

    def stop(self) -> None:
        """Ends it soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run of a send ended, and the summary of the send after it."""

    summary: Summary
    result: RunResult


def run_send(app: App, send_id: int, *, wait: bool = True, watch: Watch | None = None) -> RunOutcome:
    """Acquires and runs the send. Raises NeedsConfirmationError if a living process runs it, LedgerError, MessageError."""
    trim_memory()
    gc.freeze()  # objects made so far live for the whole run
    gc.set_threshold(50_000, 20, 20)  # a run allocates much, without reference cycles
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run_until_signal(app, send_id, wait=wait, watch=watch))


async def run_send_async(
    app: App,
    send_id: int,
    *,
    wait: bool = True,
    watch: Watch | None = None,
    on_sender: Callable[[Stoppable], None] | None = None,
    unattended: bool = False,
) -> RunOutcome:
    """Acquires and runs the send on this event loop. `on_sender` is called with the sender, which can be stopped.

    A send that is stopped is paused until a person resumes it. `unattended`: it counts as interrupted, and waits for a relay that
    cannot be reached: before its first message for MAILER_SCHEDULE_GRACE seconds, after it for MAILER_RETRY_FOR.
    """
    ledger, progress = app.ledger, SendProgress()
    leased = await asyncio.to_thread(acquire_shard, app, send_id)
    if leased is None:
        raise NeedsConfirmationError(
            f"Send {send_id} is being sent by another process (pid {ledger.sends.holder_pid(send_id) or 'unknown'}).",
            f"To watch it: mailer status {send_id}",
        )
    shards = len(await asyncio.to_thread(ledger.shards.of, send_id))
    while True:
        ending = await run_shard(
            app,
            leased,
            wait=wait and shards == 1,
            watch=watch,
            on_sender=on_sender,
            unattended=unattended,
            progress=progress,
        )
        if shards == 1 or ending.end not in {StopReason.FINISHED, StopReason.WAITING}:
            break
        found = await _next_shard(app, send_id, wait=wait, on_sender=on_sender)
        if isinstance(found, RunResult):
            ending = found
            break
        leased = found
    if not unattended and ending.end is StopReason.STOPPED:
        await asyncio.to_thread(pause_if_running, app, send_id, ending.reason)
    return RunOutcome(summary=await asyncio.to_thread(ledger.sends.summary, send_id), result=ending)


def acquire_shard(app: App, send_id: int, number: int | None = None) -> LeasedShard | None:
    """Takes a shard of a send, `number` or any, by the settings; None if living processes hold them."""
    return app.ledger.leases.acquire(
        send_id,
        retry_for=app.settings.retry_for,
        resend_uncertain=app.settings.on_uncertain is OnUncertain.RESEND,
        number=number,
    )


async def run_shard(
    app: App,
    leased: LeasedShard,
    *,
    wait: bool,
    watch: Watch | None = None,
    on_sender: Callable[[Stoppable], None] | None = None,
    unattended: bool = False,
    progress: SendProgress | None = None,
    drain_patience: float | None = None,
) -> RunResult:
    """Runs a shard that this process has acquired, and releases it. `drain_patience`: as in SenderOptions."""
    try:
        await _pause_unless_links_work(app, leased)
        options = await asyncio.to_thread(_options, app, leased.send_id, unattended=unattended)
        if drain_patience is not None:
            options = replace(options, drain_patience=drain_patience)
        sender = await _make_sender(app, leased, options, progress)
        if on_sender:
            on_sender(sender)
        return await _run(app, sender, leased, wait=wait, watch=watch)
    finally:
        await asyncio.to_thread(leased.close)


class _Pause:
    """The wait for the next shard, which `stop` ends as it ends a Sender."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def is_stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._stopped.wait()
        return False


async def _next_shard(
    app: App, send_id: int, *, wait: bool, on_sender: Callable[[Stoppable], None] | None
) -> LeasedShard | RunResult:
    """Takes the next shard of a send of several, as soon as one is free and due; or returns how the run ends."""
    ledger, pause = app.ledger, _Pause()
    if on_sender:
        on_sender(pause)
    while True:
        send = await asyncio.to_thread(ledger.sends.get, send_id)
        if send.is_ended or send.state is SendState.PAUSED:
            return RunResult(end=StopReason(send.state.value), reason=send.reason)
        next_at = await asyncio.to_thread(ledger.shards.next_at, send_id)
        if next_at is not None and next_at <= app.clock():
            if leased := await asyncio.to_thread(acquire_shard, app, send_id):
                return leased
        elif not wait:
            return RunResult(end=StopReason.WAITING, next_at=next_at)
        if await pause.is_stopped_within(NOTE_EVERY):
            return RunResult(end=StopReason.STOPPED)


def load_edition(app: App, send: Send) -> Edition:
    """Returns the edition of a send, as it was frozen, with its images."""
    stored = app.ledger.editions.get(send.digest)
    if stored is None:
        raise UsageError(
            f"The edition of send {send.id} is missing from the ledger.", "Restore the database from a backup."
        )
    return Edition.from_json(stored.json, app.ledger.editions.images(send.digest))


async def _run_until_signal(app: App, send_id: int, *, wait: bool, watch: Watch | None) -> RunOutcome:
    """Runs the send; Ctrl-C and SIGTERM stop the sender."""
    loop = asyncio.get_running_loop()

    def attach(sender: Stoppable) -> None:
        for number in _STOPS:
            loop.add_signal_handler(number, sender.stop)

    try:
        return await run_send_async(app, send_id, wait=wait, watch=watch, on_sender=attach)
    finally:
        for number in _STOPS:
            loop.remove_signal_handler(number)


async def _pause_unless_links_work(app: App, leased: LeasedShard) -> None:
    """Pauses a send to readers whose links would not work, and raises UsageError: its relays may have changed since its start."""
    send = await asyncio.to_thread(app.ledger.sends.get, leased.send_id)
    if send.kind is SendKind.TEST:
        return
    try:
        require_working_links(app.sender_profile_of(send.sender_profile).base_url, app.settings.relay)
    except UsageError as error:
        await leased.trip_breaker(error.message)
        raise UsageError(
            error.message,
            "A message keeps the links of its send: cancel it, set MAILER_BASE_URL, and send again to the rest.",
        ) from None


async def _make_sender(app: App, leased: LeasedShard, options: SenderOptions, progress: SendProgress | None) -> Sender:
    """Returns the sender of `leased`, for its frozen edition and by the settings."""
    send = await asyncio.to_thread(app.ledger.sends.get, leased.send_id)
    edition = await asyncio.to_thread(load_edition, app, send)
    relays = app.settings.relay
    eight_bit = app.settings.eight_bit and await _all_offer_8bit(relays, options.pool)
    tokens = app.message_tokens(send.key_name, inert=send.kind is SendKind.TEST)
    profile = app.sender_profile_of(send.sender_profile)
    composer = Composer(edition, profile, tokens, eight_bit=eight_bit)
    return Sender(
        queue=leased, compose=composer.compose, relays=relays, options=options, now=app.clock, progress=progress
    )


async def _run(app: App, sender: Sender, leased: LeasedShard, *, wait: bool, watch: Watch | None) -> RunResult:
    """Runs `sender`; a message that cannot be composed pauses the send."""
    tasks = [asyncio.create_task(_note_outages(app, sender, leased))]
    if watch:
        tasks.append(asyncio.create_task(_watch(sender, watch)))
    try:
        return await sender.run(wait=wait)
    except LedgerError:
        raise
    except MailerError as error:
        await leased.trip_breaker(error.message)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _options(app: App, send_id: int, *, unattended: bool) -> SenderOptions:
    settings = app.settings
    return SenderOptions(
        connections=settings.connections,
        retry=RetryPolicy(delays=settings.retry, lifetime=settings.retry_for),
        limits=RateLimits(
            rate=settings.rate, domain_connections=settings.domain_connections, domain_rate=settings.domain_rate
        ),
        messages_per_connection=settings.messages_per_connection or 0,
        pool=_pool_options(app, send_id, unattended=unattended),
    )


def _pool_options(app: App, send_id: int, *, unattended: bool) -> PoolOptions:
    settings = app.settings
    options = PoolOptions(local_hostname=settings.helo or socket.getfqdn())
    if not unattended:
        return options
    has_begun = app.ledger.sends.summary(send_id).count(DeliveryState.ACCEPTED) > 0
    patience = max(options.connect_patience, settings.retry_for)
    first = patience if has_begun else max(options.connect_patience, settings.schedule_grace)
    return replace(options, connect_patience=patience, first_patience=first)


async def _all_offer_8bit(relays: Sequence[Relay], options: PoolOptions) -> bool:
    """Returns whether every relay offers 8BITMIME (RFC 6152); one that cannot be reached does not."""
    for relay in relays:
        try:
            connection = await open_connection(relay, limits=options.limits, local_hostname=options.local_hostname)
        except ConnectionFailure:
            return False
        await connection.protocol.quit()
        if not connection.features.eight_bit:
            return False
    return True


async def _watch(sender: Sender, watch: Watch) -> None:
    """Calls `watch` with the progress a few times a second."""
    while True:
        watch(sender.progress)
        await asyncio.sleep(WATCH_EVERY)


async def _note_outages(app: App, sender: Sender, leased: LeasedShard) -> None:
    """Records in the ledger since when no relay can be reached, for `status` and the desk."""
    noted = False
    while True:
        await asyncio.sleep(NOTE_EVERY)
        since = sender.progress.unreachable_since
        is_out = since is not None and app.clock() - since >= OUTAGE_AFTER
        if is_out == noted:
            continue
        with contextlib.suppress(LedgerError):  # the sender raises it, too
            await leased.note_outage(
                f"no relay reachable since {format_iso(since)} ({sender.progress.last_error})" if is_out else ""
            )
            noted = is_out


def pause_if_running(app: App, send_id: int, error: str) -> None:
    """Pauses a send that a person stopped; `error` is the error at that time, if any."""
    if app.ledger.sends.get(send_id).state in {SendState.RUNNING, SendState.WAITING}:
        app.ledger.sends.pause(send_id, reason=f"stopped by hand ({error})" if error else "stopped by hand")
