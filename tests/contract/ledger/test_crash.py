"""What a ledger proves after its processes were killed, raced, or had the disk fail under them."""

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import event

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from mailer.ledger.types.errors import LedgerError
from tests.support.ledger_cases import counts, deliver, new_send, readers, run, session, writing_engine


@contextmanager
def child(url, folder, send_id, mode):
    command = [sys.executable, "-m", "tests.support.ledger_child", url, str(folder), str(send_id), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process):
    return json.loads(process.stdout.readline())


@pytest.mark.parametrize("resend_uncertain", [False, True])
def test_after_a_kill_every_delivery_is_accounted_for(
    ledger, database_url, open_here, tmp_path, clock, resend_uncertain
):
    send = ledger.creator.create(new_send(), readers(10))
    with child(database_url, tmp_path, send.id, "hold") as process:
        sending = answer(process)["sending"]
        assert counts(ledger, send) == {S.ACCEPTED: 2, S.SENDING: 2, S.CLAIMED: 2, S.PENDING: 4}
        assert open_here().leases.acquire(send.id, retry_for=1) is None
        assert ledger.sends.holder_pid(send.id) == process.pid
        process.kill()
        process.wait(60)
    while ledger.sends.holder_pid(send.id) is not None:  # on PostgreSQL, until its lease has run out
        pass
    assert ledger.sends.holder_pid(send.id) is None
    with session(ledger, send, resend_uncertain=resend_uncertain) as mine:
        if resend_uncertain:
            assert counts(ledger, send) == {S.ACCEPTED: 2, S.PENDING: 8}
        else:
            assert counts(ledger, send) == {S.ACCEPTED: 2, S.UNCERTAIN: 2, S.PENDING: 6}
        for delivery_id in sending:
            (attempt,) = ledger.report.attempts(delivery_id)
            assert (attempt.lost, attempt.classification, attempt.closed_at) == (True, S.UNCERTAIN, clock.now)
        run(deliver(mine, clock.now, limit=10))
        assert run(mine.status()).state is SendState.FINISHED
        attempts = [len(ledger.report.attempts(row.delivery_id)) for row in ledger.report.rows(send.id)]
    assert sorted(attempts) == sorted([1] * 6 + ([2] * 4 if resend_uncertain else [2] * 2 + [1] * 2))


def test_of_processes_that_race_for_a_send_one_acquires_it(ledger, database_url, tmp_path):
    send = ledger.creator.create(new_send(), readers(2))
    assert sorted(result["owns"] for result in race(database_url, tmp_path, send.id, "own")) == [False, False, True]


def test_of_processes_that_race_to_create_a_send_one_does(ledger, database_url, tmp_path):
    ledger.creator.create(new_send(), readers(2))
    results = race(database_url, tmp_path, 0, "create")
    created = [result["created"] for result in results if "created" in result]
    assert len(created) == 1
    assert [result["refused"] for result in results if "refused" in result] == created * 2
    assert ledger.sends.summary(created[0]).frozen == 2_000


def race(url, folder, send_id, mode):
    with ExitStack() as stack:
        processes = [stack.enter_context(child(url, folder, send_id, mode)) for _ in range(3)]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [answer(process) for process in processes]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_stops_the_send_and_loses_nothing_that_was_answered(ledger, database_url, tmp_path):
    send = ledger.creator.create(new_send(), readers(2_000))
    with child(database_url, tmp_path, send.id, "fill") as process:
        result = answer(process)
    assert "The disk" in result["error"]
    assert result["accepted"] == result["answered"] > 0
    assert result["after"] == result["accepted"] + result["unsaved"] + 1, "with room again, it goes on"
    with session(ledger, send):
        assert set(counts(ledger, send)) <= {S.ACCEPTED, S.PENDING, S.UNCERTAIN}
        assert counts(ledger, send)[S.ACCEPTED] == result["after"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_may_not_grow_refuses_what_does_not_fit_and_keeps_the_rest(ledger):
    send = ledger.creator.create(new_send(), readers(10))
    writer = ledger.context.writer
    pages = writer.call(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar()).result()
    writer.call(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 5}").scalar()).result()
    with pytest.raises(LedgerError, match="full"):
        ledger.creator.create(new_send("big"), readers(20_000))
    assert [summary.send.id for summary in ledger.sends.all()] == [send.id]
    ledger.suppressions.unsubscribe("reader0@example.net", source="page")
    assert counts(ledger, send) == {S.SKIPPED: 1, S.PENDING: 9}


def test_a_failed_commit_fails_its_batch_and_nothing_after_it(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    failing = [True]

    def fail(_conn):
        if failing:
            failing.pop()
            raise OSError("the disk is gone")

    event.listen(writing_engine(ledger), "commit", fail)
    with pytest.raises(OSError, match="gone"):
        ledger.suppressions.unsubscribe("reader0@example.net", source="page")
    assert ledger.suppressions.get("reader0@example.net") is None
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, limit=3))
        assert run(mine.status()).state is SendState.FINISHED
