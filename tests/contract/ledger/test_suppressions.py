"""Who must not be mailed, and how that changes, on every database."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import literal, select, text

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from mailer.ledger.store.database import open_database
from mailer.ledger.subscribers.suppressions import suppress_all
from mailer.ledger.types.sends import Repeat
from mailer.ledger.types.suppressions import SuppressionAction, SuppressionReason, UnsuppressStatus
from mailer.smtp.reply_parser import Reply
from tests.support.ledger_cases import counts, deliver, delivery_result, new_send, readers, run, session, state_of

ANA = "reader0@example.net"
R = SuppressionReason


def test_unsubscribing_skips_what_is_open_in_every_send(ledger, clock):
    first = ledger.creator.create(new_send("one"), readers(2))
    second = ledger.creator.create(new_send("two"), readers(2))
    with session(ledger, second) as mine:
        run(deliver(mine, clock.now, S.DEFERRED))
    done = ledger.suppressions.unsubscribe(ANA, source="one-click", send_id=first.id)
    assert (done.changed, done.skipped, done.suppression.at) == (True, 2, clock.now)
    for send in (first, second):
        assert state_of(ledger, send, 0) == (S.SKIPPED, "unsubscribed")
    again = ledger.suppressions.unsubscribe(ANA, source="page")
    assert (again.changed, again.skipped, again.suppression.source) == (False, 0, "one-click")


def test_a_token_s_delivery_is_enough(ledger):
    send = ledger.creator.create(new_send(), readers(1))
    (row,) = ledger.report.rows(send.id)
    done = ledger.suppressions.unsubscribe_delivery(row.delivery_id, source="one-click").result()
    assert (done.suppression.identity, done.suppression.send_id) == (ANA, send.id)
    assert ledger.suppressions.unsubscribe_delivery(999, source="one-click").result() is None


@pytest.mark.parametrize("first", [reason for reason in R if reason is not R.ERASED])
@pytest.mark.parametrize("second", [reason for reason in R if reason is not R.ERASED])
def test_a_stronger_reason_replaces_a_weaker_one(ledger, first, second):
    ledger.suppressions.suppress(ANA, first, source="a")
    changed = ledger.suppressions.suppress(ANA, second, source="b").changed
    assert changed is (second.rank > first.rank)
    assert ledger.suppressions.get(ANA).reason is max(first, second, key=lambda reason: reason.rank)


@pytest.mark.parametrize(
    ("reason", "by_admin", "by_person"),
    [
        (None, UnsuppressStatus.ABSENT, UnsuppressStatus.ABSENT),
        (R.BOUNCED, UnsuppressStatus.LIFTED, UnsuppressStatus.REFUSED),
        (R.BY_HAND, UnsuppressStatus.LIFTED, UnsuppressStatus.REFUSED),
        (R.UNSUBSCRIBED, UnsuppressStatus.REFUSED, UnsuppressStatus.LIFTED),
        (R.COMPLAINED, UnsuppressStatus.REFUSED, UnsuppressStatus.REFUSED),
        (R.ERASED, UnsuppressStatus.REFUSED, UnsuppressStatus.REFUSED),
    ],
)
def test_who_may_take_what_back(ledger, reason, by_admin, by_person):
    def arrange():
        if reason is R.ERASED:
            ledger.erasure.erase(ANA, source="desk")
        elif reason is not None:
            ledger.suppressions.suppress(ANA, reason, source="x")

    arrange()
    assert ledger.suppressions.unsuppress(ANA, source="admin").outcome is by_admin
    arrange()
    assert ledger.suppressions.undo(ANA, source="page").outcome is by_person


def test_undoing_brings_back_what_lay_beneath(ledger):
    ledger.suppressions.suppress(ANA, R.BY_HAND, source="admin")
    ledger.suppressions.unsubscribe(ANA, source="page")
    undone = ledger.suppressions.undo(ANA, source="page")
    assert (undone.outcome, undone.suppression.reason) == (UnsuppressStatus.LIFTED, R.BY_HAND)
    assert ledger.suppressions.unsuppress(ANA, source="admin").suppression is None
    assert ledger.suppressions.get(ANA) is None
    changes = [(change.change, change.reason, change.source) for change in ledger.suppressions.history(ANA)]
    assert changes == [
        (SuppressionAction.SUPPRESSED, R.BY_HAND, "admin"),
        (SuppressionAction.SUPPRESSED, R.UNSUBSCRIBED, "page"),
        (SuppressionAction.LIFTED, R.UNSUBSCRIBED, "page"),
        (SuppressionAction.LIFTED, R.BY_HAND, "admin"),
    ]


def test_undoing_lets_the_next_send_through_but_not_the_one_that_skipped(ledger):
    send = ledger.creator.create(new_send("one"), readers(1))
    ledger.suppressions.unsubscribe(ANA, source="page")
    ledger.suppressions.undo(ANA, source="page")
    assert state_of(ledger, send, 0) == (S.SKIPPED, "unsubscribed")
    assert state_of(ledger, ledger.creator.create(new_send("two"), readers(1)), 0) == (S.PENDING, "")


def test_all_are_listed_or_those_for_a_reason(ledger):
    ledger.suppressions.unsubscribe("b@example.net", source="page")
    ledger.suppressions.suppress("a@example.net", R.BY_HAND, source="admin")
    assert [each.identity for each in ledger.suppressions.all()] == ["a@example.net", "b@example.net"]
    assert [each.identity for each in ledger.suppressions.all(R.UNSUBSCRIBED)] == ["b@example.net"]


def test_erasure_removes_identifying_data_and_keeps_the_sums(ledger, clock, tmp_path):
    first = ledger.creator.create(new_send("one"), readers(3))
    second = ledger.creator.create(new_send("two"), readers(3))
    with session(ledger, first) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        refusal = Reply(code=550, enhanced="5.1.1", text="<Reader0@example.net> unknown")
        run(mine.record(delivery_result(claim, S.FAILED, clock.now, reply=refusal, suppress=True)))
    ledger.suppressions.unsubscribe(ANA, source="page")
    before = {send.id: sum(counts(ledger, send).values()) for send in (first, second)}
    erased = ledger.erasure.erase(ANA, source="desk")
    assert (erased.deliveries, erased.skipped) == (2, 0)
    assert before == {send.id: sum(counts(ledger, send).values()) for send in (first, second)}
    assert ledger.report.deliveries_of(ANA) == ()
    gone = ledger.report.delivery(claim.delivery_id)
    assert (gone.state, gone.fields, gone.address == gone.identity) == (S.FAILED, {}, True)
    assert ledger.report.attempts(claim.delivery_id)[0].reply == ""
    assert {change.reason for change in ledger.suppressions.history(ANA)} >= {R.UNSUBSCRIBED, R.ERASED}
    assert ledger.suppressions.get(ANA).reason is R.ERASED
    assert ledger.suppressions.get("reader1@example.net") is None
    ledger.close()
    if (tmp_path / "mailer.db").exists():
        assert b"eader0@" not in (tmp_path / "mailer.db").read_bytes(), "not even in what the file no longer uses"


def test_an_erased_subscriber_stays_suppressed_and_unknown_after_an_import(ledger):
    first = ledger.creator.create(new_send(), readers(1))
    (row,) = ledger.report.rows(first.id)
    assert ledger.erasure.erase(ANA, source="desk").skipped == 1
    assert ledger.erasure.erase(ANA, source="desk").deliveries == 0
    assert ledger.suppressions.unsubscribe_delivery(row.delivery_id, source="one-click").result().changed is False
    assert ledger.suppressions.unsubscribe(ANA, source="page").suppression.reason is R.ERASED
    ledger.sends.cancel(first.id)
    send = ledger.creator.create(new_send(repeat=Repeat.AGAIN), readers(1))
    (row,) = ledger.report.rows(send.id)
    assert (row.state, row.reason) == (S.SKIPPED, "erased")
    assert "reader0" not in row.email.lower()


def test_erasure_after_end_of_data_keeps_the_reply_text_out(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        assert run(mine.begin_sending(claim))
        ledger.erasure.erase(ANA, source="desk")
        reply = Reply(code=451, text="<reader0@example.net> later")
        run(mine.record(delivery_result(claim, S.DEFERRED, clock.now, reply=reply)))
    (row,) = ledger.report.rows(send.id)
    assert (row.state, row.reason, row.code, row.reply) == (S.SKIPPED, "erased", 451, "")
    assert ledger.report.attempts(claim.delivery_id)[0].reply == ""


def test_suppressing_as_erased_is_for_erase_alone(ledger):
    with pytest.raises(ValueError, match="erase"):
        ledger.suppressions.suppress(ANA, R.ERASED, source="x")


def test_who_unsubscribes_while_a_sync_suppresses_the_same_address_is_heard(ledger, clock, database_url, tmp_path):
    """On SQLite the one waits for the other; on PostgreSQL both have begun when neither sees the other."""
    answers = []
    said = select(literal(ANA).label("identity"), literal("bounced").label("reason"), literal(clock.now).label("at"))

    def unsubscribe():
        answers.append(ledger.suppressions.unsubscribe(ANA, source="one-click"))

    other = open_database(database_url, tmp_path / ".mailer")
    person = threading.Thread(target=unsubscribe)
    ledger.suppressions.unsubscribe("ben@example.net", source="page")  # its writer is there
    try:
        with other.write_lock(), other.connect_writer() as conn, conn.begin():
            suppress_all(conn, said, source="list readers, sync 1", at=clock.now)
            person.start()
            if other.has_leases:
                waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                while not conn.execute(waiting).scalar():
                    pass
    finally:
        person.join()
        other.close()
    assert [answer.suppression.reason for answer in answers] == [R.UNSUBSCRIBED]
    assert ledger.suppressions.get(ANA).reason is R.UNSUBSCRIBED
    assert ledger.suppressions.undo(ANA, source="page").suppression.reason is R.BOUNCED


@pytest.mark.parametrize("pause", [True, False])
def test_suppressions_of_refusals_that_were_about_us_are_taken_back_with_them(ledger, clock, pause):
    nobody = Reply(code=550, enhanced="5.1.1", text="nobody")
    made = ledger.creator.create(new_send("one"), readers(4))
    ledger.suppressions.suppress("reader2@example.net", R.BOUNCED, source="admin")

    async def refuse_all(mine):
        claims = await mine.claim(4, clock.now)
        for claim in claims:
            assert await mine.begin_sending(claim)
            await mine.record(delivery_result(claim, S.FAILED, clock.now, reply=nobody, suppress=True))
        assert ledger.suppressions.get(ANA).reason is R.BOUNCED
        refused = [claim.delivery_id for claim in claims[:-1]]
        await (mine.trip_breaker("refused in a row", refused) if pause else mine.take_back("refused in a row", refused))

    with session(ledger, made) as mine:
        run(refuse_all(mine))
        assert run(mine.status()).state is (SendState.PAUSED if pause else SendState.RUNNING)
    assert [each.identity for each in ledger.suppressions.all()] == ["reader2@example.net", "reader3@example.net"]
    assert counts(ledger, made) == {S.PENDING: 2, S.SKIPPED: 1, S.FAILED: 1}


def test_an_erased_address_is_in_no_condition_and_no_entry_of_the_audit_log(ledger):
    condition = 'email == "Reader0@Example.net" or email == "other@example.net"'
    send = ledger.creator.create(replace(new_send(), where=condition), readers(2))
    ledger.audit.record("Mara", "list.upload", "readers", "for READER0@example.net.csv")
    ledger.erasure.erase(ANA, source="desk")
    [entry] = ledger.audit.entries()
    assert "reader0" not in (entry.detail + ledger.sends.get(send.id).where).lower()
    assert "other@example.net" in ledger.sends.get(send.id).where


def test_an_opt_out_that_an_admin_entered_is_undone_by_that_admin_alone_and_recorded(ledger, clock):
    ledger.suppressions.unsubscribe(ANA, source="Mara, at the desk")
    assert not ledger.suppressions.is_liftable_by(ANA, "command line")
    assert (
        ledger.suppressions.unsuppress(ANA, source="command line", also_entered=True).outcome
        is UnsuppressStatus.REFUSED
    )
    assert ledger.suppressions.is_liftable_by(ANA, "Mara, at the desk")
    assert ledger.suppressions.unsuppress(ANA, source="Mara, at the desk").outcome is UnsuppressStatus.REFUSED
    clock.forward(60)
    assert (
        ledger.suppressions.unsuppress(ANA, source="Mara, at the desk", also_entered=True).outcome
        is UnsuppressStatus.LIFTED
    )
    assert ledger.suppressions.get(ANA) is None
    history = [(each.change, each.reason, each.source) for each in ledger.suppressions.history(ANA)]
    assert history == [
        (SuppressionAction.SUPPRESSED, SuppressionReason.UNSUBSCRIBED, "Mara, at the desk"),
        (SuppressionAction.LIFTED, SuppressionReason.UNSUBSCRIBED, "Mara, at the desk"),
    ]


@pytest.mark.parametrize("again", ["Mara, at the desk", "command line"])
def test_an_opt_out_that_admins_enter_twice_stays_as_the_first_one_entered_it(ledger, clock, again):
    ledger.suppressions.unsubscribe(ANA, source="command line", entered=True)
    entered = ledger.suppressions.get(ANA)
    clock.forward(60)
    repeated = ledger.suppressions.unsubscribe(ANA, source=again, entered=True)
    assert (repeated.changed, repeated.suppression, ledger.suppressions.get(ANA)) == (False, entered, entered)
    assert ledger.suppressions.is_liftable_by(ANA, "command line")
    ledger.suppressions.unsubscribe(ANA, source="page")
    assert not ledger.suppressions.is_liftable_by(ANA, "command line")


@pytest.mark.parametrize("before", [True, False])
def test_what_the_person_asked_for_stays_theirs_although_an_admin_entered_it_too(ledger, clock, before):
    sources = ["page", "command line"] if before else ["command line", "page"]
    for source in sources:
        ledger.suppressions.unsubscribe(ANA, source=source)
        clock.forward(60)
    assert not ledger.suppressions.is_liftable_by(ANA, "command line")
    assert (
        ledger.suppressions.unsuppress(ANA, source="command line", also_entered=True).outcome
        is UnsuppressStatus.REFUSED
    )
    assert ledger.suppressions.get(ANA) is not None
