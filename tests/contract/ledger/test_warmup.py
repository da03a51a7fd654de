"""The warm-up plan over all sends of a ledger: no more leaves on a day than it says."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from mailer.delivery.states import SendKind, SendState
from mailer.delivery.warmup import LOOK_AGAIN, WarmUp
from mailer.ledger.ledger import Ledger, open_ledger
from mailer.ledger.store.tables import warmup_day
from tests.contract.conftest import Clock
from tests.support.ledger_cases import DAY, S, counts, deliver, delivery_result, die, new_send, readers, run, session

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0
Open = Callable[..., Ledger]


def berlin(*when: int) -> float:
    return dt.datetime(*when, tzinfo=BERLIN).timestamp()


@pytest.fixture
def warming(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Open]:
    """Opens the ledger under a plan, at noon of a day in Berlin."""
    clock.now = berlin(2026, 11, 23, 12)
    opened: list[Ledger] = []

    def open_one(*plan: int) -> Ledger:
        warmup = WarmUp(plan=plan, zone=BERLIN, sender="example.org")
        opened.append(open_ledger(database_url, tmp_path / ".mailer", clock=clock, warmup=warmup))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def gone(ledger: Ledger) -> dict[str, int]:
    with ledger.context.database.reading() as conn:
        return dict(conn.execute(select(warmup_day.c.day, warmup_day.c.sent).order_by(warmup_day.c.day)).all())


def day_after_day(mine, clock: Clock) -> list[int]:
    """How many leave on each of the days that it takes."""
    taken = []
    while (standing := run(mine.status())).state is not SendState.FINISHED:
        claims = run(mine.claim(100, clock.now))
        run(accept_all(mine, claims, clock.now))
        taken.append(len(claims))
        clock.forward(DAY)
        assert standing.count(S.CLAIMED, S.SENDING) == 0
    return taken


async def accept_all(mine, claims, now: float) -> None:
    for claim in claims:
        assert await mine.begin_sending(claim)
        await mine.record(delivery_result(claim, S.ACCEPTED, now))


def test_the_rest_of_a_day_waits_for_the_next(warming, clock):
    ledger = warming(3, 5)
    send = ledger.creator.create(new_send(), readers(20))
    mine = session(ledger, send)
    run(deliver(mine, clock.now, limit=100))
    assert run(mine.claim(100, clock.now)) == ()
    standing = run(mine.status())
    assert standing.state is SendState.WAITING
    assert standing.held_until == standing.next_at == berlin(2026, 11, 24)
    assert standing.counts == {S.ACCEPTED: 3, S.PENDING: 17}
    summary = ledger.sends.summary(send.id)
    assert (summary.resumes_at, summary.held_until) == (berlin(2026, 11, 24), berlin(2026, 11, 24))
    clock.now = berlin(2026, 11, 24)
    assert day_after_day(mine, clock) == [5, 12]
    assert gone(ledger) == {"2026-11-23": 3, "2026-11-24": 5}


def test_without_a_plan_nothing_is_held_or_counted(warming, clock):
    ledger = warming()
    mine = session(ledger, ledger.creator.create(new_send(), readers(20)))
    assert day_after_day(mine, clock) == [20]
    assert gone(ledger) == {}


def test_what_came_back_unsent_may_leave_again(warming, clock):
    ledger = warming(3)
    send = ledger.creator.create(new_send(), readers(9))
    mine = session(ledger, send)
    claims = run(mine.claim(100, clock.now))
    assert len(claims) == 3
    assert run(mine.status()).state is SendState.RUNNING
    run(mine.release(claims[:1], clock.now))
    assert run(mine.begin_sending(claims[1]))
    run(mine.record(delivery_result(claims[1], S.DEFERRED, clock.now)))
    assert run(mine.begin_sending(claims[2]))
    run(mine.record(delivery_result(claims[2], S.FAILED, clock.now)))
    assert gone(ledger) == {}
    assert len(run(mine.claim(100, clock.now))) == 3


def test_uncertain_ones_count_and_so_does_each_further_attempt(warming, clock):
    ledger = warming(3)
    send = ledger.creator.create(new_send(), readers(9))
    mine = session(ledger, send)
    run(deliver(mine, clock.now, S.UNCERTAIN, limit=2))
    assert gone(ledger) == {"2026-11-23": 2}
    ledger.sends.resolve_uncertain(send.id, resend=True)
    run(deliver(mine, clock.now, limit=9))
    assert gone(ledger) == {"2026-11-23": 3}
    assert run(mine.claim(9, clock.now)) == ()


def test_a_late_reply_counts_no_message_twice(warming, clock):
    ledger = warming(3)
    mine = session(ledger, ledger.creator.create(new_send(), readers(9)))
    (claim,) = run(mine.claim(1, clock.now))
    assert run(mine.begin_sending(claim))
    run(mine.record(delivery_result(claim, S.UNCERTAIN, clock.now)))
    run(mine.record(delivery_result(claim, S.ACCEPTED, clock.now)))
    assert gone(ledger) == {"2026-11-23": 1}


def test_retries_wait_for_the_plan_too_and_go_first(warming, clock):
    ledger = warming(2, 1)
    send = ledger.creator.create(new_send(), readers(4))
    mine = session(ledger, send)
    run(deliver(mine, clock.now, S.DEFERRED))
    run(deliver(mine, clock.now, limit=2))
    clock.forward(HOUR)
    assert run(mine.claim(9, clock.now)) == ()
    clock.now = berlin(2026, 11, 24)
    (claim,) = run(mine.claim(9, clock.now))
    assert claim.attempt == 2


def test_only_deferred_ones_left_go_on_when_both_clock_and_plan_let_them(warming, clock):
    ledger = warming(1, 1)
    send = ledger.creator.create(new_send(), readers(2))
    mine = session(ledger, send)
    later = berlin(2026, 11, 24, 9)
    run(deliver(mine, clock.now, S.DEFERRED, next_at=later))
    run(deliver(mine, clock.now))
    assert run(mine.status()).next_at == later


def test_what_is_under_way_is_no_rest(warming, clock):
    """A sender that asks while its last result is still to be written must not leave a running send as waiting."""
    ledger = warming(2)
    mine = session(ledger, ledger.creator.create(new_send(), readers(4)))
    claims = run(mine.claim(9, clock.now))
    run(accept_all(mine, claims[:1], clock.now))
    assert run(mine.begin_sending(claims[1]))
    standing = run(mine.status())
    assert (standing.state, standing.next_at) == (SendState.RUNNING, None)


def test_two_sends_share_a_day(warming, clock):
    ledger, other = warming(10, 20), warming(10, 20)
    first = ledger.creator.create(new_send("quay"), readers(50))
    second = other.creator.create(new_send("crane"), readers(50))
    mine, theirs = session(ledger, first), session(other, second)

    async def race() -> list[int]:
        shares = await asyncio.gather(*(each.claim(3, clock.now) for each in (mine, theirs) * 4))
        for owner, claims in zip((mine, theirs) * 4, shares, strict=True):
            await accept_all(owner, claims, clock.now)
        return [len(claims) for claims in shares]

    assert sum(run(race())) == 10
    assert gone(ledger) == {"2026-11-23": 10}
    for owner in (mine, theirs):
        assert run(owner.status()).state is SendState.WAITING
    clock.now = berlin(2026, 11, 24)
    assert sum(run(race())) == 20


def test_what_another_send_has_in_hand_is_waited_for_only_a_moment(warming, clock):
    ledger = warming(4)
    mine = session(ledger, ledger.creator.create(new_send("quay"), readers(9)))
    theirs = session(ledger, ledger.creator.create(new_send("crane"), readers(9)))
    claims = run(mine.claim(9, clock.now))
    standing = run(theirs.status())
    assert (standing.state, standing.next_at) == (SendState.WAITING, clock.now + LOOK_AGAIN)
    run(mine.release(claims, clock.now))
    assert len(run(theirs.claim(9, clock.now))) == 4


def test_a_killed_sender_leaves_the_day_as_it_was(warming, clock):
    ledger = warming(10, 20)
    send = ledger.creator.create(new_send(), readers(50))
    mine = session(ledger, send)
    run(deliver(mine, clock.now, limit=4))
    claims = run(mine.claim(4, clock.now))
    for claim in claims[:3]:
        assert run(mine.begin_sending(claim))
    die(mine)
    again = warming(10, 20)
    heir = session(again, send)
    assert counts(again, send) == {S.ACCEPTED: 4, S.UNCERTAIN: 3, S.PENDING: 43}
    assert gone(again) == {"2026-11-23": 7}
    assert len(run(heir.claim(50, clock.now))) == 3


def test_a_cancelled_one_s_uncertain_deliveries_count(warming, clock):
    ledger = warming(10)
    send = ledger.creator.create(new_send(), readers(50))
    mine = session(ledger, send)
    (claim,) = run(mine.claim(1, clock.now))
    assert run(mine.begin_sending(claim))
    die(mine)
    ledger.sends.cancel(send.id)
    assert gone(ledger) == {"2026-11-23": 1}


def test_the_day_changes_while_a_send_runs(warming, clock):
    """What was handed out before midnight and left after it is of the new day."""
    clock.now = berlin(2026, 11, 23, 23, 59)
    ledger = warming(5, 7)
    mine = session(ledger, ledger.creator.create(new_send(), readers(50)))
    claims = run(mine.claim(50, clock.now))
    run(accept_all(mine, claims[:2], clock.now))
    clock.now = berlin(2026, 11, 24, 0, 1)
    more = run(mine.claim(50, clock.now))
    assert len(more) == 4
    run(accept_all(mine, claims[2:], clock.now))
    run(accept_all(mine, more, clock.now))
    assert run(mine.claim(50, clock.now)) == ()
    assert gone(ledger) == {"2026-11-23": 2, "2026-11-24": 7}


@pytest.mark.parametrize("night", [(2026, 3, 28), (2026, 10, 24)])
def test_a_night_in_which_the_clocks_change_ends_at_midnight(warming, clock, night):
    clock.now = berlin(*night, 12)
    ledger = warming(1, 1)
    mine = session(ledger, ledger.creator.create(new_send(), readers(5)))
    run(deliver(mine, clock.now))
    midnight = berlin(*night[:2], night[2] + 1)
    assert run(mine.status()).next_at == midnight
    assert run(mine.claim(1, midnight - 1)) == ()
    run(deliver(mine, midnight))
    clock.now = midnight
    assert run(mine.status()).next_at == berlin(*night[:2], night[2] + 2)


def test_a_clock_set_back_hands_nothing_out_twice(warming, clock):
    ledger = warming(3, 5)
    mine = session(ledger, ledger.creator.create(new_send(), readers(50)))
    run(deliver(mine, clock.now, limit=9))
    clock.now = berlin(2026, 11, 24, 0, 10)
    run(deliver(mine, clock.now, limit=4))
    clock.forward(-HOUR)
    run(deliver(mine, clock.now, limit=9))
    assert run(mine.claim(9, clock.now)) == ()
    assert gone(ledger) == {"2026-11-23": 3, "2026-11-24": 5}


def test_a_clock_that_was_a_month_ahead_costs_today_and_no_other_day(warming, clock):
    ledger = warming(3, 5)
    mine = session(ledger, ledger.creator.create(new_send(), readers(50)))
    clock.forward(30 * DAY)
    run(deliver(mine, clock.now, limit=2))
    clock.forward(-30 * DAY)
    run(deliver(mine, clock.now, limit=9))
    assert gone(ledger) == {"2026-11-23": 3}
    clock.forward(DAY)
    assert len(run(mine.claim(50, clock.now))) == 5


def test_a_plan_changed_in_midway_goes_on_with_the_day_it_has_come_to(warming, clock):
    ledger = warming(3, 5)
    send = ledger.creator.create(new_send(), readers(500))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, limit=9))
    with session(warming(9, 5), send) as mine:
        run(deliver(mine, clock.now, limit=4))
        assert len(run(mine.claim(9, clock.now))) == 2
    with session(warming(2), send) as mine:
        assert run(mine.claim(9, clock.now)) == ()
    clock.forward(DAY)
    with session(warming(9, 20), send) as mine:
        assert len(run(mine.claim(100, clock.now))) == 20
    with session(warming(9), send) as mine:
        assert len(run(mine.claim(100, clock.now))) == 100


def test_a_plan_that_is_set_anew_after_a_send_without_begins_anew(warming, clock):
    ledger = warming(3)
    send = ledger.creator.create(new_send(), readers(500))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, limit=9))
    test = ledger.creator.create(new_send("crane", kind=SendKind.TEST, lists=()), readers(1))
    session(warming(), test).close()
    assert gone(ledger) == {"2026-11-23": 3}
    clock.forward(DAY)
    with session(warming(), send) as mine:
        run(deliver(mine, clock.now, limit=9))
    assert gone(ledger) == {}
    with session(warming(3), send) as mine:
        assert len(run(mine.claim(9, clock.now))) == 3


def test_tests_are_neither_held_back_nor_counted(warming, clock):
    ledger = warming(1)
    run(deliver(session(ledger, ledger.creator.create(new_send("quay"), readers(5))), clock.now))
    test = ledger.creator.create(new_send("crane", kind=SendKind.TEST, lists=()), readers(3))
    mine = session(ledger, test)
    run(deliver(mine, clock.now, limit=9))
    assert run(mine.status()).state is SendState.FINISHED
    assert gone(ledger) == {"2026-11-23": 1}


def test_a_paused_send_that_is_held_back_goes_on_where_it_was(warming, clock):
    ledger = warming(1, 2)
    send = ledger.creator.create(new_send(), readers(9))
    mine = session(ledger, send)
    run(deliver(mine, clock.now))
    assert run(mine.status()).state is SendState.WAITING
    ledger.sends.pause(send.id)
    assert ledger.sends.summary(send.id).held_until is None
    ledger.sends.resume(send.id)
    assert run(mine.status()).state is SendState.WAITING
    assert ledger.verifier.checks(send.id)
    assert all(check.ok for check in ledger.verifier.checks(send.id))
