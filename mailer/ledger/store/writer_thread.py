"""Writes the ledger, in one thread per process.

    Writer.call(work)            run work(connection); returns a future, which has the result once it is committed
    Writer.submit(job)           run a Job, which collects what it does until it runs
    Writer.schedule(seconds, make)  run a job periodically

Jobs are queued while a commit runs; then all of them are one batch: one file lock, one transaction, one commit. Each call has a
savepoint of its own, and so has every job once one has failed, so that a failure undoes nothing of the other jobs. Nothing is
answered before the commit: what was answered is durable. If the commit or the disk fails, every job of the batch fails with a
LedgerError, and the next batch begins on a new connection. A transaction that the database rolled back because of a deadlock is
run again, without the jobs that are not repeatable. So is one whose connection was lost before its commit, once and on a new
connection, without the jobs of running sends. The jobs of one batch have no order.

The thread starts with the first job and ends with `close`, which writes what is still queued. From time to time it also
checkpoints the log, after the answers.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailer.ledger.store.database import Database
from mailer.ledger.store.restore_detection import OlderCopyError, RollbackGuard
from mailer.ledger.types.errors import (
    LedgerError,
    is_lost_connection,
    is_of_the_data,
    is_worth_another_try,
    translated,
)

T = TypeVar("T")

CHECKPOINT_BATCHES = 250  # some thousand pages
CHECKPOINT_GROWTH = 64 * 1024 * 1024  # octets of log
TRIES = 5  # of a batch after deadlocks


class Job(Protocol):
    """Something to write. If it `is_repeatable`, `run` may be called again after all that it wrote was undone."""

    is_repeatable: bool
    is_hot: bool
    """Part of a running send: first in its batch, without a savepoint as long as nothing fails."""

    def run(self, conn: Connection) -> None:
        """Writes within the transaction of the batch. `finish` gets what it raises."""

    def finish(self, error: BaseException | None) -> None:
        """Takes the outcome, durable or failed; called once, in the writer's thread."""


class _Call:
    """A function and the future of its result. It runs even if nobody waits for it any more: the future cannot be cancelled."""

    is_hot = False

    def __init__(self, work: Callable[[Connection], Any], *, once: bool) -> None:
        self.is_repeatable = not once
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()
        self._work = work
        self._result: Any = None

    def run(self, conn: Connection) -> None:
        self._result = self._work(conn)

    def finish(self, error: BaseException | None) -> None:
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self._result)


class _JobFailed(Exception):  # noqa: N818 - an event inside this module
    """A job without a savepoint failed; the batch is run again with a savepoint for each job."""


class Writer:
    """Writes `database`. Its methods may be called from any thread or event loop."""

    def __init__(self, database: Database, guard: RollbackGuard) -> None:
        self._database = database
        self._guard = guard
        self._queue: SimpleQueue[Job | PeriodicJob | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = database.write_lock()
        self._conn: Connection | None = None
        self._is_committing = False  # if this fails, the transaction may be committed
        self._batches = 0
        self._log_size = 0
        self._periodic: list[PeriodicJob] = []
        self._batch: deque[Job] = deque()  # its jobs that are not finished yet

    def call(self, work: Callable[[Connection], T], *, once: bool = False) -> Future[T]:
        """Runs `work` in the next batch. The future gets its result once that is durable, or what it raised, or a LedgerError.

        A thread waits with `result()`, a coroutine with `asyncio.wrap_future`. `once`: `work` cannot be
        run again, for it consumes an iterator. Raises LedgerError after `close`.
        """
        call = _Call(work, once=once)
        self.submit(call)
        return call.future

    def submit(self, job: "Job | PeriodicJob") -> None:
        """Runs `job` in the next batch. Raises LedgerError after `close`."""
        with self._gate:
            if self._closed:
                raise LedgerError("The ledger is closed.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
                self._thread.start()
            self._queue.put(job)

    def schedule(self, seconds: float, make: Callable[[], Job | None]) -> None:
        """Runs the job that `make` returns every `seconds`, until it returns None. Raises LedgerError after `close`."""
        self.submit(PeriodicJob(seconds, make))

    def close(self) -> None:
        """Writes what is queued, moves the log into the database, ends the thread. Nothing may be submitted afterwards."""
        with self._gate:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()
        self._lock.close()
        self._guard.close()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        """Fails all jobs after a defect of this program, so that nobody waits for ever."""
        with self._gate:
            self._closed = True
        failure = LedgerError(f"The ledger cannot be written any more ({error!r}).", "Start again.")
        left: list[Job | PeriodicJob | None] = list(self._batch)
        while not self._queue.empty():
            left.append(self._queue.get())
        for item in left:
            if item is not None and not isinstance(item, PeriodicJob):
                item.finish(failure)

    def _work(self) -> None:
        is_open = True
        while is_open:
            jobs = self._collect()
            is_open = None not in jobs
            batch = sorted((job for job in jobs if job is not None), key=lambda job: not job.is_hot)
            if batch:
                self._write(batch)
                del jobs, batch
            self._checkpoint(last=not is_open)

    def _collect(self) -> list[Job | None]:
        """Returns all jobs that are queued or due; waits for the first."""
        jobs: list[Job | None] = []
        while not jobs:
            now = time.monotonic()
            jobs += [job for periodic in self._periodic if periodic.due_at <= now and (job := periodic.turn(now))]
            self._periodic = [periodic for periodic in self._periodic if not periodic.is_over]
            patience = min((max(0.0, periodic.due_at - now) for periodic in self._periodic), default=None)
            with suppress(Empty):
                self._sort(self._queue.get_nowait() if jobs else self._queue.get(timeout=patience), jobs)
        while not self._queue.empty():
            self._sort(self._queue.get(), jobs)
        return jobs

    def _sort(self, item: "Job | PeriodicJob | None", jobs: list[Job | None]) -> None:
        if isinstance(item, PeriodicJob):
            self._periodic.append(item)
        else:
            jobs.append(item)

    def _write(self, batch: list[Job]) -> None:
        """Runs and commits `batch`, and finishes each of its jobs."""
        errors: dict[Job, BaseException] = {}
        self._batch = deque(batch)
        has_reconnected = False
        try:
            for tries_left in reversed(range(TRIES)):
                try:
                    errors = self._try(batch)
                    break
                except Exception as error:
                    is_lost = not has_reconnected and not self._is_committing and is_lost_connection(error)
                    if not tries_left or not (is_lost or is_worth_another_try(error)):
                        raise
                    self._disconnect()
                    has_reconnected = has_reconnected or is_lost
                    again = [job for job in batch if job.is_repeatable and not (is_lost and job.is_hot)]
                    interrupted = (is_lost and translated(error, self._database.name)) or _interrupted(
                        self._database.name
                    )
                    for job in batch:
                        if job not in again:
                            job.finish(interrupted)
                    batch = again
                    self._batch = deque(batch)
                    if not batch:
                        break
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self._disconnect()
            failure = translated(error, self._database.name) or error
            errors = dict.fromkeys(batch, failure)
        while self._batch:
            job = self._batch.popleft()
            job.finish(errors.get(job))

    def _try(self, batch: Sequence[Job]) -> dict[Job, BaseException]:
        """Tries `batch` once; returns the errors of single jobs. Raises when all of it is undone."""
        self._is_committing = False
        with self._lock:
            self._database.require_in_place()
            conn = self._conn = self._conn or self._database.connect_writer()
            try:
                return self._transact_at_most_twice(conn, batch)
            except OlderCopyError:
                with conn.begin():
                    self._guard.mark_as_older(conn)
                raise

    def _transact_at_most_twice(self, conn: Connection, batch: Sequence[Job]) -> dict[Job, BaseException]:
        try:
            return self._transact(conn, batch, with_savepoints=False)
        except _JobFailed:
            return self._transact(conn, batch, with_savepoints=True)

    def _transact(self, conn: Connection, batch: Sequence[Job], *, with_savepoints: bool) -> dict[Job, BaseException]:
        """Runs one transaction. Hot jobs go first, without savepoints at first: if one fails, all are run again."""
        errors: dict[Job, BaseException] = {}
        with conn.begin():
            before = self._database.has_written(conn)
            for job in batch:
                if job.is_hot and not with_savepoints:
                    self._run_bare(conn, job)
                elif error := self._run_guarded(conn, job):
                    errors[job] = error
            if not self._database.in_transaction(conn):
                raise LedgerError(f"The database {self._database.name} undid what was being written.")
            others = any(not job.is_hot for job in batch)
            raised = self._guard.bump(conn, now=others and self._database.has_written(conn) != before)
            self._is_committing = True
        if raised:
            self._guard.persist()
        return errors

    @staticmethod
    def _run_bare(conn: Connection, job: Job) -> None:
        try:
            job.run(conn)
        except Exception as error:
            if translated(error, "") and not is_of_the_data(error):
                raise
            raise _JobFailed from error

    @staticmethod
    def _run_guarded(conn: Connection, job: Job) -> Exception | None:
        """Runs one job in a savepoint of its own; returns what it raised."""
        savepoint = conn.begin_nested()
        try:
            job.run(conn)
        except Exception as error:
            if translated(error, "") and not is_of_the_data(error):
                raise  # the disk or the driver failed: the whole batch may be lost
            savepoint.rollback()
            return error  # for its caller
        savepoint.commit()
        return None

    def _checkpoint(self, *, last: bool) -> None:
        """Checkpoints when it is due; a failure will show again at the next write."""
        self._batches += 1
        size = self._database.log_size() if last or not self._batches % 16 else self._log_size
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
        except Exception:  # noqa: BLE001 - whatever it is, writing goes on without it
            self._disconnect()

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(DBAPIError):
                conn.invalidate()
                conn.close()


class PeriodicJob:
    """A job that is made every `seconds`."""

    def __init__(self, seconds: float, make: Callable[[], Job | None]) -> None:
        self._seconds = seconds
        self._make = make
        self.due_at = time.monotonic() + seconds
        self.is_over = False

    def turn(self, now: float) -> Job | None:
        job = self._make()
        self.is_over = job is None
        self.due_at = now + self._seconds
        return job


def _interrupted(name: str) -> LedgerError:
    return LedgerError(f"The database {name} had to let another process go first.", "Try it again.")
