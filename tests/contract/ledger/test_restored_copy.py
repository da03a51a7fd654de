"""An older copy of a database on PostgreSQL, put in place while several machines use it; and machines that join."""

import psycopg
import pytest

from mailer.delivery.states import SendState
from mailer.ledger.ledger import open_ledger
from mailer.ledger.store.restore_detection import RestoredError
from tests.support.ledger_cases import new_send, readers

OLDER = "is older than the last one used"
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def open_at(database_url, tmp_path, clock):
    """Opens the database on a machine, whose state folder is empty at first."""
    opened = []

    def open_one(machine, **options):
        opened.append(open_ledger(database_url, tmp_path / machine / ".mailer", clock=clock, **options))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def write(ledger, times=1):
    for _ in range(times):
        ledger.try_write().result()


def test_a_second_machine_joins_the_database_that_a_workspace_uses(open_at):
    with open_at("first") as first:
        send = first.creator.create(new_send(), readers(1))
    for machine, options in (("second", {}), ("worker", {"is_worker": True})):
        for _ in range(2):
            with open_at(machine, **options) as joined:
                assert joined.sends.get(send.id).state is SendState.RUNNING, "nothing was paused"
                write(joined)


def test_nobody_joins_a_restarted_server_before_a_workspace_has_checked_the_database(open_at, database_url, postgres):
    def restart():
        with psycopg.connect(database_url) as conn:
            conn.execute("UPDATE meta SET value = 'the former start' WHERE key = 'vouched_database'")
        postgres.kill_backends()

    def refused():
        with pytest.raises(RestoredError, match=r"No workspace has used the database .* or its server started"):
            open_at("new worker", is_worker=True)
        with pytest.raises(RestoredError, match="was used before, but not with this folder") as refusal:
            open_at("second")
        assert "on another machine" in refusal.value.next_step

    first, worker = open_at("first"), open_at("worker", is_worker=True)
    write(first)
    write(worker)
    restart()
    write(worker)
    refused()  # a worker goes on, and vouches for nothing
    write(first)
    write(open_at("new worker", is_worker=True))
    restart()
    open_at("first")
    write(open_at("second"))


def test_an_older_copy_is_refused_by_everybody_until_a_workspace_accepts_it(open_at, database_url, postgres):
    name = database_url.partition("?")[0].rpartition("/")[2]
    first, worker, idle = open_at("first"), open_at("worker", is_worker=True), open_at("idle")
    send = first.creator.create(new_send(), readers(2))
    write(worker)
    write(idle)
    copied = postgres.snapshot(name)
    write(worker, 3)
    postgres.put_back(copied, name)
    for _ in range(10):  # far more often than the copy is behind
        with pytest.raises(RestoredError, match=f"{OLDER} here"):
            write(worker)
    for ledger in (first, idle):  # they have written nothing that the copy lacks, but the worker says so
        with pytest.raises(RestoredError, match=OLDER):
            write(ledger)
    for machine, options in (("first", {}), ("second", {}), ("worker", {"is_worker": True})):
        with pytest.raises(RestoredError, match=OLDER):
            open_at(machine, **options)
    with open_at("first", accept_restored=True) as accepting:
        assert accepting.accept_restored(if_refused=True).open_sends == (send.id,)
    for ledger in (worker, first, idle, open_at("worker", is_worker=True), open_at("second")):
        write(ledger)
    assert first.sends.get(send.id).state is SendState.PAUSED


def test_a_copy_restored_into_the_same_database_is_refused_by_a_folder_that_has_not_used_it(open_at, database_url):
    with open_at("first") as first:
        write(first)
    with psycopg.connect(database_url) as conn:  # as pg_restore --clean does
        conn.execute("CREATE TABLE restored (LIKE meta INCLUDING ALL); INSERT INTO restored SELECT * FROM meta")
        conn.execute("DROP TABLE meta; ALTER TABLE restored RENAME TO meta")
        conn.execute("ALTER INDEX restored_pkey RENAME TO pk_meta")
    with pytest.raises(RestoredError, match="No workspace has used"):
        open_at("worker", is_worker=True)
