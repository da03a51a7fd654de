"""The writer: batches, neighbours, failures, and a quiet end."""

import asyncio
import threading

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from mailer.ledger.ledger import open_ledger
from mailer.ledger.types.errors import LedgerError
from tests.support.patience import PATIENCE


@pytest.fixture
def writer(tmp_path):
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as ledger:
        yield ledger.context.writer


def put(key):
    def work(conn):
        conn.exec_driver_sql("insert into meta(key, value) values(?, '')", (key,))
        return key

    return work


def keys(conn):
    rows = conn.exec_driver_sql("select key from meta where key <> 'ledger' order by key")
    return [row[0] for row in rows]


class Noting:
    """A quick job that writes what was noted by the time it runs."""

    is_repeatable = is_hot = True

    def __init__(self, *keys):
        self.keys, self.runs, self.outcome = keys, 0, "waiting"

    def run(self, conn):
        self.runs += 1
        for key in self.keys:
            if key == "poison":
                raise ValueError("poison")
            put(key)(conn)

    def finish(self, error):
        self.outcome = error


def blocked(writer, started, go_on):
    """Keep the writer busy, so that what follows gathers into one batch."""

    def work(conn):
        started.set()
        go_on.wait(PATIENCE)

    return asyncio.to_thread(lambda: writer.call(work).result())


async def together(writer, *submits):
    """Submit all into one batch; their results."""
    started, go_on = threading.Event(), threading.Event()
    first = asyncio.create_task(blocked(writer, started, go_on))
    await asyncio.to_thread(started.wait, PATIENCE)
    futures = [asyncio.ensure_future(submit()) for submit in submits]
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*futures, return_exceptions=True)
    await first
    return results


def submitting(writer, job):
    async def submit():
        writer.submit(job)

    return submit


def test_jobs_queued_during_a_commit_are_one_batch(writer):
    before = commits(writer)
    asyncio.run(
        together(writer, *(lambda key=key: asyncio.wrap_future(writer.call(put(key))) for key in ("a", "b", "c")))
    )
    assert writer.call(keys).result() == ["a", "b", "c"]
    assert len(before) == 3, "the one that blocked, the batch, and that which asked"


def commits(writer):
    found = []
    event.listen(writer.call(lambda conn: conn.engine).result(), "commit", lambda _conn: found.append(1))
    return found


def test_what_fails_undoes_nothing_of_its_neighbours(writer):
    good, bad = Noting("a"), Noting("half-way", "poison")

    def half(conn):
        put("half")(conn)
        raise ValueError("half")

    results = asyncio.run(
        together(
            writer,
            submitting(writer, good),
            submitting(writer, bad),
            lambda: asyncio.wrap_future(writer.call(half)),
            lambda: asyncio.wrap_future(writer.call(put("c"))),
            lambda: asyncio.wrap_future(writer.call(put("c"))),
        )
    )
    assert [result if isinstance(result, str) else type(result).__name__ for result in results[2:]] == [
        "ValueError",
        "c",
        "IntegrityError",
    ]
    assert good.outcome is None
    assert type(bad.outcome) is ValueError
    assert writer.call(keys).result() == ["a", "c"]


def test_a_call_runs_once_even_when_a_quick_job_beside_it_fails(writer):
    runs, bad = [], Noting("poison")
    asyncio.run(together(writer, submitting(writer, bad), lambda: asyncio.wrap_future(writer.call(runs.append))))
    assert (len(runs), bad.runs) == (1, 2)


def deadlock():
    error = OperationalError("UPDATE", {}, OSError("deadlock detected"))
    error.orig = type("DeadlockDetected", (Exception,), {"sqlstate": "40P01", "__module__": "psycopg.errors"})(
        "deadlock"
    )
    return error


def test_what_the_database_undid_to_let_another_go_on_is_run_again(writer):
    tries, streamed = [], []

    def again(conn):
        tries.append(1)
        if len(tries) < 3:
            raise deadlock()
        return put("a")(conn)

    assert writer.call(again).result() == "a"

    def once(conn):
        streamed.append(1)
        raise deadlock()

    with pytest.raises(LedgerError, match="go first"):
        writer.call(once, once=True).result()
    assert len(streamed) == 1
    assert writer.call(keys).result() == ["a"]


def test_what_is_to_be_done_now_and_then_is_until_it_is_over(writer):
    jobs = [Noting("a"), Noting("b")]
    done = threading.Event()

    def make():
        if jobs:
            return jobs.pop(0)
        done.set()
        return None

    writer.schedule(0.001, make)
    assert done.wait(PATIENCE)
    assert writer.call(keys).result() == ["a", "b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_of_the_program_leaves_no_job_waiting(writer):
    def make():
        raise RuntimeError("nobody thought of this")

    writer.schedule(0.0, make)
    with pytest.raises(LedgerError, match=r"nobody thought of this|closed"):
        writer.call(put("late")).result()


def test_a_database_that_fails_fails_the_whole_batch_and_no_later_one(writer):
    def fails(conn):
        raise OperationalError("UPDATE", {}, OSError("disk I/O error"))

    results = asyncio.run(
        together(
            writer, lambda: asyncio.wrap_future(writer.call(put("a"))), lambda: asyncio.wrap_future(writer.call(fails))
        )
    )
    assert [type(result) for result in results] == [LedgerError, LedgerError]
    assert writer.call(put("b")).result() == "b"
    assert writer.call(keys).result() == ["b"]


def test_a_transaction_that_the_database_ended_is_not_reported_as_committed(writer):
    def ends(conn):
        conn.connection.dbapi_connection.rollback()

    with pytest.raises(LedgerError):
        writer.call(ends).result()
    assert writer.call(put("a")).result() == "a"


def test_who_no_longer_waits_is_not_missed(writer):
    async def leave():
        future = asyncio.wrap_future(writer.call(put("a")))
        await asyncio.sleep(0)
        future.cancel()
        await asyncio.gather(future, return_exceptions=True)

    asyncio.run(leave())
    assert writer.call(keys).result() == ["a"]


def test_closing_writes_what_waits_and_ends_the_thread(tmp_path):
    ledger = open_ledger("sqlite:///m.db", tmp_path / ".mailer")
    writer = ledger.context.writer
    before = threading.active_count()
    writer.call(put("a")).result()
    assert threading.active_count() == before + 1
    ledger.close()
    ledger.close()
    assert threading.active_count() == before
    with pytest.raises(LedgerError, match="closed"):
        writer.call(put("b")).result()
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as again:
        assert again.context.writer.call(keys).result() == ["a"]


def test_reading_alone_starts_no_thread(tmp_path):
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as ledger:
        before = threading.active_count()
        assert ledger.sends.all() == ()
        assert threading.active_count() == before


def test_the_log_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("mailer.ledger.store.writer_thread.CHECKPOINT_BATCHES", 10)
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as ledger:
        for number in range(200):
            ledger.context.writer.call(put(f"key-{number}")).result()
        assert ledger.context.database.log_size() < 60 * 4096
