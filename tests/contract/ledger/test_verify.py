"""A send proven from the ledger alone: every lie in its rows is found, and no honest history is called one."""

import pytest
from sqlalchemy import delete, insert, literal, select, text, update

from mailer.delivery.states import DeliveryState as S
from mailer.ledger.reports.verify import CHECKS, reachable
from mailer.ledger.store.tables import attempt, delivery, send, suppression
from mailer.ledger.subscribers.suppressions import suppress_all
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage
from tests.support.ledger_cases import deliver, die, new_send, readers, run, session

SUM, TWICE, CLOSED, HISTORY, ACCEPTED, IN_HAND, SUPPRESSED = CHECKS
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def sent(ledger, clock):
    """A finished send in which much happened."""
    made = ledger.creator.create(new_send(), readers(12))
    with session(ledger, made) as mine:
        run(deliver(mine, clock.now, limit=3))
        run(deliver(mine, clock.now, S.FAILED, stage=Stage.RCPT))
        run(deliver(mine, clock.now, S.DEFERRED))
        run(deliver(mine, clock.forward(61), S.ACCEPTED))
        run(deliver(mine, clock.now, S.UNCERTAIN, limit=2, reply=None))
        run(deliver(mine, clock.now, S.DEFERRED))
        ledger.suppressions.unsubscribe("reader7@example.net", source="page")
        run(deliver(mine, clock.now, S.FAILED))
        failed = [row.delivery_id for row in ledger.report.rows(made.id, S.FAILED)][-1]
        run(mine.trip_breaker("refused", [failed]))
        ledger.sends.resume(made.id)
    dying = session(ledger, made)
    committed, claimed = run(dying.claim(2, clock.now))
    assert run(dying.begin_sending(committed))
    ledger.erasure.erase(claimed.identity, source="desk")
    die(dying)
    ledger.sends.resolve_uncertain(made.id, resend=False, identities=[committed.identity])
    with session(ledger, made) as mine:
        ledger.sends.resolve_uncertain(made.id, resend=False, identities=[committed.identity])
        run(deliver(mine, clock.forward(61), limit=20))
        assert run(mine.status()).state == "finished"
    return made


def wrong(ledger, made):
    return {check.name: check.wrong for check in ledger.verifier.checks(made.id) if not check.ok}


def test_an_honest_history_is_proven_whatever_happened(ledger, sent):
    assert wrong(ledger, sent) == {}


def test_a_send_under_way_is_proven_too(ledger, clock):
    made = ledger.creator.create(new_send(), readers(5))
    with session(ledger, made) as mine:
        committed, *_ = run(mine.claim(3, clock.now))
        run(mine.begin_sending(committed))
        assert wrong(ledger, made) == {}


LONG_AGO = {"identity": "reader0@example.net", "reason": SuppressionReason.UNSUBSCRIBED, "at": 1.0, "source": "page"}


def one(state):
    """The id of the first delivery in `state`."""
    return delivery.c.id.in_(text(f"SELECT min(id) FROM delivery WHERE state = '{state}'"))


def of(state):
    return attempt.c.delivery_id.in_(text(f"SELECT min(id) FROM delivery WHERE state = '{state}'"))


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("lie", "found"),
    [
        (update(delivery).where(one("failed")).values(state=S.ACCEPTED), {HISTORY, ACCEPTED}),
        (update(delivery).where(one("failed")).values(state=S.PENDING), {SUM}),
        (update(delivery).where(one("accepted")).values(state=S.SKIPPED), {HISTORY, ACCEPTED}),
        (update(delivery).where(one("accepted")).values(state=S.SENDING), {SUM, CLOSED, IN_HAND, ACCEPTED}),
        (update(delivery).where(one("accepted")).values(attempts=7), {CLOSED, HISTORY}),
        (delete(attempt).where(of("accepted")), {CLOSED, HISTORY, ACCEPTED}),
        (update(attempt).where(of("accepted")).values(closed_at=None), {CLOSED}),
        (update(attempt).where(of("accepted")).values(code=550), {ACCEPTED}),
        (update(attempt).where(of("accepted")).values(number=2), {CLOSED, HISTORY}),
        (update(attempt).where(of("failed")).values(classification=S.DEFERRED), set()),
        (update(attempt).where(attempt.c.classification == S.DEFERRED).values(classification=S.ACCEPTED), {HISTORY}),
        (update(send).values(last_id=3), {SUM}),
        (insert(suppression).values(LONG_AGO), {SUPPRESSED}),
    ],
)
def test_every_lie_is_found(ledger, sent, lie, found):
    ledger.context.writer.call(lambda conn: conn.execute(lie).rowcount).result()
    assert set(wrong(ledger, sent)) == found


def test_an_opt_out_that_a_list_file_dates_back_does_not_prove_that_the_recipient_was_mailed_after_it(ledger, sent):
    now = ledger.context.clock()
    wanted = select(
        literal("reader0@example.net").label("identity"), literal("bounced").label("reason"), literal(1.0).label("at")
    )
    ledger.context.writer.call(lambda conn: suppress_all(conn, wanted, source="list x, sync 1", at=now)).result()
    assert wrong(ledger, sent) == {}
    assert ledger.suppressions.get("reader0@example.net").at == 1.0


@SQLITE
def test_an_identity_frozen_twice_is_found(ledger, sent):
    def tamper(conn):
        conn.exec_driver_sql("ALTER TABLE delivery RENAME TO old")
        conn.exec_driver_sql("CREATE TABLE delivery AS SELECT * FROM old")
        conn.execute(
            insert(delivery).from_select([c.name for c in delivery.c], delivery.select().where(delivery.c.id == 1))
        )

    ledger.context.writer.call(tamper).result()
    assert "reader0@example.net is frozen 2 times" in wrong(ledger, sent)[TWICE]


def test_what_an_attempt_can_have_led_to_follows_from_the_table():
    assert reachable(S.ACCEPTED) == {S.ACCEPTED}
    assert reachable(S.DEFERRED) == {S.DEFERRED, S.SKIPPED, S.FAILED, S.PENDING}
    assert S.ACCEPTED not in reachable(S.FAILED)


def test_attempts_show_the_history_of_one_recipient(ledger, clock):
    made = ledger.creator.create(new_send(), readers(1))
    with session(ledger, made) as mine:
        run(deliver(mine, clock.now, S.DEFERRED, reply=Reply(code=451, enhanced="4.7.1", text="later")))
        run(mine.claim(1, clock.forward(61)))
        (row,) = ledger.report.rows(made.id)
        first, second = ledger.report.attempts(row.delivery_id)
        assert (first.classification, first.code, second.closed_at, second.opened_at) == (
            S.DEFERRED,
            451,
            None,
            clock.now,
        )
