"""The commands `worker` and `workers`: send the sends of any machine, and list the workers."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import uvloop

from mailer.app import App
from mailer.cli.options import as_json, in_workspace
from mailer.cli.output import echo_err, print_json
from mailer.database_clock import DatabaseClock
from mailer.iso_time import format_iso
from mailer.ledger.types.workers import Worker
from mailer.service.cluster.jobs import require_procrastinate


@click.command("worker")
@click.option(
    "--shards", type=click.IntRange(1, 32), default=1, show_default=True, help="How many shards to send at a time."
)
@click.option("--queue", default="", metavar="NAME", help="Whose sends to take. Default: MAILER_QUEUE.")
@in_workspace
def worker_command(shards: int, queue: str, *, workspace: Path) -> None:
    """Send what `mailer send` and `mailer serve` hand over, on any machine that reaches the PostgreSQL database.

    It needs the settings of the workspace (.env), its relays and its DKIM keys, and no other file. Ctrl-C and SIGTERM let
    messages under way end; other workers take over the rest.
    """
    with App.open(workspace, DatabaseClock()) as app:
        app.is_worker = True
        require_procrastinate(app)
        from mailer.service.cluster.worker import ShardWorker  # noqa: PLC0415 - the extra, checked just before

        worker = ShardWorker(app, queue=queue or app.settings.queue, shards=shards, log=echo_err)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signal(worker.run, f"Waiting for shards of the queue “{worker.queue}” (Ctrl-C to stop)"))


async def _until_signal(run: Callable[[asyncio.Event], Awaitable[None]], ready: str) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    echo_err(ready)
    try:
        await run(stop)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@click.command("workers")
@as_json
@in_workspace
def workers_command(*, as_json: bool, workspace: Path) -> None:
    """List the workers of the last day: what they send, and why some take nothing."""
    with App.open(workspace) as app:
        workers = app.ledger.workers.all()
    if as_json:
        print_json({"workers": [_worker_object(each) for each in workers]})
        return
    for each in workers:
        state = each.problem or ("running" if each.is_alive else f"not seen for {each.seen:,.0f} s")
        holding = ", ".join(f"send {send} shard {number}" for send, number in each.holding) or "nothing"
        click.echo(f"{each.host}  pid {each.pid or '?'}  queue {each.queue}  {state}; sends {holding}")
    if not workers:
        echo_err("There are no workers. To start one on any machine: mailer worker")


def _worker_object(each: Worker) -> dict[str, object]:
    return {
        "host": each.host,
        "pid": each.pid or None,
        "queue": each.queue,
        "shards": each.shards,
        "started_at": format_iso(each.started_at),
        "seen": round(each.seen, 1),
        "alive": each.is_alive,
        "problem": each.problem,
        "holding": [{"send": send, "shard": number} for send, number in each.holding],
    }
