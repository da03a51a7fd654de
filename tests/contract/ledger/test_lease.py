"""The lease on a send: when a process is stopped, its database goes away, or another process takes the send."""

import asyncio
import os
import shutil
import signal
import threading

import psycopg
import pytest
from sqlalchemy import update

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from mailer.ledger.deliveries.transitions import IllegalTransitionError
from mailer.ledger.ledger import open_ledger
from mailer.ledger.store.restore_detection import RestoredError, RollbackGuard
from mailer.ledger.store.tables import send_shard
from mailer.ledger.types.errors import FencedError, LedgerError
from tests.contract.ledger.test_crash import answer, child
from tests.support.ledger_cases import DAY, counts, deliver, delivery_result, new_send, readers, run, session
from tests.support.patience import PATIENCE

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Steady:
    """The clock of a process that can be stopped."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def steady():
    return Steady()


@pytest.fixture
def stoppable(database_url, tmp_path, clock, steady):
    with open_ledger(database_url, tmp_path / ".mailer", clock=clock, steady=steady) as ledger:
        yield ledger


def test_a_result_that_nobody_awaits_is_written_before_a_later_mark(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))

    async def connection(mine):
        first, second, third = await mine.claim(3, clock.now)
        assert await mine.begin_sending(first)
        mine.record_nowait(delivery_result(first, S.ACCEPTED, clock.now))
        assert await mine.begin_sending(second)
        seen = counts(ledger, send)
        mine.record_nowait(delivery_result(second, S.DEFERRED, clock.now))
        mine.record_nowait(delivery_result(third, S.FAILED, clock.now))
        return seen

    with session(ledger, send) as mine:
        assert run(connection(mine)) == {S.ACCEPTED: 1, S.SENDING: 1, S.CLAIMED: 1}
    assert counts(ledger, send) == {S.ACCEPTED: 1, S.DEFERRED: 1, S.FAILED: 1}


def test_an_error_of_an_unawaited_result_is_raised_by_the_next_request(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))

    async def connection(mine):
        claimed, other = await mine.claim(2, clock.now)
        mine.record_nowait(delivery_result(claimed, S.ACCEPTED, clock.now))  # it was never committed
        await mine.begin_sending(other)
        with pytest.raises(IllegalTransitionError):
            await mine.begin_sending(other)

    with session(ledger, send) as mine:
        run(connection(mine))


def test_what_was_noted_when_the_database_failed_is_written_when_it_can(ledger, clock, monkeypatch):
    send = ledger.creator.create(new_send(), readers(2))
    broken = []

    def fail(*_arguments):
        if broken:
            raise psycopg.OperationalError("the server went away")
        return True

    monkeypatch.setattr(ledger.context.database, "in_transaction", fail)

    async def connection(mine):
        first, second = await mine.claim(2, clock.now)
        assert await mine.begin_sending(first)
        assert mine.may_send(first)
        assert not mine.may_send(second), "it is not committed"
        broken.append(True)
        mine.record_nowait(delivery_result(first, S.ACCEPTED, clock.now))
        with pytest.raises(LedgerError):
            await mine.begin_sending(second)
        assert counts(ledger, send) == {S.SENDING: 1, S.CLAIMED: 1}
        broken.clear()
        with pytest.raises(LedgerError):
            await mine.begin_sending(second)
        assert await mine.begin_sending(second)
        await mine.release([second], clock.now)

    with session(ledger, send) as mine:
        run(connection(mine))
    assert counts(ledger, send) == {S.ACCEPTED: 1, S.PENDING: 1}
    (row, _) = ledger.report.rows(send.id)
    assert (row.code, row.attempts) == (250, 1)


def test_nothing_is_marked_before_results_that_failed_to_be_written(ledger, clock, monkeypatch):
    send = ledger.creator.create(new_send(), readers(2))
    entered, go_on = threading.Event(), threading.Event()

    def fail_once(*_arguments):
        if entered.is_set():
            return True
        entered.set()
        assert go_on.wait(PATIENCE)
        raise psycopg.OperationalError("the server went away")

    async def connection(mine):
        first, second = await mine.claim(2, clock.now)
        assert await mine.begin_sending(first)
        monkeypatch.setattr(ledger.context.database, "in_transaction", fail_once)
        mine.record_nowait(delivery_result(first, S.ACCEPTED, clock.now))
        assert await asyncio.to_thread(entered.wait, PATIENCE)
        marking = asyncio.create_task(mine.begin_sending(second))  # while the batch before it is about to fail
        await asyncio.sleep(0)
        go_on.set()
        assert await marking

    with session(ledger, send) as mine:
        run(connection(mine))
        assert counts(ledger, send) == {S.ACCEPTED: 1, S.SENDING: 1}


def test_a_result_whose_batch_failed_is_written_when_the_send_is_released(ledger, clock, monkeypatch):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        assert run(mine.begin_sending(claim))
        with monkeypatch.context() as broken:
            broken.setattr(ledger.context.database, "has_written", refuse)
            with pytest.raises(LedgerError):
                run(mine.record(delivery_result(claim, S.FAILED, clock.now)))
    assert counts(ledger, send) == {S.FAILED: 1}


def test_an_unreachable_database_leaves_no_request_waiting(ledger, clock, monkeypatch):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        with monkeypatch.context() as broken:
            broken.setattr(ledger.context.database, "has_written", refuse)
            with pytest.raises(LedgerError):
                run(mine.begin_sending(claim))
        assert run(mine.begin_sending(claim))
        run(mine.release([claim], clock.now))


def refuse(_conn):
    raise psycopg.OperationalError("the server went away")


@POSTGRESQL
def test_a_process_stopped_beyond_its_lease_sends_no_end_of_data(stoppable, open_here, clock, steady):
    send = stoppable.creator.create(new_send(), readers(3))
    mine = session(stoppable, send)
    out, claimed, _ = run(mine.claim(3, clock.now))
    assert run(mine.begin_sending(out))
    assert mine.may_send(out)
    steady.now += 31  # stopped, and woken
    assert not mine.may_send(out), "even before anybody else has taken the send"
    other = open_here()
    other.context.writer.call(lambda conn: conn.execute(update(send_shard).values(expires_at=0.0)).rowcount).result()
    with session(other, send) as new:
        assert counts(other, send) == {S.UNCERTAIN: 1, S.PENDING: 2}
        assert run(mine.begin_sending(claimed)) is False
        with pytest.raises(FencedError):
            run(mine.claim(1, clock.now))
        stoppable.context.writer.call(mine.lock.renew).result()
        assert not mine.lock.held, "a lease that another has is not renewed"
        run(deliver(new, clock.now, limit=3))
        mine.close()
        assert other.sends.holder_pid(send.id) == os.getpid()
    assert counts(other, send) == {S.UNCERTAIN: 1, S.ACCEPTED: 2}


@POSTGRESQL
def test_an_expired_lease_that_is_still_free_is_renewed(stoppable, clock, steady):
    send = stoppable.creator.create(new_send(), readers(1))
    with session(stoppable, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        steady.now += 31
        assert run(mine.begin_sending(claim)) is False
        run(mine.release([claim], clock.now))
        renewal = mine.lock.renewal()
        stoppable.context.writer.submit(renewal)
        run(deliver(mine, clock.now))
    assert counts(stoppable, send) == {S.ACCEPTED: 1}


@POSTGRESQL
def test_a_process_that_is_stopped_and_woken_is_fenced(database_url, ledger, tmp_path):
    send = ledger.creator.create(new_send(), readers(10))
    with child(database_url, tmp_path, send.id, "stopped") as process:
        answer(process)
        os.kill(process.pid, signal.SIGSTOP)
        while (mine := ledger.leases.acquire(send.id, retry_for=DAY)) is None:
            pass
        with mine:
            os.kill(process.pid, signal.SIGCONT)
            assert answer(process) == {"may_send": False, "marked": False, "claimed": "FencedError"}
            assert counts(ledger, send) == {S.UNCERTAIN: 1, S.PENDING: 9}


@POSTGRESQL
def test_a_backend_that_is_killed_fails_a_batch_and_the_next_one_reconnects(ledger, open_here, database_url, clock):
    send = ledger.creator.create(new_send(), readers(3))
    with session(ledger, send) as mine:
        (first,) = run(mine.claim(1, clock.now))
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(LedgerError, match=r"cannot be reached|terminat"):
            run(mine.begin_sending(first))
        assert run(mine.begin_sending(first))
        run(mine.record(delivery_result(first, S.ACCEPTED, clock.now)))
        assert counts(ledger, send) == {S.ACCEPTED: 1, S.PENDING: 2}


@POSTGRESQL
def test_two_that_suppress_the_same_address_at_once_both_succeed(ledger, open_here):
    other = open_here()
    ledger.creator.create(new_send(), readers(20))

    async def both():
        return await asyncio.gather(
            *(
                asyncio.to_thread(each.suppressions.unsubscribe, f"reader{number}@example.net", source="page")
                for number in range(20)
                for each in (ledger, other)
            )
        )

    assert sum(result.changed for result in run(both())) == 20


@POSTGRESQL
def test_who_left_while_the_freeze_ran_is_not_mailed(ledger, open_here, clock):
    other = open_here()

    def audience():
        yield from readers(2)
        other.suppressions.unsubscribe("reader0@example.net", source="page")  # it sees nothing of the freeze

    send = ledger.creator.create(new_send(), audience())
    with session(ledger, send) as mine:
        claims = run(mine.claim(2, clock.now))
        assert [run(mine.begin_sending(claim)) for claim in claims] in ([False, True], [True])
    assert ledger.suppressions.get("reader0@example.net") is not None


@SQLITE
def test_an_old_copy_of_the_database_is_refused_until_somebody_accepts_it(open_here, tmp_path, clock):
    with open_here() as ledger:
        send = ledger.creator.create(new_send(), readers(3))
        other = ledger.creator.create(new_send("later", at=clock.now + DAY))
        shutil.copy(tmp_path / "mailer.db", tmp_path / "copy.db")
        with session(ledger, send) as mine:
            run(deliver(mine, clock.now, limit=2))
    newest = tmp_path / "newest.db"
    shutil.copy(tmp_path / "mailer.db", newest)
    with open_here() as ledger:
        ledger.suppressions.unsubscribe("reader2@example.net", source="page")
    shutil.copy(newest, tmp_path / "mailer.db")
    with pytest.raises(RestoredError, match="older than the last one used here") as refusal:
        open_here()
    assert refusal.value.exit_code == 4
    assert "mailer restore --accept" in refusal.value.next_step
    with open_ledger("sqlite:///mailer.db", tmp_path / ".mailer", clock=clock, accept_restored=True) as ledger:
        assert ledger.accept_restored().open_sends == (send.id, other.id)
        assert ledger.sends.get(send.id).state is SendState.PAUSED
        assert ledger.sends.get(other.id).state is SendState.OVERDUE
        assert "restored from a backup" in ledger.sends.get(send.id).reason
    with open_here() as ledger:
        ledger.sends.resume(send.id)


@SQLITE
def test_a_database_from_another_folder_is_refused_until_somebody_accepts_it(ledger, database_url, tmp_path, clock):
    url = database_url.replace("sqlite:///", f"sqlite:///{tmp_path}/")
    elsewhere = tmp_path / "elsewhere" / ".mailer"
    send = ledger.creator.create(new_send(), readers(3))
    for _ in range(2):
        with pytest.raises(RestoredError, match="was used before, but not with this folder") as refusal:
            open_ledger(url, elsewhere, clock=clock)
        assert "mailer restore --accept" in refusal.value.next_step
    assert ledger.sends.get(send.id).state is SendState.RUNNING
    with open_ledger(url, elsewhere, clock=clock, accept_restored=True) as other:
        assert other.accept_restored(if_refused=True).open_sends == (send.id,)
        assert other.sends.get(send.id).state is SendState.PAUSED
    ledger.sends.resume(send.id)
    with open_ledger(url, elsewhere, clock=clock) as other, session(other, send) as mine:
        run(deliver(mine, clock.now, limit=2))
    assert ledger.sends.get(send.id).state is SendState.RUNNING, "two folders use one database from now on"


def test_a_workspace_that_was_moved_with_its_state_opens_however_its_url_is_written(ledger, database_url, tmp_path):
    ledger.creator.create(new_send(), readers(1))
    ledger.close()
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.move(tmp_path / ".mailer", moved / ".mailer")
    if database_url.startswith("sqlite"):
        shutil.move(tmp_path / "mailer.db", moved / "renamed.db")
        database_url = f"sqlite:///{moved}/renamed.db"
    else:
        database_url += "&application_name=moved"
    open_ledger(database_url, moved / ".mailer").close()


def test_a_database_whose_process_died_after_its_first_commit_opens(open_here, monkeypatch):
    def die(_guard):
        raise LedgerError("the process dies here")

    ledger = open_here()
    with monkeypatch.context() as patch:
        patch.setattr(RollbackGuard, "persist", die)
        with pytest.raises(LedgerError, match="dies here"):
            ledger.suppressions.unsubscribe("reader2@example.net", source="page")
    assert open_here().suppressions.get("reader2@example.net") is not None


@SQLITE
def test_a_copy_that_lost_nothing_is_accepted_without_changes(open_here, tmp_path):
    with open_here() as ledger:
        send = ledger.creator.create(new_send(), readers(1))
    shutil.copy(tmp_path / "mailer.db", tmp_path / "copy.db")
    shutil.copy(tmp_path / "copy.db", tmp_path / "mailer.db")
    with open_ledger("sqlite:///mailer.db", tmp_path / ".mailer", accept_restored=True) as ledger:
        assert ledger.accept_restored(if_refused=True) is None
        assert ledger.sends.get(send.id).state is SendState.RUNNING
        assert ledger.accept_restored().open_sends == (send.id,), "also a copy that came with its .mailer folder"
        assert ledger.sends.get(send.id).state is SendState.PAUSED


def test_a_new_ledger_in_place_of_another_is_refused_until_somebody_accepts_it(ledger, tmp_path):
    ledger.creator.create(new_send(), readers(1))
    for _ in range(2):
        with pytest.raises(RestoredError, match=r"another\.db is new, but a different one was used here") as refusal:
            open_ledger("sqlite:///another.db", tmp_path / ".mailer")
        assert "mailer restore --accept" in refusal.value.next_step
    with open_ledger("sqlite:///another.db", tmp_path / ".mailer", accept_restored=True) as other:
        assert other.accept_restored().recorded_until is None
    with open_ledger("sqlite:///another.db", tmp_path / ".mailer") as other:
        assert other.sends.all() == ()


def test_a_new_ledger_beside_an_unused_one_is_accepted(open_here, tmp_path):
    open_here().close()
    open_ledger("sqlite:///another.db", tmp_path / ".mailer").close()


@SQLITE
def test_a_damaged_rollback_guard_file_is_named(open_here, tmp_path):
    with open_here() as ledger:
        ledger.creator.create(new_send(), readers(1))
    (path,) = (tmp_path / ".mailer").glob("epoch-*")
    path.write_text("nonsense")
    with pytest.raises(LedgerError, match="damaged"):
        open_here()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_postgresql_database_that_cannot_hold_every_text_is_refused_in_one_sentence(postgres, tmp_path, encoding):
    name = f"in_{encoding.lower()}"
    postgres.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(LedgerError, match=f"has the encoding {encoding}, which cannot hold") as refusal:
            open_ledger(postgres.url(name), tmp_path / ".mailer")
        assert "createdb --encoding=UTF8" in refusal.value.next_step
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@POSTGRESQL
def test_defaults_of_the_database_do_not_change_what_a_writing_transaction_sees(postgres, database_url, tmp_path):
    name = database_url.partition("?")[0].rpartition("/")[2]
    defaults = {"default_transaction_isolation": "'repeatable read'", "default_transaction_read_only": "on"}
    try:
        for setting, value in defaults.items():
            postgres.execute(f"ALTER DATABASE {name} SET {setting} = {value}")
        with open_ledger(database_url, tmp_path / ".mailer") as ledger:
            seen = ledger.context.writer.call(lambda conn: conn.exec_driver_sql("SHOW transaction_isolation").scalar())
            assert seen.result() == "read committed"
    finally:
        postgres.execute(f"ALTER DATABASE {name} RESET ALL")
