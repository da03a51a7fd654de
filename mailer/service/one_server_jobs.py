"""Background jobs that one server does for all of them: several machines may run `mailer serve` on one PostgreSQL database.

await run_on_one_server(app, jobs, stop, log)    until `stop` is set

All of them serve pages; one holds the lease of the role and does the jobs. When it ends, or has not been heard of for the length
of that lease, a different one does them. On SQLite there is one server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.store.ledger_context import LOCK_PATIENCE, SendLock
from mailer.service.periodic_jobs import Log, run_every


@dataclass(frozen=True, slots=True)
class ServerTurn:
    """The time during which this server does the jobs, until `over` is set.

    `is_first`: no server served pages just before it, neither a different one nor this one.
    """

    over: asyncio.Event
    is_first: bool


Job = Callable[[ServerTurn], Awaitable[None]]
ROLE = "serve"
LOOK_EVERY = 2.0  # seconds


async def run_on_one_server(app: App, jobs: Sequence[Job], stop: asyncio.Event, log: Log) -> None:
    """Runs `jobs` while this process is the server that does them, until `stop` is set. Raises what a job raises."""
    if not app.ledger.context.database.has_leases:
        await asyncio.gather(*(job(ServerTurn(stop, is_first=True)) for job in jobs))
        return
    rounds = _Rounds(app, jobs, stop, log)
    await run_every(LOOK_EVERY, rounds.look, stop, log, app=app, name="the background jobs of this server")
    await rounds.end()


class _Rounds:
    """Takes the role when it is free, and gives it up with `stop`."""

    def __init__(self, app: App, jobs: Sequence[Job], stop: asyncio.Event, log: Log) -> None:
        self._app = app
        self._jobs = jobs
        self._stop = stop
        self._log = log
        self._lock: SendLock | None = None
        self._over = asyncio.Event()  # for the jobs
        self._running: asyncio.Future[list[None]] | None = None
        self._waits = False
        self._is_first = True

    async def look(self) -> None:
        """Starts the jobs if the role is free, ends them if it was lost. Raises what a job raised."""
        if self._lock is None:
            await self._start()
        elif not self._lock.held:
            self._log("another server does scheduled sends, transactional mail and webhooks now")
            await self.end()
        elif self._running is not None and self._running.done():
            self._stop.set()
            self._running.result()

    async def end(self) -> None:
        """Ends the jobs, and gives up the role."""
        self._over.set()
        running, self._running = self._running, None
        lock, self._lock = self._lock, None
        try:
            if running is not None:
                await running
        finally:
            if lock is not None:
                await asyncio.to_thread(_close, lock)

    async def _start(self) -> None:
        lock = await asyncio.to_thread(self._app.ledger.context.role_lock, ROLE)
        if not await asyncio.to_thread(lock.acquire, LOCK_PATIENCE):
            if not self._waits:
                self._log("another server does scheduled sends, transactional mail and webhooks; this one serves pages")
            self._waits, self._is_first = True, False
            return
        if self._waits:
            self._log("this server does scheduled sends, transactional mail and webhooks now")
        self._waits, self._lock, self._over = False, lock, asyncio.Event()
        turn, self._is_first = ServerTurn(self._over, is_first=self._is_first), False
        self._running = asyncio.gather(*(job(turn) for job in self._jobs))


def _close(lock: SendLock) -> None:
    try:
        lock.close()
    except MailerError:  # the lease expires
        return
