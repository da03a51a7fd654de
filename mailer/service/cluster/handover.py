"""Hands a send to the workers of the cluster, and follows it; without a living worker it is run in this process.

    run_or_hand_over(app, send_id, ...)    for a command; Ctrl-C and SIGTERM pause the send
    hand_over_if_possible(app, ...)        on a running event loop (`mailer serve`)

A send is handed over on PostgreSQL, with the extra `cluster`, when a worker of its queue lives. If all workers die while it is
followed, and none of its shards is held any more, the caller runs it.
"""

import asyncio
import contextlib
import json
import signal
import time

import uvloop

from mailer.app import App
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.run_result import RunResult, StopReason
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.sends import Summary
from mailer.service.sends.run import RunOutcome, Watch, pause_if_running, run_send

LOOK_EVERY = 0.5  # seconds between two readings of the counts, or twenty times what one takes
_OF_WORKERS = {SendKind.DISPATCH, SendKind.RESEND}  # the others go to a few people
_STOPS = (signal.SIGINT, signal.SIGTERM)


def run_or_hand_over(
    app: App, send_id: int, *, wait: bool = True, watch: Watch | None = None, here: bool = False
) -> RunOutcome:
    """Hands the send to workers and follows it to its end, or runs it `here`. Raises what `run_send` raises."""
    offer_to_workers(app, send_id, here=here)
    if not here and may_hand_over(app, send_id):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_follow_until_signal(app, send_id, wait=wait, watch=watch))
        if outcome is not None:
            return outcome
    return run_send(app, send_id, wait=wait, watch=watch)


async def hand_over_if_possible(app: App, send_id: int, stop: asyncio.Event, watch: Watch) -> RunOutcome | None:
    """Has workers send it, and returns how it ended; STOPPED if `stop` was set before, None if there are no workers."""
    await asyncio.to_thread(offer_to_workers, app, send_id)
    if await asyncio.to_thread(may_hand_over, app, send_id):
        return await follow_async(app, send_id, stop=stop, watch=watch)
    return None


def offer_to_workers(app: App, send_id: int, *, here: bool = False) -> None:
    """Lets workers with the settings of this process take the shards of a send; `here`: none."""
    if app.ledger.context.database.has_leases and app.ledger.sends.get(send_id).kind in _OF_WORKERS:
        app.ledger.workers.require(send_id, "" if here else json.dumps(app.worker_requirements, sort_keys=True))


def may_hand_over(app: App, send_id: int) -> bool:
    """Whether a living worker would take the shards of the send."""
    if not app.ledger.context.database.has_leases:
        return False
    from mailer.service.cluster.jobs import is_available  # noqa: PLC0415 - only with PostgreSQL

    send = app.ledger.sends.get(send_id)
    return send.kind in _OF_WORKERS and is_available() and app.ledger.workers.takes(send.queue)


async def follow_async(
    app: App, send_id: int, *, stop: asyncio.Event, wait: bool = True, watch: Watch | None = None
) -> RunOutcome | None:
    """Hands the send over, and returns how it ended; STOPPED if `stop` was set before, None if all workers are gone."""
    before = await asyncio.to_thread(_hand_over, app, send_id)
    while True:
        begin = time.monotonic()
        summary = await asyncio.to_thread(app.ledger.sends.summary, send_id)
        if watch:
            watch(_progress(before, summary))
        if (ending := _ending(summary, wait=wait)) or stop.is_set():
            return RunOutcome(summary=summary, result=ending or RunResult(end=StopReason.STOPPED))
        if not await asyncio.to_thread(_is_in_hand, app, summary):
            return None
        pause = max(LOOK_EVERY, 20 * (time.monotonic() - begin))
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            continue


def _hand_over(app: App, send_id: int) -> Summary:
    from mailer.service.cluster.jobs import defer_due_shards  # noqa: PLC0415 - only with PostgreSQL

    summary = app.ledger.sends.summary(send_id)
    with contextlib.suppress(LedgerError):  # the workers look for shards that are due, too
        defer_due_shards(app, summary.send.queue, send_id)
    return summary


def _is_in_hand(app: App, summary: Summary) -> bool:
    """Whether workers send it, or will."""
    send = summary.send
    return app.ledger.workers.takes(send.queue) or app.ledger.sends.holder_pid(send.id) is not None


def _ending(summary: Summary, *, wait: bool) -> RunResult | None:
    send = summary.send
    if send.is_ended or send.state is SendState.PAUSED:
        return RunResult(end=StopReason(send.state.value), reason=send.reason)
    if send.state is SendState.WAITING and not wait:
        return RunResult(end=StopReason.WAITING, next_at=summary.resumes_at)
    return None


def _progress(before: Summary, now: Summary) -> SendProgress:
    """Returns the progress since `before`, as a sender of this process would have it."""
    progress = SendProgress(
        accepted=now.count(DeliveryState.ACCEPTED) - before.count(DeliveryState.ACCEPTED),
        failed=now.count(DeliveryState.FAILED) - before.count(DeliveryState.FAILED),
        uncertain=now.count(DeliveryState.UNCERTAIN) - before.count(DeliveryState.UNCERTAIN),
        put_off=now.count(DeliveryState.DEFERRED),
        retry_at=now.next_at,
        last_at=now.last_at,
        last_error=now.send.reason,
    )
    if now.send.state is SendState.WAITING:
        progress.next_at, progress.held_until = now.resumes_at, now.held_until
    return progress


async def _follow_until_signal(app: App, send_id: int, *, wait: bool, watch: Watch | None) -> RunOutcome | None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.set)
    try:
        outcome = await follow_async(app, send_id, stop=stop, wait=wait, watch=watch)
    finally:
        for number in _STOPS:
            loop.remove_signal_handler(number)
    if outcome is None or outcome.result.end is not StopReason.STOPPED:
        return outcome
    await asyncio.to_thread(pause_if_running, app, send_id, "")
    return RunOutcome(summary=await asyncio.to_thread(app.ledger.sends.summary, send_id), result=outcome.result)
