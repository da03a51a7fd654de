"""Making sends and the ways between their states, on every database."""

import fcntl
import sqlite3
import threading
from dataclasses import replace

import pytest

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendKind, SendState
from mailer.edition.model import Image
from mailer.ledger.types.errors import NobodyError, SendStateError, UnknownSendError
from mailer.ledger.types.sends import AlreadySentError, NewSend, Recipient, Repeat, ResendPlan
from mailer.ledger.types.suppressions import SuppressionReason
from tests.support.ledger_cases import (
    DAY,
    counts,
    deliver,
    delivery_result,
    die,
    edition,
    new_send,
    readers,
    run,
    session,
    state_of,
)
from tests.support.patience import PATIENCE


def finish(ledger, send, state=S.ACCEPTED):
    with session(ledger, send) as mine:
        run(deliver(mine, ledger.context.clock(), state, limit=1000))
        return run(mine.status())


def test_a_new_send_is_running_with_all_deliveries_pending(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    assert (send.state, send.slug, send.title, send.lists) == (
        SendState.RUNNING,
        "quay",
        "Title of quay",
        ("readers",),
    )
    assert send.created_at == clock.now
    summary = ledger.sends.summary(send.id)
    assert (summary.frozen, summary.open_count, dict(summary.counts)) == (3, 3, {S.PENDING: 3})


def test_only_what_reached_the_freeze_exists(ledger):
    def broken():
        yield from readers(5)
        raise ConnectionError("the list went away")

    with pytest.raises(ConnectionError):
        ledger.creator.create(new_send(), broken())
    assert ledger.sends.all() == ()
    assert ledger.editions.get("digest-quay") is None


def test_an_empty_audience_makes_no_send(ledger):
    with pytest.raises(NobodyError):
        ledger.creator.create(new_send(), [])
    assert ledger.sends.all() == ()


def test_an_identity_twice_is_a_defect_and_makes_no_send(ledger):
    twice = [*readers(1), *readers(1)]
    with pytest.raises(Exception, match=r"(?i)unique"):
        ledger.creator.create(new_send(), twice)
    assert ledger.sends.all() == ()


def test_who_may_not_be_mailed_is_frozen_and_skipped_with_the_reason(ledger):
    ledger.suppressions.unsubscribe("reader0@example.net", source="page")
    ledger.suppressions.suppress("reader1@example.net", SuppressionReason.BY_HAND, source="admin")
    ledger.erasure.erase("reader2@example.net", source="admin")
    by_list = Recipient(identity="p@example.net", address="p@example.net", skip="paused")
    send = ledger.creator.create(new_send(), [*readers(4), by_list])
    rows = [(row.state, row.reason) for row in ledger.report.rows(send.id)]
    assert rows == [
        (S.SKIPPED, "unsubscribed"),
        (S.SKIPPED, "by hand"),
        (S.SKIPPED, "erased"),
        (S.PENDING, ""),
        (S.SKIPPED, "paused"),
    ]
    emails = [row.email for row in ledger.report.rows(send.id)]
    assert emails[3] == "Reader3@example.net"
    assert "reader2" not in emails[2].lower()


@pytest.mark.parametrize(
    ("slug", "lists", "kind", "refused"),
    [
        ("quay", ("readers",), SendKind.DISPATCH, True),
        ("quay", ("others", "readers"), SendKind.DISPATCH, True),
        ("quay", ("others",), SendKind.DISPATCH, False),
        ("crane", ("readers",), SendKind.DISPATCH, False),
        ("quay", ("readers",), SendKind.TEST, False),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_the_same_dispatch_to_a_shared_list_is_refused(ledger, slug, lists, kind, refused, finished):
    first = ledger.creator.create(new_send(lists=("readers", "more")), readers(2))
    if finished:
        assert finish(ledger, first).state is SendState.FINISHED
    again = new_send(slug, digest="edited", lists=lists, kind=kind)
    if not refused:
        assert ledger.creator.create(again, readers(2)).id > first.id
        return
    with pytest.raises(AlreadySentError) as refusal:
        ledger.creator.create(again, readers(2))
    assert refusal.value.send.id == first.id
    assert refusal.value.unfinished is not finished
    assert refusal.value.exit_code == 4
    assert ("--new-readers" if finished else f"mailer resume {first.id}") in str(refusal.value)


def test_a_test_is_no_reason_to_refuse_and_a_cancelled_send_neither(ledger):
    ledger.creator.create(new_send(kind=SendKind.TEST, lists=()), readers(1))
    first = ledger.creator.create(new_send(), readers(2))
    ledger.sends.cancel(first.id)
    assert ledger.creator.create(new_send(), readers(2)).state is SendState.RUNNING


@pytest.mark.parametrize("repeat", [Repeat.AGAIN, Repeat.NEW_READERS])
def test_an_unfinished_send_is_never_repeated(ledger, repeat):
    first = ledger.creator.create(new_send(), readers(2))
    with pytest.raises(AlreadySentError) as refusal:
        ledger.creator.create(new_send(repeat=repeat), readers(2))
    assert refusal.value.send.id == first.id


def test_again_mails_all_and_new_readers_only_those_who_did_not_receive_it(ledger, clock):
    first = ledger.creator.create(new_send(), readers(3))
    with session(ledger, first) as mine:
        run(deliver(mine, clock.now, S.ACCEPTED))
        run(deliver(mine, clock.now, S.FAILED))
        run(deliver(mine, clock.now, S.UNCERTAIN))
        assert run(mine.status()).state is SendState.FINISHED
    new = ledger.creator.create(new_send(repeat=Repeat.NEW_READERS), readers(5))
    assert [row.email for row in ledger.report.rows(new.id)] == [
        "Reader1@example.net",
        "Reader3@example.net",
        "Reader4@example.net",
    ]
    finish(ledger, new)
    with pytest.raises(NobodyError):
        ledger.creator.create(new_send(repeat=Repeat.NEW_READERS), readers(5))
    assert ledger.sends.summary(ledger.creator.create(new_send(repeat=Repeat.AGAIN), readers(5)).id).frozen == 5


@pytest.mark.parametrize("state", [None, S.DEFERRED, S.FAILED])
def test_another_unfinished_send_of_the_dispatch_keeps_its_recipients_to_itself(ledger, clock, state):
    """Whether they wait, are to be tried again, or failed in a way that the breaker may take back."""
    first = ledger.creator.create(new_send(), readers(2))
    with session(ledger, first) as mine:
        if state:
            run(deliver(mine, clock.now, state, limit=1))
    new = ledger.creator.create(new_send(lists=("others",), repeat=Repeat.NEW_READERS), readers(3))
    assert [row.email for row in ledger.report.rows(new.id)] == ["Reader2@example.net"]
    with pytest.raises(NobodyError):  # as a second welcome: it has no list
        ledger.creator.create(new_send(kind=SendKind.WELCOME, lists=(), repeat=Repeat.NEW_READERS), readers(1))
    ledger.sends.cancel(first.id)
    later = ledger.creator.create(new_send(lists=("others more",), repeat=Repeat.NEW_READERS), readers(3))
    assert ledger.sends.summary(later.id).frozen == 2


def test_nobody_is_mailed_as_new_beside_a_scheduled_send_that_has_no_recipients_yet(ledger, clock):
    """It would mail them again at its time: nobody knows yet who they are."""
    failed = ledger.creator.create(new_send(lists=("others",)), readers(1))
    finish(ledger, failed, S.FAILED)
    ledger.creator.create(replace(new_send(), scheduled_at=clock.now + DAY))
    for create in (
        lambda: ledger.creator.create(new_send(lists=("third",), repeat=Repeat.NEW_READERS), readers(3)),
        lambda: ledger.creator.resend_failed(failed.id, key_name="k"),
    ):
        with pytest.raises(AlreadySentError, match="send 2, scheduled"):
            create()
    everybody = ledger.creator.create(new_send(lists=("fourth",)), readers(3))
    assert ledger.sends.summary(everybody.id).frozen == 3


def test_a_resend_leaves_out_who_may_get_it_from_another_send(ledger, clock):
    first = ledger.creator.create(new_send(), readers(2))
    finish(ledger, first, S.FAILED)
    other = ledger.creator.create(new_send(lists=("others",)), readers(1))
    assert ledger.creator.plan_resend(first.id) == ResendPlan(to_mail=1, left_out=1)
    resent = ledger.creator.resend_failed(first.id, key_name="key-1")
    assert [row.email for row in ledger.report.rows(resent.id)] == ["Reader1@example.net"]
    finish(ledger, resent)
    finish(ledger, other, S.FAILED)
    assert ledger.creator.plan_resend(first.id) == ResendPlan(to_mail=1, left_out=1)


def test_a_welcome_that_failed_is_sent_again_by_one_resend_only(ledger):
    """A welcome has no list by which an unfinished send of it would be found."""
    first = ledger.creator.create(new_send(kind=SendKind.WELCOME, lists=()), readers(1))
    finish(ledger, first, S.FAILED)
    ledger.creator.resend_failed(first.id, key_name="key-1")
    with pytest.raises(NobodyError):
        ledger.creator.resend_failed(first.id, key_name="key-1")


def test_resend_goes_to_the_failed_ones_once(ledger, clock):
    first = ledger.creator.create(new_send(), readers(4))
    with pytest.raises(AlreadySentError):
        ledger.creator.resend_failed(first.id, key_name="key-2")
    with session(ledger, first) as mine:
        run(deliver(mine, clock.now, S.ACCEPTED))
        run(deliver(mine, clock.now, S.FAILED, limit=2))
        run(deliver(mine, clock.now, S.FAILED, limit=1, suppress=True))
        run(mine.status())
    assert ledger.creator.plan_resend(first.id) == ResendPlan(to_mail=2, left_out=1)
    ledger.suppressions.unsubscribe("reader2@example.net", source="page")
    assert ledger.creator.plan_resend(first.id) == ResendPlan(to_mail=1, left_out=2)
    resent = ledger.creator.resend_failed(first.id, key_name="key-2")
    assert (resent.kind, resent.parent_id, resent.digest) == (SendKind.RESEND, first.id, first.digest)
    assert [(row.email, row.state) for row in ledger.report.rows(resent.id)] == [("Reader1@example.net", S.PENDING)]
    with pytest.raises(AlreadySentError):
        ledger.creator.resend_failed(first.id, key_name="key-2")
    finish(ledger, resent)
    with pytest.raises(NobodyError, match="got it in another send, may still get it in one, unsubscribed or"):
        ledger.creator.resend_failed(first.id, key_name="key-2")
    ledger.suppressions.undo("reader2@example.net", source="page")
    final = ledger.creator.resend_failed(first.id, key_name="key-2")
    assert [row.email for row in ledger.report.rows(final.id)] == ["Reader2@example.net"]
    assert ledger.editions.key_names() == {"key-1", "key-2"}


def test_a_send_is_run_by_the_server_from_its_first_transaction(ledger, clock):
    """A server that dies right behind the commit leaves the send to the next one."""
    first = ledger.creator.create(new_send(), readers(2))
    with session(ledger, first) as mine:
        run(deliver(mine, clock.now, S.FAILED))
        run(deliver(mine, clock.now, S.UNCERTAIN))
        run(mine.status())
    assert ledger.sends.run_by_server() == ()
    resent = ledger.creator.resend_failed(first.id, key_name="key-1", carried=True)
    assert [each.id for each in ledger.sends.run_by_server()] == [resent.id]
    ledger.sends.resolve_uncertain(first.id, resend=True, carried=True)
    assert [each.id for each in ledger.sends.run_by_server()] == [first.id, resent.id]
    other = ledger.creator.create(new_send(slug="other"), readers(1))
    ledger.sends.pause(other.id)
    ledger.sends.resume(other.id, carried=True)
    assert [each.id for each in ledger.sends.run_by_server()] == [first.id, resent.id, other.id]


def test_a_scheduled_send_freezes_its_edition_now_and_its_audience_later(ledger, clock):
    send = ledger.creator.create(new_send(at=clock.now + 100))
    assert (send.state, ledger.sends.summary(send.id).frozen) == (SendState.SCHEDULED, 0)
    assert ledger.editions.get(send.digest).json == edition().json
    assert ledger.sends.due(grace=1800) == ()
    clock.forward(100)
    assert [due.id for due in ledger.sends.due(grace=1800)] == [send.id]
    with pytest.raises(SendStateError, match="a different time"):  # somebody gave it one while its lists were synced
        ledger.creator.start(send.id, readers(3), planned_at=clock.now - 1)
    started = ledger.creator.start(send.id, readers(3))
    assert (started.state, ledger.sends.summary(send.id).frozen) == (SendState.RUNNING, 3)
    with pytest.raises(SendStateError):
        ledger.creator.start(send.id, readers(3))


def test_a_send_that_is_too_late_becomes_overdue_until_somebody_starts_it(ledger, clock):
    send = ledger.creator.create(new_send(at=clock.now + 100))
    clock.forward(100 + 1801)
    assert ledger.sends.due(grace=1800) == ()
    assert ledger.sends.get(send.id).state is SendState.OVERDUE
    assert ledger.creator.start(send.id, readers(1)).state is SendState.RUNNING


def test_two_that_start_a_scheduled_send_start_it_once(open_here, clock):
    one, two = open_here(), open_here()
    send = one.creator.create(new_send(at=clock.now))
    results = race(
        lambda: one.creator.start(send.id, readers(500)),
        lambda: two.creator.start(send.id, readers(500)),
    )
    assert sorted(type(result).__name__ for result in results) == ["Send", "SendStateError"]
    assert one.sends.summary(send.id).frozen == 500


def test_two_that_create_the_same_send_create_one(open_here):
    one, two = open_here(), open_here()
    results = race(
        lambda: one.creator.create(new_send(), readers(500)), lambda: two.creator.create(new_send(), readers(500))
    )
    assert sorted(type(result).__name__ for result in results) == ["AlreadySentError", "Send"]
    assert [summary.frozen for summary in one.sends.all()] == [500]


def race(*works):
    results, barrier = [], threading.Barrier(len(works))

    def start(work):
        barrier.wait(PATIENCE)
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)

    threads = [threading.Thread(target=start, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return results


def test_pausing_stops_and_resuming_lets_go_on(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    with session(ledger, send) as mine:
        (first,) = run(mine.claim(1, clock.now))
        paused = ledger.sends.pause(send.id, reason="Ctrl-C")
        assert (paused.state, paused.reason) == (SendState.PAUSED, "Ctrl-C")
        assert ledger.sends.pause(send.id).reason == "Ctrl-C"
        assert run(mine.begin_sending(first)) is False
        assert run(mine.claim(1, clock.now)) == ()
        assert run(mine.status()).state is SendState.PAUSED
    assert counts(ledger, send) == {S.PENDING: 3}
    assert ledger.sends.resume(send.id).state is SendState.RUNNING
    assert finish(ledger, send).state is SendState.FINISHED
    assert ledger.sends.resume(send.id).state is SendState.FINISHED
    with pytest.raises(SendStateError):
        ledger.sends.pause(send.id)


def test_cancelling_skips_the_rest(ledger, clock):
    send = ledger.creator.create(new_send(), readers(4))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.ACCEPTED))
        run(deliver(mine, clock.now, S.DEFERRED))
    cancelled = ledger.sends.cancel(send.id)
    assert (cancelled.state, cancelled.ended_at) == (SendState.CANCELLED, clock.now)
    assert counts(ledger, send) == {S.ACCEPTED: 1, S.SKIPPED: 3}
    assert {row.reason for row in ledger.report.rows(send.id, S.SKIPPED)} == {"cancelled"}
    assert ledger.sends.cancel(send.id).state is SendState.CANCELLED
    with pytest.raises(SendStateError):
        ledger.sends.resume(send.id)


@pytest.mark.parametrize(
    ("outcome", "ends_as"),
    [
        (S.ACCEPTED, S.ACCEPTED),
        (S.DEFERRED, S.SKIPPED),
        (S.FAILED, S.FAILED),
        (S.UNCERTAIN, S.UNCERTAIN),
        (None, S.SKIPPED),
    ],
)
def test_cancelling_leaves_a_message_after_end_of_data_to_its_living_process(
    ledger, open_here, clock, outcome, ends_as
):
    send = ledger.creator.create(new_send(), readers(3))
    with session(ledger, send) as mine:
        committed, claimed = run(mine.claim(2, clock.now))
        assert run(mine.begin_sending(committed))
        cancelling = open_here().sends.cancel(send.id)
        assert (cancelling.state, cancelling.cancel_requested) == (SendState.PAUSED, True)
        assert counts(ledger, send) == {S.SENDING: 1, S.SKIPPED: 2}
        with pytest.raises(SendStateError):
            ledger.sends.resume(send.id)
        assert run(mine.begin_sending(claimed)) is False
        if outcome is None:
            run(mine.release([committed], clock.now))
        else:
            run(mine.record(delivery_result(committed, outcome, clock.now)))
        assert state_of(ledger, send, 0)[0] is ends_as
        assert run(mine.status()).state is SendState.CANCELLED


def test_cancelling_is_not_confused_by_a_check_of_the_send_lock(ledger, open_here, tmp_path, clock, monkeypatch):
    monkeypatch.setattr("mailer.ledger.sends.sends.LOCK_PATIENCE", PATIENCE)
    send = ledger.creator.create(new_send(), readers(3))
    mine = session(ledger, send)
    (claim,) = run(mine.claim(1, clock.now))
    assert run(mine.begin_sending(claim))
    die(mine)
    with (tmp_path / ".mailer" / f"send-{send.id}.lock").open("a") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        threading.Timer(0.03, fcntl.flock, (looked_at, fcntl.LOCK_UN)).start()
        assert open_here().sends.cancel(send.id).state is SendState.CANCELLED
    assert counts(ledger, send) == {S.UNCERTAIN: 1, S.SKIPPED: 2}


def test_cancelling_after_its_process_died_makes_sending_deliveries_uncertain(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    mine = session(ledger, send)
    committed, _claimed = run(mine.claim(2, clock.now))
    run(mine.begin_sending(committed))
    die(mine)
    assert ledger.sends.cancel(send.id).state is SendState.CANCELLED
    assert counts(ledger, send) == {S.UNCERTAIN: 1, S.SKIPPED: 2}


def test_a_send_whose_holder_dies_while_it_is_being_cancelled_is_cancelled(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    mine = session(ledger, send)
    committed, _claimed = run(mine.claim(2, clock.now))
    run(mine.begin_sending(committed))
    ledger.sends.cancel(send.id)
    ledger.sends.finish_cancelled()
    assert ledger.sends.get(send.id).cancel_requested, "its holder lives, and has a message under way"
    with pytest.raises(SendStateError, match="is being cancelled") as refusal:
        ledger.sends.resume(send.id)
    assert f"mailer cancel {send.id}" in refusal.value.next_step
    die(mine)
    ledger.sends.finish_cancelled()
    assert ledger.sends.get(send.id).state is SendState.CANCELLED
    assert counts(ledger, send) == {S.UNCERTAIN: 1, S.SKIPPED: 2}


def uncertain_send(ledger, clock, count=2):
    send = ledger.creator.create(new_send(), readers(count))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.UNCERTAIN, limit=count))
        assert run(mine.status()).state is SendState.FINISHED
    return send


def test_resolving_by_sending_once_more_makes_a_finished_send_run(ledger, clock):
    send = uncertain_send(ledger, clock)
    ledger.suppressions.unsubscribe("reader1@example.net", source="page")
    resolution = ledger.sends.resolve_uncertain(send.id, resend=True)
    assert (resolution.resolved, resolution.send.state, resolution.send.ended_at) == (2, SendState.RUNNING, None)
    assert counts(ledger, send) == {S.PENDING: 1, S.SKIPPED: 1}
    assert finish(ledger, send).state is SendState.FINISHED
    assert counts(ledger, send) == {S.ACCEPTED: 1, S.SKIPPED: 1}


def test_resolving_by_assuming_marks_and_counts_apart(ledger, clock):
    send = uncertain_send(ledger, clock)
    names = ["reader1@example.net", "nobody@example.net"]
    resolution = ledger.sends.resolve_uncertain(send.id, resend=False, identities=names)
    assert (resolution.resolved, resolution.missing) == (1, ("nobody@example.net",))
    assert counts(ledger, send) == {S.UNCERTAIN: 1, S.ACCEPTED: 1}
    assert ledger.report.count_resolved_manually(send.id) == 1
    assert [row.resolved_manually for row in ledger.report.rows(send.id)] == [False, True]


def test_a_cancelled_send_is_not_sent_once_more(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.UNCERTAIN))
    ledger.sends.cancel(send.id)
    with pytest.raises(SendStateError, match="--assume-sent"):
        ledger.sends.resolve_uncertain(send.id, resend=True)
    assert ledger.sends.resolve_uncertain(send.id, resend=False).resolved == 1


def test_sends_are_listed_newest_first_without_tests(ledger):
    first = ledger.creator.create(new_send("one"), readers(1))
    test = ledger.creator.create(new_send("one", kind=SendKind.TEST, digest="tested"), readers(1))
    second = ledger.creator.create(new_send("two"), readers(2))
    assert [summary.send.id for summary in ledger.sends.all()] == [second.id, first.id]
    assert [summary.send.id for summary in ledger.sends.all(limit=1)] == [second.id]
    assert ledger.sends.latest("one").id == first.id
    assert ledger.sends.latest("one", ["others"]) is None
    assert ledger.editions.last_tested("one") == test.digest == "tested"
    assert ledger.editions.last_tested("two") is None
    with pytest.raises(UnknownSendError, match="send 99"):
        ledger.sends.get(99)


def test_seconds_run_from_the_first_claim_to_the_last_result(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    assert send.seconds == 0
    with session(ledger, send) as mine:
        run(deliver(mine, clock.forward(10)))
        run(deliver(mine, clock.forward(5)))
    found = ledger.sends.get(send.id)
    assert (found.begun_at, found.seconds) == (clock.now - 5, 5)


def test_the_archive_shows_what_was_begun_in_its_newest_edition(ledger, clock):
    image = Image(name="a1.jpg", content_type="image/jpeg", width=2, height=1, data=b"\xff\xd8")
    first = ledger.creator.create(
        NewSend(edition=edition("one", digest="d1", images=(image, image)), lists=("readers",), key_name="k"),
        readers(1),
    )
    test = ledger.creator.create(new_send("two", kind=SendKind.TEST), readers(1))
    assert ledger.editions.archive() == ()
    assert ledger.editions.archived("one") is None
    finish(ledger, first)
    finish(ledger, test)
    clock.forward(DAY)
    second = ledger.creator.create(new_send("one", digest="d2", repeat=Repeat.AGAIN), readers(1))
    assert ledger.editions.archived("one").digest == "d1"
    finish(ledger, second)
    assert ledger.editions.archived("one").digest == "d2"
    assert [(entry.slug, entry.digest) for entry in ledger.editions.archive()] == [("one", "d2")]
    assert ledger.editions.sent_titles() == {"one": "Title of one"}
    assert ledger.editions.image("a1.jpg") == image
    assert ledger.editions.image("../a1.jpg") is None
    assert ledger.editions.images("d1") == (image,)


def test_twenty_thousand_readers_are_frozen_in_one_go(ledger):
    send = ledger.creator.create(new_send(), readers(20_000))
    assert counts(ledger, send) == {S.PENDING: 20_000}
    assert sum(1 for _ in ledger.report.rows(send.id)) == 20_000


def test_a_new_send_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="list"):
        new_send(lists=())
    with pytest.raises(ValueError, match="twice"):
        new_send(lists=("a", "a"))
    with pytest.raises(ValueError, match="parent"):
        new_send(kind=SendKind.RESEND)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_log_is_moved_into_the_database_at_close(ledger, tmp_path):
    ledger.creator.create(new_send(), readers(10))
    ledger.close()
    assert not (tmp_path / "mailer.db-wal").exists()
    with sqlite3.connect(tmp_path / "mailer.db") as raw:
        assert raw.execute("select count(*) from delivery").fetchone() == (10,)
    raw.close()
