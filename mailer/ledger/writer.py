"""The one thread of a process that writes its ledger.

    Writer.call(work)          run work(connection), wait until it is committed, return its result
    Writer.call_async(work)    the same for a coroutine
    Writer.enlist(group, item) hand `item` to `group`, which handles all items of a batch at once; a future

Jobs gather while the last commit runs; then all of them are one batch: one file lock, one transaction, one commit. Each
call has a savepoint of its own, and so has each item of a group once that group has failed, so that what fails in one
undoes nothing of its neighbours. Nobody gets an answer before the commit: what was answered is durable. When the commit
fails, or the disk does in between, every job of the batch fails with a LedgerError, and the next batch starts afresh on a
new connection. No order holds between the jobs of one batch.

The thread starts with the first job and ends with `close`, which writes what is still waiting. It also checkpoints the
log now and then, after the answers.
"""

import asyncio
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from mailer.ledger.database import Database
from mailer.ledger.errors import LedgerError, translated

T = TypeVar("T")
Group = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""Handles the items of one batch: a result or an exception for each. If it raises, it is undone and run item by item."""

CHECKPOINT_BATCHES = 250  # some thousand pages
CHECKPOINT_GROWTH = 64 * 1024 * 1024  # octets of log


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    group: Group
    item: Any
    alone: bool
    future: "Future[Any] | asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop | None
    result: Any = None
    error: BaseException | None = field(default=None)


class _GroupFailed(Exception):  # noqa: N818 - an event inside this module
    """A group raised; its items are run one by one."""


class Writer:
    """Writes `database`; of any thread, of any event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = database.write_lock()
        self._conn: Connection | None = None
        self._batches = 0
        self._log_size = 0

    def call(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the next batch. Raises what it raises, or LedgerError. Not for use on an event loop."""
        future: Future[Any] = Future()
        self._submit(_Job(group=_alone, item=work, alone=True, future=future, loop=None))
        return cast("T", future.result())

    async def call_async(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the next batch, while the loop goes on."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._submit(_Job(group=_alone, item=work, alone=True, future=future, loop=loop))
        return cast("T", await future)

    def enlist(self, group: Group, item: object) -> "asyncio.Future[Any]":
        """Have `group` handle `item` together with whatever else it has in the next batch."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._submit(_Job(group=group, item=item, alone=False, future=future, loop=loop))
        return future

    def close(self) -> None:
        """Write what waits, move the log into the database, end the thread. Nothing may be submitted afterwards."""
        with self._gate:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()
        self._lock.close()

    def _submit(self, job: _Job) -> None:
        with self._gate:
            if self._closed:
                raise LedgerError("The ledger is closed.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
                self._thread.start()
            self._queue.put(job)

    def _run(self) -> None:
        going = True
        while going:
            jobs = [self._queue.get()]
            while not self._queue.empty():
                jobs.append(self._queue.get())
            going = None not in jobs
            batch = [job for job in jobs if job is not None]
            if batch:
                self._write(batch)
                _answer(batch)
                del jobs, batch
            self._tidy(last=not going)

    def _write(self, batch: list[_Job]) -> None:
        """Run and commit `batch`, leaving a result or an error in each of its jobs."""
        try:
            with self._lock:
                conn = self._conn = self._conn or self._database.connect_writer()
                try:
                    self._transact(conn, batch, careful=False)
                except _GroupFailed:
                    self._transact(conn, batch, careful=True)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self._disconnect()
            failure = translated(error, self._database.name) if isinstance(error, DBAPIError) else error
            for job in batch:
                job.result, job.error = None, failure

    def _transact(self, conn: Connection, batch: list[_Job], *, careful: bool) -> None:
        """One transaction. Groups go first, without savepoints unless `careful`: when one fails, all is run again."""
        with conn.begin():
            for jobs in _grouped(batch):
                if careful or jobs[0].alone:
                    for job in jobs:
                        self._run_guarded(conn, job)
                    continue
                try:
                    _keep(jobs, jobs[0].group(conn, [job.item for job in jobs]))
                except DBAPIError:
                    raise
                except Exception as error:
                    raise _GroupFailed from error
            if not self._database.in_transaction(conn):
                raise LedgerError(f"The database {self._database.name} undid what was being written.")

    def _run_guarded(self, conn: Connection, job: _Job) -> None:
        """One job in a savepoint of its own."""
        savepoint = conn.begin_nested()
        try:
            _keep([job], job.group(conn, [job.item]))
        except (IntegrityError, DataError) as error:
            savepoint.rollback()
            job.error = error
        except DBAPIError:
            raise  # the disk or the driver failed: the transaction may be gone, and with it the whole batch
        except Exception as error:  # noqa: BLE001 - it is its caller's
            savepoint.rollback()
            job.error = error
        else:
            savepoint.commit()

    def _tidy(self, *, last: bool) -> None:
        """Checkpoint when there is reason to; a failure will show again at the next write."""
        self._batches += 1
        size = self._database.wal_size()
        if not last and self._batches < CHECKPOINT_BATCHES and size < self._log_size + CHECKPOINT_GROWTH:
            return
        self._batches, self._log_size = 0, size
        if self._conn is None:
            return
        try:
            with self._lock:
                self._database.checkpoint(self._conn, truncate=last)
                if last:
                    self._disconnect()
        except (LedgerError, sqlite3.Error):
            self._disconnect()

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.invalidate()
            conn.close()


def _alone(conn: Connection, items: Sequence[Callable[[Connection], object]]) -> Sequence[object]:
    return [work(conn) for work in items]


def _keep(jobs: list[_Job], results: Sequence[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, Exception):
            job.error = result
        else:
            job.result = result


def _grouped(batch: list[_Job]) -> list[list[_Job]]:
    """Groups first, then calls, each alone: a call may be one that cannot be run twice."""
    groups: dict[Group, list[_Job]] = defaultdict(list)
    for job in batch:
        if not job.alone:
            groups[job.group].append(job)
    return [*groups.values(), *([job] for job in batch if job.alone)]


def _answer(batch: list[_Job]) -> None:
    """Wake those who wait: threads at once, each event loop by one call."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = defaultdict(list)
    for job in batch:
        if job.loop is not None:
            loops[job.loop].append(job)
        else:
            _resolve([job])
    for loop, jobs in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, jobs)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue  # its waiter was cancelled
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
