"""The writer: batches, neighbours, failures, and a quiet end."""

import asyncio
import threading

import pytest
from sqlalchemy.exc import OperationalError

from mailer.ledger.errors import LedgerError
from mailer.ledger.ledger import open_ledger


@pytest.fixture
def writer(tmp_path):
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as ledger:
        yield ledger._core.writer


def put(key):
    def work(conn):
        conn.exec_driver_sql("insert into meta(key, value) values(?, '')", (key,))
        return key

    return work


def keys(conn):
    return [row[0] for row in conn.exec_driver_sql("select key from meta order by key")]


class Recorder:
    """A group that notes which items it was given together."""

    def __init__(self):
        self.batches = []

    def __call__(self, conn, items):
        self.batches.append(list(items))
        if "poison" in items:
            raise ValueError("poison")
        for item in items:
            put(item)(conn)
        return [f"done {item}" for item in items]


def blocked(writer, started, go_on):
    """Keep the writer busy, so that what follows gathers into one batch."""

    def work(conn):
        started.set()
        go_on.wait(10)

    return asyncio.to_thread(writer.call, work)


async def together(writer, *submits):
    """Submit all into one batch; their results."""
    started, go_on = threading.Event(), threading.Event()
    first = asyncio.create_task(blocked(writer, started, go_on))
    await asyncio.to_thread(started.wait, 10)
    futures = [asyncio.ensure_future(submit()) for submit in submits]
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*futures, return_exceptions=True)
    await first
    return results


def test_what_gathers_while_a_commit_runs_is_one_batch(writer):
    group = Recorder()
    submits = [lambda item=item: writer.enlist(group, item) for item in ("a", "b", "c")]
    assert asyncio.run(together(writer, *submits)) == ["done a", "done b", "done c"]
    assert group.batches == [["a", "b", "c"]]
    assert writer.call(keys) == ["a", "b", "c"]


def test_what_fails_undoes_nothing_of_its_neighbours(writer):
    group, other = Recorder(), Recorder()

    def half(conn):
        put("half")(conn)
        raise ValueError("half-way")

    results = asyncio.run(
        together(
            writer,
            lambda: writer.enlist(group, "a"),
            lambda: writer.enlist(group, "poison"),
            lambda: writer.enlist(other, "b"),
            lambda: writer.call_async(half),
            lambda: writer.call_async(put("c")),
            lambda: writer.call_async(put("c")),
        )
    )
    assert [result if isinstance(result, str) else type(result).__name__ for result in results] == [
        "done a",
        "ValueError",
        "done b",
        "ValueError",
        "c",
        "IntegrityError",
    ]
    assert writer.call(keys) == ["a", "b", "c"]


def test_a_call_runs_once_even_when_a_group_beside_it_fails(writer):
    runs, group = [], Recorder()
    asyncio.run(together(writer, lambda: writer.enlist(group, "poison"), lambda: writer.call_async(runs.append)))
    assert len(runs) == 1


def test_a_database_that_fails_fails_the_whole_batch_and_no_later_one(writer):
    def fails(conn):
        raise OperationalError("UPDATE", {}, OSError("disk I/O error"))

    results = asyncio.run(together(writer, lambda: writer.call_async(put("a")), lambda: writer.call_async(fails)))
    assert [type(result) for result in results] == [LedgerError, LedgerError]
    assert writer.call(put("b")) == "b"
    assert writer.call(keys) == ["b"]


def test_a_transaction_that_the_database_ended_is_not_taken_for_committed(writer):
    def ends(conn):
        conn.connection.dbapi_connection.rollback()

    with pytest.raises(LedgerError):
        writer.call(ends)
    assert writer.call(put("a")) == "a"


def test_who_no_longer_waits_is_not_missed(writer):
    async def leave():
        future = asyncio.ensure_future(writer.call_async(put("a")))
        await asyncio.sleep(0)
        future.cancel()
        await asyncio.gather(future, return_exceptions=True)

    asyncio.run(leave())
    assert writer.call(keys) == ["a"]


def test_closing_writes_what_waits_and_ends_the_thread(tmp_path):
    ledger = open_ledger("sqlite:///m.db", tmp_path / ".mailer")
    writer = ledger._core.writer
    before = threading.active_count()
    writer.call(put("a"))
    assert threading.active_count() == before + 1
    ledger.close()
    ledger.close()
    assert threading.active_count() == before
    with pytest.raises(LedgerError, match="closed"):
        writer.call(put("b"))
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as again:
        assert again._core.writer.call(keys) == ["a"]


def test_reading_alone_starts_no_thread(tmp_path):
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as ledger:
        before = threading.active_count()
        assert ledger.sends.all() == ()
        assert threading.active_count() == before


def test_the_log_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("mailer.ledger.writer.CHECKPOINT_BATCHES", 10)
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as ledger:
        for number in range(200):
            ledger._core.writer.call(put(f"key-{number}"))
        assert ledger._core.database.wal_size() < 60 * 4096
