"""A send that a process holds, on every database: claims, marks, results, status."""

import asyncio
import gc

import pytest

from mailer.delivery.queue_port import Claim, DeliveryQueue
from mailer.delivery.states import TRANSITIONS, SendKind, SendState
from mailer.delivery.states import DeliveryState as S
from mailer.ledger.deliveries.transitions import IllegalTransitionError, transition
from mailer.ledger.queue.batcher import DeliveryBatch
from mailer.ledger.types.errors import FencedError, LedgerError, UnknownSendError
from mailer.ledger.types.sends import Repeat
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage
from tests.support.ledger_cases import (
    DAY,
    counts,
    deliver,
    delivery_result,
    die,
    new_send,
    readers,
    run,
    session,
    state_of,
)

IN_HAND = (S.CLAIMED, S.SENDING, S.UNCERTAIN)


def test_an_owned_send_is_the_port_that_a_sender_sees(ledger):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        port: DeliveryQueue = mine
        assert run(port.status()).count(S.PENDING) == 1


def test_a_claim_has_the_data_of_a_message(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        assert (claim.identity, claim.address) == ("reader0@example.net", "Reader0@example.net")
        assert (claim.fields, claim.attempt, claim.date) == ({"city": "Köln"}, 1, clock.now)
        (attempt,) = ledger.report.attempts(claim.delivery_id)
        assert (attempt.number, attempt.opened_at, attempt.closed_at) == (1, clock.now, None)


def test_what_gathered_for_a_batch_is_let_go_without_the_collector(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    with session(ledger, send) as mine:
        gc.collect()
        gc.disable()
        try:
            run(deliver(mine, clock.now, limit=3))
            ledger.context.writer.call(lambda _: None).result()  # until the writer has let go of the last batch
            assert not [each for each in gc.get_objects() if isinstance(each, DeliveryBatch)]
        finally:
            gc.enable()


def test_concurrent_claims_are_disjoint(ledger, clock):
    send = ledger.creator.create(new_send(), readers(10))

    async def connections(mine):
        return await asyncio.gather(*(mine.claim(3, clock.now) for _ in range(4)))

    with session(ledger, send) as mine:
        claims = [claim.delivery_id for share in run(connections(mine)) for claim in share]
    assert len(claims) == len(set(claims)) == 10


def test_the_date_is_set_at_the_first_claim_and_kept(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        begun = clock.now
        run(deliver(mine, clock.now, S.DEFERRED))
        assert run(mine.claim(1, clock.forward(59))) == ()
        (claim,) = run(mine.claim(1, clock.forward(1)))
        assert (claim.attempt, claim.date) == (2, begun)


def test_retries_that_are_due_come_before_those_not_yet_tried(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.DEFERRED))
        clock.forward(60)
        claims = run(mine.claim(2, clock.now))
        assert {(claim.identity, claim.attempt) for claim in claims} == {
            ("reader0@example.net", 2),
            ("reader1@example.net", 1),
        }


def test_a_mark_is_for_this_attempt_only(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        other = Claim(
            delivery_id=claim.delivery_id, identity="", address="", fields={}, attempt=claim.attempt + 1, date=0
        )
        assert run(mine.begin_sending(other)) is False
        assert run(mine.begin_sending(claim)) is True
        assert run(mine.begin_sending(claim)) is False, "a message is committed once"


def test_a_result_stores_the_reply_and_closes_the_attempt(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.DEFERRED, reason="greylisted"))
        run(deliver(mine, clock.forward(60), S.FAILED, reason="refused", reply=Reply(code=554, text="x" * 5000)))
    (row,) = ledger.report.rows(send.id)
    assert (row.state, row.reason, row.code, row.enhanced, row.attempts, row.at) == (
        S.FAILED,
        "refused",
        554,
        "",
        2,
        clock.now,
    )
    assert len(row.reply) == 1000
    first, second = ledger.report.attempts(row.delivery_id)
    assert (first.classification, first.code, first.reply, first.stage) == (
        S.DEFERRED,
        451,
        "greylisted",
        Stage.END_OF_DATA,
    )
    assert (second.classification, second.relay, second.closed_at) == (S.FAILED, "smtp.example.org", clock.now)
    assert ledger.report.reasons(send.id)[0].reason == "refused"


def put(ledger, mine, clock, state, *, at=None):
    """A delivery in `state`, and its claim."""
    (claim,) = run(mine.claim(1, at or clock.now))
    if state is not S.CLAIMED:
        assert run(mine.begin_sending(claim))
    if state not in {S.CLAIMED, S.SENDING}:
        run(mine.record(delivery_result(claim, state, clock.now)))
    return claim


@pytest.mark.thinned
@pytest.mark.parametrize("before", IN_HAND)
@pytest.mark.parametrize("after", [S.ACCEPTED, S.DEFERRED, S.FAILED, S.UNCERTAIN])
def test_a_result_follows_legal_transitions_only(ledger, clock, before, after):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        claim = put(ledger, mine, clock, before)
        if after in TRANSITIONS[before]:
            run(mine.record(delivery_result(claim, after, clock.now)))
            assert counts(ledger, send) == {after: 1}
        elif before is S.UNCERTAIN:
            run(mine.record(delivery_result(claim, after, clock.now)))
            assert counts(ledger, send) == {before: 1}
        else:
            with pytest.raises(IllegalTransitionError):
                run(mine.record(delivery_result(claim, after, clock.now)))
            assert counts(ledger, send)[before] == 1
            assert ledger.report.attempts(claim.delivery_id)[0].classification is after, "the evidence is kept"


@pytest.mark.parametrize("final", [S.ACCEPTED, S.FAILED])
@pytest.mark.parametrize("later", [S.ACCEPTED, S.DEFERRED, S.FAILED, S.UNCERTAIN])
def test_what_is_final_stays(ledger, clock, final, later):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        claim = put(ledger, mine, clock, final)
        run(mine.record(delivery_result(claim, later, clock.now)))
        assert counts(ledger, send) == {final: 1}
        assert ledger.report.attempts(claim.delivery_id)[0].classification is final


def test_no_statement_takes_a_way_that_the_table_does_not_know():
    for before in S:
        for after in S:
            if after in TRANSITIONS[before]:
                transition({before}, after, at=0.0)
            else:
                with pytest.raises(IllegalTransitionError):
                    transition({before}, after, at=0.0)


def test_one_illegal_result_affects_no_other_of_its_batch(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))

    async def record_all(mine):
        claims = await mine.claim(3, clock.now)
        for claim in claims[:2]:
            await mine.begin_sending(claim)
        return await asyncio.gather(
            *(mine.record(delivery_result(claim, S.ACCEPTED, clock.now)) for claim in claims), return_exceptions=True
        )

    with session(ledger, send) as mine:
        results = run(record_all(mine))
        assert [type(result) for result in results] == [type(None), type(None), IllegalTransitionError]
        assert counts(ledger, send) == {S.ACCEPTED: 2, S.CLAIMED: 1}


def test_a_late_reply_decides_an_uncertain_delivery(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        claim = put(ledger, mine, clock, S.UNCERTAIN)
        run(mine.record(delivery_result(claim, S.ACCEPTED, clock.now)))
        assert counts(ledger, send) == {S.ACCEPTED: 1}
        assert ledger.report.attempts(claim.delivery_id)[0].code == 250


@pytest.mark.parametrize("meanwhile", [(), (S.CLAIMED,), (S.DEFERRED,), (S.DEFERRED, S.CLAIMED), (S.FAILED,)], ids=str)
def test_a_late_acceptance_keeps_a_delivery_from_being_sent_again(ledger, clock, meanwhile):
    """The process was cut off after end of DATA; a person had the uncertain message sent again."""
    send = ledger.creator.create(new_send(), readers(1))
    former = ledger.leases.acquire(send.id, retry_for=DAY)
    late = put(ledger, former, clock, S.SENDING)
    die(former)
    with session(ledger, send) as mine:
        ledger.sends.resolve_uncertain(send.id, resend=True)
        claims = [put(ledger, mine, clock, state, at=clock.forward(61)) for state in meanwhile]
        run(mine.record(delivery_result(late, S.ACCEPTED, clock.now)))
        if S.CLAIMED in meanwhile:
            assert not run(mine.begin_sending(claims[-1]))
        assert run(mine.claim(1, clock.forward(DAY / 2))) == ()
        assert counts(ledger, send) == {S.ACCEPTED: 1}
        assert ledger.report.attempts(late.delivery_id)[0].classification is S.ACCEPTED
    assert [each for each in ledger.verifier.checks(send.id) if not each.ok] == []


def test_releasing_leaves_no_trace_of_the_attempt(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        claimed, committed = run(mine.claim(2, clock.now))
        assert run(mine.begin_sending(committed))
        run(mine.release([claimed, committed], clock.now))
        assert counts(ledger, send) == {S.PENDING: 2}
        assert ledger.report.attempts(claimed.delivery_id) == ()
        assert [claim.attempt for claim in run(mine.claim(2, clock.now))] == [1, 1]


def test_unsubscribing_before_the_mark_stops_the_message(ledger, open_here, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        claim, other = run(mine.claim(2, clock.now))
        assert open_here().suppressions.unsubscribe("reader0@example.net", source="page").skipped == 1
        assert run(mine.begin_sending(claim)) is False
        assert run(mine.begin_sending(other)) is True
        run(mine.release([claim], clock.now))
        assert state_of(ledger, send, 0) == (S.SKIPPED, "unsubscribed")
        assert ledger.report.attempts(claim.delivery_id) == (), "nothing left: it was none"


@pytest.mark.parametrize(
    ("outcome", "ends_as"),
    [(S.ACCEPTED, S.ACCEPTED), (S.FAILED, S.FAILED), (S.UNCERTAIN, S.UNCERTAIN), (S.DEFERRED, S.SKIPPED)],
)
def test_unsubscribing_after_the_mark_changes_no_result(ledger, clock, outcome, ends_as):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        assert run(mine.begin_sending(claim))
        assert ledger.suppressions.unsubscribe("reader0@example.net", source="page").skipped == 0
        run(mine.record(delivery_result(claim, outcome, clock.now)))
        assert state_of(ledger, send, 0)[0] is ends_as
        assert ledger.suppressions.get("reader0@example.net").reason is SuppressionReason.UNSUBSCRIBED


def test_a_delivery_skipped_while_claimed_stays_skipped(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        (claim,) = run(mine.claim(1, clock.now))
        ledger.suppressions.unsubscribe("reader0@example.net", source="page")
        run(mine.record(delivery_result(claim, S.DEFERRED, clock.now, stage=Stage.RCPT)))
        assert state_of(ledger, send, 0) == (S.SKIPPED, "unsubscribed")
        assert ledger.report.attempts(claim.delivery_id)[0].code == 451


def test_unsubscribing_and_marking_are_ordered(ledger, open_here, clock):
    """Whichever comes first wins, and the other knows: nobody is both skipped and mailed."""
    send = ledger.creator.create(new_send(), readers(40))
    web = open_here()

    async def race(mine):
        claims = await mine.claim(40, clock.now)
        leaving = asyncio.gather(
            *(asyncio.to_thread(web.suppressions.unsubscribe, c.identity, source="page") for c in claims)
        )
        allowed = await asyncio.gather(*(mine.begin_sending(claim) for claim in claims))
        left = await leaving
        return allowed, [suppressed.skipped == 1 for suppressed in left]

    with session(ledger, send) as mine:
        allowed, skipped = run(race(mine))
        assert [not each for each in allowed] == skipped


def test_a_dead_address_is_suppressed_in_the_same_transaction(ledger, clock):
    other = ledger.creator.create(new_send("other", lists=("others",)), readers(2))
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.FAILED, suppress=True, reply=Reply(code=550, enhanced="5.1.1", text="no")))
    found = ledger.suppressions.get("reader0@example.net")
    assert (found.reason, found.send_id, found.source) == (
        SuppressionReason.BOUNCED,
        send.id,
        f"send {send.id}: 550 5.1.1",
    )
    assert state_of(ledger, other, 0) == (S.SKIPPED, "bounced")
    assert state_of(ledger, send, 0) == (S.FAILED, "")


def test_a_plain_550_in_every_send_suppresses_nobody(ledger, clock):
    for number in range(3):
        send = ledger.creator.create(new_send(f"slug-{number}"), readers(1))
        with session(ledger, send) as mine:
            run(deliver(mine, clock.now, S.FAILED, reply=Reply(code=550, text="no")))
            run(mine.status())
    assert ledger.suppressions.get("reader0@example.net") is None


def test_a_test_suppresses_no_address(ledger, clock):
    send = ledger.creator.create(new_send(kind=SendKind.TEST, lists=()), readers(1))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.FAILED, suppress=True))
    assert ledger.suppressions.get("reader0@example.net") is None


def test_status_advances_the_send_by_its_counts(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        assert run(mine.status()).state is SendState.RUNNING
        run(deliver(mine, clock.now, S.DEFERRED, limit=1))
        run(deliver(mine, clock.now, S.ACCEPTED, limit=1))
        waiting = run(mine.status())
        assert (waiting.state, waiting.next_at) == (SendState.WAITING, clock.now + 60)
        assert run(mine.claim(1, clock.now)) == ()
        assert run(mine.status()).state is SendState.WAITING
        run(deliver(mine, clock.forward(60), S.ACCEPTED))
        assert ledger.sends.get(send.id).state is SendState.RUNNING
        assert run(mine.status()).state is SendState.FINISHED
        assert ledger.sends.get(send.id).ended_at == clock.now


def test_a_deferred_delivery_expires_unless_it_is_due_now(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send, retry_for=100) as mine:
        run(deliver(mine, clock.now, S.DEFERRED, next_at=clock.now + 101))
        run(deliver(mine, clock.now, S.DEFERRED, next_at=clock.now + 5_000))
        clock.forward(101)
        assert run(mine.status()).count(S.DEFERRED) == 1, "it is due: it gets its last try"
        assert state_of(ledger, send, 1) == (S.FAILED, "expired")
        run(deliver(mine, clock.now, S.FAILED, reason="expired"))
        assert run(mine.status()).state is SendState.FINISHED


def test_who_was_not_yet_tried_does_not_expire(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    clock.forward(10 * DAY)
    with session(ledger, send, retry_for=100) as mine:
        assert run(mine.status()).count(S.PENDING) == 1


def test_an_audience_that_is_all_skipped_finishes_at_once(ledger):
    ledger.suppressions.unsubscribe("reader0@example.net", source="page")
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send) as mine:
        assert run(mine.status()).state is SendState.FINISHED


def test_the_breaker_pauses_and_takes_back_what_it_charged(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.FAILED, limit=2))
        ledger.suppressions.unsubscribe("reader1@example.net", source="page")
        failed = [row.delivery_id for row in ledger.report.rows(send.id, S.FAILED)]
        run(mine.trip_breaker("policy refusals in a row", failed))
        standing = run(mine.status())
        assert (standing.state, standing.reason) == (SendState.PAUSED, "policy refusals in a row")
    assert counts(ledger, send) == {S.PENDING: 2, S.SKIPPED: 1}


def test_uncertain_ones_go_once_more_once_if_so_asked(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    with session(ledger, send, resend_uncertain=True) as mine:
        run(deliver(mine, clock.now, S.UNCERTAIN))
        assert counts(ledger, send) == {S.PENDING: 1}
        run(deliver(mine, clock.now, S.UNCERTAIN))
        assert counts(ledger, send) == {S.UNCERTAIN: 1}


def test_a_send_has_one_holder_named_by_its_process(ledger, open_here):
    send = ledger.creator.create(new_send(), readers(1))
    other = open_here()
    assert other.sends.holder_pid(send.id) is None
    with session(ledger, send):
        assert other.leases.acquire(send.id, retry_for=DAY) is None
        assert other.sends.holder_pid(send.id) > 0
    assert other.sends.holder_pid(send.id) is None
    with session(other, send) as mine:
        assert mine.fencing_token == 2
    with pytest.raises(UnknownSendError):
        ledger.leases.acquire(99, retry_for=DAY)


def test_closing_gives_back_what_is_claimed(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        run(mine.claim(2, clock.now))
    mine.close()
    assert counts(ledger, send) == {S.PENDING: 2}


def test_a_former_holder_that_is_alive_is_fenced(ledger, open_here, clock):
    send = ledger.creator.create(new_send(), readers(3))
    old = session(ledger, send)
    dot_out, claimed = run(old.claim(2, clock.now))
    assert run(old.begin_sending(dot_out))
    die(old)  # or so it seems: its state folder was a different one, or it was stopped beyond its lease
    with session(open_here(), send) as new:
        assert counts(ledger, send) == {S.UNCERTAIN: 1, S.PENDING: 2}
        assert run(old.begin_sending(claimed)) is False
        with pytest.raises(FencedError):
            run(old.claim(1, clock.now))
        with pytest.raises(FencedError):
            run(old.status())
        run(old.record(delivery_result(dot_out, S.ACCEPTED, clock.now)))
        assert counts(ledger, send) == {S.ACCEPTED: 1, S.PENDING: 2}, "what it knows still counts"
        run(deliver(new, clock.now, limit=3))
        run(old.record(delivery_result(claimed, S.FAILED, clock.now, stage=Stage.RCPT)))
        assert counts(ledger, send) == {S.ACCEPTED: 3}


def test_a_fenced_process_changes_no_delivery_of_its_successor(ledger, open_here, clock):
    send = ledger.creator.create(new_send(), readers(3))
    old = session(ledger, send)
    mine = run(old.claim(3, clock.now))
    die(old)
    with session(open_here(), send) as new:
        theirs = run(new.claim(3, clock.now))
        assert all(run(new.begin_sending(each)) for each in theirs)
        run(old.release(mine[:1], clock.now))
        run(old.record(delivery_result(mine[1], S.DEFERRED, clock.now, stage=Stage.RCPT)))
        run(old.record(delivery_result(mine[2], S.FAILED, clock.now, stage=Stage.RCPT)))
        assert counts(ledger, send) == {S.SENDING: 3}
        for each in theirs:
            run(new.record(delivery_result(each, S.ACCEPTED, clock.now)))
    assert counts(ledger, send) == {S.ACCEPTED: 3}


def test_a_closed_ledger_says_so(ledger, clock):
    send = ledger.creator.create(new_send(), readers(1))
    mine = session(ledger, send)
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        run(mine.claim(1, clock.now))
    with pytest.raises(LedgerError, match="closed"):
        mine.close()


def test_a_repetition_is_a_separate_send(ledger, clock):
    first = ledger.creator.create(new_send(), readers(1))
    with session(ledger, first) as mine:
        run(deliver(mine, clock.now))
        run(mine.status())
    second = ledger.creator.create(new_send(repeat=Repeat.AGAIN), readers(1))
    assert [found.send_id for found in ledger.report.deliveries_of("reader0@example.net")] == [second.id, first.id]


def test_requests_of_connections_share_commits_and_none_waits_for_long(ledger, clock):
    send = ledger.creator.create(new_send(), readers(40))

    async def connection(mine, claims):
        for claim in claims:
            assert await mine.begin_sending(claim)
            mine.record_nowait(delivery_result(claim, S.ACCEPTED, clock.now))

    async def connections(mine):
        claims = await mine.claim(40, clock.now)
        async with asyncio.timeout(60):
            await asyncio.gather(*(connection(mine, claims[start::8]) for start in range(8)))

    with session(ledger, send) as mine:
        run(connections(mine))
    assert counts(ledger, send) == {S.ACCEPTED: 40}


def test_what_was_noted_last_is_written_before_the_send_is_given_back(ledger, clock):
    send = ledger.creator.create(new_send(), readers(3))

    async def note(mine, claims):
        for claim in claims:
            mine.record_nowait(delivery_result(claim, S.ACCEPTED, clock.now))

    with session(ledger, send) as mine:
        claims = run(mine.claim(3, clock.now))
        for claim in claims:
            assert run(mine.begin_sending(claim))  # each in a loop of its own
        run(note(mine, claims))
    assert counts(ledger, send) == {S.ACCEPTED: 3}
