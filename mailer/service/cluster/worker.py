"""Runs a worker: sends shards of the sends of any machine, several at a time, until it is stopped.

    await ShardWorker(app, queue=..., shards=..., log=...).run(stop)

Procrastinate hands out jobs, each to send one shard; the shard's lease decides whether this worker may. Every SWEEP seconds, and
when it starts, each worker queues jobs for the shards that are due and that nobody holds: so a lost job, a dead worker and an
emptied queue only delay. Jobs of dead workers are deleted. A database that cannot be reached is tried again until it can.

Retries are due by the clock of the database, which each sign of life brings: so a worker whose clock is wrong delays nobody.

A stop lets messages under way end, for DRAIN seconds at most, releases the shards, and asks the other workers to take them.
"""

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Collection
from typing import Any

from procrastinate import App as JobsApp
from procrastinate import PsycopgConnector
from procrastinate.jobs import Status
from sqlalchemy import make_url

from mailer.app import App
from mailer.database_clock import DatabaseClock
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.run_result import RunResult, StopReason
from mailer.errors import MailerError
from mailer.iso_time import format_iso
from mailer.ledger.sends.sends import GOING
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.sends import Send
from mailer.ledger.types.shards import JOBS_SCHEMA
from mailer.service.cluster.jobs import TASK, defer_due_shards, defer_shard
from mailer.service.periodic_jobs import Log, current_traceback
from mailer.service.sends.run import Stoppable, acquire_shard, run_shard

BEAT = 5.0  # seconds between two signs of life
SWEEP = 30.0  # seconds
STALLED = 30.0  # seconds without a sign of life, after which the jobs of a worker are deleted
CUT_OFF = 30.0  # seconds without a relay, after which a worker leaves its shards to others that live
REST = 60.0  # seconds for which it takes none then
DRAIN = 20.0  # seconds for the messages under way when it is stopped: less than a lease
RECONNECT = 2.0  # seconds
LOOK_EVERY = 1.0  # seconds
_NO_RELAY = "it reaches no relay"
_log = logging.getLogger(__name__)


class ShardWorker:
    """One worker. `queue`: whose jobs it takes; `shards`: how many it sends at a time."""

    def __init__(self, app: App, *, queue: str, shards: int, log: Log) -> None:
        self._app = app
        self.queue = queue
        self._shards = shards
        self._log = log
        self._holder = uuid.uuid4().hex
        self._started_at = app.clock()
        self._settings = app.worker_requirements
        self._running: dict[tuple[int, int], Stoppable] = {}
        self._stop = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._problem = ""
        self._cut_off_until = float("-inf")  # by the monotonic clock
        self._logged: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set. Raises what a bug in one of its loops raises, after the messages under way have ended."""
        for name in ("procrastinate", "psycopg.pool"):  # they log each try to connect; we log it once
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._stop = stop
        await asyncio.to_thread(self._beat)
        tasks = [asyncio.create_task(each()) for each in (self._beat_on, self._sweep_on, self._work_on)]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            stop.set()  # also if one of the loops has ended
            for sender in self._running.values():
                sender.stop()
            await self._is_idle.wait()
        finally:
            stopping.cancel()
            await _cancel(tasks)
            with contextlib.suppress(MailerError):
                await asyncio.to_thread(self._leave)
        if failure := next((each.exception() for each in tasks if not each.cancelled() and each.exception()), None):
            raise failure

    async def _work_on(self) -> None:
        """Takes jobs of Procrastinate; connects again when the database was away."""
        while not self._stop.is_set():
            try:
                jobs = self._jobs_app()
                async with jobs.open_async():
                    sweep = asyncio.create_task(self._delete_stalled(jobs))
                    try:
                        await jobs.run_worker_async(
                            queues=[self.queue],
                            concurrency=self._shards,
                            delete_jobs="successful",
                            install_signal_handlers=False,
                            update_heartbeat_interval=STALLED / 3,
                            stalled_worker_timeout=STALLED,
                        )
                    finally:
                        sweep.cancel()
            except Exception as error:  # noqa: BLE001 - whatever a lost connection raises there
                self._log_once(f"the queue cannot be reached ({type(error).__name__}); trying again")
            await asyncio.sleep(RECONNECT)

    def _jobs_app(self) -> JobsApp:
        url = make_url(self._app.settings.database_url.get_secret_value()).set(drivername="postgresql")

        async def configure(connection: Any) -> None:
            await connection.set_autocommit(True)
            await connection.execute(f"SET search_path TO {JOBS_SCHEMA}")

        jobs = JobsApp(
            connector=PsycopgConnector(
                conninfo=url.render_as_string(hide_password=False),
                kwargs={"connect_timeout": 10, "application_name": "mailer"},
                configure=configure,
                min_size=1,
                max_size=4,
                timeout=10,
            )
        )
        jobs.task(name=TASK)(self._send_shard)
        return jobs

    async def _delete_stalled(self, jobs: JobsApp) -> None:
        """Deletes the jobs of dead workers: their shards are queued again when they are due."""
        while True:
            try:
                for job in await jobs.job_manager.get_stalled_jobs(
                    queue=self.queue, task_name=TASK, seconds_since_heartbeat=STALLED
                ):
                    await jobs.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
            except Exception as error:  # noqa: BLE001 - it is tried again
                _log.debug("stalled jobs: %r", error)
            await asyncio.sleep(SWEEP)

    async def _sweep_on(self) -> None:
        """Queues jobs for the shards that are due and that nobody holds."""
        while True:
            try:
                await asyncio.to_thread(self._app.ledger.sends.finish_cancelled)
                await asyncio.to_thread(defer_due_shards, self._app, self.queue)
            except MailerError as error:
                self._log_once(f"shards that are due cannot be given to workers: {error}")
            await asyncio.sleep(SWEEP)

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                await asyncio.to_thread(self._beat)
            except LedgerError as error:
                self._log_once(f"{error}")
            else:
                self._logged.clear()

    def _beat(self) -> None:
        if self._problem == _NO_RELAY and time.monotonic() >= self._cut_off_until:
            self._problem = ""
        now = self._app.ledger.workers.beat(
            self._holder,
            queue=self.queue,
            shards=self._shards,
            started_at=self._started_at,
            problem=self._problem,
        )
        if isinstance(self._app.clock, DatabaseClock):
            self._app.clock.agree(now)

    def _leave(self) -> None:
        self._app.ledger.workers.remove(self._holder)
        defer_due_shards(self._app, self.queue)

    async def _send_shard(self, send_id: int, number: int) -> None:
        """Sends one shard as far as it goes now; the job of Procrastinate. What goes wrong is logged, and tried again."""
        try:
            await self._send_if_free(send_id, number)
        except MailerError as error:
            self._log(f"send {send_id}, shard {number}: {error}")
        except Exception:  # noqa: BLE001 - a bug in one shard must not stop the worker
            self._log(f"send {send_id}, shard {number}: stopped by a bug in mailer: {current_traceback(self._app)}")

    async def _send_if_free(self, send_id: int, number: int) -> None:
        app = self._app
        send = await asyncio.to_thread(app.ledger.sends.get, send_id)
        if self._stop.is_set() or send.state not in GOING:
            return
        if not self._suits(send):  # it is left to another worker
            await asyncio.to_thread(defer_shard, app, self.queue, send_id, number, at=app.clock() + BEAT)
            return
        leased = await asyncio.to_thread(acquire_shard, app, send_id, number)
        if leased is None:
            return
        self._log(f"send {send_id}, shard {number}: begins")
        progress = SendProgress()
        watching = asyncio.create_task(self._leave_to_others_if_cut_off(send_id, number, progress))
        try:
            ending = await run_shard(
                app,
                leased,
                wait=False,
                on_sender=lambda sender: self._attach(send_id, number, sender),
                unattended=True,
                progress=progress,
                drain_patience=DRAIN,
            )
        finally:
            watching.cancel()
            self._detach(send_id, number)
        self._log(f"send {send_id}, shard {number}: {_describe(ending, progress)}")
        if ending.end is StopReason.WAITING and ending.next_at is not None:
            await asyncio.to_thread(defer_shard, app, self.queue, send_id, number, at=ending.next_at)
        elif self._problem == _NO_RELAY:
            await asyncio.to_thread(defer_shard, app, self.queue, send_id, number, at=app.clock())

    async def _leave_to_others_if_cut_off(self, send_id: int, number: int, progress: SendProgress) -> None:
        """Stops the sender of a shard if this machine has reached no relay for CUT_OFF seconds, and another worker lives."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            since, now = progress.unreachable_since, self._app.clock()
            if since is None or now - since < CUT_OFF or (send_id, number) not in self._running:
                continue
            with contextlib.suppress(LedgerError):  # then it waits with the others
                if await asyncio.to_thread(self._app.ledger.workers.takes, self.queue, besides=self._holder):
                    self._problem, self._cut_off_until = _NO_RELAY, time.monotonic() + REST
                    self._log(f"send {send_id}, shard {number}: left to other workers, for {_NO_RELAY}")
                    self._running[send_id, number].stop()
                    return

    def _attach(self, send_id: int, number: int, sender: Stoppable) -> None:
        self._running[send_id, number] = sender
        self._is_idle.clear()
        if self._stop.is_set():
            sender.stop()

    def _detach(self, send_id: int, number: int) -> None:
        self._running.pop((send_id, number), None)
        if not self._running:
            self._is_idle.set()

    def _suits(self, send: Send) -> bool:
        """Whether this worker reaches a relay, and has the settings and keys of `send`; if not, it says so and takes nothing."""
        if time.monotonic() < self._cut_off_until:
            self._problem = _NO_RELAY
            return False
        required: dict[str, str] = json.loads(send.requirements or "{}")
        names = {*required, *self._settings}
        differing = sorted(name for name in names if required.get(name) != self._settings.get(name))
        if send.key_name not in self._app.keys.names:
            differing.append("MAILER_SECRET_KEYS")
        self._problem = f"not as for send {send.id}: {', '.join(differing)}" if differing else ""
        if differing:
            self._log_once(f"send {send.id} is not taken: {self._problem}")
        return not differing

    def _log_once(self, line: str) -> None:
        if line not in self._logged:
            self._logged.add(line)
            self._log(line)


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancels `tasks` and waits for their end. Again and again: Procrastinate forgets a cancellation while it starts."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=RECONNECT)


def _describe(ending: RunResult, progress: SendProgress) -> str:
    counts = {"accepted": progress.accepted, "failed": progress.failed, "uncertain": progress.uncertain}
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "accepted")
    match ending.end:
        case StopReason.FINISHED:
            return f"done; {words}"
        case StopReason.WAITING:
            return f"waits until {format_iso(ending.next_at)}; {words}"
        case _:
            return f"{ending.end}{f' ({ending.reason})' if ending.reason else ''}; {words}"
