"""The warm-up plan: what is left of a day, and how a send is spread over days."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.warmup import LOOK_AGAIN, DayShare, WarmUp

BERLIN, BEIRUT, SAO_PAULO, AZORES = (
    ZoneInfo(name) for name in ("Europe/Berlin", "Asia/Beirut", "America/Sao_Paulo", "Atlantic/Azores")
)
D = dt.date
PLAN = (200, 500, 1000)


def at(zone: ZoneInfo, *when: int) -> float:
    return dt.datetime(*when, tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("days", "in_hand", "number", "left"),
    [
        ({}, 0, 1, 200),
        ({}, 30, 1, 170),
        ({D(2026, 3, 4): 150}, 0, 1, 50),
        ({D(2026, 3, 4): 150}, 60, 1, 0),
        ({D(2026, 3, 3): 1}, 0, 2, 500),
        ({D(2026, 1, 3): 200}, 0, 2, 500),  # days without mail are not days of the plan
        ({D(2026, 3, 2): 200, D(2026, 3, 3): 500, D(2026, 3, 4): 1000}, 0, 3, 0),
    ],
)
def test_a_day_allows_its_limit_less_what_was_sent_or_is_in_flight(days, in_hand, number, left):
    found = WarmUp(plan=PLAN, zone=BERLIN).allowance(days, at(BERLIN, 2026, 3, 4, 12), in_hand=in_hand)
    assert found is not None
    assert (found.number, found.left) == (number, left)


def test_after_the_plan_there_is_no_limit():
    days = {D(2026, 3, 1): 1, D(2026, 3, 2): 1, D(2026, 3, 3): 1}
    assert WarmUp(plan=PLAN, zone=BERLIN).allowance(days, at(BERLIN, 2026, 3, 4, 12)) is None
    assert WarmUp().allowance({}, 0.0) is None


def test_an_exhausted_day_holds_until_the_next_and_messages_in_flight_briefly():
    plan, now = WarmUp(plan=(10, 20), zone=BERLIN), at(BERLIN, 2026, 3, 4, 12)
    gone = plan.allowance({D(2026, 3, 4): 10}, now)
    in_hand = plan.allowance({D(2026, 3, 4): 9}, now, in_hand=1)
    room = plan.allowance({D(2026, 3, 4): 9}, now)
    assert gone and in_hand and room
    assert gone.held_until == at(BERLIN, 2026, 3, 5)
    assert in_hand.held_until == now + LOOK_AGAIN
    assert room.held_until is None


def test_the_day_stays_the_same_if_the_clock_goes_back_over_midnight():
    plan = WarmUp(plan=(10, 20, 30), zone=BERLIN)
    days = {D(2026, 3, 4): 10, D(2026, 3, 5): 20}
    found = plan.allowance(days, at(BERLIN, 2026, 3, 4, 23, 30))
    assert found
    assert (found.day, found.number, found.left) == (D(2026, 3, 5), 2, 0)
    assert found.next_day_at == at(BERLIN, 2026, 3, 6)


def test_messages_counted_far_ahead_by_a_wrong_clock_count_for_today():
    plan = WarmUp(plan=(10, 20, 30), zone=BERLIN)
    found = plan.allowance({D(2026, 3, 3): 10, D(2027, 3, 4): 15}, at(BERLIN, 2026, 3, 4, 12))
    assert found
    assert (found.day, found.number, found.left) == (D(2026, 3, 4), 2, 5)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, D(2026, 3, 29), 23),
        (BERLIN, D(2026, 10, 25), 25),
        (BEIRUT, D(2026, 3, 29), 23),  # its midnight is skipped
        (SAO_PAULO, D(2018, 11, 4), 23),  # likewise
        (SAO_PAULO, D(2018, 2, 17), 25),  # its last hour comes twice
        (AZORES, D(2026, 10, 25), 25),  # its first hour comes twice
    ],
)
def test_days_have_the_length_of_the_time_zone(zone, day, hours):
    plan = WarmUp(plan=(1,), zone=zone)
    start, end = plan.starts_at(day), plan.starts_at(day + dt.timedelta(days=1))
    assert (end - start) / 3600 == hours
    for moment in (start, end - 1):
        assert plan.today({}, moment) == day
    assert plan.today({}, start - 1) == day - dt.timedelta(days=1)


def test_a_send_is_spread_over_the_days_of_the_plan():
    plan, now = WarmUp(plan=PLAN, zone=BERLIN), at(BERLIN, 2026, 3, 28, 12)
    days = {D(2026, 3, 28): 50}
    midnights = [at(BERLIN, 2026, 3, day) for day in (29, 30, 31)]
    assert plan.schedule(3000, plan.allowance(days, now)) == (
        DayShare(at=None, count=150),
        DayShare(at=midnights[0], count=500),
        DayShare(at=midnights[1], count=1000),
        DayShare(at=midnights[2], count=1350),
    )
    assert plan.schedule(150, plan.allowance(days, now)) == (DayShare(at=None, count=150),)
    assert plan.schedule(1, plan.allowance({D(2026, 3, 28): 200}, now)) == (DayShare(at=midnights[0], count=1),)
    assert plan.schedule(0, plan.allowance(days, now)) == plan.schedule(0, None) == ()
    assert plan.schedule(7, None) == (DayShare(at=None, count=7),)


@given(
    plan=st.lists(st.integers(1, 50), min_size=1, max_size=6).map(tuple),
    count=st.integers(0, 500),
    gone=st.integers(0, 60),
)
def test_shares_add_up_and_none_exceeds_its_day(plan, count, gone):
    warmup, now = WarmUp(plan=plan, zone=BERLIN), at(BERLIN, 2026, 3, 28, 12)
    shares = warmup.schedule(count, warmup.allowance({D(2026, 3, 28): gone}, now))
    assert sum(share.count for share in shares) == count
    later = [share for share in shares if share.at is not None]
    assert all(share.count <= limit for share, limit in zip(later, plan[1:], strict=False))
    assert all(share.count <= max(0, plan[0] - gone) for share in shares if share.at is None)
    times = [share.at for share in later]
    assert times == sorted(set(times))


def test_a_plan_has_no_day_without_messages():
    with pytest.raises(ValueError, match="at least one"):
        WarmUp(plan=(10, 0))
